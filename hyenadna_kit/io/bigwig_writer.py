"""One value a base as bigWig tracks.

In: scores by stretch. Out: files for genome browsers. Encoding is pybigtools' work, which is the extra
``bigwig``.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.genome.interval import Interval

Values = tuple[Interval, NDArray[np.float32]]
"""A stretch and one value a base; NaN where there is none."""


def require_bigwig_writer(path: Path) -> Any:
    """Return the library that writes bigWig files.

    Raises:
        InputError: It is not installed.
    """
    try:
        import pybigtools
    except ImportError:
        raise InputError(
            f"writing the bigWig {path} needs pybigtools: pip install 'hyenadna_kit[bigwig]'"
        ) from None
    return pybigtools


def write_bigwig(path: Path, contigs: Mapping[str, int], stretches: Iterable[Values]) -> None:
    """Write one track, whole or not at all; bases without a value are left out.

    Args:
        path: File to write, ``X.bw``.
        contigs: Length of each contig in bp.
        stretches: Sorted by the name of the contig, then by position; none overlap.

    Raises:
        InputError: No base has a value, which a bigWig cannot say; or pybigtools is not installed.
    """
    library = require_bigwig_writer(path)
    rows = _Rows(stretches)
    iterator = iter(rows)
    first = next(iterator, None)
    rows.check()
    if first is None:
        raise InputError(f"{path}: no base has a score, and a bigWig cannot be empty")
    with atomic_file(path) as temporary:
        library.open(str(temporary), "w").write(dict(contigs), chain([first], iterator))
        rows.check()


class _Rows:
    """What the library asks for, row by row.

    The library would report what goes wrong in a row on standard error, and end as if all was well.
    So the rows end there without a word, and the reason is kept.
    """

    def __init__(self, stretches: Iterable[Values]) -> None:
        self._stretches = stretches
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[tuple[str, int, int, float]]:
        try:
            for interval, values in self._stretches:
                offsets = np.flatnonzero(np.isfinite(values))
                starts = (offsets + interval.start).tolist()
                for start, value in zip(starts, values[offsets].tolist(), strict=True):
                    yield interval.contig, start, start + 1, value
        except BaseException as failure:  # noqa: BLE001 - Ctrl-C too; it is raised again by check()
            self._failure = failure

    def check(self) -> None:
        """Raise what kept a row from being made."""
        if self._failure is not None:
            raise self._failure
