"""The labelled files of a fine-tuning, read and put in order.

In: the options. Out: a table for training and, where there are such files, validation and test, each with its
labels.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import fingerprint
from hyenadna_kit.io.class_folders import class_files
from hyenadna_kit.io.label_table import read_label_table
from hyenadna_kit.io.labelled_files import read_labelled
from hyenadna_kit.io.labelled_table import LabelledTable
from hyenadna_kit.io.task_layouts import find_sides
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.windows.splits import TEST, TRAIN, VALIDATION


@dataclass(frozen=True)
class SideTable:
    """What one side of a task holds."""

    table: LabelledTable
    """Its rows."""
    source: str
    """The file or folder that they come from, for errors."""


def read_sides(config: FinetuneConfig) -> dict[str, SideTable]:
    """Read the sides of a task: ``train``, maybe ``validation``, maybe ``test``.

    Raises:
        InputError: A file is no use: it, and where there is one the row and the value, are named.
    """
    paths = side_paths(config)
    if config.folds and len(paths) > 1:
        raise InputError(
            f"folds divide training rows alone, and there are {', '.join(map(str, paths.values()))}"
        )
    groups = () if config.group_column is None else (config.group_column,)
    columns = groups if config.track else (*config.label_columns, *groups)
    own = () if config.labels is not None else columns
    sides = {side: SideTable(read_labelled(path, own), str(path)) for side, path in paths.items()}
    if config.labels is not None:
        sides = _with_labels(Path(config.labels), columns, sides)
    return sides


def side_paths(config: FinetuneConfig) -> dict[str, Path]:
    """Return the file or folder of each side that is given.

    Raises:
        InputError: A folder holds no task.
    """
    if config.data is not None:
        return find_sides(Path(config.data))
    named = {side: getattr(config, side) for side in (TRAIN, VALIDATION, TEST)}
    return {side: Path(path) for side, path in named.items() if path is not None}


def fingerprints(config: FinetuneConfig) -> dict[str, Any]:
    """Return those of all files, of which no two sides may have the same.

    Raises:
        InputError: Two sides have the same content.
    """
    paths = side_paths(config)
    found = {side: _fingerprint(path) for side, path in paths.items()}
    for side, other in combinations(found, 2):
        if found[side] == found[other]:
            raise InputError(
                f"{paths[side]} is given as {side} table and {paths[other]}, with the same content, as "
                f"{other} table; divide the rows, or what is measured flatters"
            )
    record: dict[str, Any] = {f"{side}_fingerprint": found.get(side) for side in (TRAIN, VALIDATION)}
    record |= {f"{side}_fingerprint": each for side, each in found.items()}
    record["labels_fingerprint"] = None if config.labels is None else _fingerprint(Path(config.labels))
    return record


def _fingerprint(path: Path) -> str:
    """Return that of a file, or of the names and bytes of a folder of classes."""
    if not path.is_dir():
        return fingerprint(path)
    digest = hashlib.sha256()
    for file in class_files(path):
        digest.update(f"{file.relative_to(path)}\0{fingerprint(file)}\n".encode())
    return digest.hexdigest()


def _with_labels(
    path: Path, label_columns: Sequence[str], sides: dict[str, SideTable]
) -> dict[str, SideTable]:
    labels = read_label_table(path, label_columns)
    labels.check_all_used({side.source: side.table for side in sides.values()})
    return {
        name: SideTable(labels.label(side.table, side.source), side.source) for name, side in sides.items()
    }
