"""Shards: cut where nothing is computed together, and put together to the same bytes as the whole."""

import copy
import gzip
import itertools
import random
import shutil

import hypothesis
import hypothesis.strategies as st
import pytest

from hyenadna_kit import cli
from hyenadna_kit.errors import InputError
from hyenadna_kit.io.vcf import read_variants
from hyenadna_kit.scoring.gather import Receipt, gather_scores
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.score_vcf import score_vcf
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.shards import Manifest, shard_suffix, split_variants
from tests.oracles.vcf import write_bcf, write_bgzip, write_plain

GRID = Placement(window=32, horizon=8, min_left_context=16)
BLOCK = 16 * 8
"""Bases whose variants are computed together: 16 strides."""

RNG = random.Random(5)
CONTIGS = {"chr1": "".join(RNG.choices("ACGT", k=1500)), "chr2": "".join(RNG.choices("ACGT", k=700))}
HEADER = (
    "##fileformat=VCFv4.2\n"
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    "##contig=<ID=chr1,length=1500>\n##contig=<ID=chr2,length=700>\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
WRITERS = {".vcf": write_plain, ".vcf.gz": write_bgzip, ".bcf": write_bcf}


def line(contig, position):
    """Return an SNV at a position from 0; every tenth has a second ALT that is not scored."""
    ref = CONTIGS[contig][position]
    alt = "ACGT"["ACGT".index(ref) - 1] + (",<DEL>" if position % 10 == 0 else "")
    return f"{contig}\t{position + 1}\t.\t{ref}\t{alt}\t29.50\t.\tDP=7\n"


SITES = [("chr1", p) for p in sorted(RNG.sample(range(1500), 120))] + [
    ("chr2", p) for p in sorted(RNG.sample(range(700), 40))
]
LINES = [line(*site) for site in SITES]


def write(path, lines=LINES):
    text = (HEADER + "".join(lines)).encode()
    WRITERS["".join(path.suffixes)](path, text)
    return path


def text_of(path):
    return gzip.decompress(path.read_bytes()).decode()


def block(site):
    return site[0], site[1] // BLOCK


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


@pytest.fixture(scope="module")
def scorer(model):
    return VariantScorer(model, GRID)


class Job:
    """A file, its shards, and their scores."""

    def __init__(self, folder, scorer, genome, *, form=".vcf", num_shards=4, lines=LINES):
        self.vcf = write(folder / f"in{form}", lines)
        self.shards, self.scored = folder / "shards", folder / "scored"
        self.manifest = split_variants(self.vcf, self.shards, GRID, num_shards)
        for shard in self.manifest.shards:
            score_vcf(scorer, genome, self.shards / shard.name, self.scored / shard.name)

    def copy(self, folder):
        """Return the same job in another folder, to be damaged there."""
        other = copy.copy(self)
        other.shards, other.scored = (shutil.copytree(p, folder / p.name) for p in (self.shards, self.scored))
        return other

    def path(self, number):
        return self.scored / self.manifest.shards[number].name


@pytest.fixture(scope="module")
def finished(tmp_path_factory, scorer, genome):
    return Job(tmp_path_factory.mktemp("finished"), scorer, genome)


@pytest.fixture
def job(finished, tmp_path):
    return finished.copy(tmp_path)


@pytest.fixture(scope="module")
def parts(tmp_path_factory, scorer, genome):
    """Return the job of each form of input."""
    return {
        form: Job(tmp_path_factory.mktemp("form"), scorer, genome, form=form, num_shards=3)
        for form in WRITERS
    }


@pytest.mark.parametrize("num_shards", [1, 2, 3, 7])
def test_shards_hold_the_header_and_every_line_once_in_order(tmp_path, num_shards):
    manifest = split_variants(write(tmp_path / "in.vcf"), tmp_path / "shards", GRID, num_shards)
    texts = [text_of(tmp_path / "shards" / shard.name) for shard in manifest.shards]
    assert [shard.name for shard in manifest.shards] == [f"{n:04d}.vcf.gz" for n in range(num_shards)]
    assert all(text.startswith(HEADER) for text in texts)
    parts = [text.removeprefix(HEADER).splitlines(keepends=True) for text in texts]
    assert [line for part in parts for line in part] == LINES
    assert [shard.num_records for shard in manifest.shards] == [len(part) for part in parts]
    ends = [(f"{a[0]}:{a[1]}", f"{b[0]}:{b[1]}") for a, b in ((p[0].split(), p[-1].split()) for p in parts)]
    assert [(shard.first, shard.last) for shard in manifest.shards] == ends
    assert manifest.num_records == len(LINES)


@hypothesis.settings(max_examples=30, deadline=None)
@hypothesis.given(
    positions=st.lists(st.tuples(st.sampled_from(["chr1", "chr2"]), st.integers(0, 699)), max_size=60),
    num_shards=st.integers(1, 9),
)
def test_cuts_lie_between_blocks_and_shards_are_about_even(tmp_path_factory, positions, num_shards):
    folder = tmp_path_factory.mktemp("cut")
    manifest = split_variants(
        write(folder / "in.vcf", [line(*site) for site in positions]), folder / "shards", GRID, num_shards
    )
    counts = [shard.num_records for shard in manifest.shards]
    assert (len(counts), sum(counts)) == (num_shards, len(positions))
    edges = [edge for edge in itertools.accumulate(counts) if 0 < edge < len(positions)]
    assert all(block(positions[edge - 1]) != block(positions[edge]) for edge in edges)
    longest_run = max((len(list(run)) for _, run in itertools.groupby(positions, key=block)), default=0)
    assert max(counts) <= -(-len(positions) // num_shards) + max(0, longest_run - 1)
    # An empty shard comes only where nothing is left.
    assert (
        0
        not in counts[
            : next((n for n, edge in enumerate(itertools.accumulate(counts)) if edge == sum(counts)), 0)
        ]
    )


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("form", WRITERS)
def test_gathered_file_is_that_of_one_run_to_the_byte(tmp_path, scorer, genome, parts, form, suffix):
    job = parts[form]
    wanted, found = tmp_path / f"whole{suffix}", tmp_path / f"gathered{suffix}"
    report = score_vcf(scorer, genome, job.vcf, wanted)
    gathered = gather_scores(job.manifest, job.scored, found)
    assert found.read_bytes() == wanted.read_bytes()
    assert gathered == (len(LINES), report.index_skipped_reason)
    for index in (".tbi", ".csi"):
        beside = [path.with_name(path.name + index) for path in (wanted, found)]
        assert beside[0].exists() == beside[1].exists()
        assert not beside[0].exists() or beside[0].read_bytes() == beside[1].read_bytes()


def test_unsorted_file_is_the_same_and_says_why_it_has_no_index(tmp_path, scorer, genome):
    job = Job(tmp_path, scorer, genome, lines=LINES[60:] + LINES[:60] + [LINES[-1].rstrip("\n")])
    report = score_vcf(scorer, genome, job.vcf, tmp_path / "whole.vcf.gz")
    gathered = gather_scores(job.manifest, job.scored, tmp_path / "gathered.vcf.gz")
    assert (tmp_path / "gathered.vcf.gz").read_bytes() == (tmp_path / "whole.vcf.gz").read_bytes()
    assert "is out of order" in gathered.index_skipped_reason
    assert gathered.index_skipped_reason == report.index_skipped_reason


def test_a_file_without_records_is_gathered_too(tmp_path, scorer, genome):
    job = Job(tmp_path, scorer, genome, lines=[], num_shards=2)
    score_vcf(scorer, genome, job.vcf, tmp_path / "whole.vcf")
    assert gather_scores(job.manifest, job.scored, tmp_path / "gathered.vcf").num_records == 0
    assert (tmp_path / "gathered.vcf").read_bytes() == (tmp_path / "whole.vcf").read_bytes()


def test_manifest_is_read_as_it_was_written(job):
    assert Manifest.load(job.shards / "manifest.json") == job.manifest


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"shards": [{"name": 1}]}', '{"shards": 3}'])
def test_damaged_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match="is no manifest of shards; split the variants again"):
        Manifest.load(tmp_path / "manifest.json")


def test_missing_manifest_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*; split the variants first"):
        Manifest.load(tmp_path / "manifest.json")


def remove(job):
    job.path(1).unlink()


def add(job):
    shutil.copy(job.path(1), job.scored / "0004.vcf.gz")


def shorten(job):
    shorter = text_of(job.path(1)).splitlines(keepends=True)[:-1]
    write_bgzip(job.path(1), "".join(shorter).encode())


def exchange(job):
    first, second = job.path(1).read_bytes(), job.path(2).read_bytes()
    job.path(1).write_bytes(second)
    job.path(2).write_bytes(first)


def reorder(job):
    lines = text_of(job.path(1)).splitlines(keepends=True)
    lines[-3], lines[-2] = lines[-2], lines[-3]
    write_bgzip(job.path(1), "".join(lines).encode())


def change_alt(job):
    lines = text_of(job.path(1)).splitlines(keepends=True)
    columns = lines[-2].split("\t")
    columns[4] = columns[4].replace(columns[4][0], "ACGT".replace(columns[4][0], "")[0], 1)
    write_bgzip(job.path(1), "".join([*lines[:-2], "\t".join(columns), lines[-1]]).encode())


def change_provenance(job):
    text = text_of(job.path(1)).replace("horizon=8", "horizon=7")
    write_bgzip(job.path(1), text.encode())


def unscore(job):
    for shard in job.manifest.shards:
        shutil.copy(job.shards / shard.name, job.scored / shard.name)


def cut_off(job):
    job.path(1).write_bytes(job.path(1).read_bytes()[:-28])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove, "holds 3 scored shards and the manifest names 4: 0001.vcf.gz is missing"),
        (add, "holds 5 scored shards and the manifest names 4: 0004.vcf.gz is none of them"),
        (shorten, r"0001.vcf.gz has \d+ records, its shard \d+; remove it and score the shard again"),
        (exchange, r"0001.vcf.gz (has \d+ records|.*does not hold the records of its shard)"),
        (reorder, "0001.vcf.gz .*does not hold the records of its shard .* in their order"),
        (change_alt, "0001.vcf.gz .*does not hold the records of its shard"),
        (change_provenance, "0001.vcf.gz was not scored as .*0000.vcf.gz was: .*horizon=7"),
        (unscore, "has no INFO/HK_STATUS: it is not scored"),
        (cut_off, "0001.vcf.gz has no end-of-file block"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_shards_that_are_not_those_of_the_manifest_are_refused(job, tmp_path, damage, message):
    (tmp_path / "out.vcf").write_text("older")
    damage(job)
    with pytest.raises(InputError, match=message):
        gather_scores(job.manifest, job.scored, tmp_path / "out.vcf")
    assert (tmp_path / "out.vcf").read_text() == "older"
    assert not list(tmp_path.glob(".*out.vcf*"))


@pytest.mark.parametrize("num_shards", [0, -1, 10_001])
def test_number_of_shards_is_checked(tmp_path, num_shards):
    with pytest.raises(InputError, match=f"the number of shards is 1 to 10000, got {num_shards}"):
        split_variants(write(tmp_path / "in.vcf"), tmp_path / "shards", GRID, num_shards)


@pytest.mark.parametrize("vcf", ["-", "missing.vcf"])
def test_what_cannot_be_read_twice_is_refused(tmp_path, vcf):
    with pytest.raises(InputError, match=f"{vcf} is no file: what is cut into shards is read twice"):
        split_variants(vcf, tmp_path / "shards", GRID, 2)


def test_damaged_file_leaves_no_manifest(tmp_path):
    path = write(tmp_path / "in.vcf", [*LINES, "chr1\tx\t.\tA\tC\t.\t.\t.\n"])
    with pytest.raises(InputError, match=r"record 161 .*POS 'x' is not a number"):
        split_variants(path, tmp_path / "shards", GRID, 2)
    assert not (tmp_path / "shards").exists()


def test_suffix_of_shards_keeps_the_kind_of_the_file(tmp_path):
    kinds = {form: shard_suffix(write(tmp_path / f"in{form}")) for form in WRITERS}
    assert kinds == {".vcf": ".vcf.gz", ".vcf.gz": ".vcf.gz", ".bcf": ".bcf"}


def test_receipt_covers_the_file_that_it_was_made_of_alone(job, tmp_path):
    out, receipt = tmp_path / "out.vcf", tmp_path / "receipt.json"
    assert not Receipt.covers(receipt, out)
    Receipt.of(out, gather_scores(job.manifest, job.scored, out)).save(receipt)
    assert Receipt.covers(receipt, out)
    out.write_bytes(out.read_bytes() + b"\n")
    assert not Receipt.covers(receipt, out)
    out.unlink()
    assert not Receipt.covers(receipt, out)


def test_commands_split_and_gather(job, tmp_path, capsys, scorer, genome):
    words = ["--vcf", job.vcf, "--out", tmp_path / "again", "--shards", 4, "--window", 32, "--horizon", 8]
    assert cli.main(["split-variants", *map(str, words)]) == 0
    table = [row.split("\t") for row in capsys.readouterr().out.splitlines()]
    assert table[0] == ["shard", "records", "first", "last"]
    assert [(row[0], int(row[1])) for row in table[1:]] == [shard[:2] for shard in job.manifest.shards]
    words = ["--manifest", tmp_path / "again" / "manifest.json", "--scored", job.scored]
    words += ["--out", tmp_path / "out.vcf.gz", "--receipt", tmp_path / "receipt.json"]
    assert cli.main(["gather-scores", *map(str, words)]) == 0
    assert capsys.readouterr().err == f"{tmp_path / 'out.vcf.gz'}: 160 records\n"
    score_vcf(scorer, genome, job.vcf, tmp_path / "whole.vcf.gz")
    assert (tmp_path / "out.vcf.gz").read_bytes() == (tmp_path / "whole.vcf.gz").read_bytes()
    assert Receipt.covers(tmp_path / "receipt.json", tmp_path / "out.vcf.gz")


def test_bcf_shards_hold_the_records_of_the_file(tmp_path):
    vcf = write(tmp_path / "in.bcf")
    manifest = split_variants(vcf, tmp_path / "shards", GRID, 3)
    with read_variants(vcf) as reader:
        wanted = [record.raw for record in reader]
    found = []
    for shard in manifest.shards:
        with read_variants(tmp_path / "shards" / shard.name) as reader:
            found += [record.raw for record in reader]
    assert found == wanted
