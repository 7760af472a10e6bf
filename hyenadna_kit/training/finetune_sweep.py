"""Several recipes of fine-tuning on several tasks: what the workflow in ``pipelines/finetune`` runs.

In: the configuration of that workflow, plain data. Out: the runs that it asks for, after all that would fail
only when hours have passed was looked at.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hyenadna_kit.config import check_least, decode_fields, from_mapping
from hyenadna_kit.errors import ConfigError, InputError
from hyenadna_kit.pretrained.hub import model_folder
from hyenadna_kit.shipped import shipped_models
from hyenadna_kit.strict_yaml import load_yaml

if TYPE_CHECKING:
    from hyenadna_kit.training.finetune_config import FinetuneConfig

_SOURCE = "configuration"
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_LEAST = {"threads": 1, "gpus": 0}

_SAID_BY_SWEEP = {
    "model": "models",
    "out": "tasks",
    "seeds": "seeds",
    "baselines": "baselines",
    "control": "control",
    "part": "seeds",
    "folds": "seeds",
}
"""Options of finetune that a task and a recipe leave to the sweep, and the key that says them there."""

_FILES = ("train", "validation", "test", "data", "genome", "labels")
"""Options of finetune that name a file or a folder."""

_ONE_SEED = frozenset({"kmer", "position"})
"""Baselines that chance has no part in."""


@dataclass(frozen=True, kw_only=True)
class FinetuneSweepConfig:
    """Tasks times recipes times models times seeds.

    Paths are those of the folder where the workflow runs.
    """

    tasks: dict  # type: ignore[type-arg]  # the codec knows plain classes; each task is checked as options
    """Of each task, by its name, options of ``finetune`` that say what is read and predicted."""
    models: tuple[str, ...]
    """Pretrained models: folders, or names of those that come with the package."""
    recipes: tuple[str, ...]
    """Configurations of ``finetune``; a recipe is called as its file is, without ``.yaml``."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Every run is trained once with each."""
    baselines: tuple[Literal["kmer", "position", "cnn", "scratch"], ...] = ("kmer", "position", "cnn")
    """What stands beside each run."""
    control: Literal["none", "shuffled"] = "none"
    """Whether the first seed is trained once more on shuffled labels."""
    threads: int = 2
    """Cores of a job."""
    gpus: int = 0
    """GPUs of a job that trains, which the workflow asks the cluster for."""

    def __post_init__(self) -> None:
        for name in ("tasks", "models", "recipes", "seeds"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one, got none")
        check_least(self, _LEAST)
        for key, names in {
            "tasks": list(self.tasks),
            "models": [_model_name(model) for model in self.models],
            "recipes": [Path(file).stem for file in self.recipes],
        }.items():
            _refuse_unsafe(key, names)
            _refuse_twice(key, names)
        _refuse_twice("seeds", self.seeds)
        _refuse_twice("runs", [run.name for run in self.runs])

    @property
    def by_name(self) -> dict[str, "SweptRun"]:
        """Every run by its name."""
        return {run.name: run for run in self.runs}

    @property
    def runs(self) -> tuple["SweptRun", ...]:
        """Every task with every recipe and every model."""
        return tuple(
            SweptRun(task, Path(recipe).stem, recipe, model)
            for task, recipe, model in product(self.tasks, self.recipes, self.models)
        )

    def seeds_of(self, baseline: str) -> tuple[int, ...]:
        """Return the seeds with which a baseline is fitted, each by a job of its own."""
        return self.seeds[:1] if baseline in _ONE_SEED else self.seeds

    def files_of(self, run: "SweptRun") -> list[str]:
        """Return the files that a run reads, but for folders.

        Raises:
            InputError: A folder holds no task.
        """
        from hyenadna_kit.training.finetune_tables import side_paths

        config = self.config_of(run)
        others = (config.genome, config.labels, *config.track)
        paths = [*side_paths(config).values(), *(Path(path) for path in others if path is not None)]
        return [str(path) for path in paths if path.is_file()]

    def config_of(self, run: "SweptRun") -> "FinetuneConfig":
        """Return all options of a run.

        Raises:
            ConfigError: ``finetune`` would refuse them.
        """
        # Loads PyTorch: the options of a model lie beside what they build.
        from hyenadna_kit.training.finetune_config import FinetuneConfig

        said = {"seeds": self.seeds, "baselines": self.baselines, "control": self.control}
        return from_mapping(FinetuneConfig, self.options_of(run) | said, _source(run))

    def options_of(self, run: "SweptRun") -> dict[str, Any]:
        """Return the options of a run but for seeds, baselines and control; the task's go first.

        A key of the task replaces that of the recipe, whole.
        """
        of_sweep = {"model": run.model, "out": str(run.folder)}
        return load_yaml(Path(run.recipe_file)) | dict(self.tasks[run.task] or {}) | of_sweep


@dataclass(frozen=True)
class SweptRun:
    """A task with a recipe and a model: one run of ``finetune``."""

    task: str
    """Name of the task."""
    recipe: str
    """Name of the recipe."""
    recipe_file: str
    """Its file."""
    model: str
    """The model as the configuration names it."""

    @property
    def name(self) -> str:
        """Where it lies below ``runs``."""
        return f"{self.task}/{self.recipe}-{_model_name(self.model)}"

    @property
    def folder(self) -> Path:
        """The run folder."""
        return Path("runs") / self.name


def read_finetune_sweep(mapping: Mapping[str, Any]) -> FinetuneSweepConfig:
    """Return the options that a configuration gives.

    Raises:
        ConfigError: A key is unknown (the nearest known one is named), absent or of the wrong kind.
    """
    if not mapping:
        raise ConfigError("there is no configuration; name one with --configfile FILE.yaml")
    plain = json.loads(json.dumps(mapping))  # Snakemake's mappings are of classes of its own
    return from_mapping(FinetuneSweepConfig, plain, _SOURCE)


def check_finetune_sweep(sweep: FinetuneSweepConfig) -> None:
    """Refuse what would fail only when hours have passed.

    Raises:
        ConfigError: A recipe is missing or wrong, or a task or a recipe names what the sweep decides.
        InputError: A model or a file of a task is missing.
    """
    for model in sweep.models:
        _check_model(model)
    for name, options in sweep.tasks.items():
        _check_options(options or {}, f"{_SOURCE}: tasks: {name}")
    for file in sweep.recipes:
        _check_options(load_yaml(Path(file)), file)
    for run in sweep.runs:
        _check_run(run, sweep)


def _model_name(model: str) -> str:
    return Path(model).name


def _refuse_unsafe(key: str, names: Sequence[str]) -> None:
    for name in names:
        if not isinstance(name, str) or not _SAFE_NAME.fullmatch(name):
            raise ValueError(
                f"{key}: {name!r} is no name for a folder; take letters, digits, points, _ and -"
            )


def _refuse_twice(key: str, values: Sequence[object]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{key}: {value!r} is there twice; name each once")


def _check_model(model: str) -> None:
    if not (model_folder(model) / "config.json").is_file():
        raise InputError(
            f"{_SOURCE}: models: there is no model in {model}; name a model folder, paths are those of "
            f"{Path.cwd()}, or one that comes with the package: {', '.join(shipped_models())}"
        )


def _check_options(options: Any, source: str) -> None:
    """Refuse options that finetune does not know, or that the sweep decides."""
    from hyenadna_kit.training.finetune_config import FinetuneConfig

    for key in decode_fields(FinetuneConfig, options, source):
        if key in _SAID_BY_SWEEP:
            raise ConfigError(
                f"{source}: {key} is no part of it here, leave it out; see {_SAID_BY_SWEEP[key]!r} of the "
                "configuration"
            )


def _check_run(run: SweptRun, sweep: FinetuneSweepConfig) -> None:
    """Refuse a run whose options do not go together, or that reads what is not there."""
    config = sweep.config_of(run)
    named = [path for name in _FILES if (path := getattr(config, name)) is not None]
    for path in (*named, *config.track):
        if not Path(path).exists():
            raise InputError(f"{_source(run)}: there is no {path}; paths are those of {Path.cwd()}")
    sweep.files_of(run)


def _source(run: SweptRun) -> str:
    return f"{_SOURCE}: task {run.task} with {run.recipe_file}"
