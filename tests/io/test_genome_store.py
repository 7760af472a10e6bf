"""Genome stores: their index against brute force, their failures, and what they cost."""

import gzip
import hashlib
import json
import multiprocessing
import os
import pickle
import re
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import ContigNotFoundError, GenomeStoreError, InputError
from hyenadna_kit.files import locked
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io import fasta_text
from hyenadna_kit.io.genome_store import GenomeStore, build_store

ROOT = Path(__file__).parents[2]
FIRST = b">chr1 first\nACGTNNacgt\n>chr2\nnnRT\n"
SECOND = b">chr3\nGGGG\n"


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_bytes(FIRST)
    return path


@pytest.fixture
def store(fasta, tmp_path):
    return build_store([fasta], tmp_path / "store")


def names_beside(path):
    """What lies in the folder of ``path``, but for lock files."""
    return {entry.name for entry in path.parent.iterdir() if not entry.name.endswith(".lock")}


def runs_by_regex(pattern, sequence, start=0, end=None):
    end = len(sequence) if end is None else end
    start, end = max(start, 0), min(end, len(sequence))
    spans = [match.span() for match in re.finditer(pattern, sequence[start:end])] if start < end else []
    return [[first + start, last + start] for first, last in spans]


RUN_LETTERS = st.lists(
    st.tuples(st.sampled_from(["A", "c", "N", "n", "R", "g", "T"]), st.integers(1, 9)),
    min_size=1,
    max_size=12,
).map(lambda pieces: "".join(letter * count for letter, count in pieces))


@settings(max_examples=70, deadline=None)
@given(
    contigs=st.lists(RUN_LETTERS, min_size=1, max_size=4),
    block=st.integers(1, 40),
    place=st.tuples(st.integers(-20, 60), st.integers(0, 60), st.sampled_from(Strand)),
)
def test_runs_equal_brute_force(contigs, block, place):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasta_text, "_BLOCK_BYTES", block)
        path = Path(folder) / "genome.fa"
        path.write_text("".join(f">{i}\n{sequence}\n" for i, sequence in enumerate(contigs)))
        store = build_store([path], Path(folder) / "store")
        start, length, strand = place
        for i, sequence in enumerate(contigs):
            assert store.n_runs(str(i)).tolist() == runs_by_regex("[NnR]+", sequence)
            assert store.soft_masked_runs(str(i)).tolist() == runs_by_regex("[a-z]+", sequence)
            window = store.masked(Interval(str(i), start, start + length, strand))
            assert window.tolist() == runs_by_regex("[a-z]+", sequence, start, start + length)
            assert window.shape[1:] == (2,)
            assert window.dtype == "int64"
        joined = "".join(contigs)
        assert store.n_fraction == pytest.approx(len(re.findall("[NnR]", joined)) / len(joined))
        assert store.soft_masked_fraction == pytest.approx(len(re.findall("[a-z]", joined)) / len(joined))


def test_runs_that_touch_across_a_contig_border_stay_apart(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_bytes(b">a\nACnn\n>b\nnnAC\n")
    store = build_store([path], tmp_path / "store")
    assert store.n_runs("a").tolist() == store.soft_masked_runs("a").tolist() == [[2, 4]]
    assert store.n_runs("b").tolist() == store.soft_masked_runs("b").tolist() == [[0, 2]]


@pytest.mark.parametrize(("start", "end"), [(7, 7), (6, 6), (10, 10), (12, 20), (-9, -2), (-3, 6)])
def test_no_base_in_reach_is_no_run(store, start, end):
    assert store.masked(Interval("chr1", start, end)).shape == (0, 2)


def test_store_json_says_what_it_was_built_from(store, fasta):
    content = json.loads((store.path / "store.json").read_text())
    assert (content["format"], content["version"]) == ("hyenadna_kit.genome_store", 2)
    assert content["contigs"] == [
        {"name": "chr1", "length": 10, "offset": 0, "species": ""},
        {"name": "chr2", "length": 4, "offset": 10, "species": ""},
    ]
    assert content["sources"] == [
        {"path": str(fasta), "size": len(FIRST), "sha256": hashlib.sha256(FIRST).hexdigest(), "species": ""}
    ]
    assert content["vocabulary"][7:] == list("ACGTN")
    tokens = (store.path / "tokens.u8").read_bytes()
    assert list(tokens) == [7, 8, 9, 10, 11, 11, 7, 8, 9, 10, 11, 11, 11, 10]


def test_several_files_follow_each_other(fasta, tmp_path):
    second = tmp_path / "more.fa.gz"
    second.write_bytes(gzip.compress(SECOND))
    store = build_store([second, fasta], tmp_path / "store")
    assert (
        build_store([second, fasta], store.path, on_progress=fail_if_built).fingerprint == store.fingerprint
    )
    with pytest.raises(GenomeStoreError, match="is the store of"):
        build_store([fasta, second], store.path)
    assert list(store.contigs.items()) == [("chr3", 4), ("chr1", 10), ("chr2", 4)]
    assert store.fetch(Interval("2", -1, 5)) == "NNNNTN"
    assert store.fingerprint == hashlib.sha256(b">chr3\nGGGG\n>chr1\nACGTNNacgt\n>chr2\nnnRT\n").hexdigest()


def test_contig_in_two_files_is_an_error_that_names_both(fasta, tmp_path):
    second = tmp_path / "again.fa"
    second.write_bytes(b">chr9\nA\n>chr2\nA\n")
    with pytest.raises(InputError, match=r"'chr2' is in both .*genome\.fa and .*again\.fa"):
        build_store([fasta, second], tmp_path / "store")
    assert names_beside(fasta) == {"genome.fa", "again.fa"}


def test_no_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no FASTA file was given"):
        build_store([], tmp_path / "store")


def test_progress_counts_bytes_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(fasta_text, "_BLOCK_BYTES", 16)
    sizes = []
    for name, content in (("a.fa", FIRST), ("b.fa.gz", gzip.compress(SECOND))):
        (tmp_path / name).write_bytes(content)
        sizes.append(len(content))
    seen = []
    paths = [tmp_path / "a.fa", tmp_path / "b.fa.gz"]
    build_store(paths, tmp_path / "store", on_progress=lambda *place: seen.append(place))
    assert seen == sorted(seen)
    assert len(seen) > 2
    assert seen[-1] == (sum(sizes), sum(sizes))
    assert {total for _, total in seen} == {sum(sizes)}


def fail_if_built(done, total):
    raise AssertionError("the store was built again")


def test_same_files_again_are_up_to_date(store, fasta, tmp_path):
    before = (store.path / "tokens.u8").stat().st_ino
    copy = tmp_path / "copy.fa"
    copy.write_bytes(FIRST)
    for source in (fasta, copy):
        again = build_store([source], store.path, on_progress=fail_if_built)
        assert again.fingerprint == store.fingerprint
    assert (store.path / "tokens.u8").stat().st_ino == before
    build_store([fasta], store.path, overwrite=True)
    assert (store.path / "tokens.u8").stat().st_ino != before


@pytest.mark.parametrize(
    "content", [SECOND, FIRST.replace(b"acgt", b"ACGT")], ids=["genome", "soft mask of equal size"]
)
def test_other_files_are_refused_unless_overwritten(store, tmp_path, content):
    other = tmp_path / "other.fa"
    other.write_bytes(content)
    with pytest.raises(GenomeStoreError, match=r"store is the store of .*genome\.fa, not of .*other\.fa"):
        build_store([other], store.path, on_progress=fail_if_built)
    assert GenomeStore(store.path).fingerprint == store.fingerprint
    assert build_store([other], store.path, overwrite=True).fingerprint != store.fingerprint


@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_that_is_no_store_is_never_replaced(fasta, tmp_path, overwrite):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(GenomeStoreError, match=r"thesis holds 'chapter\.tex'"):
        build_store([fasta], tmp_path / "thesis", overwrite=overwrite)
    with pytest.raises(GenomeStoreError, match=r"genome\.fa is a file"):
        build_store([fasta], fasta, overwrite=overwrite)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"
    assert fasta.read_bytes() == FIRST


def test_empty_folder_becomes_the_store(fasta, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "real")
    assert build_store([fasta], tmp_path / "store").fetch(Interval("chr1", 0, 4)) == "ACGT"
    assert (tmp_path / "store").is_symlink()
    assert GenomeStore(tmp_path / "real").fetch(Interval("chr1", 0, 4)) == "ACGT"


def test_current_folder_is_not_replaced_under_the_shell(fasta, tmp_path, monkeypatch):
    (tmp_path / "store").mkdir()
    monkeypatch.chdir(tmp_path / "store")
    with pytest.raises(GenomeStoreError, match="is the current folder"):
        build_store([fasta], Path())


def test_failed_build_leaves_nothing(fasta, tmp_path, monkeypatch):
    monkeypatch.setattr(fasta_text, "_BLOCK_BYTES", 4096)
    bad = tmp_path / "bad.fa"
    bad.write_bytes(b">chr7\n" + b"ACGTACGT\n" * 5000 + b"ACGT!\n")
    with pytest.raises(InputError, match="'!' at base 40005 of contig 'chr7'"):
        build_store([fasta, bad], tmp_path / "store")
    assert names_beside(fasta) == {"genome.fa", "bad.fa"}


def test_failed_overwrite_leaves_the_old_store(store, tmp_path):
    bad = tmp_path / "bad.fa"
    bad.write_bytes(b">chr7\nACGT!\n")
    with pytest.raises(InputError):
        build_store([bad], store.path, overwrite=True)
    assert GenomeStore(store.path).fetch(Interval("chr1", 0, 4)) == "ACGT"
    assert names_beside(store.path) == {"genome.fa", "bad.fa", "store"}


def test_full_disk_is_one_line(fasta, tmp_path, monkeypatch):
    def full(folder, layout):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hyenadna_kit.io.store_writer.write_layout", full)
    with pytest.raises(GenomeStoreError, match=r"cannot write .*store: No space left on device"):
        build_store([fasta], tmp_path / "store")
    assert names_beside(fasta) == {"genome.fa"}


def build_after(barrier_folder, fasta, out):
    """Build in another process once all are ready; say whether this one did the work."""
    (barrier_folder / str(os.getpid())).touch()
    built = []
    store = build_store([fasta], out, on_progress=lambda *place: built.append(place))
    return store.fetch(Interval("chr1", 0, 50)), bool(built)


def test_concurrent_builders_end_with_one_store(tmp_path):
    fasta = tmp_path / "genome.fa"
    fasta.write_bytes(b">chr1\n" + b"ACGGT" * 200_000)
    ready = tmp_path / "ready"
    ready.mkdir()
    out = tmp_path / "stores" / "genome"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        with locked(out):  # neither begins before both have come
            futures = [pool.submit(build_after, ready, fasta, out) for _ in range(2)]
            while len(list(ready.iterdir())) < 2:
                assert not any(future.done() for future in futures)
                time.sleep(0.01)
            time.sleep(0.2)
            assert not out.exists()
        results = [future.result() for future in futures]
    assert sorted(built for _, built in results) == [False, True]
    assert {bases for bases, _ in results} == {"ACGGT" * 10}
    assert names_beside(out) == {"genome"}


def edited(key, value):
    def edit(folder):
        path = folder / "store.json"
        content = json.loads(path.read_text())
        target = content
        for step in key[:-1]:
            target = target[step]
        target[key[-1]] = value
        path.write_text(json.dumps(content))

    return edit


def removed(key):
    def edit(folder):
        path = folder / "store.json"
        content = json.loads(path.read_text())
        del content[key]
        path.write_text(json.dumps(content))

    return edit


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-1])


def replaced(text):
    return lambda folder: (folder / "store.json").write_bytes(text)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(cut("tokens.u8"), r"tokens\.u8 has 13 bytes, expected 14", id="truncated tokens"),
        pytest.param(cut("n_runs.i64"), r"n_runs\.i64 has 31 bytes, expected 32", id="truncated runs"),
        pytest.param(lambda f: (f / "tokens.u8").unlink(), r"tokens\.u8 has 0 bytes", id="no tokens"),
        pytest.param(lambda f: (f / "store.json").unlink(), "is not a genome store", id="no store.json"),
        pytest.param(replaced(b"{"), "is not JSON", id="half a store.json"),
        pytest.param(replaced(b"[" * 100_000), "is not JSON", id="nested without end"),
        pytest.param(replaced(b"\xff\xfe"), "is not JSON", id="not text"),
        pytest.param(replaced(b"[1]"), "is not of the format", id="other JSON"),
        pytest.param(edited(["format"], "zarr"), "is not of the format", id="other format"),
        pytest.param(edited(["version"], 3), "has version 3, expected 2", id="later version"),
        pytest.param(edited(["version"], "2"), "has version '2', expected 2", id="version is text"),
        pytest.param(removed("version"), "has version None, expected 2", id="no version"),
        pytest.param(edited(["vocabulary", 7], "T"), "has vocabulary", id="other vocabulary"),
        pytest.param(edited(["contigs", 0, "length"], -4), "length is -4", id="negative length"),
        pytest.param(
            edited(["contigs", 0, "length"], 10.0), "length is 10.0, expected int", id="fractional length"
        ),
        pytest.param(
            edited(["contigs", 0, "length"], True), "length is True, expected int", id="boolean length"
        ),
        pytest.param(
            edited(["contigs", 0, "length"], 9), "offsets of its contigs", id="length and offset disagree"
        ),
        pytest.param(edited(["contigs", 1, "offset"], 0), "offsets of its contigs", id="overlapping contigs"),
        pytest.param(
            edited(["contigs", 1, "length"], 5), r"tokens\.u8 has 14 bytes, expected 15", id="contig too long"
        ),
        pytest.param(edited(["contigs", 1, "name"], "chr1"), "offsets of its contigs", id="repeated contig"),
        pytest.param(edited(["contigs", 1, "name"], 7), "name is 7, expected str", id="name is a number"),
        pytest.param(edited(["contigs"], "chr1"), "contigs is 'chr1', expected list", id="contigs are text"),
        pytest.param(edited(["contigs", 0], "chr1"), "'chr1' is no record", id="contig is text"),
        pytest.param(edited(["n_runs"], 10**30), r"n_runs\.i64 has 32 bytes", id="absurd number of runs"),
        pytest.param(removed("fingerprint"), "has no 'fingerprint'", id="no fingerprint"),
        pytest.param(removed("aliases"), "has no 'aliases'", id="no aliases"),
        pytest.param(edited(["aliases"], ["a"]), r"aliases is \['a'\], expected", id="aliases are a list"),
        pytest.param(edited(["aliases"], {"a": 1}), "a is 1, expected str", id="alias of a number"),
        pytest.param(edited(["contigs", 0, "species"], 7), "species is 7, expected str", id="species is 7"),
        pytest.param(edited(["contigs", 0, "species"], "a/b"), "species label 'a/b'", id="species is a path"),
        pytest.param(edited(["sources", 0], "g.fa"), "'g.fa' is no record", id="source is text"),
    ],
)
def test_damaged_store_is_refused_in_one_line(store, fasta, damage, message):
    damage(store.path)
    with pytest.raises(GenomeStoreError, match=message) as caught:
        GenomeStore(store.path)
    assert str(store.path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert build_store([fasta], store.path, overwrite=True).fetch(Interval("chr2", 0, 4)) == "NNNT"


def test_store_reads_nothing_that_store_json_names(store):
    edited(["sources", 0, "path"], "../../../../etc/passwd")(store.path)
    assert GenomeStore(store.path).fetch(Interval("chr1", 0, 4)) == "ACGT"


def test_store_rebuilt_under_an_open_handle_is_refused_by_name(store, tmp_path):
    opened = GenomeStore(store.path)
    opened.fetch(Interval("chr1", 0, 4))
    unread, pickled = GenomeStore(store.path), pickle.dumps(opened)
    other = tmp_path / "other.fa"
    other.write_bytes(FIRST.replace(b"ACGT", b"TTTT"))
    build_store([other], store.path, overwrite=True)
    assert opened.fetch(Interval("chr1", 0, 4)) == "ACGT"  # the old file, whole, for as long as it is held
    for stale in (unread, pickle.loads(pickled)):
        with pytest.raises(GenomeStoreError, match="was built anew from another FASTA"):
            stale.fetch(Interval("chr1", 0, 4))


def test_tokens_are_the_callers_own(store):
    for interval in (Interval("chr1", 0, 10), Interval("chr1", 0, 10, Strand.REVERSE)):
        store.tokens(interval)[:] = 0
    assert store.fetch(Interval("chr1", 0, 10)) == "ACGTNNACGT"
    with pytest.raises(TypeError):
        store.contigs["chr1"] = 3


def test_unknown_contig_names_the_store(store):
    for ask in (store.n_runs, store.soft_masked_runs):
        with pytest.raises(
            ContigNotFoundError, match=r"'chrX' is not in .*store; it has chr1, chr2 \(2 in all\)"
        ):
            ask("chrX")
    with pytest.raises(ContigNotFoundError):
        store.masked(Interval("chrX", 0, 1))
    assert store.soft_masked_runs("1").tolist() == [[6, 10]]


def test_pickle_holds_no_bases(tmp_path):
    fasta = tmp_path / "genome.fa"
    fasta.write_bytes(b">chr1\n" + b"ACGT" * 100_000)
    store = build_store([fasta], tmp_path / "store")
    store.fetch(Interval("chr1", 0, 4))
    pickled = pickle.dumps(store)
    assert len(pickled) < 2000
    assert pickle.loads(pickled).fetch(Interval("chr1", 2, 6)) == "GTAC"


VERSION_1 = """{
 "format": "hyenadna_kit.genome_store", "version": 1,
 "vocabulary": ["[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]", "A", "C", "G", "T", "N"],
 "fingerprint": "%s", "sources": [{"path": "genome.fa", "size": %d, "sha256": "%s"}],
 "n_runs": 2, "soft_masked_runs": 2,
 "contigs": [{"name": "chr1", "length": 10, "offset": 0}, {"name": "chr2", "length": 4, "offset": 10}]
}"""


@pytest.fixture
def old_store(tmp_path):
    """The store of FIRST as version 1 wrote it, byte for byte."""
    folder = tmp_path / "old"
    folder.mkdir()
    genome = hashlib.sha256(b">chr1\nACGTNNacgt\n>chr2\nnnRT\n").hexdigest()
    (folder / "store.json").write_text(VERSION_1 % (genome, len(FIRST), hashlib.sha256(FIRST).hexdigest()))
    (folder / "tokens.u8").write_bytes(bytes([7, 8, 9, 10, 11, 11, 7, 8, 9, 10, 11, 11, 11, 10]))
    (folder / "n_runs.i64").write_bytes(struct.pack("<4q", 4, 6, 10, 13))
    (folder / "soft_masked.i64").write_bytes(struct.pack("<4q", 6, 10, 10, 12))
    return folder


def test_store_of_version_1_is_read_and_kept(old_store, fasta):
    store = GenomeStore(old_store)
    assert dict(store.contigs) == {"chr1": 10, "chr2": 4}
    assert (dict(store.species), dict(store.aliases)) == ({}, {})
    assert store.fetch(Interval("1", -1, 11)) == "NACGTNNACGTN"
    assert store.n_runs("chr2").tolist() == [[0, 3]]
    assert store.soft_masked_runs("chr1").tolist() == [[6, 10]]
    assert build_store([fasta], old_store, on_progress=fail_if_built).fingerprint == store.fingerprint
    assert json.loads((old_store / "store.json").read_text())["version"] == 1


def test_store_built_anew_over_version_1_is_of_version_2(old_store, fasta, tmp_path):
    build_store([fasta], old_store, overwrite=True)
    build_store([fasta], tmp_path / "new")
    for name in ("store.json", "tokens.u8", "n_runs.i64", "soft_masked.i64"):
        assert (old_store / name).read_bytes() == (tmp_path / "new" / name).read_bytes()


PEAK_MEMORY = """
import sys
from pathlib import Path
from hyenadna_kit.io.genome_store import build_store

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before = peak()
build_store([Path(sys.argv[1])], Path(sys.argv[2]))
print((peak() - before) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read the peak of memory from")
@pytest.mark.parametrize("encoding", ["plain", "gzip"])
def test_memory_of_a_build_does_not_grow_with_the_genome(tmp_path, encoding):
    line = b"ACGTNNacgtGGCATTAcgtnACGTGGCATTACGTACGTACGTGGCATTACGTACGTGGCATT\n"
    contig = b">chr%d\n" + line * 400_000
    content = b"".join(contig % number for number in range(4))  # about 100 MB
    path = tmp_path / "genome.fa"
    path.write_bytes(content if encoding == "plain" else gzip.compress(content, 1))
    # The peak of a child by getrusage is at least that of its parent: Linux hands it down.
    finished = subprocess.run(
        [sys.executable, "-c", PEAK_MEMORY, str(path), str(tmp_path / "store")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(finished.stdout) < 48
    assert (tmp_path / "store" / "tokens.u8").stat().st_size == 4 * 400_000 * (len(line) - 1)
