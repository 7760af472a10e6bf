"""What came of a fine-tuning: the model, what stands beside it, and whether the numbers can be trusted.

In: a task, and the predictions of all that was trained for it. Out: values for a page, and plain data.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.commands.finetune_baselines import Baselines
from hyenadna_kit.commands.finetune_duplicates import FoundDuplicates
from hyenadna_kit.evaluation.chance import CHANCE
from hyenadna_kit.evaluation.seeds import Comparison, SeedMetrics, compare_over_seeds, metrics_over_seeds
from hyenadna_kit.training.finetune import FinetuneTask, SeedRun
from hyenadna_kit.windows.examples import Examples

SELECTED_BY = {"binary": "mcc", "multiclass": "mcc", "multilabel": "auroc", "regression": "spearman"}
"""Metric by which the best epoch is chosen, and by which contestants are told apart."""


@dataclass(frozen=True)
class Control:
    """A run on labels that have changed their rows."""

    metrics: SeedMetrics
    """On the table that is measured, with its true labels."""
    selected_by: str
    """The metric that decides."""

    @property
    def is_above_chance(self) -> bool:
        """Whether the whole interval of the metric is: then labels leak from one table to another."""
        return self.metrics.over_seeds[self.selected_by].low > CHANCE[self.selected_by]


@dataclass(frozen=True, kw_only=True)
class FinetuneResults:
    """All that the report of a fine-tuning shows."""

    task: FinetuneTask
    """What was learnt from what."""
    runs: tuple[SeedRun, ...]
    """The seeds."""
    baselines: Baselines
    """What stands beside them."""
    duplicates: FoundDuplicates
    """What the tables have in common."""
    chosen_on: SeedMetrics
    """The model on the validation table."""
    comparison: Comparison
    """The model and the baselines on the table that is measured."""
    control: Control | None
    """The run on shuffled labels, if one was asked for."""

    @property
    def measured(self) -> str:
        """The table that is measured: test, or validation where there is no test table."""
        return measured_side(self.task)

    @property
    def selected_by(self) -> str:
        """The metric that decides."""
        return SELECTED_BY[self.task.config.task]

    def as_plain_data(self) -> dict[str, Any]:
        """Return it for JSON, with None for what is not defined."""
        of_baselines = {name: self._of_baseline(name) for name in self.baselines.runs}
        control = None
        if self.control is not None:
            above = {"is_above_chance": self.control.is_above_chance}
            control = {self.measured: self.control.metrics.as_plain_data()} | above
        return {
            "task": self.task.config.task,
            "selected_by": self.selected_by,
            "labels": list(self.task.data.head.labels),
            "rows": {side: len(examples) for side, examples in self.task.data.examples.items()},
            "validation": self.chosen_on.as_plain_data(),
            self.measured: self.comparison.model.as_plain_data(),
            "baselines": of_baselines,
            "baselines_left_out": self.baselines.left_out,
            "duplicates": self.duplicates.as_plain_data(),
            "control": control,
        }

    def _of_baseline(self, name: str) -> dict[str, Any]:
        note = {"note": self.baselines.notes[name]} if name in self.baselines.notes else {}
        return {
            self.measured: self.comparison.contestants[name].as_plain_data(),
            "model_minus_baseline": self.comparison.differences_as_plain_data(name),
        } | note


def measured_side(task: FinetuneTask) -> str:
    """Return the table that is measured: the last one."""
    return list(task.data.examples)[-1]


def measure(
    task: FinetuneTask,
    runs: tuple[SeedRun, ...],
    baselines: Baselines,
    *,
    duplicates: FoundDuplicates,
    control: SeedRun | None,
) -> FinetuneResults:
    """Measure all that was trained.

    Args:
        task: What was learnt.
        runs: The seeds.
        baselines: What stands beside them.
        duplicates: What the tables have in common.
        control: The run on shuffled labels, if there is one.

    Raises:
        InputError: A table has a single row.
    """
    side, objective, examples = measured_side(task), task.config.task, task.data.examples
    own = {run.seed: run.predictions for run in runs}
    comparison = compare_over_seeds(
        objective,
        examples[side].labels,
        {seed: found[side] for seed, found in own.items()},
        baselines.on(side),
        groups=_groups(examples[side]),
    )
    chosen_on = comparison.model
    if side != "validation":
        chosen = {seed: found["validation"] for seed, found in own.items()}
        chosen_on = metrics_over_seeds(
            objective, examples["validation"].labels, chosen, groups=_groups(examples["validation"])
        )
    shuffled = None
    if control is not None:
        predictions = {control.seed: control.predictions[side]}
        metrics = metrics_over_seeds(
            objective, examples[side].labels, predictions, groups=_groups(examples[side])
        )
        shuffled = Control(metrics, SELECTED_BY[objective])
    return FinetuneResults(
        task=task,
        runs=runs,
        baselines=baselines,
        duplicates=duplicates,
        chosen_on=chosen_on,
        comparison=comparison,
        control=shuffled,
    )


def _groups(examples: Examples) -> NDArray[np.int64] | None:
    """Return the example of each row where rows are positions, which are not independent of each other."""
    if examples.first_rows is None:
        return None
    return np.repeat(np.arange(len(examples)), np.diff(examples.first_rows))
