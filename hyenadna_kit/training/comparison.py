"""Finished runs beside each other: recipes in the order of their bits per base on the validation part.

In: run folders ``RECIPE/RUN``, with the figures of ``evaluate`` in ``RECIPE/RUN/evaluation`` where there are
some. Out: values for a table. The recipe is chosen on validation alone; the test range has no part in it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from hyenadna_kit.errors import InputError
from hyenadna_kit.strict_yaml import load_yaml
from hyenadna_kit.training.run_folder import CONFIG_NAME, RunFolder, read_record

TEST_NAME = "evaluation/test.json"
"""What ``evaluate --json`` found on the test range, in the folder of a run."""
FIGURE_NAME = "evaluation/lengths.png"
"""What ``evaluate --lengths --plot`` drew."""
REPORT_NAME = "report.html"
"""How training went."""

_MAY_DIFFER = frozenset({"genome", "num_workers", "out", "seed"})
_MEASURED_ON = ("genome_fingerprint", "validation", "held_out")
"""What of the record of a run says on which bases it was measured."""

_TIED = "tied"
"""What of a head does not change what is measured: its other options say which bases are hidden."""


@dataclass(frozen=True)
class HeldOutFigures:
    """What ``evaluate`` found on the test range."""

    bits_per_base: float
    """Of the model."""
    best_baseline: str | None
    """Name of the best Markov model; None where none was measured."""
    baseline_bits_per_base: float | None
    """Of that one."""
    regions: tuple[str, ...]
    """What was measured on."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One finished run."""

    folder: Path
    """Where it lies."""
    seed: int
    """Seed of its weights and windows."""
    steps: int
    """Steps taken."""
    validation_bits_per_base: float
    """After the last step."""
    test: HeldOutFigures | None
    """None where it was not evaluated."""

    @property
    def recipe(self) -> str:
        """Name of the recipe: that of the folder around it."""
        return self.folder.resolve().parent.name


@dataclass(frozen=True)
class Recipe:
    """Runs that differ in their seed alone."""

    name: str
    """Of the folder that holds them."""
    runs: tuple[Run, ...]
    """One a seed."""

    @property
    def validation_bits_per_base(self) -> float:
        """Mean over the runs."""
        return fmean(run.validation_bits_per_base for run in self.runs)

    @property
    def test_bits_per_base(self) -> float | None:
        """Mean over the runs; None where one was not evaluated."""
        bits = [run.test.bits_per_base for run in self.runs if run.test is not None]
        return fmean(bits) if len(bits) == len(self.runs) else None


def compare_runs(folders: Sequence[Path]) -> list[Recipe]:
    """Return the recipes of some runs, the best on the validation part first.

    Raises:
        InputError: A run is not finished, two were measured on different bases, or two of one recipe have
            different options.
    """
    if not folders:
        raise InputError("there are no runs to compare; name their folders")
    options = {folder: _options(folder) for folder in folders}
    runs = [_read_run(folder, options[folder]) for folder in folders]
    _refuse_other_bases(runs, options)
    _refuse_other_regions(runs)
    recipes = [
        Recipe(name, tuple(sorted((run for run in runs if run.recipe == name), key=lambda run: run.seed)))
        for name in dict.fromkeys(run.recipe for run in runs)
    ]
    for recipe in recipes:
        _refuse_other_options(recipe, options)
    return sorted(recipes, key=lambda recipe: recipe.validation_bits_per_base)


def _options(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_NAME
    if not path.is_file():
        raise InputError(f"{folder} is no run: there is no {CONFIG_NAME} in it")
    options = load_yaml(path)
    missing = [key for key in ("max_steps", "model", "seed", "validation_bases") if key not in options]
    if missing:
        raise InputError(f"{path} holds no options of pretrain: it lacks {', '.join(missing)}")
    return options


def _read_run(folder: Path, options: dict[str, Any]) -> Run:
    steps = options["max_steps"]
    bits = RunFolder(folder).validation_at(steps)
    if bits is None:
        raise InputError(
            f"{folder} is not finished: nothing was measured after step {steps:,}; train it to its end"
        )
    return Run(
        folder=folder,
        seed=options["seed"],
        steps=steps,
        validation_bits_per_base=bits,
        test=_read_test(folder / TEST_NAME),
    )


def _read_test(path: Path) -> HeldOutFigures | None:
    if not path.exists():
        return None
    try:
        figures = json.loads(path.read_text())
        baselines = figures["baselines"]
        best = min(baselines, key=lambda name: baselines[name], default=None)
        regions = tuple(each["region"] for each in figures["regions"])
        baseline = None if best is None else float(baselines[best])
        return HeldOutFigures(float(figures["bits_per_base"]), best, baseline, regions)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not what evaluate --json wrote ({error!r}); remove it") from None


def _refuse_other_bases(runs: Sequence[Run], options: dict[Path, dict[str, Any]]) -> None:
    """Refuse figures that cannot stand beside each other."""
    first = runs[0]
    expected = _measured(first, options)
    for run in runs[1:]:
        for key, value in _measured(run, options).items():
            if value != expected[key]:
                raise InputError(
                    f"{run.folder} and {first.folder} were not validated alike, {key} is {value!r} and "
                    f"{expected[key]!r}; compare runs on one genome with one validation part"
                )


def _refuse_other_regions(runs: Sequence[Run]) -> None:
    """Refuse test ranges that differ."""
    evaluated = [(run.folder, run.test.regions) for run in runs if run.test is not None]
    for folder, regions in evaluated[1:]:
        if regions != evaluated[0][1]:
            raise InputError(
                f"{folder} and {evaluated[0][0]} were evaluated on different regions, {regions} and "
                f"{evaluated[0][1]}; evaluate both on the same"
            )


def _measured(run: Run, options: dict[Path, dict[str, Any]]) -> dict[str, Any]:
    """Return what decides on what a run was validated."""
    record, own = read_record(run.folder), options[run.folder]
    head = own["model"].get("head", {})
    task = {key: value for key, value in head.get("init_args", {}).items() if key != _TIED}
    bases = {key: record[key] for key in _MEASURED_ON}
    return bases | {"validation_bases": own["validation_bases"], "head": head.get("class_path")} | task


def _refuse_other_options(recipe: Recipe, options: dict[Path, dict[str, Any]]) -> None:
    """Refuse runs of one recipe that differ in more than their seed."""
    first = recipe.runs[0]
    for run in recipe.runs[1:]:
        one, other = options[first.folder], options[run.folder]
        keys = sorted((one.keys() | other.keys()) - _MAY_DIFFER)
        differ = [key for key in keys if one.get(key) != other.get(key)]
        if differ:
            raise InputError(
                f"{run.folder} and {first.folder} are runs of one recipe, and differ in {', '.join(differ)}; "
                "give each recipe a folder of its own"
            )
