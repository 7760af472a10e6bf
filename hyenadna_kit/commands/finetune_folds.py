"""The results of all parts of a cross-validation, as those of one table.

In: the results of each part. Out: results for all rows, each predicted by the models that did not see it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.commands.finetune_baselines import Baselines, Predictions
from hyenadna_kit.commands.finetune_duplicates import FoundDuplicates
from hyenadna_kit.commands.finetune_results import FinetuneResults, compare
from hyenadna_kit.training.finetune import FinetuneTask, SeedRun
from hyenadna_kit.training.finetune_data import TRAIN
from hyenadna_kit.training.finetune_folds import in_row_order
from hyenadna_kit.windows.splits import TEST


def join_folds(task: FinetuneTask, folds: Sequence[FinetuneResults]) -> FinetuneResults:
    """Measure the predictions of all parts together.

    Args:
        task: The task that was divided.
        folds: What came of each part, in their order.
    """
    rows = task.data.examples[TRAIN]
    whole = replace(task, data=replace(task.data, examples={TRAIN: rows, TEST: rows}))
    runs = tuple(
        SeedRun(
            run.seed, run.folder, {TEST: _joined([fold.runs[number].predictions for fold in folds], task)}
        )
        for number, run in enumerate(folds[0].runs)
    )
    baselines = _joined_baselines([fold.baselines for fold in folds], task)
    return FinetuneResults(
        task=whole,
        runs=runs,
        baselines=baselines,
        duplicates=FoundDuplicates(left_out="the report of each part tells its own"),
        chosen_on=None,
        comparison=compare(whole, runs, baselines),
        control=None,
        folds=tuple(folds),
    )


def _joined_baselines(folds: Sequence[Baselines], task: FinetuneTask) -> Baselines:
    """Return those that were fitted for every part."""
    names = [name for name in folds[0].runs if all(name in fold.runs for fold in folds)]
    runs = {
        name: {
            seed: {TEST: _joined([fold.runs[name][seed] for fold in folds], task)}
            for seed in folds[0].runs[name]
        }
        for name in names
    }
    left_out = {name: reason for fold in folds for name, reason in fold.left_out.items()}
    notes = {name: note for fold in folds for name, note in fold.notes.items()}
    return Baselines(runs, left_out, notes)


def _joined(found: Sequence[Predictions], task: FinetuneTask) -> NDArray[np.float32]:
    return in_row_order([each[TEST] for each in found], task)
