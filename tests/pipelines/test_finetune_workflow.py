"""The workflow of fine-tuning: tasks times recipes times seeds, and the same numbers whatever is killed."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from hyenadna_kit.model import HyenaDNAConfig
from tests.pipelines.needs import needs_slurm, needs_slurm_plugin, needs_snakemake_beside, snakemake
from tests.pipelines.one_node_slurm import one_node_slurm, profile_of_one_node
from tests.pipelines.sessions import is_any, is_driver, kill_in_training, needs_proc
from tests.test_readme import whole_lines
from tests.training.test_finetune import BACKBONE, write_task

ROOT = Path(__file__).parents[2]
PIPELINE = ROOT / "pipelines" / "finetune"
HERE = ("--profile", PIPELINE / "profiles" / "local", "--cores", 2)
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
PROGRAM = [sys.executable, "-m", "hyenadna_kit.cli"]
SECONDS = 1800
RECIPE = "pooling: max\nepochs: {epochs}\npatience: 1000\nbatch_size: 10\nprecision: fp32\n"
RECIPES = {"short": RECIPE.format(epochs=1), "long": RECIPE.format(epochs=2)}
FILES = {"train": "train.csv", "validation": "validation.csv", "test": "test.csv"}
SWEEP = {
    "tasks": {"files": FILES, "folder": {"data": "folder"}},
    "models": ["m"],
    "recipes": ["short.yaml"],
    "seeds": [0, 3],
    "baselines": ["kmer", "scratch"],
    "control": "shuffled",
    "threads": 1,
}
ALONE = {
    "tasks": {"files": FILES},
    "recipes": ["long.yaml"],
    "seeds": [0],
    "baselines": ["kmer"],
    "control": "none",
}

pytestmark = needs_snakemake_beside


def write_sweep(folder, **changes):
    """Write all that a sweep reads, and return the folder."""
    torch.manual_seed(0)
    HyenaDNAConfig(backbone=BACKBONE).build().save_pretrained(folder / "m")
    (folder / "folder").mkdir()
    for seed, (name, count) in enumerate({"train": 60, "validation": 20, "test": 20}.items()):
        write_task(folder / f"{name}.csv", count, seed)
        write_task(folder / "folder" / f"{name}.csv", count, seed + 10)
    for name, text in RECIPES.items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "config.yaml").write_text(yaml.safe_dump(SWEEP | changes))
    return folder


def words(folder, *more, where=HERE):
    """Return the command of README.md."""
    options = ["--snakefile", PIPELINE / "Snakefile", "--directory", folder]
    options += ["--configfile", folder / "config.yaml", *where, *more]
    return [*snakemake(), *map(str, options)]


def run(folder, *more, env=ENVIRONMENT, where=HERE):
    command = words(folder, *more, where=where)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS)


def finetune(folder, out, run_name, **options):
    """Return the metrics of one command that does all that the workflow does for a run."""
    given = {"config": f"runs/{run_name}/options.yaml", "out": str(out)} | options
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [*PROGRAM, "finetune", *words],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return (out / "metrics.json").read_bytes()


def job_counts(told):
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", told.stdout, re.MULTILINE)}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Return the folder of a finished sweep; tests that change it copy it."""
    folder = write_sweep(tmp_path_factory.mktemp("done"))
    finished = run(folder)
    assert finished.returncode == 0, finished.stderr
    return folder


def test_dry_run_counts_the_jobs_of_every_task_recipe_seed_and_baseline_and_trains_nothing(tmp_path):
    write_sweep(tmp_path, recipes=["short.yaml", "long.yaml"])
    before = sorted(path.name for path in tmp_path.iterdir())
    told = run(tmp_path, "--dry-run", "--quiet", "rules")
    assert told.returncode == 0, told.stderr
    runs = 2 * 2
    wanted = {
        "options": runs,
        "train": 2 * runs,
        "baseline": (1 + 2) * runs,
        "control": runs,
        "measure": runs,
    }
    assert job_counts(told).items() >= (wanted | {"report": 1}).items()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".snakemake") == before


def test_lines_of_the_readme_lead_to_a_sweep(tmp_path):
    for name in ("pipelines", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    block = re.findall(r"```bash\n(.*?)```", (PIPELINE / "README.md").read_text(), flags=re.DOTALL)[0]
    lines = whole_lines(block).splitlines()
    assert [line.split()[0] for line in lines] == [
        *("mkdir", "cp", "cp", "sed"),
        *["hyenadna-kit"] * 3,
        "snakemake",
    ]
    made = f"mkdir {shlex.split(lines[6])[-1]}"
    tables = [f"touch {shlex.split(lines[6])[-1]}/{name}.csv" for name in FILES]
    lines[4:] = [made, *tables, f"{shlex.join(snakemake())} --dry-run {lines[7].partition(' ')[2]}"]
    how = {"cwd": tmp_path, "env": ENVIRONMENT, "capture_output": True, "text": True}
    told = subprocess.run(["bash", "-euc", "\n".join(lines)], **how)
    assert told.returncode == 0, told.stderr
    assert job_counts(told)["measure"] == 2
    assert "pooling: mean" in (tmp_path / "sweep" / "mean.yaml").read_text()


MISTAKES = {
    "unknown key": (
        {"recipe": ["short.yaml"]},
        "configuration: unknown key 'recipe'; did you mean 'recipes'?",
    ),
    "missing file": (
        {"tasks": {"x": {"data": "none"}}},
        "configuration: task x with short.yaml: there is no none",
    ),
}


@pytest.mark.parametrize(("changes", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_one_line_before_anything_runs(tmp_path, changes, message):
    write_sweep(tmp_path, **changes)
    refused = run(tmp_path)
    assert refused.returncode == 1
    (line,) = (line for line in refused.stderr.splitlines() if not line.startswith("Using profile "))
    assert line.startswith(f"pipelines/finetune: {message}")
    assert not (tmp_path / "logs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["files/short-m", "folder/short-m"])
def test_metrics_are_those_of_one_command_to_the_byte(done, tmp_path, name):
    options = {"seeds": "0,3", "baselines": "kmer,scratch", "control": "shuffled"}
    assert (done / "runs" / name / "metrics.json").read_bytes() == finetune(done, tmp_path, name, **options)


@pytest.mark.slow
def test_one_report_holds_every_task_and_run(done):
    report = json.loads((done / "report.json").read_text())
    assert [(task["task"], task["chosen"]) for task in report["tasks"]] == [
        ("files", "short-m"),
        ("folder", "short-m"),
    ]
    for task in report["tasks"]:
        (own,) = task["runs"]
        found = json.loads((done / "runs" / task["task"] / "short-m" / "metrics.json").read_text())
        assert own["mean"] == found["test"]["mcc"]["mean"]
        assert list(own["seeds"]) == ["0", "3"]
        assert list(own["baselines"]) == ["kmer", "scratch"]
    page = (done / "report.html").read_text()
    assert '<a href="runs/folder/short-m/report.html">' in page


@pytest.mark.slow
def test_finished_sweep_is_not_done_again_and_a_further_seed_adds_its_jobs_alone(done):
    again = run(done)
    assert (again.returncode, "Nothing to be done" in again.stderr) == (0, True), again.stderr
    config = done / "more.yaml"
    config.write_text(yaml.safe_dump(SWEEP | {"seeds": [0, 3, 4]}))
    counts = job_counts(run(done, "--dry-run", "--quiet", "rules", "--configfile", config))
    assert {name: counts[name] for name in ("train", "baseline", "measure")} == dict.fromkeys(
        ("train", "baseline", "measure"), 2
    )
    assert "control" not in counts


@pytest.mark.slow
def test_recipe_or_table_that_was_changed_is_refused_and_what_it_made_stays(done, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(done, folder)
    path = folder / "runs" / "files" / "short-m" / "seeds" / "0" / "model.safetensors"
    before = path.read_bytes()
    (folder / "short.yaml").write_text(RECIPES["short"].replace("batch_size: 10", "batch_size: 12"))
    write_task(folder / "train.csv", 60, 99)
    refused = run(folder)
    assert refused.returncode == 1
    assert "runs/folder/short-m/seeds/0 holds a run with batch_size=10, not 12" in refused.stderr
    assert "runs/files/short-m/seeds/0 holds a run with batch_size=10, not 12" in refused.stderr
    assert path.read_bytes() == before
    (folder / "short.yaml").write_text(RECIPES["short"])
    refused = run(folder)
    assert refused.returncode == 1
    assert "runs/files/short-m/seeds/0 holds a run with train_fingerprint=" in refused.stderr
    assert path.read_bytes() == before


def is_worker(pid, words, session):
    return "finetune" in words


@needs_proc
@pytest.mark.slow
@pytest.mark.kill
@pytest.mark.parametrize("is_victim", [is_driver, is_worker, is_any])
def test_same_command_after_a_kill_goes_on_and_gives_the_same_numbers(tmp_path, is_victim):
    folder = tmp_path / "sweep"
    folder.mkdir()
    write_sweep(folder, **ALONE)
    (folder / "long.yaml").write_text(RECIPE.format(epochs=40))
    checkpoints = folder, "runs/*/*/seeds/*/checkpoints/last.ckpt"
    status = kill_in_training(words(folder), checkpoints, is_victim, env=ENVIRONMENT, seconds=SECONDS)
    assert status in (1, -signal.SIGKILL)
    out = folder / "runs" / "files" / "long-m"
    if is_victim is not is_driver:
        assert not (out / "seeds" / "0" / "model.safetensors").exists()
    finished = run(folder)
    assert finished.returncode == 0, finished.stderr
    expected = finetune(folder, tmp_path / "unbroken", "files/long-m", seeds="0", baselines="kmer")
    assert (out / "metrics.json").read_bytes() == expected


@needs_slurm_plugin
@needs_slurm
@pytest.mark.slow
def test_slurm_gives_the_same_numbers(tmp_path, tmp_path_factory):
    profile = profile_of_one_node(PIPELINE / "profiles" / "slurm", tmp_path / "profile")
    folder = tmp_path / "sweep"
    folder.mkdir()
    write_sweep(folder, **ALONE)
    with one_node_slurm(tmp_path_factory.mktemp("slurm")) as cluster:
        finished = run(folder, env=ENVIRONMENT | cluster, where=("--profile", profile))
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.count("has been submitted with SLURM jobid") == 3  # train, baseline, measure
    expected = finetune(folder, tmp_path / "alone", "files/long-m", seeds="0", baselines="kmer")
    assert (folder / "runs" / "files" / "long-m" / "metrics.json").read_bytes() == expected
