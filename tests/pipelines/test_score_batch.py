"""The command score-batch on Snakemake: the bytes of one score, whatever is killed on the way."""

import copy
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hyenadna_kit import cli
from hyenadna_kit.commands import score_batch
from hyenadna_kit.commands.score import TOO_FEW_SCORED
from hyenadna_kit.errors import InputError
from hyenadna_kit.testing import tiny_model, toy_genome, toy_variants, write_toy_genome, write_toy_vcf
from tests.oracles.vcf import write_bcf
from tests.pipelines.needs import needs_slurm, needs_slurm_plugin, needs_snakemake
from tests.pipelines.one_node_slurm import SNAKEMAKE_PROFILE, one_node_slurm
from tests.pipelines.sessions import is_any, is_driver, kill_some, needs_proc

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "pipelines" / "score" / "profiles"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
PROGRAM = [sys.executable, "-m", "hyenadna_kit.cli"]
LENGTH, NUM_VARIANTS = 40_000, 400


class Inputs:
    """A model, a genome, variants of it, and what one run of score makes of them."""

    def __init__(self, folder):
        self.model, self.genome, self.vcf = folder / "model", folder / "genome.fa", folder / "in.vcf"
        tiny_model().save_pretrained(self.model)
        write_toy_genome(self.genome, length=LENGTH)
        contigs = toy_genome(length=LENGTH).contigs
        variants = toy_variants(contigs, count=NUM_VARIANTS)
        write_toy_vcf(self.vcf, contigs, variants, with_faults=True)
        self.whole = folder / "whole.vcf.gz"
        assert self.run("score", "--vcf", self.vcf, "--out", self.whole).returncode == 0

    def words(self, command, *more):
        return [*PROGRAM, *map(str, [command, "--model", self.model, "--genome", self.genome, *more])]

    def run(self, command, *more, **how):
        how = {"env": ENVIRONMENT} | how
        return subprocess.run(self.words(command, *more), capture_output=True, text=True, **how)

    def batch(self, out, *more, shards=3, **how):
        return self.run("score-batch", *self.options(out, *more, shards=shards), **how)

    def options(self, out, *more, vcf=None, shards=3):
        return ["--vcf", vcf or self.vcf, "--out", out, "--shards", shards, "--cores", 2, *more]

    def words_without(self, *replaced):
        """Return the words of a job in this folder, but for options that are given anew."""
        given = {"--model": self.model, "--genome": self.genome, "--vcf": self.vcf, "--out": "out.vcf"}
        kept = [(name, value) for name, value in given.items() if name not in replaced]
        return ["score-batch", *(str(word) for pair in kept for word in pair), *replaced]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return Inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def done(inputs, tmp_path_factory):
    """Return the output of a finished job, and what the command said."""
    out = tmp_path_factory.mktemp("done") / "out.vcf.gz"
    annotation = out.with_name("genes.bed")
    annotation.write_text("toy1\t0\t12000\tgene\n")
    return out, inputs.batch(out, "--annotation", annotation)


@needs_snakemake
def test_output_is_that_of_one_score_to_the_byte(inputs, done):
    out, result = done
    assert result.returncode == 0, result.stderr
    assert out.read_bytes() == inputs.whole.read_bytes()
    index = [path.with_name(f"{path.name}.tbi").read_bytes() for path in (out, inputs.whole)]
    assert index[0] == index[1]


@needs_snakemake
def test_command_says_what_became_of_the_alts(done):
    out, result = done
    lines = result.stderr.splitlines()
    assert lines[-3].startswith(f"{out}: ")
    assert lines[-2].startswith("status: PASS ")
    assert lines[-1] == f"report: {out}.work/report.html"
    assert result.stdout == ""


@needs_snakemake
def test_report_counts_what_is_in_the_output(done):
    out, _ = done
    report = json.loads(out.with_name("out.vcf.gz.work").joinpath("report.json").read_text())
    rows = [
        line.split("\t") for line in gzip.decompress(out.read_bytes()).decode().splitlines() if line[0] != "#"
    ]
    alts = [status for row in rows for status in row[7].split("HK_STATUS=")[1].split(",")]
    assert (report["records"], report["alts"]) == (len(rows), len(alts))
    assert report["statuses"] == {name: alts.count(name) for name in report["statuses"]}
    assert sum(shard["records"] for shard in report["shards"]) == len(rows)
    assert all(shard["seconds"] > 0 for shard in report["shards"])
    for kind, name in [
        ("regions", "non-coding exon"),
        ("consequences", "non_coding_transcript_exon_variant"),
    ]:
        counts = {group: scores["HK_DELTA_LL"]["count"] for group, scores in report[kind].items()}
        assert counts[name] > 0
        assert sum(counts.values()) == report["scored"]


@needs_snakemake
def test_every_shard_has_a_log(done):
    out, _ = done
    logs = out.with_name("out.vcf.gz.work") / "logs"
    assert all("ALTs scored" in (logs / f"{number:04d}.log").read_text() for number in range(3))


@needs_snakemake
def test_finished_job_is_not_done_again_and_a_lost_output_is_gathered_again(inputs, done):
    out, _ = done
    work = out.with_name("out.vcf.gz.work")
    before = {path: path.stat().st_mtime_ns for path in [out, *work.glob("scored/*.vcf.gz")]}
    more = ["--annotation", out.with_name("genes.bed")]
    assert inputs.batch(out, *more).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    out.unlink()
    assert inputs.batch(out, *more).returncode == 0
    assert out.read_bytes() == inputs.whole.read_bytes()
    assert all(path.stat().st_mtime_ns == before[path] for path in work.glob("scored/*.vcf.gz"))


@needs_snakemake
def test_folder_of_another_job_is_refused(inputs, done):
    out, _ = done
    result = inputs.batch(out, shards=4)
    assert result.returncode == 1
    assert "holds another job (shards differ); give --work another folder" in result.stderr
    result = inputs.batch(out, "--horizon", 5, "--strands", "both")
    assert "holds another job (horizon, strands differ)" in result.stderr
    assert out.read_bytes() == inputs.whole.read_bytes()


@needs_snakemake
@pytest.mark.slow
def test_bcf_options_and_status_reach_the_shards(inputs, tmp_path):
    vcf, options = (
        tmp_path / "in.bcf",
        ["--strands", "both", "--scores", "delta_ll,llr", "--max_unscored", "0"],
    )
    write_bcf(vcf, inputs.vcf.read_bytes())
    # Relative paths among the options are of the folder in which the command is given.
    shutil.copytree(inputs.model, tmp_path / "my model")
    relative = copy.copy(inputs)
    relative.model = "my model"
    batch = relative.run("score-batch", *inputs.options("out.bcf", *options, vcf="in.bcf"), cwd=tmp_path)
    whole = relative.run("score", "--vcf", vcf, "--out", "whole.bcf", *options, cwd=tmp_path)
    assert (batch.returncode, whole.returncode) == (TOO_FEW_SCORED, TOO_FEW_SCORED), batch.stderr
    assert (tmp_path / "out.bcf").read_bytes() == (tmp_path / "whole.bcf").read_bytes()
    assert (tmp_path / "out.bcf.csi").read_bytes() == (tmp_path / "whole.bcf.csi").read_bytes()


@needs_snakemake
@pytest.mark.slow
def test_fault_of_a_shard_is_one_line_and_the_older_output_stays(inputs, tmp_path):
    out = tmp_path / "out.vcf"
    out.write_text("older")
    result = inputs.batch(out, "--on_ref_mismatch", "error", shards=2)
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("hyenadna-kit")]
    assert "shard 0000 failed: " in line
    assert "REF 'A' is not what the genome has there" in line
    assert out.read_text() == "older"


def is_driver_or_snakemake(pid, words, session):
    return pid == session or any("snakemake" in word for word in words[:4])


def is_worker(pid, words, session):
    return "score" in words


@needs_snakemake
@pytest.mark.slow
@pytest.mark.kill
@needs_proc
@pytest.mark.parametrize("is_victim", [is_driver, is_driver_or_snakemake, is_worker, is_any])
def test_same_command_after_a_kill_gives_the_same_bytes(inputs, tmp_path, is_victim):
    out, seed = tmp_path / "out.vcf.gz", os.environ.get("HYENADNA_KIT_KILL_SEED", "0")
    words = inputs.words("score-batch", *inputs.options(out))
    moments = random.Random(f"{seed} {is_victim.__name__}")
    for _ in range(2):
        process = subprocess.Popen(
            words,
            env=ENVIRONMENT,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(1, 9))
        kill_some(process.pid, is_victim)
        assert process.wait(timeout=120) in (0, 1, -signal.SIGKILL)
        assert not out.exists() or out.read_bytes() == inputs.whole.read_bytes()
    result = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert out.read_bytes() == inputs.whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} >= {"out.vcf.gz", "out.vcf.gz.tbi", "out.vcf.gz.work"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--shards", "0"], "--shards must be at least 1, got 0"),
        (["--cores", "0"], "--cores must be at least 1, got 0"),
        (["--max_unscored", "2"], "--max_unscored is a share between 0 and 1, got 2"),
        (["--vcf", "-"], "score-batch reads and writes files"),
        (["--out", "-"], "score-batch reads and writes files"),
        (["--out", "out.txt"], "output out.txt must end in .vcf, .vcf.gz, .bcf"),
        (["--annotation", "none.gff"], "--annotation none.gff is no file; check the path"),
        (["--calibration", "none.npz"], "--calibration none.npz is no file; make one with"),
        (["--background", "none.vcf"], "--background none.vcf is no file; check the path"),
        (
            ["--lookup", "snvs.tsv.gz"],
            "--lookup takes seconds and needs no shards",
        ),
        (["--profile", "none"], "--profile none is neither local nor slurm nor a folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistake_is_one_line_before_anything_runs(inputs, tmp_path, monkeypatch, capsys, more, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hyenadna_kit.commands.score_workflow._snakemake", lambda profile: ["false"])
    assert cli.main(inputs.words_without(*more)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"hyenadna-kit score-batch: {message}")
    assert not list(tmp_path.iterdir())


def test_folder_of_another_job_is_refused_by_the_options_that_differ(tmp_path):
    first = {"version": "1", "shards": 8, "vcf_sha256": "a", "calibration_sha256": "b"}
    claim = score_batch._claim
    claim(tmp_path / "job.json", first)
    claim(tmp_path / "job.json", first)
    with pytest.raises(InputError, match=r"holds another job \(calibration, shards, vcf differ\)"):
        claim(tmp_path / "job.json", {"version": "1", "shards": 4, "vcf_sha256": "c"})


def test_missing_snakemake_is_told_with_its_remedy(inputs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.chdir(tmp_path)
    assert cli.main(inputs.words_without()) == 1
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().err == (
        "hyenadna-kit score-batch: Snakemake is not installed; run: pip install 'hyenadna_kit[pipelines]'\n"
    )


@needs_snakemake
@pytest.mark.slow
@needs_slurm_plugin
@needs_slurm
def test_slurm_gives_the_same_bytes(inputs, tmp_path, tmp_path_factory):
    profile, out = tmp_path / "profile", tmp_path / "out.vcf.gz"
    shutil.copytree(PROFILES / "slurm", profile)
    with (profile / "config.yaml").open("a") as shipped:
        shipped.write(SNAKEMAKE_PROFILE)
    with one_node_slurm(tmp_path_factory.mktemp("slurm")) as environment:
        result = inputs.batch(out, "--profile", profile, shards=2, env=ENVIRONMENT | environment)
    assert result.returncode == 0, result.stderr
    assert out.read_bytes() == inputs.whole.read_bytes()
    log = (tmp_path / "out.vcf.gz.work" / "logs" / "snakemake.log").read_text()
    assert log.count("has been submitted with SLURM jobid") == 1 + 2 + 1 + 1


def test_dry_run_writes_nothing(inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main([*inputs.words_without(), "--dry_run"]) == 0
    assert not list(tmp_path.iterdir())
