"""The configuration of the fine-tuning workflow: what it is, and what is refused before anything runs."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from hyenadna_kit.errors import ConfigError, HyenaDNAKitError
from hyenadna_kit.training.finetune_sweep import (
    FinetuneSweepConfig,
    check_finetune_sweep,
    read_finetune_sweep,
)

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "pipelines/finetune/config.yaml"
SHIPPED = yaml.safe_load(CONFIG.read_text())
FILES = {"train": "train.csv", "validation": "validation.csv", "test": "test.csv"}
SWEEP = {
    "tasks": {"tata": {"data": "tata"}, "levels": FILES | {"task": "regression"}},
    "models": ["models/m", "ecoli-tiny"],
    "recipes": ["mean.yaml", "recipes/last.yaml"],
}
RECIPE = "pooling: mean\nepochs: 3\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Be in a folder with two tasks, a model and two recipes."""
    monkeypatch.chdir(tmp_path)
    for name in ("tata", "models/m", "recipes"):
        Path(name).mkdir(parents=True)
    Path("models/m/config.json").write_text("{}")
    for name in ("train.csv", "dev.csv", "test.csv"):
        Path("tata", name).touch()
    for name in FILES.values():
        Path(name).touch()
    for name in SWEEP["recipes"]:
        Path(name).write_text(RECIPE)
    return tmp_path


def check(**changes):
    check_finetune_sweep(read_finetune_sweep(SWEEP | changes))


def test_what_is_not_said_takes_its_default(folder):
    sweep = read_finetune_sweep(SWEEP)
    check_finetune_sweep(sweep)
    assert (sweep.seeds, sweep.baselines) == ((0, 1, 2), ("kmer", "position", "cnn"))
    assert (sweep.control, sweep.threads, sweep.gpus) == ("none", 2, 0)


def test_every_task_is_run_with_every_recipe_and_model():
    assert list(read_finetune_sweep(SWEEP).by_name) == [
        "tata/mean-m",
        "tata/mean-ecoli-tiny",
        "tata/last-m",
        "tata/last-ecoli-tiny",
        "levels/mean-m",
        "levels/mean-ecoli-tiny",
        "levels/last-m",
        "levels/last-ecoli-tiny",
    ]


def test_task_goes_before_recipe_and_neither_says_seeds(folder):
    Path("mean.yaml").write_text("task: binary\nepochs: 3\npooling: max\n")
    sweep = read_finetune_sweep(SWEEP)
    assert sweep.options_of(sweep.by_name["levels/mean-m"]) == FILES | {
        "task": "regression",
        "epochs": 3,
        "pooling": "max",
        "model": "models/m",
        "out": "runs/levels/mean-m",
    }


def test_floor_is_fitted_once_and_a_network_with_every_seed():
    sweep = read_finetune_sweep(SWEEP | {"seeds": [4, 7]})
    expected = {"kmer": (4,), "position": (4,), "cnn": (4, 7), "scratch": (4, 7)}
    assert {name: sweep.seeds_of(name) for name in expected} == expected


def test_run_depends_on_the_files_that_it_reads_and_on_no_folder(folder):
    Path("store").mkdir()
    Path("labels.tsv").touch()
    tasks = {"tata": {"data": "tata", "genome": "store", "labels": "labels.tsv"}}
    sweep = read_finetune_sweep(SWEEP | {"tasks": tasks})
    files = sweep.files_of(sweep.by_name["tata/mean-m"])
    assert sorted(files) == ["labels.tsv", "tata/dev.csv", "tata/test.csv", "tata/train.csv"]


def test_shipped_configuration_shows_every_key_and_no_other():
    assert list(SHIPPED) == [field.name for field in dataclasses.fields(FinetuneSweepConfig)]
    assert list(read_finetune_sweep(SHIPPED).by_name) == [
        "species/mean-ecoli-tiny",
        "species/attention-ecoli-tiny",
    ]


@pytest.mark.parametrize("key", ["seeds", "baselines", "control", "threads", "gpus"])
def test_shipped_configuration_says_what_a_key_that_may_be_left_out_is_then(key):
    comment = CONFIG.read_text().split(f"\n{key}: ")[0].rpartition("\n\n")[2]
    default = {field.name: field.default for field in dataclasses.fields(FinetuneSweepConfig)}[key]
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else default
    assert f"Default: {shown}." in comment


MISTAKES = {
    "unknown key": ({"recipe": ["a.yaml"]}, "configuration: unknown key 'recipe'; did you mean 'recipes'?"),
    "list of tasks": ({"tasks": ["tata"]}, "configuration: tasks: expected dict, got ['tata']"),
    "no tasks": ({"tasks": {}}, "tasks must name at least one, got none"),
    "no models": ({"models": []}, "models must name at least one, got none"),
    "no cores": ({"threads": 0}, "threads must be at least 1, got 0"),
    "recipe twice": ({"recipes": ["a/x.yaml", "b/x.yaml"]}, "recipes: 'x' is there twice; name each once"),
    "model twice": ({"models": ["a/x", "b/x/"]}, "models: 'x' is there twice; name each once"),
    "seed twice": ({"seeds": [3, 1, 3]}, "seeds: 3 is there twice; name each once"),
    "baseline twice": ({"baselines": ["cnn", "cnn"]}, "baselines must name each once, got cnn, cnn"),
    "runs of one name": (
        {"recipes": ["a.yaml", "a-b.yaml"], "models": ["b-c", "c"]},
        "runs: 'tata/a-b-c' is there twice; name each once",
    ),
    "name of a task": ({"tasks": {"my task": {}}}, "tasks: 'my task' is no name for a folder; take letters"),
    "task of another folder": ({"tasks": {"../x": {}}}, "tasks: '../x' is no name for a folder"),
    "no baseline": (
        {"baselines": ["lstm"]},
        "baselines[0]: expected 'kmer' or 'position' or 'cnn' or 'scratch'",
    ),
    "no control": ({"control": True}, "control: expected 'none' or 'shuffled', got True"),
    "negative seed": ({"seeds": [-1]}, "seeds must name at least one, each once, none below 0, got (-1,)"),
    "no such model": (
        {"models": ["none"]},
        "configuration: models: there is no model in none; name a model folder",
    ),
    "no such recipe": ({"recipes": ["none.yaml"]}, "cannot read configuration none.yaml: No such file"),
    "task of nothing": ({"tasks": {"x": None}}, "task x with mean.yaml: name the files by --train"),
    "no such folder": (
        {"tasks": {"x": {"data": "none"}}},
        "task x with mean.yaml: there is no none; paths are",
    ),
    "no such table": ({"tasks": {"x": {"train": "none.csv"}}}, "task x with mean.yaml: there is no none.csv"),
    "no such genome": (
        {"tasks": {"x": {"data": "tata", "genome": "none.fa"}}},
        "task x with mean.yaml: there is no none.fa",
    ),
    "no such track": (
        {"tasks": {"x": {"data": "tata", "task": "regression", "track": ["none.bw"]}}},
        "task x with mean.yaml: there is no none.bw",
    ),
    "folder of no task": ({"tasks": {"x": {"data": "recipes"}}}, "recipes"),
    "unknown option of a task": (
        {"tasks": {"x": {"date": "tata"}}},
        "configuration: tasks: x: unknown key 'date'; did you mean 'data'?",
    ),
    "task of text": (
        {"tasks": {"x": "tata"}},
        "configuration: tasks: x: expected keys and values, got 'tata'",
    ),
    "seeds of a task": (
        {"tasks": {"x": {"data": "tata", "seeds": [1]}}},
        "tasks: x: seeds is no part of it here, leave it out; see 'seeds' of the configuration",
    ),
}


@pytest.mark.parametrize(("changes", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_in_the_configuration_is_refused(folder, changes, message):
    with pytest.raises(HyenaDNAKitError) as refused:
        check(**changes)
    assert message in str(refused.value)


RECIPES = {
    "unknown option": ("epoch: 5\n", "mean.yaml: unknown key 'epoch'; did you mean 'epochs'?"),
    "wrong value": ("epochs: 0\n", "task tata with mean.yaml: epochs must be at least 1, got 0"),
    "wrong kind": ("epochs: many\n", "mean.yaml: epochs: expected int, got 'many'"),
    "options that do not go together": (
        "lora_rank: 4\nfresh_weights: true\n",
        "task tata with mean.yaml: lora_rank adapts pretrained layers",
    ),
    "not with every task": (
        "class_weights: balanced\n",
        "task levels with mean.yaml: class_weights balanced is for classes, the task is regression",
    ),
    "model": ("model: m\n", "mean.yaml: model is no part of it here, leave it out; see 'models' of the"),
    "folds": ("folds: 5\n", "mean.yaml: folds is no part of it here"),
}


@pytest.mark.parametrize(("text", "message"), RECIPES.values(), ids=RECIPES.keys())
def test_mistake_in_a_recipe_is_refused(folder, text, message):
    Path("mean.yaml").write_text(text)
    with pytest.raises(HyenaDNAKitError) as refused:
        check()
    assert message in str(refused.value)


@pytest.mark.parametrize("key", ["tasks", "models", "recipes"])
def test_key_that_has_no_default_must_be_there(key):
    with pytest.raises(ConfigError, match=f"configuration: missing key '{key}'"):
        read_finetune_sweep({name: value for name, value in SWEEP.items() if name != key})


def test_no_configuration_is_told_with_its_remedy():
    with pytest.raises(
        ConfigError, match=r"there is no configuration; name one with --configfile FILE\.yaml"
    ):
        read_finetune_sweep({})
