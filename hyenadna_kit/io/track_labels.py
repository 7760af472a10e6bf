"""Labels made from a track: bins, peaks.

In: one number a base. Out: fewer numbers, or where the track is high.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand

Track = NDArray[np.integer[Any]] | NDArray[np.floating[Any]]
"""One number a base."""


def binned_means(track: Track, bin_size: int) -> NDArray[np.float32]:
    """Return the mean of every ``bin_size`` bases in a row.

        binned_means([1, 3, 5, 5], 2)  ==  [2, 5]

    Raises:
        InputError: The track is no whole number of bins.
    """
    if bin_size < 1 or track.size % bin_size:
        raise InputError(f"a track of {track.size} bp is no whole number of bins of {bin_size} bp")
    return track.reshape(-1, bin_size).mean(axis=1, dtype=np.float64).astype(np.float32)


def peak_labels(
    track: Track, threshold: float, *, min_length: int = 1, max_gap: int = 0
) -> NDArray[np.uint8]:
    """Return 1 for every base in a peak and 0 for all others.

    A peak is a run of bases of ``threshold`` or more. Peaks that are ``max_gap`` bases or fewer apart
    are one, the bases between them included; those of fewer than ``min_length`` bases then are none.

        peak_labels([0, 5, 0, 5, 0, 0, 5], 5, min_length=2, max_gap=1)  ==  [0, 1, 1, 1, 0, 0, 0]
    """
    labels = np.zeros(track.size, dtype=np.uint8)
    for start, end in _runs(track, threshold, min_length, max_gap):
        labels[start:end] = 1
    return labels


def peaks(
    track: Track,
    threshold: float,
    interval: Interval,
    *,
    min_length: int = 1,
    max_gap: int = 0,
) -> list[Interval]:
    """Return the peaks of the track of ``interval``, in the order of the track.

    See :func:`peak_labels` for what a peak is. They lie on the strand of ``interval``: the track of a
    reverse interval begins at its end.

    Raises:
        InputError: The track is not as long as the interval.
    """
    if track.size != interval.length:
        raise InputError(
            f"a track of {track.size} bp is not that of {interval.region} ({interval.length} bp)"
        )
    runs = _runs(track, threshold, min_length, max_gap)
    if interval.strand is Strand.REVERSE:
        return [replace(interval, start=interval.end - end, end=interval.end - start) for start, end in runs]
    return [replace(interval, start=interval.start + start, end=interval.start + end) for start, end in runs]


def _runs(track: Track, threshold: float, min_length: int, max_gap: int) -> list[tuple[int, int]]:
    borders = np.flatnonzero(np.diff(track >= threshold, prepend=False, append=False))
    starts, ends = borders[::2], borders[1::2]
    if starts.size:
        is_apart = starts[1:] - ends[:-1] > max_gap
        starts, ends = starts[np.append(True, is_apart)], ends[np.append(is_apart, True)]
    is_long = ends - starts >= min_length
    return list(zip(starts[is_long].tolist(), ends[is_long].tolist(), strict=True))
