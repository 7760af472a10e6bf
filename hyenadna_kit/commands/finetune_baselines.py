"""What stands beside a fine-tuned model: floors, a small CNN, the model from scratch, on the same tables.

In: a fine-tuning task. Out: predictions of each for every table but the training one. They are kept:

RUN/baselines/kmer.json, kmer.npz    what it was fitted on; its predictions
RUN/baselines/cnn-0.json, cnn-0.npz    those of seed 0
RUN/scratch/seeds/0    run of seed 0 from weights drawn anew
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.evaluation.linear_floors import (
    FloorName,
    LabelledSequences,
    fit_floor,
    most_features,
)
from hyenadna_kit.files import atomic_file, locked, remove_left_over
from hyenadna_kit.heads.nucleotide import NucleotideHeadConfig
from hyenadna_kit.training.callbacks import announce
from hyenadna_kit.training.finetune import FinetuneTask, Selection, finetune
from hyenadna_kit.training.finetune_config import BaselineName
from hyenadna_kit.training.finetune_data import TRAIN, VALIDATION
from hyenadna_kit.training.finetune_variations import with_fresh_weights
from hyenadna_kit.training.small_cnn import MAX_LENGTH
from hyenadna_kit.training.small_cnn_training import small_cnn_predictions
from hyenadna_kit.windows.examples import Examples
from hyenadna_kit.windows.selected_examples import select_examples

FOLDER_NAME = "baselines"

WORDS = {
    "kmer": "linear model of counts of 1- to 6-mers",
    "position": "linear model of 1- to 3-mers at their positions",
    "cnn": "small convolutional network",
    "scratch": "the same model from weights drawn anew, all of it trained",
}
"""What each is."""

_FORMAT = 2
"""Counts up where a baseline's predictions change."""
_MOST_COLUMNS = 64
_MOST_FEATURES = 200_000_000
_CNN_OPTIONS = ("epochs", "patience", "batch_size", "reverse_fraction", "average_strands", "class_weights")

Predictions = dict[str, NDArray[np.float32]]
"""One row an example, by table."""


@dataclass
class Baselines:
    """What came of the baselines of a task."""

    runs: dict[str, dict[int, Predictions]] = field(default_factory=dict)
    """Predictions of each, by its seed; the floors have a single run, 0."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Why others were not fitted."""
    notes: dict[str, str] = field(default_factory=dict)
    """What to know of some that were."""

    def on(self, side: str) -> dict[str, dict[int, NDArray[np.float32]]]:
        """Return the predictions for one table: of each baseline and seed."""
        return {name: {seed: found[side] for seed, found in runs.items()} for name, runs in self.runs.items()}


def fit_baselines(task: FinetuneTask, selection: Selection) -> Baselines:
    """Fit every baseline of the options, or take those that the run folder has.

    Raises:
        InputError: A column has no label in training.
    """
    found = Baselines()
    for name in task.config.baselines:
        reason = _why_left_out(name, task)
        if reason:
            found.left_out[name] = reason
        elif name == "scratch":
            runs = finetune(with_fresh_weights(task), selection)
            found.runs[name] = {run.seed: run.predictions for run in runs}
        elif name == "cnn":
            found.runs[name] = {
                seed: _kept(
                    task, f"cnn-{seed}", _cnn_settings(task, selection), _cnn_of(task, selection, seed)
                )
                for seed in task.config.seeds
            }
        else:
            rows = _floor_rows(name, task.data.examples[TRAIN])
            if len(rows) < len(task.data.examples[TRAIN]):
                found.notes[name] = f"fitted on {len(rows):,} training rows, drawn at random"
            found.runs[name] = {0: _kept(task, name, {}, _floor_of(task, name, rows))}
    return found


def _why_left_out(name: BaselineName, task: FinetuneTask) -> str:
    """Return why a baseline makes no sense here, or nothing."""
    if name == "scratch":
        return "the model itself begins with weights drawn anew" if task.config.fresh_weights else ""
    return _why_not_fitted(name, task)


def _why_not_fitted(name: BaselineName, task: FinetuneTask) -> str:
    """Return why a baseline of another kind than the model makes no sense here, or nothing."""
    examples = task.data.examples[TRAIN]
    if isinstance(task.data.head, NucleotideHeadConfig):
        return "labels are of positions, and it predicts one label a sequence"
    if name == "position" and len(examples.pieces.tokens(0)) > 1:
        return "of variants it would see where alleles lie in their windows, which is the same for all"
    if name != "cnn" and len(task.data.head.labels) > _MOST_COLUMNS:
        return f"a fit of each of {len(task.data.head.labels)} classes or columns would take hours"
    longest = max(max(each.pieces.lengths) for each in task.data.examples.values())
    if name == "cnn" and longest > MAX_LENGTH:
        return f"sequences have up to {longest:,} bases, and it is meant for {MAX_LENGTH:,}"
    return ""


def _kept(
    task: FinetuneTask, name: str, settings: dict[str, Any], fit: Callable[[], Predictions]
) -> Predictions:
    """Return predictions from the run folder, or fit the baseline and leave them there."""
    folder = Path(task.config.out) / FOLDER_NAME
    note, arrays = folder / f"{name}.json", folder / f"{name}.npz"
    fitted_on = _settings(task) | settings
    waiting = partial(announce, f"another process fits {note}; waiting for it to end")
    with locked(arrays.resolve(), on_wait=waiting):
        if note.exists() and arrays.exists() and json.loads(note.read_text()) == fitted_on:
            with np.load(arrays) as kept:
                return dict(kept)
        announce(f"baseline {name}")
        found = fit()
        for path in (arrays, note):
            remove_left_over(path)
        note.unlink(missing_ok=True)
        with atomic_file(arrays) as temporary, temporary.open("wb") as handle:
            np.savez(handle, allow_pickle=False, **found)
        with atomic_file(note) as temporary:
            temporary.write_text(json.dumps(fitted_on, indent=2) + "\n")
        return found


def _settings(task: FinetuneTask) -> dict[str, Any]:
    """Return what decides the predictions of every baseline."""
    data = task.data
    settings = {
        "format": _FORMAT,
        "rows": {side: len(examples) for side, examples in data.examples.items()},
        "bases": {side: sum(examples.pieces.lengths) for side, examples in data.examples.items()},
        "labels": data.head.labels,
        **data.record,
    }
    as_written: dict[str, Any] = json.loads(json.dumps(settings | task.config.decides_examples))
    return as_written


def _cnn_settings(task: FinetuneTask, selection: Selection) -> dict[str, Any]:
    options = {name: getattr(task.config, name) for name in _CNN_OPTIONS}
    return options | {"selected_by": selection.name}


def _cnn_of(task: FinetuneTask, selection: Selection, seed: int) -> Callable[[], Predictions]:
    return lambda: small_cnn_predictions(task, selection, seed)


def _floor_of(task: FinetuneTask, name: FloorName, rows: NDArray[np.int64]) -> Callable[[], Predictions]:
    return lambda: _floor_predictions(task, name, rows)


def _floor_predictions(task: FinetuneTask, name: FloorName, rows: NDArray[np.int64]) -> Predictions:
    data, objective = task.data, task.config.task
    floor = fit_floor(
        name,
        objective,
        _labelled(select_examples(data.examples[TRAIN], rows)),
        validation=_labelled(data.examples[VALIDATION]),
        num_classes=max(2, len(data.head.labels)) if objective == "multiclass" else 2,
    )
    others = {side: _labelled(each) for side, each in data.examples.items() if side != TRAIN}
    return {
        side: floor.predict(each.sequences, each.references).astype(np.float32)
        for side, each in others.items()
    }


def _labelled(examples: Examples) -> LabelledSequences:
    """Return what a floor reads of examples: of variants ALT beside REF."""
    tokens = [examples.pieces.tokens(row) for row in range(len(examples))]
    references = [each[0] for each in tokens] if len(tokens[0]) > 1 else None
    return LabelledSequences([each[-1] for each in tokens], examples.labels, references)


def _floor_rows(name: FloorName, examples: Examples) -> NDArray[np.int64]:
    """Return the rows that a floor is fitted on: all, or as many as there is memory for."""
    order = np.random.default_rng(0).permutation(len(examples))
    features = most_features(name, np.asarray(examples.pieces.lengths)[order])
    return np.sort(order[: max(2, int(np.searchsorted(np.cumsum(features), _MOST_FEATURES)))])
