"""One value a base as a track of a genome browser: bedGraph or bigWig, by the suffix."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from hyenadna_kit.io.bigwig_writer import Values, write_bigwig
from hyenadna_kit.io.text_lines import write_lines

BIGWIG_SUFFIX = ".bw"


def write_base_track(path: Path, contigs: Mapping[str, int], stretches: Iterable[Values]) -> None:
    """Write a track, whole or not at all; bases without a value are left out.

    Args:
        path: ``X.bw``, or any other name for bedGraph, with ``.gz`` behind it bgzipped.
        contigs: Length of each contig in bp.
        stretches: None overlap.

    Raises:
        InputError: No base has a value, which a bigWig cannot say; or pybigtools is not installed.
    """
    ordered = sorted(stretches, key=lambda stretch: (stretch[0].contig, stretch[0].start))
    if path.suffix == BIGWIG_SUFFIX:
        write_bigwig(path, contigs, ordered)
    else:
        write_lines(path, _lines(ordered))


def _lines(stretches: Iterable[Values]) -> Iterator[str]:
    for interval, values in stretches:
        for offset in np.flatnonzero(np.isfinite(values)).tolist():
            start = interval.start + offset
            yield f"{interval.contig}\t{start}\t{start + 1}\t{values[offset]:.6g}"
