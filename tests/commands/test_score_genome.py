"""The command ``score-genome``: its options, one line for each mistake, and what a kill leaves."""

import gzip
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from hyenadna_kit import cli
from tests.commands.score_folder import ENVIRONMENT, save_small_model

PART_BASES = 200
# The same command line, in parts that are small enough to be interrupted.
MAIN = (
    "import sys; from hyenadna_kit import cli; from hyenadna_kit.scoring import genome_scores_parts; "
    f"genome_scores_parts._PART_BASES = {PART_BASES}; sys.exit(cli.main())"
)
BASES = "".join(random.Random(0).choices("ACGT", k=600))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{BASES}\n>chr2\nACGTN\n")
    return path


def words(model, genome, out, *more):
    return ["score-genome", *map(str, ["--model", model, "--genome", genome, "--out", out, *more])]


def rows(path):
    text = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [line.split("\t") for line in text if not line.startswith("#")]


def test_table_and_a_summary(model, genome, tmp_path, capsys):
    out = tmp_path / "x.tsv.gz"
    assert cli.main(words(model, genome, out)) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    progress, summary = captured.err.splitlines()
    assert progress.startswith("605 bases in ")
    assert summary == f"{out}: 605 bases, 604 of them with scores"
    assert len(rows(out)) == 605


def test_figures_are_those_of_score(model, genome, tmp_path):
    positions = range(1, 600, 37)
    header = "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    alts = {base: ",".join(other for other in "ACGT" if other != base) for base in "ACGT"}
    vcf, scored, out = (tmp_path / name for name in ("in.vcf", "out.vcf", "x.tsv.gz"))
    vcf.write_text(
        header
        + "".join(f"chr1\t{pos}\t.\t{BASES[pos - 1]}\t{alts[BASES[pos - 1]]}\t.\t.\t.\n" for pos in positions)
    )
    options = ["--window", "24", "--horizon", "5", "--min_left_context", "9", "--strands", "both"]
    files = ["--model", model, "--genome", genome, "--vcf", vcf, "--out", scored]
    assert cli.main(["score", *map(str, [*files, *options])]) == 0
    assert cli.main(words(model, genome, out, *options)) == 0
    found = {int(pos): cells for contig, pos, _, *cells in rows(out) if contig == "chr1"}
    lines = [line for line in scored.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == len(positions)
    for line in lines:
        pos, llr = int(line.split("\t")[1]), re.search(r"HK_LLR=([^;]*)", line)[1]
        values = [float(cell) for cell in found[pos] if cell != "."]
        assert values == pytest.approx([float(value) for value in llr.split(",")], abs=1e-5)


def test_regions_tracks_and_options_reach_the_work(model, genome, tmp_path):
    pytest.importorskip("pybigtools", reason="pybigtools is in the extra bigwig")
    out = tmp_path / "x.tsv.gz"
    options = ["--regions", "chr1:11-20,chr2", "--bigwig", "--strands", "reverse", "--window", "16"]
    assert cli.main(words(model, genome, out, *options)) == 0
    assert [row[:2] for row in rows(out)] == [
        *(["chr1", str(pos)] for pos in range(11, 21)),
        *(["chr2", str(pos)] for pos in range(1, 6)),
    ]
    assert sorted(path.name for path in tmp_path.glob("x.*")) == [
        "x.A.bw",
        "x.C.bw",
        "x.G.bw",
        "x.T.bw",
        "x.tsv.gz",
        "x.tsv.gz.tbi",
    ]
    line = "window=16,horizon=4,min_left_context=8,placement=grid,strands=reverse"
    assert f"##hyenadna_kit_scorer=<{line}>\n".encode() in gzip.decompress(out.read_bytes())


def test_bed_names_the_regions(model, genome, tmp_path):
    bed = tmp_path / "r.bed"
    bed.write_text("chr1\t4\t6\n")
    assert cli.main(words(model, genome, tmp_path / "x.tsv.gz", "--bed", bed)) == 0
    assert [row[1] for row in rows(tmp_path / "x.tsv.gz")] == ["5", "6"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--out", "x.vcf"], "output x.vcf must be named X.tsv.gz"),
        (["--batch_size", "0"], "batch_size must be at least 1, got 0"),
        (["--window", "2"], "must together be less than the window of 2 bp"),
        (["--regions", "chr9"], "contig 'chr9' is not in"),
        (["--regions", "chr2:3-6"], "must hold a base and end inside contig 'chr2'"),
        (["--regions", "chr2:1-2,chr2:2-3"], "chr2:1-2 and chr2:2-3 overlap"),
        (["--regions", "chr2", "--bed", "r.bed"], "either --regions"),
        (["--genome", "absent.fa"], "genome absent.fa is neither"),
        (["--model", "absent"], "absent"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_mistake_is_one_line_with_its_value_and_writes_nothing(
    model, genome, tmp_path, capsys, monkeypatch, more, message
):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    given = {"--model": model, "--genome": genome, "--out": "x.tsv.gz"}
    given |= dict(zip(more[::2], more[1::2], strict=True))
    assert cli.main(["score-genome", *(str(word) for pair in given.items() for word in pair)]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("hyenadna-kit score-genome: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert sorted(tmp_path.iterdir()) == before


def start(arguments):
    command = [sys.executable, "-c", MAIN, *arguments]
    return subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, start_new_session=True)


def wait_for(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def long_genome(tmp_path):
    path = tmp_path / "long.fa"
    path.write_text(f">chr1\n{''.join(random.Random(1).choices('ACGTN', k=16_000))}\n>chr2\n{BASES}\n")
    return path


@pytest.mark.kill
def test_killed_runs_are_finished_by_the_same_command_byte_by_byte(model, long_genome, tmp_path):
    out, whole = tmp_path / "again" / "x.tsv.gz", tmp_path / "whole" / "x.tsv.gz"
    done = 0
    for _ in range(2):
        process = start(words(model, long_genome, out))
        wait_for(lambda: process.poll() is not None or num_parts(out) > done + 2)  # noqa: B023 - waits here
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.stderr.close()
        assert not out.exists()
        done = num_parts(out)
    assert finish(words(model, long_genome, out)) == 0
    assert finish(words(model, long_genome, whole)) == 0
    for folder in (out.parent, whole.parent):
        assert sorted(path.name for path in folder.iterdir()) == ["x.tsv.gz", "x.tsv.gz.tbi"]
    for path in out.parent.iterdir():
        assert path.read_bytes() == (whole.parent / path.name).read_bytes()


def num_parts(out):
    return len([*out.with_name("x.tsv.gz.parts").glob("0*.gz")])


def finish(arguments):
    process = start(arguments)
    process.communicate(timeout=120)
    return process.returncode


@pytest.mark.kill
def test_interrupted_run_says_so_in_one_line_and_leaves_its_parts(model, long_genome, tmp_path):
    out = tmp_path / "x.tsv.gz"
    process = start(words(model, long_genome, out))
    wait_for(lambda: process.poll() is not None or num_parts(out) > 2)
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=60)[1].decode().splitlines()
    assert error[-1] == "hyenadna-kit: interrupted"
    assert process.returncode == 130
    assert not out.exists()
    assert (tmp_path / "x.tsv.gz.parts" / "job.json").exists()
