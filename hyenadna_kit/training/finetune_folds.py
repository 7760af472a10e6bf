"""Cross-validation: every row of a table is measured once, by models that were trained on others.

In: a task whose rows are divided into parts. Out: a task for each part, which is its test table; the next
part chooses the epoch, and the others are trained on.

RUN/folds/0/    the run of the first part, with everything that a run has
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int, Shaped

from hyenadna_kit.training.finetune import FinetuneTask
from hyenadna_kit.training.finetune_data import TRAIN, VALIDATION
from hyenadna_kit.windows.examples import Examples
from hyenadna_kit.windows.selected_examples import select_examples
from hyenadna_kit.windows.splits import TEST

FOLDER_NAME = "folds"


def fold_tasks(task: FinetuneTask) -> Iterator[FinetuneTask]:
    """Yield the task of each part.

    Raises:
        InputError: A class or a column has no label, or the same everywhere, in the rows that are trained on.
    """
    parts, examples = _parts(task), task.data.examples[TRAIN]
    num_parts = task.config.folds
    for part in range(num_parts):
        sides = {TEST: parts == part, VALIDATION: parts == (part + 1) % num_parts}
        rows = {TRAIN: ~(sides[TEST] | sides[VALIDATION]), **dict(reversed(sides.items()))}
        data = task.data.with_examples(
            {side: select_examples(examples, np.flatnonzero(chosen)) for side, chosen in rows.items()}
        )
        out = str(Path(task.config.out) / FOLDER_NAME / str(part))
        record = data.record | {"part": part, "num_parts": num_parts}
        yield replace(task, config=replace(task.config, out=out), data=replace(data, record=record))


def in_row_order(
    found: Sequence[Shaped[np.ndarray, "rows_of_part ..."]], task: FinetuneTask
) -> Shaped[np.ndarray, "rows ..."]:
    """Return what was found for each part, as of ``fold_tasks``, in the order of all rows."""
    examples: Examples = task.data.examples[TRAIN]
    rows = [
        examples.rows_of(np.flatnonzero(_parts(task) == part).tolist()) for part in range(task.config.folds)
    ]
    together = np.concatenate(list(found))
    in_order = np.empty_like(together)
    in_order[np.concatenate(rows)] = together
    return in_order


def _parts(task: FinetuneTask) -> Int[np.ndarray, " rows"]:
    assert task.data.parts is not None, "the options ask for folds"
    return task.data.parts
