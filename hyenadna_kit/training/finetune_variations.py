"""A fine-tuning task with some rows left out, or with labels that mean nothing."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from hyenadna_kit.errors import InputError
from hyenadna_kit.training.finetune import FinetuneTask
from hyenadna_kit.training.finetune_data import TRAIN
from hyenadna_kit.training.labels import varies
from hyenadna_kit.windows.selected_examples import select_examples, shuffle_labels

CONTROL_NAME = "control"
"""Folder, in that of the run, of the run on shuffled labels."""
SCRATCH_NAME = "scratch"
"""Folder, in that of the run, of the run from weights drawn anew."""


def without_rows(task: FinetuneTask, dropped: Mapping[str, Int[np.ndarray, " rows"]]) -> FinetuneTask:
    """Return the task without some rows of its tables.

    Args:
        task: All of it.
        dropped: Numbers of rows, from 0, by the table that they are in.

    Raises:
        InputError: A table has no rows then, or all that are left have the same label.
    """
    examples = dict(task.data.examples)
    for side, rows in dropped.items():
        kept = np.setdiff1d(np.arange(len(examples[side])), rows)
        left = select_examples(examples[side], kept) if len(kept) else None
        if left is None or not varies(left.labels):
            raise InputError(
                f"{len(rows):,} of {len(examples[side]):,} rows of the {side} table repeat in the table that "
                "is measured, and the rest is no use; divide the rows anew, or --duplicates keep"
            )
        examples[side] = left
    return replace(task, data=task.data.with_examples(examples))


def with_shuffled_labels(task: FinetuneTask) -> FinetuneTask:
    """Return the task of the control: its first seed, on shuffled training labels."""
    seed = task.config.seeds[0]
    shuffled = shuffle_labels(task.data.examples[TRAIN], np.random.default_rng(seed))
    out = Path(task.config.out) / CONTROL_NAME
    data = replace(
        task.data,
        examples=task.data.examples | {TRAIN: shuffled},
        record=task.data.record | {"train_labels": "shuffled"},
    )
    return replace(task, config=replace(task.config, seeds=(seed,), out=str(out)), data=data)


def with_fresh_weights(task: FinetuneTask) -> FinetuneTask:
    """Return the task without its pretraining: all weights drawn anew, and all trained."""
    config = replace(
        task.config,
        fresh_weights=True,
        trained_layers=None,
        lora_rank=0,
        layer_decay=1.0,
        out=str(Path(task.config.out) / SCRATCH_NAME),
    )
    return replace(task, config=config)
