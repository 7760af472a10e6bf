"""Several recipes with several seeds on one genome: what the workflow in ``pipelines/pretrain`` runs.

In: the configuration of that workflow, plain data. Out: its options, after all that would fail only when
hours have passed was looked at.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyenadna_kit.config import from_mapping
from hyenadna_kit.errors import ConfigError, InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.window_lengths import parse_window_lengths
from hyenadna_kit.plots.histogram import require_matplotlib
from hyenadna_kit.strict_yaml import load_yaml

if TYPE_CHECKING:
    from hyenadna_kit.training.pretrain_config import PretrainConfig

_SOURCE = "configuration"
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_LEAST = {"threads": 1, "devices": 1, "gpus": 0}

_SAID_BY_SWEEP = {
    "genome": "fasta",
    "reads": "fasta",
    "out": "recipes",
    "seed": "seeds",
    "devices": "devices",
    "num_nodes": "devices",
}
"""Options of pretrain that a recipe leaves to the sweep, and the key that says them there."""

_MEASURED_BY = ("train_regions", "validation_fraction", "validation_bases")
"""Options of pretrain that decide on which bases a recipe is validated."""


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """Recipes times seeds on one genome; paths are those of the folder where the workflow runs."""

    fasta: tuple[str, ...]
    """FASTA files of the genome."""
    species: tuple[str, ...] = ()
    """Label of each of them, or one label for all."""
    held_out: tuple[str, ...]
    """The test range, never trained on: contigs or CONTIG:START-END (1-based, inclusive)."""
    recipes: tuple[str, ...]
    """Configurations of ``pretrain``; a recipe is called as its file is, without ``.yaml``."""
    seeds: tuple[int, ...] = (0,)
    """Every recipe is trained once with each."""
    lengths: tuple[str | int, ...] = ()
    """Window lengths to compare on the test range, as 1k, 16k or 1500; none, no comparison."""
    threads: int = 2
    """Cores of a run; the last digits of a loss depend on them."""
    devices: int = 1
    """Processes that train one run together."""
    gpus: int = 0
    """GPUs of a run, which the workflow asks the cluster for."""

    def __post_init__(self) -> None:
        for name in ("fasta", "held_out", "recipes", "seeds"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one, got none")
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        names = [Path(file).stem for file in self.recipes]
        for name in names:
            if not _SAFE_NAME.fullmatch(name):
                raise ValueError(
                    f"recipes: {name!r} is no name for a folder; take letters, digits, points, _ and -"
                )
        _refuse_twice("recipes", names)
        _refuse_twice("seeds", self.seeds)

    @property
    def recipe_files(self) -> dict[str, str]:
        """The file of each recipe, by its name."""
        return {Path(file).stem: file for file in self.recipes}

    @property
    def threads_per_process(self) -> int:
        """Cores of each process of a run."""
        return max(1, self.threads // self.devices)


def _refuse_twice(key: str, values: Sequence[object]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{key}: {value!r} is there twice; name each once")


def read_sweep(mapping: Mapping[str, Any]) -> SweepConfig:
    """Return the options that a configuration gives.

    Raises:
        ConfigError: A key is unknown (the nearest known one is named), absent or of the wrong kind.
    """
    if not mapping:
        raise ConfigError("there is no configuration; name one with --configfile FILE.yaml")
    return from_mapping(SweepConfig, mapping, _SOURCE)


def check_sweep(sweep: SweepConfig) -> None:
    """Refuse what would fail only when hours have passed.

    Raises:
        ConfigError: A recipe is missing or wrong, or it names what the sweep decides.
        InputError: A FASTA is missing, a window length is none or longer than the test range, recipes are
            validated on different bases, or figures cannot be drawn.
    """
    for file in sweep.fasta:
        if not Path(file).is_file():
            raise InputError(f"{_SOURCE}: fasta: there is no file {file}; paths are those of {Path.cwd()}")
    _check_lengths(sweep)
    recipes = {file: _read_recipe(Path(file), sweep) for file in sweep.recipes}
    first = sweep.recipes[0]
    for file, recipe in recipes.items():
        for key in _MEASURED_BY:
            own, other = getattr(recipe, key), getattr(recipes[first], key)
            if own != other:
                raise InputError(
                    f"{file}: {key} is {own!r}, and {other!r} in {first}; recipes are chosen on the same "
                    "validation part, so give all the same value"
                )


def _check_lengths(sweep: SweepConfig) -> None:
    lengths = parse_window_lengths(sweep.lengths, f"{_SOURCE}: lengths")
    if not lengths:
        return
    require_matplotlib()
    longest = _longest_region(sweep.held_out)
    if longest is not None and lengths[-1] > longest:
        raise InputError(
            f"{_SOURCE}: lengths: {lengths[-1]:,} tokens are more than the longest region of held_out has, "
            f"{longest:,}; take shorter windows or a longer region"
        )


def _longest_region(held_out: Sequence[str]) -> int | None:
    """Return the bases of the longest region; None where one is a whole contig, whose genome is not read."""
    try:
        return max(Interval.from_region(region).length for region in held_out)
    except InputError:
        return None


def _read_recipe(path: Path, sweep: SweepConfig) -> "PretrainConfig":
    # Loads PyTorch: the options of a model lie beside what they build.
    from hyenadna_kit.training.pretrain_config import PretrainConfig

    mapping = load_yaml(path)
    for key, said_by in _SAID_BY_SWEEP.items():
        if key in mapping:
            raise ConfigError(f"{path}: {key} is no part of a recipe here, leave it out; see {said_by!r}")
    own = mapping.get("held_out", list(sweep.held_out))
    if own != list(sweep.held_out):
        raise ConfigError(
            f"{path}: held_out is {own!r}, and {list(sweep.held_out)!r} in the {_SOURCE}; "
            "leave it out of the recipe, or give both the same"
        )
    of_sweep = {"genome": "genome", "out": "run", "held_out": list(sweep.held_out), "devices": sweep.devices}
    for seed in sweep.seeds:
        recipe = from_mapping(PretrainConfig, mapping | of_sweep | {"seed": seed}, str(path))
    if not recipe.model.head.predicts_next:
        raise ConfigError(
            f"{path}: the model predicts bases from both sides, and evaluate measures models that predict "
            "each base from those before it; take a language_model head"
        )
    return recipe
