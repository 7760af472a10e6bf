"""What came of a fine-tuning: the model, what stands beside it, and whether the numbers can be trusted.

In: a task, and the predictions of all that was trained for it. Out: values for a page, and plain data.
"""

from dataclasses import dataclass
from typing import Any

from hyenadna_kit.commands.finetune_baselines import Baselines
from hyenadna_kit.commands.finetune_duplicates import FoundDuplicates
from hyenadna_kit.evaluation.chance import CHANCE
from hyenadna_kit.evaluation.seeds import Comparison, SeedMetrics, compare_over_seeds, metrics_over_seeds
from hyenadna_kit.training.finetune import FinetuneTask, SeedRun

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
    chosen_on: SeedMetrics | None
    """The model on the validation table; None of several parts, where each has its own."""
    comparison: Comparison
    """The model and the baselines on the table that is measured."""
    control: Control | None
    """The run on shuffled labels, if one was asked for."""
    folds: tuple["FinetuneResults", ...] = ()
    """What came of each part, where the rows were divided."""

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
            **({} if self.chosen_on is None else {"validation": self.chosen_on.as_plain_data()}),
            self.measured: self.comparison.model.as_plain_data(),
            "baselines": of_baselines,
            "baselines_left_out": self.baselines.left_out,
            "duplicates": self.duplicates.as_plain_data(),
            "control": control,
            **({"folds": [self._of_fold(each) for each in self.folds]} if self.folds else {}),
        }

    def _of_fold(self, fold: "FinetuneResults") -> dict[str, Any]:
        own = fold.comparison.model.as_plain_data()
        return {"folder": fold.task.config.out, "rows": len(fold.task.data.examples[fold.measured])} | own

    def _of_baseline(self, name: str) -> dict[str, Any]:
        note = {"note": self.baselines.notes[name]} if name in self.baselines.notes else {}
        return {
            self.measured: self.comparison.contestants[name].as_plain_data(),
            "model_minus_baseline": self.comparison.differences_as_plain_data(name),
        } | note


def measured_side(task: FinetuneTask) -> str:
    """Return the table that is measured: the last one."""
    return list(task.data.examples)[-1]


def compare(task: FinetuneTask, runs: tuple[SeedRun, ...], baselines: Baselines) -> Comparison:
    """Measure the model and what stands beside it on the same rows."""
    side = measured_side(task)
    examples = task.data.examples[side]
    return compare_over_seeds(
        task.config.task,
        examples.labels,
        {run.seed: run.predictions[side] for run in runs},
        baselines.on(side),
        groups=examples.row_groups,
    )


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
    comparison = compare(task, runs, baselines)
    chosen_on = comparison.model
    if side != "validation":
        chosen = {run.seed: run.predictions["validation"] for run in runs}
        chosen_on = metrics_over_seeds(
            objective, examples["validation"].labels, chosen, groups=examples["validation"].row_groups
        )
    shuffled = None
    if control is not None:
        predictions = {control.seed: control.predictions[side]}
        metrics = metrics_over_seeds(
            objective, examples[side].labels, predictions, groups=examples[side].row_groups
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
