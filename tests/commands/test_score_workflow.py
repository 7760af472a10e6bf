"""What ``score-batch`` says while Snakemake runs and where it fails, with other programs in its place."""

import subprocess
import sys

import pytest

from hyenadna_kit.commands import score_workflow
from hyenadna_kit.commands.score_workflow import Workflow
from hyenadna_kit.errors import InputError
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.shards import split_variants
from hyenadna_kit.testing import toy_genome, toy_variants, write_toy_vcf

FAULT = "hyenadna-kit score: no space\n"


@pytest.fixture
def work(tmp_path):
    """The folder of a job whose first of three shards is scored."""
    contigs = toy_genome(length=40_000).contigs
    vcf = tmp_path / "in.vcf"
    write_toy_vcf(vcf, contigs, toy_variants(contigs, count=300))
    work = tmp_path / "work"
    split_variants(vcf, work / "shards", Placement.for_window(64), 3)
    for name in ("scored", "logs"):
        (work / name).mkdir()
    (work / "scored" / "0000.vcf.gz").touch()
    return work


def num_records(work, shard):
    lines = subprocess.run(["gzip", "-dc", work / "shards" / shard], capture_output=True).stdout.splitlines()
    return sum(not line.startswith(b"#") for line in lines)


def run(work, monkeypatch, code):
    """Run a job with a Python program in place of Snakemake."""
    monkeypatch.setattr(score_workflow, "_snakemake", lambda profile: [sys.executable, "-c", code])
    with (work / ".lock").open("w") as lock:
        Workflow(work=work, profile="local", cores=1).run(lock.fileno())


def test_progress_counts_what_is_scored_now_and_not_what_an_earlier_run_has_done(work, monkeypatch, capsys):
    second = work / "scored" / "0001.vcf.gz"
    run(work, monkeypatch, f"import pathlib, time; pathlib.Path({str(second)!r}).touch(); time.sleep(1)")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{num_records(work, '0001.vcf.gz')} records in ")


def test_nothing_is_counted_where_all_is_done(work, monkeypatch, capsys):
    for name in ("0001.vcf.gz", "0002.vcf.gz"):
        (work / "scored" / name).touch()
    run(work, monkeypatch, "import time; time.sleep(0.5)")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("logs", "message"),
    [
        (
            {},
            "Snakemake ended with status 3: no such executor; see {logs}/snakemake.log; "
            "the same command goes on from what is done",
        ),
        (
            {"0001": "2 records\nhyenadna-kit score: no space\n"},
            "shard 0001 failed: no space; see {logs}/0001.log",
        ),
        (
            {"0001": FAULT, "0002": FAULT},
            "shard 0001 failed (and 1 more): no space; see {logs}/0001.log",
        ),
        ({"gather": "hyenadna-kit gather-scores: 0002 is missing\n"}, "gather failed: 0002 is missing"),
    ],
    ids=["Snakemake itself", "a shard", "two shards", "gather"],
)
def test_fault_names_the_step_its_reason_and_its_log(work, monkeypatch, logs, message):
    for name, text in logs.items():
        (work / "logs" / f"{name}.log").write_text(text)
    with pytest.raises(InputError) as caught:
        run(work, monkeypatch, "import sys; print('no such executor\\n'); sys.exit(3)")
    assert str(caught.value).startswith(message.format(logs=work / "logs"))


def test_missing_plugin_for_slurm_is_told_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", {"snakemake": object()}.get)
    local, slurm = (Workflow(work=tmp_path, profile=name, cores=1) for name in ("local", "slurm"))
    assert local.words()[:3] == [sys.executable, "-m", "snakemake"]
    with pytest.raises(InputError, match=r"plugin for SLURM is not installed; .*'hyenadna_kit\[pipelines\]'"):
        slurm.words()
