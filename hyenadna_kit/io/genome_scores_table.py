"""Scores of every SNV as a table that tabix indexes: one line a base.

In: scores by stretch. Out: bgzipped lines ``contig pos ref A C G T`` (``pos`` from 1; ``.`` where there is
no score), written stretch by stretch into files of their own, and put together byte by byte.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pysam
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.genome.alphabet import BASES
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.htslib import quiet
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE

SUFFIX = ".tsv.gz"
"""How the name of a table ends."""
COLUMNS = ("contig", "pos", "ref", *BASES)
MISSING = "."
"""Stands where there is no score."""

_DIGITS = 6
_ROWS_AT_A_TIME = 1 << 16
_LETTERS = np.array([*BASES, "N"])
_BGZF_END_BYTES = 28
"""Length of the empty block that ends every bgzip file."""
_TBI_REACH = 1 << 29
"""Longest contig, in bp, that a .tbi index can address."""
_INDEX_SUFFIXES = (".tbi", ".csi")


class Scored(NamedTuple):
    """The scores of one stretch."""

    interval: Interval
    """The stretch, on the forward strand."""
    tokens: NDArray[np.uint8]
    """Token ids of its bases."""
    llr: NDArray[np.float32]
    """A row a base, a column each for A, C, G and T; NaN where there is no score."""


def check_table_path(path: Path) -> None:
    """Refuse a path that cannot take a table.

    Raises:
        InputError: It has another suffix or is a folder.
    """
    if not path.name.endswith(SUFFIX) or path.name == SUFFIX:
        raise InputError(f"output {path} must be named X{SUFFIX}: it is bgzipped and indexed")
    if path.is_dir():
        raise InputError(f"output {path} is a folder; name a file in it")


def write_lines(path: Path, stretches: Iterable[Scored]) -> None:
    """Write the lines of some stretches to a bgzip file, whole or not at all."""
    with atomic_file(path) as temporary, _bgzip(temporary) as handle:
        for scored in stretches:
            for text in _lines(scored):
                handle.write(text)


def assemble(path: Path, header: Sequence[str], parts: Sequence[Path], *, reach: int) -> None:
    """Put a table together and index it; its index takes its name after it.

    Args:
        path: Target, ``X.tsv.gz``; ``.tbi`` stands behind it, or ``.csi`` where a contig is long.
        header: Lines that begin with ``##``, without line ends.
        parts: Files of :func:`write_lines`, sorted.
        reach: Length of the longest contig in bp.
    """
    suffix = ".csi" if reach > _TBI_REACH else ".tbi"
    with ExitStack() as index_stack, atomic_file(path) as temporary:
        with _bgzip(temporary) as handle:
            handle.write("".join(f"{line}\n" for line in (*header, "#" + "\t".join(COLUMNS))).encode())
        _append(temporary, parts)
        index = index_stack.enter_context(atomic_file(_beside(path, suffix)))
        with quiet():
            pysam.tabix_index(
                str(temporary),
                force=True,
                keep_original=True,
                seq_col=0,
                start_col=1,
                end_col=1,
                meta_char="#",
                csi=suffix == ".csi",
                index=str(index),
            )
        for stale in _INDEX_SUFFIXES:
            _beside(path, stale).unlink(missing_ok=True)


def _append(target: Path, parts: Sequence[Path]) -> None:
    """Add the blocks of bgzip files to one, each in the place of the empty block at the end."""
    with target.open("r+b") as whole:
        for part in parts:
            whole.seek(-_BGZF_END_BYTES, 2)
            with part.open("rb") as handle:
                shutil.copyfileobj(handle, whole)


def _lines(scored: Scored) -> Iterator[bytes]:
    """Yield the lines of a stretch, many at a time; they are made column by column."""
    for first in range(0, scored.interval.length, _ROWS_AT_A_TIME):
        rows = slice(first, first + _ROWS_AT_A_TIME)
        tokens = scored.tokens[rows]
        positions = np.arange(len(tokens)) + (scored.interval.start + first + 1)
        letters = _LETTERS[np.minimum(tokens, LAST_BASE + 1) - FIRST_BASE]
        cells = [_cells(scored.llr[rows, column]) for column in range(len(BASES))]
        # The line end stands before each line, so that the column of lines is the text itself.
        lines = pc.binary_join_element_wise(
            pa.scalar(f"\n{scored.interval.contig}"),
            pa.array(positions).cast(pa.string()),
            pa.array(letters),
            *cells,
            "\t",
        )
        yield lines.buffers()[2].to_pybytes()[1:] + b"\n"


def _cells(values: NDArray[np.float32]) -> pa.Array:
    return pa.array(rounded(values), from_pandas=True).cast(pa.string()).fill_null(MISSING)


def rounded(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the numbers with six significant digits; their shortest text has no more."""
    exact = values.astype(np.float64)
    magnitudes = np.abs(np.where(np.isfinite(exact) & (exact != 0), exact, 1.0))
    scale = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(magnitudes)))
    # Adding 0 makes 0 of -0.
    found: NDArray[np.float64] = np.round(exact * scale) / scale + 0.0
    return found


def _bgzip(path: Path) -> pysam.BGZFile:
    return pysam.BGZFile(str(path), "wb", None)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
