"""The configuration of the pretraining workflow: what it is, and what is refused before anything runs."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from hyenadna_kit.errors import ConfigError, HyenaDNAKitError
from hyenadna_kit.training.sweep import SweepConfig, check_sweep, read_sweep

ROOT = Path(__file__).parents[2]
SHIPPED = yaml.safe_load((ROOT / "pipelines/pretrain/config.yaml").read_text())
SWEEP = {"fasta": ["g.fa"], "held_out": ["chr2"], "recipes": ["narrow.yaml", "wide.yaml"]}
RECIPE = "model: {backbone: {d_model: 16, context_length: 32}}\nmax_steps: 5\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Be in a folder with two recipes and a genome."""
    monkeypatch.chdir(tmp_path)
    Path("g.fa").write_text(">chr1\nACGT\n")
    for name in SWEEP["recipes"]:
        Path(name).write_text(RECIPE)
    return tmp_path


def check(**changes):
    check_sweep(read_sweep(SWEEP | changes))


def test_what_is_not_said_takes_its_default(folder):
    sweep = read_sweep(SWEEP)
    check_sweep(sweep)
    assert sweep.recipe_files == {"narrow": "narrow.yaml", "wide": "wide.yaml"}
    assert (sweep.seeds, sweep.lengths, sweep.species) == ((0,), (), ())
    assert (sweep.threads, sweep.devices, sweep.gpus) == (2, 1, 0)


@pytest.mark.parametrize(("threads", "devices", "of_each"), [(8, 1, 8), (8, 3, 2), (1, 4, 1)])
def test_processes_of_a_run_share_its_cores(threads, devices, of_each):
    assert read_sweep(SWEEP | {"threads": threads, "devices": devices}).threads_per_process == of_each


def test_shipped_configuration_shows_every_key_and_no_other(monkeypatch):
    assert list(SHIPPED) == [field.name for field in dataclasses.fields(SweepConfig)]
    assert read_sweep(SHIPPED).seeds == (0, 1)


@pytest.mark.parametrize("key", ["species", "seeds", "lengths", "threads", "devices", "gpus"])
def test_shipped_configuration_says_what_a_key_that_may_be_left_out_is_then(key):
    text = (ROOT / "pipelines/pretrain/config.yaml").read_text()
    comment = text.split(f"\n{key}: ")[0].rpartition("\n\n")[2]
    default = {field.name: field.default for field in dataclasses.fields(SweepConfig)}[key]
    shown = {(): "none", (0,): "0"}.get(default, default)
    assert f"Default: {shown}" in comment


MISTAKES = {
    "unknown key": ({"recipe": ["a.yaml"]}, "configuration: unknown key 'recipe'; did you mean 'recipes'?"),
    "text for a list": ({"recipes": "a.yaml"}, "recipes: expected a list of str, got 'a.yaml'"),
    "text for a number": ({"threads": "2"}, "threads: expected int, got '2'"),
    "no recipes": ({"recipes": []}, "recipes must name at least one, got none"),
    "no test range": ({"held_out": []}, "held_out must name at least one, got none"),
    "no cores": ({"threads": 0}, "threads must be at least 1, got 0"),
    "recipe twice": ({"recipes": ["a/x.yaml", "b/x.yaml"]}, "recipes: 'x' is there twice; name each once"),
    "seed twice": ({"seeds": [3, 1, 3]}, "seeds: 3 is there twice; name each once"),
    "name of a recipe": ({"recipes": ["a/my recipe.yaml"]}, "'my recipe' is no name for a folder; take"),
    "hidden recipe": ({"recipes": ["..yaml"]}, "'.' is no name for a folder; take letters"),
    "no such genome": ({"fasta": ["none.fa"]}, "fasta: there is no file none.fa; paths are those of "),
    "no such recipe": ({"recipes": ["none.yaml"]}, "cannot read configuration none.yaml: No such file"),
    "no length": ({"lengths": ["16q"]}, "lengths must be tokens such as 1024, 64k or 1m, got '16q'"),
    "length of no window": ({"lengths": [64, 1]}, "lengths: a window has 2 tokens at least, got 1"),
    "negative length": ({"lengths": [-64]}, "lengths must be tokens such as 1024, 64k or 1m, got -64"),
    "switch for a length": ({"lengths": [True]}, "lengths[0]: expected str or int, got True"),
    "length beyond the test range": (
        {"lengths": ["1k", 2], "held_out": ["chr1:1-1023", "chr2:5-9"]},
        "lengths: 1,024 tokens are more than the longest region of held_out has, 1,023; take shorter windows",
    ),
    "seed beyond the last": ({"seeds": [1 << 32]}, "seed must lie in 0 to 4294967295, got 4294967296"),
}


@pytest.mark.parametrize(("changes", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_in_the_configuration_is_refused(folder, changes, message):
    with pytest.raises(HyenaDNAKitError) as refused:
        check(**changes)
    assert message in str(refused.value)


@pytest.mark.parametrize("key", ["fasta", "held_out", "recipes"])
def test_key_that_has_no_default_must_be_there(key):
    with pytest.raises(ConfigError, match=f"configuration: missing key '{key}'"):
        read_sweep({name: value for name, value in SWEEP.items() if name != key})


def test_no_configuration_is_told_with_its_remedy():
    with pytest.raises(
        ConfigError, match=r"there is no configuration; name one with --configfile FILE\.yaml"
    ):
        read_sweep({})


RECIPES = {
    "unknown option": ("max_step: 5\n", "wide.yaml: unknown key 'max_step'; did you mean 'max_steps'?"),
    "wrong value": ("batch_size: 0\n", "wide.yaml: batch_size must be at least 1, got 0"),
    "genome": ("genome: g.fa\n", "wide.yaml: genome is no part of a recipe here, leave it out; see 'fasta'"),
    "seed": ("seed: 1\n", "wide.yaml: seed is no part of a recipe here, leave it out; see 'seeds'"),
    "nodes": ("num_nodes: 2\n", "num_nodes is no part of a recipe here, leave it out; see 'devices'"),
    "another test range": ("held_out: [chr1]\n", "held_out is ['chr1'], and ['chr2'] in the configuration"),
    "another validation part": (
        "validation_fraction: 0.2\n",
        "wide.yaml: validation_fraction is 0.2, and 0.1 in narrow.yaml; recipes are chosen on the same",
    ),
    "masked": (
        "model: {head: {class_path: MaskedLanguageModelHeadConfig}, backbone: {mixer: "
        "{class_path: HyenaConfig, init_args: {bidirectional: true}}}}\n",
        "wide.yaml: the model predicts bases from both sides",
    ),
}


@pytest.mark.parametrize(("text", "message"), RECIPES.values(), ids=RECIPES.keys())
def test_mistake_in_a_recipe_is_refused(folder, text, message):
    Path("wide.yaml").write_text(text)
    with pytest.raises(HyenaDNAKitError) as refused:
        check()
    assert message in str(refused.value)


def test_test_range_may_stand_in_the_recipe_as_well(folder):
    Path("wide.yaml").write_text(f"{RECIPE}held_out: [chr2]\n")
    check()


@pytest.mark.parametrize(
    "held_out", [["chr1:1-1024"], ["chr1:3-9", "chr2:1-1,024"], ["chr1:3-9", "chr2"]], ids=str
)
def test_lengths_are_numbers_or_texts_no_longer_than_what_is_known_of_the_test_range(folder, held_out):
    check(lengths=[64, "128", "1k"], held_out=held_out)


def test_figures_that_cannot_be_drawn_are_refused_before_anything_is_trained(folder, monkeypatch):
    monkeypatch.setattr("hyenadna_kit.plots.histogram.find_spec", lambda name: None)
    check()
    with pytest.raises(HyenaDNAKitError, match="figures need matplotlib, which is not installed"):
        check(lengths=["1k"])
