"""bcftools beside ``score``: around it in a pipeline, and reading all that it writes without a word."""

import importlib.util
import shlex
import shutil
import subprocess

import pytest

from hyenadna_kit import cli
from tests.commands.score_folder import (
    BASES,
    COMMAND,
    ENVIRONMENT,
    HEADER,
    SNVS,
    Folder,
    other,
    record,
    save_small_model,
)
from tests.oracles.vcf import write_bcf, write_bgzip

pytestmark = pytest.mark.skipif(
    shutil.which("bcftools") is None, reason="bcftools is not installed: apt-get install bcftools"
)

Q10 = '##FILTER=<ID=q10,Description="Quality below 10">\n'
LINES = [
    record(5),
    *SNVS[:40],
    record(130, BASES[129], f"{other(BASES[129])},*"),
    record(140, BASES[139], f"{BASES[139]}ACGT"),
    record(150, BASES[149:153], BASES[149]),
    record(160, alt="<DEL>"),
    record(170, other(BASES[169]), BASES[169]),
    record(180, alt="."),
    record(190).replace("PASS", "q10"),
    record(7, "A", "C", "chr2"),
]
STATUSES = {"EDGE_PADDED", "PASS", "STAR", "SYMBOLIC", "REF_MISMATCH", "NO_ALT", "NO_CONTIG"}
SUFFIXES = (".vcf", ".vcf.gz", ".bcf")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, model):
    """A folder with the lines in every format, null scores, and the scores of every SNV."""
    folder = Folder(tmp_path_factory.mktemp("folder"), model)
    text = (HEADER.replace("##contig", f"{Q10}##contig", 1) + "\n".join(LINES) + "\n").encode()
    (folder.path / "in.vcf").write_bytes(text)
    write_bgzip(folder.path / "in.vcf.gz", text)
    write_bcf(folder.path / "in.bcf", text)
    null = ["--out", folder.path / "null.npz", "--num_variants", 400]
    assert run(folder, "calibrate", *null, "--model", model) == 0
    assert run(folder, "score-genome", "--out", folder.path / "snvs.tsv.gz", "--model", model) == 0
    return folder


def run(folder, command, *words):
    return cli.main([command, "--genome", str(folder.genome), *map(str, words)])


def bcftools(*words):
    """Return what bcftools prints; it may not complain."""
    done = subprocess.run(["bcftools", *map(str, words)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def score(folder, out, *more, vcf="in.vcf"):
    assert folder.run(folder.path / vcf, *more, out=out) == 0


def look_up(folder, out):
    words = ["--lookup", folder.path / "snvs.tsv.gz", "--vcf", folder.path / "in.vcf", "--out", out]
    assert run(folder, "score", *words) == 0


def gather(folder, out):
    shards, scored = out.with_name("shards"), out.with_name("scored")
    words = ["--vcf", folder.path / "in.vcf", "--out", shards, "--shards", "3", "--window", "32"]
    assert cli.main(["split-variants", *map(str, words)]) == 0
    for shard in shards.glob("*.vcf.gz"):
        score(folder, scored / shard.name, "--max_unscored", "1", vcf=shard)
    words = ["--manifest", shards / "manifest.json", "--scored", scored, "--out", out]
    assert cli.main(["gather-scores", *map(str, words)]) == 0


def in_batch(folder, out):
    if importlib.util.find_spec("snakemake") is None and shutil.which("snakemake") is None:
        pytest.skip("Snakemake is not installed: pip install 'hyenadna_kit[pipelines]'")
    words = ["--vcf", folder.path / "in.vcf", "--out", out, "--shards", 2, "--cores", 2]
    assert run(folder, "score-batch", "--model", folder.model, *words) == 0


WAYS = {
    "score": score,
    "score of BCF": lambda folder, out: score(folder, out, vcf="in.bcf"),
    "score --calibration --include": lambda folder, out: score(
        folder, out, "--calibration", folder.path / "null.npz", "--include", "PASS,."
    ),
    "score --on_ref_mismatch swap": lambda folder, out: score(folder, out, "--on_ref_mismatch", "swap"),
    "score --lookup": look_up,
    "gather-scores": gather,
}


def check(out):
    """Let bcftools read a file whole, by region, and as all that it can write."""
    lines = bcftools("view", "--no-header", out).splitlines()
    assert [line.split("\t")[:5] for line in lines] == [line.split("\t")[:5] for line in LINES]
    for form in "vzb":  # BCF has no room for what the header does not declare
        bcftools("view", f"-O{form}", "-o", out.with_name("again"), out)
    if out.suffix == ".vcf":
        return
    if out.suffix == ".gz":  # of any BCF bcftools says that its index names no contigs
        assert bcftools("index", "--nrecords", out) == f"{len(LINES)}\n"
    places = [(int(position), ref) for _, position, _, ref, *_ in (line.split("\t") for line in LINES[:-1])]
    expected = [f"{position}\n" for position, ref in places if position <= 151 <= position + len(ref) - 1]
    assert bcftools("query", "-r", "chr1:151", "-f", r"%POS\n", out) == "".join(expected) == "150\n"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("way", WAYS)
def test_every_output_is_read_without_a_word(folder, tmp_path, way, suffix):
    out = tmp_path / f"out{suffix}"
    WAYS[way](folder, out)
    check(out)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".vcf.gz", ".bcf"])
def test_output_of_a_batch_is_read_without_a_word(folder, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    in_batch(folder, out)
    check(out)


def test_scores_and_statuses_are_found_by_their_names(folder, tmp_path):
    out = tmp_path / "out.bcf"
    score(folder, out, "--calibration", folder.path / "null.npz")
    statuses = bcftools("query", "-f", r"%HK_STATUS\n", out).splitlines()
    assert {status for line in statuses for status in line.split(",")} == STATUSES
    chosen = bcftools("query", "-i", "HK_PCT<=0.5", "-f", r"%HK_PCT\n", out).split()
    every = bcftools("query", "-f", r"%HK_PCT\n", out).split()
    small = [line for line in every if any(value != "." and float(value) <= 0.5 for value in line.split(","))]
    assert 0 < len(chosen) < len(every)
    assert chosen == small


def pipeline(folder, before, behind):
    """Run ``before | hyenadna-kit score | behind`` in a shell that fails where one of the three does."""
    words = shlex.join([*COMMAND, *folder.words("-", out="-")])
    command = f"set -o pipefail; {before} | {words} | {behind}"
    return subprocess.run(["bash", "-c", command], env=ENVIRONMENT, capture_output=True, text=True)


QUERY = r"bcftools query -f '%CHROM\t%POS\t%REF\t%ALT\t%FILTER\t%HK_DELTA_LL\t%HK_NTOK\t%HK_STATUS\n'"


@pytest.fixture(scope="module")
def queried(folder):
    """What bcftools reads of the file that ``score`` writes of a file."""
    out = folder.path / "whole.vcf"
    assert folder.start(folder.path / "in.vcf", out=out).returncode == 0
    return subprocess.run(
        ["bash", "-c", f"{QUERY} {shlex.quote(str(out))}"], capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize(
    ("name", "form"), [("in.vcf", "-Ov"), ("in.vcf", "-Oz"), ("in.vcf.gz", "-Ob"), ("in.bcf", "-Ou")]
)
def test_pipeline_gives_what_files_give(folder, queried, name, form):
    done = pipeline(folder, f"bcftools view {form} {shlex.quote(str(folder.path / name))}", QUERY)
    assert done.returncode == 0, done.stderr
    assert queried.count("\n") == len(LINES)
    assert done.stdout == queried
    progress, summary, statuses = done.stderr.splitlines()
    assert progress.startswith(f"{len(LINES)} records in ")
    assert summary.startswith(f"-: {len(LINES)} records, ")
    assert statuses.startswith("status: PASS ")


def test_pipeline_fails_where_nothing_comes_through_it(folder):
    done = pipeline(folder, "bcftools view absent.vcf", QUERY)
    assert done.returncode != 0
    assert "hyenadna-kit score: standard input is empty; expected VCF or BCF\n" in done.stderr
    assert done.stdout == ""


@pytest.fixture(scope="module")
def undeclared(folder):
    """The same records below a header that declares no contig, the last of them with END."""
    head = "".join(line for line in HEADER.splitlines(keepends=True) if not line.startswith("##contig"))
    lines = [*LINES[:-1], with_end(LINES[-1])]
    path = folder.path / "undeclared.vcf"
    path.write_text(head.replace("#CHROM", f"{Q10}#CHROM") + "\n".join(lines) + "\n")
    return path


def with_end(line):
    """Return a record whose INFO says only where it ends."""
    columns = line.split("\t")
    return "\t".join([*columns[:7], "END=7", *columns[8:]])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("num_shards", [1, 3])
def test_what_the_header_of_the_input_lacks_is_declared(folder, undeclared, tmp_path, suffix, num_shards):
    out, shards, scored = tmp_path / f"out{suffix}", tmp_path / "shards", tmp_path / "scored"
    score(folder, out, vcf=undeclared)
    check(out)
    contigs = [line for line in bcftools("head", out).splitlines() if line.startswith("##contig")]
    assert contigs == ["##contig=<ID=chr1>", "##contig=<ID=chr2>"]

    words = ["--vcf", undeclared, "--out", shards, "--shards", num_shards, "--window", 32]
    assert cli.main(["split-variants", *map(str, words)]) == 0
    for shard in shards.glob("*.vcf.gz"):
        check_header = bcftools("view", "--header-only", shard)
        assert "##contig=<ID=chr2>" in check_header
        score(folder, scored / shard.name, "--max_unscored", "1", vcf=shard)
    gathered = tmp_path / f"gathered{suffix}"
    words = ["--manifest", shards / "manifest.json", "--scored", scored, "--out", gathered]
    assert cli.main(["gather-scores", *map(str, words)]) == 0
    assert gathered.read_bytes() == out.read_bytes()


def test_a_header_that_declares_all_is_left_alone(folder, tmp_path):
    score(folder, tmp_path / "out.vcf")
    theirs = [line for line in HEADER.splitlines() if line.startswith("##contig")]
    ours = [line for line in (tmp_path / "out.vcf").read_text().splitlines() if line.startswith("##contig")]
    assert ours == theirs
