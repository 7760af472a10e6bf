"""The workflow of pretraining: recipes times seeds, and the same weights whatever is killed on the way."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from statistics import fmean

import pytest
import yaml

from hyenadna_kit.testing import write_toy_genome
from tests.pipelines.needs import needs_slurm, needs_slurm_plugin, needs_snakemake_beside, snakemake
from tests.pipelines.one_node_slurm import one_node_slurm, profile_of_one_node
from tests.pipelines.sessions import is_any, is_driver, kill_in_training, needs_proc
from tests.test_readme import whole_lines
from tests.training.runs import CONFIG, assert_same_run, rows

ROOT = Path(__file__).parents[2]
PIPELINE = ROOT / "pipelines" / "pretrain"
HERE = ("--profile", PIPELINE / "profiles" / "local", "--cores", 2)
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
STEPS, SECONDS = 200, 1800
RECIPE = CONFIG.format(steps=STEPS, validate_every=50, checkpoint_every=5)
RECIPES = {"narrow": RECIPE, "wide": RECIPE.replace("d_model: 16", "d_model: 24")}
SWEEP = {
    "fasta": ["g.fa"],
    "held_out": ["toy3"],
    "recipes": ["narrow.yaml", "wide.yaml"],
    "seeds": [0, 3],
    "lengths": [32, "64"],
    "threads": 1,
}

pytestmark = needs_snakemake_beside


def write_sweep(folder, **changes):
    """Write all that a sweep reads, and return the folder."""
    write_toy_genome(folder / "g.fa", length=10_000)
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


def figures(folder):
    return json.loads((folder / "report.json").read_text())


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Return the folder of a finished sweep; tests that change it copy it."""
    folder = write_sweep(tmp_path_factory.mktemp("done"))
    finished = run(folder)
    assert finished.returncode == 0, finished.stderr
    return folder


def test_dry_run_counts_the_jobs_of_every_recipe_and_seed_and_trains_nothing(tmp_path):
    write_sweep(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    told = run(tmp_path, "--dry-run", "--quiet", "rules")
    assert told.returncode == 0, told.stderr
    counts = dict(line.split() for line in told.stdout.splitlines() if len(line.split()) == 2)
    wanted = {"prepare": 1, "pretrain": 4, "evaluate": 4, "evaluate_lengths": 4, "report": 1}
    assert {name: int(counts[name]) for name in wanted} == wanted
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".snakemake") == before


def test_lines_of_the_readme_lead_to_a_sweep(tmp_path):
    for name in ("pipelines", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    block = re.findall(r"```bash\n(.*?)```", (PIPELINE / "README.md").read_text(), flags=re.DOTALL)[0]
    lines = whole_lines(block).splitlines()
    assert [line.split()[0] for line in lines] == ["mkdir", "cp", "sed", "hyenadna-kit", "snakemake"]
    fetched = shlex.split(lines[3])[-1]
    lines[3:] = [
        f"echo '>x' > {fetched}",
        f"{shlex.join(snakemake())} --dry-run {lines[4].partition(' ')[2]}",
    ]
    how = {"cwd": tmp_path, "env": ENVIRONMENT, "capture_output": True, "text": True}
    told = subprocess.run(["bash", "-euc", "\n".join(lines)], **how)
    assert told.returncode == 0, told.stderr
    assert re.search(r"^pretrain +4$", told.stdout, re.MULTILINE)
    assert "d_model: 64" in (tmp_path / "sweep" / "narrow.yaml").read_text()


MISTAKES = {
    "unknown key": (
        {"recipe": ["narrow.yaml"]},
        "configuration: unknown key 'recipe'; did you mean 'recipes'?",
    ),
    "missing file": (
        {"fasta": ["none.fa"]},
        "configuration: fasta: there is no file none.fa; paths are those",
    ),
}


@pytest.mark.parametrize(("changes", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_one_line_before_anything_runs(tmp_path, changes, message):
    write_sweep(tmp_path, **changes)
    refused = run(tmp_path)
    assert refused.returncode == 1
    (line,) = (line for line in refused.stderr.splitlines() if not line.startswith("Using profile "))
    assert line.startswith(f"pipelines/pretrain: {message}")
    assert not (tmp_path / "logs").exists()


@pytest.mark.slow
def test_every_recipe_is_trained_with_every_seed_and_measured_on_the_test_range(done):
    for recipe, d_model in (("narrow", 16), ("wide", 24)):
        for seed in (0, 3):
            folder = done / "runs" / recipe / str(seed)
            options = yaml.safe_load((folder / "config.resolved.yaml").read_text())
            assert (options["model"]["backbone"]["d_model"], options["seed"]) == (d_model, seed)
            assert (options["held_out"], rows(folder)[-1]["step"]) == (["toy3"], STEPS)
            test = json.loads((folder / "evaluation" / "test.json").read_text())
            assert [each["region"] for each in test["regions"]] == ["toy3:1-1000"]
            lengths = json.loads((folder / "evaluation" / "lengths.json").read_text())
            assert [each["length"] for each in lengths["modes"]["continue"]] == [32, 64]
            assert (folder / "evaluation" / "lengths.png").read_bytes().startswith(b"\x89PNG")
            assert "Markov order 2" in (folder / "evaluation" / "test.txt").read_text()


@pytest.mark.slow
def test_report_chooses_on_the_validation_part(done):
    validation, test = {}, {}
    for folder in done.glob("runs/*/*"):
        validation.setdefault(folder.parent.name, []).append(rows(folder)[-1]["validation_bits_per_base"])
        found = json.loads((folder / "evaluation" / "test.json").read_text())
        test.setdefault(folder.parent.name, []).append(found["bits_per_base"])
    report = figures(done)
    assert report["chosen"] == min(validation, key=lambda name: fmean(validation[name]))
    for each in report["recipes"]:
        assert each["validation_bits_per_base"] == pytest.approx(fmean(validation[each["recipe"]]))
        assert each["test_bits_per_base"] == pytest.approx(fmean(test[each["recipe"]]))
    page = (done / "report.html").read_text()
    assert page.count('<img src="runs/') == 4


@pytest.mark.slow
def test_finished_sweep_is_not_done_again_and_a_further_seed_adds_its_runs_alone(done):
    again = run(done)
    assert (again.returncode, "Nothing to be done" in again.stderr) == (0, True), again.stderr
    config = done / "more.yaml"
    config.write_text(yaml.safe_dump(SWEEP | {"seeds": [0, 3, 4]}))
    told = run(done, "--dry-run", "--quiet", "rules", "--configfile", config)
    counts = dict(line.split() for line in told.stdout.splitlines() if len(line.split()) == 2)
    assert {name: int(counts[name]) for name in ("pretrain", "evaluate")} == {"pretrain": 2, "evaluate": 2}
    assert "prepare" not in counts


@pytest.mark.slow
def test_recipe_that_was_changed_is_refused_and_what_it_made_stays(done, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(done, folder)
    path = folder / "runs" / "narrow" / "0" / "model.safetensors"
    before = path.read_bytes()
    (folder / "narrow.yaml").write_text(RECIPE.replace("batch_size: 2", "batch_size: 4"))
    refused = run(folder)
    assert refused.returncode == 1
    assert "holds a run with batch_size=2, not 4; choose another --out" in refused.stderr
    assert path.read_bytes() == before


def is_worker(pid, words, session):
    return "pretrain" in words


@needs_proc
@pytest.mark.slow
@pytest.mark.kill
@pytest.mark.parametrize("is_victim", [is_driver, is_worker, is_any])
def test_same_command_after_a_kill_goes_on_and_gives_the_same_run(done, tmp_path, is_victim):
    write_sweep(tmp_path, recipes=["narrow.yaml"], seeds=[0])
    checkpoints = tmp_path, "runs/*/*/checkpoints/last.ckpt"
    status = kill_in_training(words(tmp_path), checkpoints, is_victim, env=ENVIRONMENT, seconds=SECONDS)
    assert status in (1, -signal.SIGKILL)
    out = tmp_path / "runs" / "narrow" / "0"
    if is_victim is not is_driver:
        assert not (out / "model.safetensors").exists()
    finished = run(tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert_same_run(out, done / "runs" / "narrow" / "0")
    own, unbroken = (figures(folder)["recipes"] for folder in (tmp_path, done))
    assert own[0]["runs"] == [each["runs"][0] for each in unbroken if each["recipe"] == "narrow"]
    log = (tmp_path / "logs" / "pretrain" / "narrow" / "0.log").read_text()
    # What is left of a driver that was killed trains on, and the next one finds it done.
    assert ("nothing was trained" in log) == (is_victim is is_driver)


@needs_slurm_plugin
@needs_slurm
@pytest.mark.slow
def test_slurm_gives_the_same_run(done, tmp_path, tmp_path_factory):
    profile = profile_of_one_node(PIPELINE / "profiles" / "slurm", tmp_path / "profile")
    folder = write_sweep(tmp_path, recipes=["narrow.yaml"], seeds=[0], lengths=[])
    with one_node_slurm(tmp_path_factory.mktemp("slurm")) as cluster:
        finished = run(folder, env=ENVIRONMENT | cluster, where=("--profile", profile))
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.count("has been submitted with SLURM jobid") == 3  # prepare, pretrain, evaluate
    assert rows(folder / "runs" / "narrow" / "0") == rows(done / "runs" / "narrow" / "0")
    assert figures(folder)["chosen"] == "narrow"
