"""Read stores: what is packed against the BAM, workers, failures, damage."""

import hashlib
import json
import multiprocessing
import os
import pickle
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pysam
import pytest
from Bio.Seq import reverse_complement
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import locked
from hyenadna_kit.io import bam_segments
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.read_filter import ReadFilter, ReadReport
from hyenadna_kit.io.read_layout import DTYPES
from hyenadna_kit.io.read_store import ReadStore, build_read_store
from tests.oracles.alignments import (
    CONTIGS,
    DUPLICATE,
    REVERSE,
    UNMAPPED,
    Alignment,
    bases_of,
    end_of,
    qualities_of,
    write_bam,
)

READS = [
    Alignment(10, "3S20M2I5M", name="forward"),
    Alignment(15, "10M4D10M", REVERSE, name="reverse", sequence="ACGTNACGTTGGGRAACCTT"),
    Alignment(40, "19M", DUPLICATE, name="copy"),
    Alignment(50, "8M100N8M", name="unknown", qualities=None, contig="chr2"),
    Alignment(60, "12M", name="empty", sequence=None, contig="chr2"),
    Alignment(0, "", UNMAPPED, name="lost", contig=None, sequence="ACGTN", mapping_quality=0),
]
KEPT = ["forward", "reverse", "unknown"]
LETTERS = dict(zip("ACGTN", range(7, 12), strict=True)) | {"R": 11, "Y": 11}


@pytest.fixture
def bam(tmp_path):
    return write_bam(tmp_path / "reads.bam", READS, index=False)


@pytest.fixture
def store(bam, tmp_path):
    return build_read_store(bam, tmp_path / "store")


def tokens_of(read):
    stored = bases_of(read)
    return [LETTERS[base] for base in (reverse_complement(stored) if read.flags & REVERSE else stored)]


def scores_of(read):
    scores = list(qualities_of(read) or [255] * len(bases_of(read)))
    return scores[::-1] if read.flags & REVERSE else scores


def by_name(*names):
    return [read for name in names for read in READS if read.name == name]


def same_reads(store, reads):
    assert store.num_reads == len(reads)
    assert store.num_bases == sum(len(bases_of(read)) for read in reads)
    assert store.lengths.tolist() == [len(bases_of(read)) for read in reads]
    contigs = list(store.contigs)
    for number, read in enumerate(reads):
        length = int(store.lengths[number])
        assert store.tokens(number, 0, length).tolist() == tokens_of(read)
        assert store.qualities(number, 0, length).tolist() == scores_of(read)
        place = (int(store.contig_of[number]), int(store.start_of[number]), int(store.end_of[number]))
        expected = (
            (-1, 0, 0) if read.contig is None else (contigs.index(read.contig), read.start, end_of(read))
        )
        assert place == expected


def names_beside(path):
    """What lies in the folder of ``path``, but for lock files."""
    return {entry.name for entry in path.parent.iterdir() if not entry.name.endswith(".lock")}


def test_reads_are_packed_as_they_were_sequenced(store):
    same_reads(store, by_name(*KEPT))
    assert dict(store.contigs) == CONTIGS
    assert store.names.resolve("1", "") == "chr1"
    assert store.report == ReadReport(3, {"unmapped": 1, "duplicate": 1, "no_sequence": 1})
    for array, dtype in (
        (store.lengths, np.int64),
        (store.contig_of, np.int32),
        (store.start_of, np.int64),
        (store.end_of, np.int64),
        (store.tokens(0, 0, 1), np.uint8),
        (store.qualities(0, 0, 1), np.uint8),
    ):
        assert array.dtype == dtype


def test_filter_decides_what_is_packed(bam, tmp_path):
    read_filter = ReadFilter(keep_unmapped=True, keep_duplicates=True, min_length=17)
    store = build_read_store(bam, tmp_path / "store", read_filter=read_filter)
    same_reads(store, by_name("forward", "reverse", "copy"))
    assert ReadStore(store.path).read_filter == read_filter
    store = build_read_store(bam, tmp_path / "all", read_filter=ReadFilter(keep_unmapped=True))
    same_reads(store, by_name(*KEPT, "lost"))


PLACED = st.lists(
    st.tuples(st.integers(0, 200), st.text("ACGTN", min_size=1, max_size=30), st.sampled_from([0, REVERSE])),
    min_size=1,
    max_size=20,
)


@settings(max_examples=40, deadline=None)
@given(PLACED, st.data())
def test_any_stretch_of_any_read(drawn, data):
    reads = [
        Alignment(start, f"{len(bases)}M", flags, f"read{k}", sequence=bases)
        for k, (start, bases, flags) in enumerate(drawn)
    ]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(bam_segments, "_BATCH_SIZE", data.draw(st.integers(1, 7)))
        path = write_bam(Path(folder) / "reads.bam", reads, index=False)
        store = build_read_store(path, Path(folder) / "store")
        reads.sort(key=lambda read: read.start)
        same_reads(store, reads)
        for _ in range(5):
            number = data.draw(st.integers(0, len(reads) - 1))
            start = data.draw(st.integers(0, len(reads[number].sequence)))
            end = data.draw(st.integers(start, len(reads[number].sequence)))
            assert store.tokens(number, start, end).tolist() == tokens_of(reads[number])[start:end]
            assert store.qualities(number, start, end).tolist() == scores_of(reads[number])[start:end]


def test_cram_is_packed_with_its_reference(tmp_path):
    fasta = tmp_path / "genome.fa"
    fasta.write_text("".join(f">{name}\n{'ACGTA' * (length // 5)}\n" for name, length in CONTIGS.items()))
    pysam.faidx(str(fasta))
    cram = write_bam(tmp_path / "reads.cram", READS, mode="wc", index=False, reference=str(fasta))
    places = []
    store = build_read_store(
        cram, tmp_path / "store", reference=fasta, on_progress=lambda *place: places.append(place)
    )
    same_reads(store, by_name(*KEPT))
    assert places[-1] == (cram.stat().st_size,) * 2
    with pytest.raises(InputError, match="holds no bases of its own"):
        build_read_store(cram, tmp_path / "store")


def test_reads_json_says_what_it_was_built_from(store, bam):
    content = json.loads((store.path / "reads.json").read_text())
    assert (content["format"], content["version"]) == ("hyenadna_kit.read_store", 1)
    assert content["source"] == {
        "path": str(bam),
        "size": bam.stat().st_size,
        "sha256": hashlib.sha256(bam.read_bytes()).hexdigest(),
    }
    assert content["contigs"] == [{"name": name, "length": length} for name, length in CONTIGS.items()]
    assert content["dropped"] == {"unmapped": 1, "duplicate": 1, "no_sequence": 1}
    assert content["read_filter"]["keep_duplicates"] is False
    assert set(DTYPES) | {"reads.json"} == {path.name for path in store.path.iterdir()}


def test_fingerprint_is_that_of_the_bytes_and_the_filter(store, bam, tmp_path):
    copy = shutil.copy(bam, tmp_path / "copy.bam")
    assert build_read_store(copy, tmp_path / "same").fingerprint == store.fingerprint
    other = build_read_store(bam, tmp_path / "other", read_filter=ReadFilter(min_length=1))
    assert other.fingerprint != store.fingerprint
    changed = write_bam(tmp_path / "changed.bam", READS[:2], index=False)
    assert build_read_store(changed, tmp_path / "changed").fingerprint != store.fingerprint


def test_other_bytes_of_the_same_size_are_noticed(store, bam):
    data = bytearray(bam.read_bytes())
    data[4] ^= 1  # the time stamp of the first block
    bam.write_bytes(data)
    with pytest.raises(InputError, match="as it is now"):
        build_read_store(bam, store.path)


def test_progress_counts_bytes_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(bam_segments, "_BATCH_SIZE", 50)
    draw = random.Random(0)
    reads = [
        Alignment(k % 200, "80M", name=f"r{k}", sequence="".join(draw.choices("ACGT", k=80)))
        for k in range(3000)
    ]
    bam = write_bam(tmp_path / "reads.bam", reads, index=False)
    seen = []
    build_read_store(bam, tmp_path / "store", on_progress=lambda *place: seen.append(place))
    size = bam.stat().st_size
    assert seen == sorted(seen)
    assert seen[-1] == (size, size)
    assert {total for _, total in seen} == {size}
    assert len({done for done, _ in seen}) > 3


def fail_if_built(done, total):
    raise AssertionError("the store was built again")


def test_same_reads_again_are_up_to_date(store, bam, tmp_path):
    before = (store.path / "tokens.u8").stat().st_ino
    copy = shutil.copy(bam, tmp_path / "copy.bam")
    for source in (bam, copy):
        again = build_read_store(source, store.path, on_progress=fail_if_built)
        assert again.fingerprint == store.fingerprint
    assert (store.path / "tokens.u8").stat().st_ino == before
    build_read_store(bam, store.path, overwrite=True)
    assert (store.path / "tokens.u8").stat().st_ino != before


def test_other_reads_are_refused_unless_overwritten(store, bam, tmp_path):
    other = write_bam(tmp_path / "other.bam", READS[:2], index=False)
    with pytest.raises(InputError, match=r"store is the read store of .*reads\.bam, not of .*other\.bam"):
        build_read_store(other, store.path, on_progress=fail_if_built)
    with pytest.raises(InputError, match=r"store is the read store of .*reads\.bam with another filter"):
        build_read_store(bam, store.path, read_filter=ReadFilter(min_length=20))
    assert ReadStore(store.path).fingerprint == store.fingerprint
    same_reads(build_read_store(other, store.path, overwrite=True), by_name("forward", "reverse"))


@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_that_is_no_store_is_never_replaced(bam, tmp_path, overwrite):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"thesis holds 'chapter\.tex', which is no part of a read store"):
        build_read_store(bam, tmp_path / "thesis", overwrite=overwrite)
    with pytest.raises(InputError, match=r"reads\.bam is a file"):
        build_read_store(bam, bam, overwrite=overwrite)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


def test_current_folder_is_not_replaced_under_the_shell(bam, tmp_path, monkeypatch):
    (tmp_path / "store").mkdir()
    monkeypatch.chdir(tmp_path / "store")
    with pytest.raises(InputError, match="is the current folder"):
        build_read_store(bam, Path())


def test_no_read_that_passes_is_an_error_that_says_why(bam, tmp_path):
    with pytest.raises(
        InputError, match=r"reads\.bam holds no read to pack: 0 of 6 reads kept \(dropped: .* 4 low mapping"
    ):
        build_read_store(bam, tmp_path / "store", read_filter=ReadFilter(min_mapping_quality=61))
    assert names_beside(bam) == {"reads.bam"}


def test_failed_build_leaves_what_was_there(store, tmp_path):
    reads = [Alignment(k % 200, "80M", name=f"r{k}") for k in range(3000)]
    bad = write_bam(tmp_path / "bad.bam", reads, index=False)
    data = bytearray(bad.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    bad.write_bytes(data)
    with pytest.raises(InputError, match=r"bad\.bam cannot be read"):
        build_read_store(bad, store.path, overwrite=True)
    same_reads(ReadStore(store.path), by_name(*KEPT))
    with pytest.raises(InputError, match=r"bad\.bam cannot be read"):
        build_read_store(bad, tmp_path / "new")
    assert names_beside(store.path) == {"reads.bam", "bad.bam", "store"}


def test_bases_that_stand_for_the_reference_are_refused(tmp_path):
    bam = write_bam(tmp_path / "reads.bam", [Alignment(0, "4M", sequence="A==T")], index=False)
    with pytest.raises(InputError, match=r"reads\.bam writes bases as '='"):
        build_read_store(bam, tmp_path / "store")


def test_file_that_grows_while_it_is_read_is_refused(bam, tmp_path):
    def grow(done, total):
        with bam.open("ab") as handle:
            handle.write(b"more")

    with pytest.raises(InputError, match="has changed while it was read"):
        build_read_store(bam, tmp_path / "store", on_progress=grow)
    assert names_beside(bam) == {"reads.bam"}


def test_full_disk_is_one_line(bam, tmp_path, monkeypatch):
    def full(folder, layout):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hyenadna_kit.io.read_writer.write_read_layout", full)
    with pytest.raises(InputError, match=r"cannot write .*store: No space left on device"):
        build_read_store(bam, tmp_path / "store")
    assert names_beside(bam) == {"reads.bam"}


# Asking


@pytest.mark.parametrize(
    ("read", "start", "end", "problem"),
    [
        (-1, 0, 1, r"has reads 0 to 2, got -1"),
        (3, 0, 1, r"has reads 0 to 2, got 3"),
        (0, 0, 31, r"read 0 of .* has bases \[0, 30\), got \[0, 31\)"),
        (0, -1, 3, r"got \[-1, 3\)"),
        (0, 5, 4, r"got \[5, 4\)"),
    ],
)
def test_bases_that_are_not_there_are_refused(store, read, start, end, problem):
    for ask in (store.tokens, store.qualities):
        with pytest.raises(InputError, match=problem):
            ask(read, start, end)


def test_arrays_are_the_callers_own_or_read_only(store):
    store.tokens(0, 0, 30)[:] = 0
    store.qualities(0, 0, 30)[:] = 0
    same_reads(store, by_name(*KEPT))
    for array in (store.contig_of, store.start_of, store.end_of):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(TypeError):
        store.contigs["chr1"] = 3


def test_pickle_holds_no_reads(tmp_path):
    reads = [Alignment(k % 200, "80M", name=f"r{k}") for k in range(3000)]
    store = build_read_store(write_bam(tmp_path / "reads.bam", reads, index=False), tmp_path / "store")
    assert store.lengths.sum() == 80 * 3000
    store.tokens(0, 0, 1)
    pickled = pickle.dumps(store)
    assert len(pickled) < 2000
    assert pickle.loads(pickled).tokens(2999, 0, 80).tolist() == store.tokens(2999, 0, 80).tolist()


WORKER = {}


def start_worker(store, reads):
    WORKER.update(store=store, reads=reads)


def wrong_stretches(seed, count):
    """Count stretches that differ from the reads that were written."""
    draw = random.Random(seed)
    store, reads = WORKER["store"], WORKER["reads"]
    wrong = 0
    for _ in range(count):
        number = draw.randrange(len(reads))
        start = draw.randint(0, 50)
        end = draw.randint(start, 80)
        wrong += store.tokens(number, start, end).tolist() != tokens_of(reads[number])[start:end]
        wrong += store.qualities(number, start, end).tolist() != scores_of(reads[number])[start:end]
    return wrong


# Python 3.12 warns of forking beside the threads of numpy, and this is the case under test.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_read_what_was_written(tmp_path, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on {sys.platform}")
    reads = [Alignment(k // 10, "80M", (k % 3 == 0) * REVERSE, name=f"r{k}") for k in range(1000)]
    store = build_read_store(write_bam(tmp_path / "reads.bam", reads, index=False), tmp_path / "store")
    start_worker(store, reads)
    assert wrong_stretches(0, 100) == 0  # the store is open before the workers start
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(
        2, mp_context=context, initializer=start_worker, initargs=(store, reads)
    ) as pool:
        assert list(pool.map(wrong_stretches, (1, 2), (2000, 2000))) == [0, 0]


def build_after(barrier_folder, bam, out):
    """Build in another process once all are ready; say whether this one did the work."""
    (barrier_folder / str(os.getpid())).touch()
    built = []
    store = build_read_store(bam, out, on_progress=lambda *place: built.append(place))
    return store.num_reads, bool(built)


def test_concurrent_builders_end_with_one_store(bam, tmp_path):
    ready = tmp_path / "ready"
    ready.mkdir()
    out = tmp_path / "stores" / "reads"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        with locked(out):  # neither begins before both have come
            futures = [pool.submit(build_after, ready, bam, out) for _ in range(2)]
            while len(list(ready.iterdir())) < 2:
                assert not any(future.done() for future in futures)
                time.sleep(0.01)
            time.sleep(0.2)
            assert not out.exists()
        results = [future.result() for future in futures]
    assert sorted(results) == [(3, False), (3, True)]
    assert names_beside(out) == {"reads"}


def test_store_packed_anew_under_an_open_handle_is_refused_by_name(store, bam):
    opened = ReadStore(store.path)
    before = opened.tokens(0, 0, 5).tolist()
    unread, pickled = ReadStore(store.path), pickle.dumps(opened)
    build_read_store(bam, store.path, read_filter=ReadFilter(min_length=20), overwrite=True)
    assert opened.tokens(0, 0, 5).tolist() == before  # the old file, for as long as it is held
    for stale in (unread, pickle.loads(pickled)):
        with pytest.raises(InputError, match="was packed anew from other reads"):
            stale.tokens(0, 0, 5)


# Damage


def edited(key, value):
    def edit(folder):
        path = folder / "reads.json"
        content = json.loads(path.read_text())
        target = content
        for step in key[:-1]:
            target = target[step]
        target[key[-1]] = value
        path.write_text(json.dumps(content))

    return edit


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-1])


def replaced(text):
    return lambda folder: (folder / "reads.json").write_bytes(text)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        *(
            pytest.param(cut(name), f"{name} has .* bytes, expected", id=f"truncated {name}")
            for name in DTYPES
        ),
        pytest.param(lambda f: (f / "tokens.u8").unlink(), r"tokens\.u8 has 0 bytes", id="no tokens"),
        pytest.param(lambda f: (f / "reads.json").unlink(), "is not a read store", id="no reads.json"),
        pytest.param(replaced(b"{"), "is not JSON", id="half a reads.json"),
        pytest.param(replaced(b"[" * 100_000), "is not JSON", id="nested without end"),
        pytest.param(replaced(b"\xff\xfe"), "is not JSON", id="not text"),
        pytest.param(replaced(b"[1]"), "is not of the format", id="other JSON"),
        pytest.param(edited(["format"], "hyenadna_kit.genome_store"), "not a read store", id="genome store"),
        pytest.param(edited(["version"], 2), "has version 2, expected 1", id="other version"),
        pytest.param(edited(["vocabulary", 7], "T"), "has vocabulary", id="other vocabulary"),
        pytest.param(edited(["num_reads"], -1), "num_reads is -1", id="negative reads"),
        pytest.param(edited(["num_reads"], True), "num_reads is True, expected int", id="boolean reads"),
        pytest.param(edited(["num_reads"], 10**30), r"offsets\.i64 has 32 bytes", id="absurd reads"),
        pytest.param(edited(["num_bases"], 65), r"tokens\.u8 has 66 bytes, expected 65", id="bases"),
        pytest.param(edited(["contigs", 1, "name"], "chr1"), "a contig occurs twice", id="repeated contig"),
        pytest.param(edited(["contigs", 0], "chr1"), "'chr1' is no record", id="contig is text"),
        pytest.param(edited(["contigs"], {}), "contigs is {}, expected list", id="contigs are no list"),
        pytest.param(edited(["source", "sha256"], "0" * 64), "its fingerprint does not", id="source"),
        pytest.param(edited(["read_filter", "min_length"], 3), "its fingerprint does not", id="filter"),
        pytest.param(edited(["read_filter", "min_length"], -3), "must be 0 or more", id="filter value"),
        pytest.param(edited(["read_filter", "colour"], 3), "unknown key 'colour'", id="filter key"),
        pytest.param(edited(["dropped", "ugly"], 3), "unknown reason 'ugly'", id="reason"),
        pytest.param(edited(["dropped", "unmapped"], -3), "unmapped is -3", id="count"),
    ],
)
def test_damaged_store_is_refused_in_one_line(store, bam, damage, message):
    damage(store.path)
    with pytest.raises(InputError, match=message) as caught:
        ReadStore(store.path)
    assert str(store.path) in str(caught.value)
    assert "\n" not in str(caught.value)
    same_reads(build_read_store(bam, store.path, overwrite=True), by_name(*KEPT))


def test_offsets_that_lead_outside_are_refused(store):
    offsets = np.fromfile(store.path / "offsets.i64", dtype="<i8")
    for damaged in ([0, 50, 30, 66], [-9, 30, 50, 66], [0, 30, 50, 9999]):
        np.array(damaged, dtype="<i8").tofile(store.path / "offsets.i64")
        opened = ReadStore(store.path)
        with pytest.raises(InputError, match=r"offsets\.i64 is damaged: read \d lies in"):
            any(opened.tokens(read, 0, 0).size for read in range(3))
    assert offsets.tolist() == [0, 30, 50, 66]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "num_reads"),
    [("chr20/NA12878_small", 963), ("chrM/NA12878.chrM", 12_546), ("methylation/chr20_mod_call_sample", 6)],
)
def test_real_reads_are_packed(data, tmp_path, name, num_reads):
    path = data / "bam" / f"{name}.bam"
    store = build_read_store(path, tmp_path / "store")
    assert store.num_reads == num_reads
    reads = list(Bam(path).reads())
    assert store.num_bases == sum(len(read.sequence) for read in reads)
    for number in range(0, num_reads, 97):
        read = reads[number]
        length = len(read.sequence)
        decoded = "".join("ACGTN"[token - 7] for token in store.tokens(number, 0, length))
        assert decoded == read.sequence
        assert store.qualities(number, 0, length).tolist() == read.qualities.tolist()
        assert list(store.contigs)[store.contig_of[number]] == read.interval.contig
        assert (store.start_of[number], store.end_of[number]) == (read.interval.start, read.interval.end)
