"""What is predicted of each row of a side, as the loss of a head takes it.

In: the options, the tables of all sides and their pieces. Out: how labels are read, learnt from the training
side alone, and the labels of every side.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.label_columns import expand_columns
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.finetune_tables import SideTable
from hyenadna_kit.training.labels import Labelling, NumberLabels, learn_classes, learn_labels
from hyenadna_kit.training.position_labels import LabelRows, Tracks, classes_of_bases, texts_of_classes
from hyenadna_kit.windows.examples import IntervalPieces, Pieces
from hyenadna_kit.windows.splits import TRAIN


class SideLabels(NamedTuple):
    """The labels of a task."""

    labelling: Labelling
    """How they are read."""
    rows: dict[str, LabelRows]
    """Those of each side."""


def read_labels(
    config: FinetuneConfig,
    genome: Genome | None,
    sides: Mapping[str, SideTable],
    pieces: Mapping[str, Pieces],
) -> SideLabels:
    """Return the labels of all sides.

    Args:
        config: The options.
        genome: What tracks lie on.
        sides: Tables, the one of training among them.
        pieces: What is read of each.

    Raises:
        InputError: A label is none of the task: the file, row and value are named.
    """
    if config.track:
        return _of_tracks(config, genome, sides, pieces)
    config = replace(config, label_columns=_columns(config, sides[TRAIN]))
    if config.labels_of == "base":
        return _of_bases(config, sides, pieces)
    labelling = learn_labels(config, sides[TRAIN].table, sides[TRAIN].source)
    return SideLabels(
        labelling,
        {name: LabelRows(labelling.encode(side.table, side.source)) for name, side in sides.items()},
    )


def _columns(config: FinetuneConfig, train: SideTable) -> tuple[str, ...]:
    """Return the columns that the options mean."""
    columns = expand_columns(
        config.label_columns, tuple(name for name in train.table.columns if name != config.group_column)
    )
    if config.task in ("binary", "multiclass") and len(columns) > 1:
        meant = ", ".join(config.label_columns)
        raise InputError(
            f"{meant} are {len(columns)} columns, and a {config.task} task has one; name one of them"
        )
    return columns


def _of_tracks(
    config: FinetuneConfig,
    genome: Genome | None,
    sides: Mapping[str, SideTable],
    pieces: Mapping[str, Pieces],
) -> SideLabels:
    rows: dict[str, LabelRows] = {}
    if genome is None:
        raise InputError("tracks are of places on a genome; name it by --genome")
    with closing(Tracks(config.track, genome, bin_size=config.bin_size)) as tracks:
        for name, each in pieces.items():
            if not isinstance(each, IntervalPieces):
                raise InputError(f"{sides[name].source} holds no places, which tracks are of; give a BED")
            rows[name] = tracks.labels(each.intervals, sides[name].source)
    return SideLabels(NumberLabels(tracks.names), rows)


def _of_bases(
    config: FinetuneConfig, sides: Mapping[str, SideTable], pieces: Mapping[str, Pieces]
) -> SideLabels:
    if sides[TRAIN].table.variants is not None:
        raise InputError(
            f"{sides[TRAIN].source} holds variants, whose bases have no labels; leave out --labels_of"
        )
    (column,) = config.label_columns
    texts = {name: texts_of_classes(side, column) for name, side in sides.items()}
    labelling = learn_classes(config, tuple("".join(texts[TRAIN])), sides[TRAIN].source)
    rows = {
        name: classes_of_bases(texts[name], labelling.classes, pieces[name].lengths, side.source)
        for name, side in sides.items()
    }
    return SideLabels(labelling, rows)
