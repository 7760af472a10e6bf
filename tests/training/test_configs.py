"""Every recipe that is shipped: read as the command reads it, built, and what its comment says of it."""

import re
from pathlib import Path

import pytest
import torch

from hyenadna_kit.arguments import parse
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.pretrain_config import PretrainConfig

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "configs/pretrain").glob("*.yaml"))
PUBLISHED = {
    "human_1k": (1024, 436_096),
    "human_32k": (32_768, 3_277_568),
    "human_160k": (160_000, 6_550_528),
    "human_450k": (450_000, 6_550_528),
    "human_1m": (1_000_000, 6_550_528),
}

recipes = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)


def read(path, *more):
    return parse("x", PretrainConfig, (), ["--config", str(path), "--genome", "g", "--out", "o", *more])


def test_recipes_are_those_that_the_readme_promises():
    expected = {*PUBLISHED, "ecoli_tiny", "ecoli_1m", "yeast", "multi_species", "regulatory", "bacteria"}
    assert {path.stem for path in RECIPES} == expected


@recipes
def test_model_of_every_recipe_can_be_built(path):
    config = read(path)
    with torch.device("meta"):
        model = config.model.build()
    assert model.context_length == config.lengths.final
    if path.stem in PUBLISHED:
        assert (config.lengths.final, model.num_parameters) == PUBLISHED[path.stem]


@recipes
def test_every_step_of_a_recipe_has_as_many_tokens_but_for_rounding(path):
    config = read(path)
    lengths, tokens = config.lengths, config.batch_size * config.lengths.final
    for step in range(0, config.max_steps, 250):
        assert 0.9 * tokens <= lengths.windows(step, config.batch_size) * lengths.at(step) <= tokens
    assert lengths.at(config.max_steps // 2) == lengths.final


@recipes
def test_kill_loses_few_steps_where_a_step_is_a_million_tokens(path):
    config = read(path)
    if config.windows_per_step * config.lengths.final >= 1_000_000:
        assert config.checkpoint_every <= 30


@recipes
def test_validations_take_a_small_part_of_the_time(path):
    config = read(path)
    # A step is a pass forward and two backward.
    trained = 3 * config.validate_every * config.windows_per_step * config.lengths.final
    assert config.validation_bases <= 0.05 * trained


@recipes
def test_comment_names_the_commands_that_use_the_recipe(path):
    comment = path.read_text().split("model:")[0]
    assert all(line.startswith("#") for line in comment.splitlines())
    assert f"--config configs/pretrain/{path.name} " in comment
    assert re.search(r"^#   hyenadna-kit pretrain ", comment, re.MULTILINE)


def test_a_flag_overrides_a_recipe():
    assert read(RECIPES[0], "--max_steps", "7").max_steps == 7


FINETUNING = sorted((ROOT / "configs/finetune").glob("*.yaml"))
finetuning = pytest.mark.parametrize("path", FINETUNING, ids=lambda path: path.stem)


@finetuning
def test_every_recipe_of_fine_tuning_is_read_and_names_its_command(path):
    given = ["--config", str(path), "--model", "m", "--data", "d", "--out", "o"]
    config = parse("x", FinetuneConfig, (), given)
    assert 0 < config.patience <= config.epochs
    comment = path.read_text().split("task:")[0]
    assert all(line.startswith("#") for line in comment.splitlines())
    assert f"hyenadna-kit finetune --config configs/finetune/{path.name} --model" in comment


def test_published_suites_have_the_published_recipes():
    """Rates, batches and epochs of Nguyen et al. 2023, arXiv:2306.15794, appendix A."""
    published = {
        "genomic_benchmarks": (6e-4, 128, 100, "mean"),
        "nucleotide_transformer": (6e-4, 256, 100, "mean"),
        "chromatin": (6e-4, 64, 50, "mean"),
        "species": (3e-4, 128, 200, "mean"),
    }
    for name, expected in published.items():
        given = ["--config", str(ROOT / f"configs/finetune/{name}.yaml"), "--model", "m", "--data", "d"]
        config = parse("x", FinetuneConfig, (), [*given, "--out", "o"])
        rate = config.optimizer.learning_rate
        assert (rate, config.batch_size, config.epochs, config.pooling) == expected
