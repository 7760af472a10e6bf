"""Finished fine-tunings beside each other, task by task.

In: run folders ``TASK/RUN`` of ``finetune``. Out: the deciding metric of each run and of what stands beside
it. Runs of one task are in the order of the validation table; the test table has no part in it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hyenadna_kit.errors import HyenaDNAKitError, InputError
from hyenadna_kit.evaluation.bootstrap import Estimate
from hyenadna_kit.evaluation.seeds import OverSeeds
from hyenadna_kit.strict_yaml import load_yaml
from hyenadna_kit.training.run_folder import CONFIG_NAME, read_record
from hyenadna_kit.windows.splits import TEST, TRAIN, VALIDATION

METRICS_NAME = "metrics.json"
"""What ``finetune`` writes last, in the folder of a run."""

_FILES = ("labels_fingerprint", "genome_fingerprint", "track_fingerprint")
_OPTIONS = ("label_columns", "labels_of", "bin_size", "group_column")
_OPTIONS_OF_SHARE = ("validation_share", "validation_seed")
"""What decides on the rows of a validation table that was set aside from the training table."""

_UNDEFINED = OverSeeds(math.nan, math.nan, math.nan, math.nan)


class Beside(NamedTuple):
    """A baseline of a run."""

    metric: OverSeeds
    """The deciding metric, on the rows on which the model was measured."""
    difference: Estimate
    """The model minus this."""


class Shared(NamedTuple):
    """Measured rows that another table holds as well."""

    other: str
    """The other table."""
    num_equal: int
    """Rows that equal one of it."""
    num_similar: int
    """Rows that are similar to one of it, equal ones included."""


@dataclass(frozen=True, kw_only=True)
class FinetunedRun:
    """One finished run of all its seeds."""

    folder: Path
    """Where it lies."""
    start: str
    """The pretrained model, as the options name it."""
    objective: str
    """What is predicted."""
    metric: str
    """The metric that decides."""
    measured: str
    """The table that was measured: test, or validation where there is none."""
    num_rows: int
    """Its rows."""
    of_seed: Mapping[str, float]
    """The metric of each seed."""
    model: OverSeeds
    """The metric over all of them."""
    chosen_on: OverSeeds
    """The metric on the validation table; NaN of a run in parts, of which each has another one."""
    baselines: Mapping[str, Beside]
    """What stands beside it."""
    left_out: Mapping[str, str]
    """Why other baselines do not."""
    shared: tuple[Shared, ...]
    """Measured rows that other tables hold as well."""
    dropped: Mapping[str, int]
    """Rows that were left out of other tables for that."""
    control_above_chance: bool | None
    """Whether a run on shuffled labels was above chance; None where there was none."""
    measured_on: Mapping[str, Any]
    """What decides on which labels of which rows it was measured."""

    @property
    def task(self) -> str:
        """Name of the task: that of the folder around it."""
        return self.folder.resolve().parent.name

    @property
    def name(self) -> str:
        """Name of the run: that of its folder."""
        return self.folder.resolve().name


class ComparedTask(NamedTuple):
    """The runs of one task."""

    name: str
    """Of the folder that holds them."""
    runs: tuple[FinetunedRun, ...]
    """The best on the validation table first."""


def read_finetunes(folders: Sequence[Path]) -> list[ComparedTask]:
    """Return the tasks of some runs, in the order in which they are first named.

    Raises:
        InputError: A run is not finished or its files are damaged, two have the same name, or two of one
            task were measured on different rows.
    """
    if not folders:
        raise InputError("there are no runs to compare; name their folders")
    runs = [read_finetune(folder) for folder in folders]
    by_task: dict[str, list[FinetunedRun]] = {}
    for run in runs:
        by_task.setdefault(run.task, []).append(run)
    for of_task in by_task.values():
        _refuse_same_name(of_task)
        _refuse_other_rows(of_task)
    return [ComparedTask(name, tuple(sorted(of_task, key=_place))) for name, of_task in by_task.items()]


def read_finetune(folder: Path) -> FinetunedRun:
    """Return what is in the folder of a finished run.

    Raises:
        InputError: The run is not finished, or a file of it is missing or damaged.
    """
    path = folder / METRICS_NAME
    if not path.is_file():
        raise InputError(f"{folder} is no finished fine-tuning: there is no {METRICS_NAME} in it")
    try:
        return _parsed(folder, json.loads(path.read_text()))
    except HyenaDNAKitError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise InputError(
            f"{path} is not what finetune wrote ({error!r}); remove it, and run finetune there once more"
        ) from None


def _parsed(folder: Path, found: Any) -> FinetunedRun:
    metric, measured = str(found["selected_by"]), TEST if TEST in found else VALIDATION
    own, control, duplicates = found[measured], found["control"], found["duplicates"]
    of_first = _folder_of_seed(folder, next(iter(own["seeds"])))
    options, rows = load_yaml(of_first / CONFIG_NAME), dict(found["rows"])
    labels = {"task": found["task"], "labels": found["labels"], "rows": rows[measured]}
    return FinetunedRun(
        folder=folder,
        start=str(options["model"]),
        objective=str(found["task"]),
        metric=metric,
        measured=measured,
        num_rows=int(rows[measured]),
        of_seed={seed: _number(metrics[metric]) for seed, metrics in own["seeds"].items()},
        model=_over_seeds(own[metric]),
        chosen_on=_over_seeds(found[VALIDATION][metric]) if found.get(VALIDATION) else _UNDEFINED,
        baselines={
            name: Beside(_over_seeds(each[measured][metric]), _estimate(each["model_minus_baseline"][metric]))
            for name, each in found["baselines"].items()
        },
        left_out=dict(found["baselines_left_out"]),
        shared=tuple(
            Shared(each["other"], each["num_equal"], each["num_similar"])
            for each in duplicates["shared"]
            if each["side"] == measured
        ),
        dropped=dict(duplicates["dropped"]),
        control_above_chance=None if control is None else bool(control["is_above_chance"]),
        measured_on=labels | _tables(measured, read_record(of_first, ()), options),
    )


def _folder_of_seed(folder: Path, seed: str) -> Path:
    """Return the run of a seed; of a run in parts that of the first part."""
    own = folder / "seeds" / seed
    return own if own.exists() else folder / "folds" / "0" / "seeds" / seed


def _tables(measured: str, record: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of files and options decides on the rows that were measured."""
    found = record.get(f"{measured}_fingerprint")
    names = _OPTIONS if found else (*_OPTIONS, *_OPTIONS_OF_SHARE)
    table = found or record[f"{TRAIN}_fingerprint"]
    of_files = {name: record.get(name) for name in _FILES}
    return {f"{measured} table": table} | of_files | {name: options.get(name) for name in names}


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _over_seeds(found: Any) -> OverSeeds:
    return OverSeeds(**{name: _number(found[name]) for name in ("mean", "std", "low", "high")})


def _estimate(found: Any) -> Estimate:
    return Estimate(**{name: _number(found[name]) for name in ("value", "low", "high")})


def _place(run: FinetunedRun) -> tuple[bool, float]:
    """Return where a run stands among those of its task."""
    return math.isnan(run.chosen_on.mean), -run.chosen_on.mean


def _refuse_same_name(runs: Sequence[FinetunedRun]) -> None:
    names: dict[str, Path] = {}
    for run in runs:
        if run.name in names:
            raise InputError(
                f"{names[run.name]} and {run.folder} are both run {run.name} of {run.task}; name each once"
            )
        names[run.name] = run.folder


def _refuse_other_rows(runs: Sequence[FinetunedRun]) -> None:
    """Refuse numbers that cannot stand beside each other."""
    first = runs[0]
    for run in runs[1:]:
        for key in (*first.measured_on, *run.measured_on):
            one, other = first.measured_on.get(key), run.measured_on.get(key)
            if one != other:
                raise InputError(
                    f"{run.folder} and {first.folder} are runs of one task and were not measured alike, "
                    f"{key.replace('_', ' ')} is {_short(other)} and {_short(one)}; "
                    "give each task a folder of its own"
                )


def _short(value: Any) -> str:
    """Return a value in a few characters: of a fingerprint the first ones."""
    words = repr(value)
    return words if len(words) <= 40 else f"{words[:20]}..."
