"""The file of a calibration: null scores by cell, and what they depend on.

In: plain data and arrays. Out: an .npz file that holds a JSON text and the scores one cell after the
other, equal byte by byte for equal content; and the same read again, checked whole.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file

_KIND = "hyenadna_kit calibration"
_FORMAT = 1
_MOST_BYTES = 1 << 28
_DAMAGES = (
    AttributeError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What a zip archive or an array that is cut short, changed or foreign makes its readers raise."""


class NullScores(NamedTuple):
    """What the file holds."""

    job: dict[str, Any]
    """What the scores depend on."""
    made: dict[str, Any]
    """How they came about."""
    cells: dict[str, NDArray[np.float64]]
    """Scores of every cell, in ascending order."""


def write_null_scores(
    path: Path, *, job: Mapping[str, Any], made: Mapping[str, Any], cells: Mapping[str, NDArray[np.float64]]
) -> None:
    """Write null scores; job and made are plain data, see :class:`NullScores`."""
    content = {
        "kind": _KIND,
        "format": _FORMAT,
        "job": job,
        "made": made,
        "cells": {cell: len(scores) for cell, scores in cells.items()},
    }
    scores = np.concatenate([np.empty(0), *cells.values()])
    with atomic_file(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, content=np.array(json.dumps(content)), scores=scores)


def read_null_scores(path: Path) -> NullScores:
    """Read null scores.

    Raises:
        InputError: The file holds none, is damaged, or is of another version of the format.
    """
    with path.open("rb") as handle:
        try:
            content, scores = _read(handle)
            found = NullScores(dict(content["job"]), dict(content["made"]), _split(content["cells"], scores))
        except _DAMAGES as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"{path} is no calibration or a damaged one ({reason}); make it with hyenadna-kit calibrate"
            ) from error
    return found


def _read(handle: BinaryIO) -> tuple[dict[str, Any], NDArray[np.float64]]:
    with zipfile.ZipFile(handle) as archive:
        if sum(each.file_size for each in archive.infolist()) > _MOST_BYTES:
            raise ValueError("it is larger than any calibration")
    handle.seek(0)
    with np.load(handle, allow_pickle=False) as arrays:
        content = json.loads(str(arrays["content"]))
        scores = arrays["scores"]
    if content["kind"] != _KIND:
        raise ValueError("it holds something else")
    if content["format"] != _FORMAT:
        raise ValueError(f"its format is {content['format']}, this version reads {_FORMAT}")
    if scores.dtype != np.float64 or scores.ndim != 1 or not np.isfinite(scores).all():
        raise ValueError("its scores are no numbers")
    return content, scores


def _split(lengths: Mapping[str, int], scores: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    ends = np.cumsum([0, *lengths.values()])
    if min(lengths.values(), default=0) < 0 or ends[-1] != len(scores):
        raise ValueError(f"it names {ends[-1]} scores and holds {len(scores)}")
    cells = {cell: scores[start:end] for cell, start, end in zip(lengths, ends, ends[1:], strict=False)}
    if any((np.diff(each) < 0).any() for each in cells.values()):
        raise ValueError("its scores are out of order")
    return cells
