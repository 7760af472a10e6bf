"""Sequencing reads as what windows are cut from.

In: a read store. Out: reads that look like the contigs of a genome, each named by its number, and the
training windows on them. A window never spans two reads; one that is longer than its read ends in N.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.read_store import ReadStore
from hyenadna_kit.tokenizers.nucleotide import N, reverse_complement_tokens
from hyenadna_kit.windows.stream import LengthSchedule, item_generator

NO_QUALITY = 255
"""Phred score of a base without one."""

# Entry q: the probability that a base of Phred score q is right; 1 where nobody knows.
_CORRECT = (1 - 10 ** (-np.arange(NO_QUALITY + 1) / 10)).astype(np.float32)
_CORRECT[NO_QUALITY] = 1


class ReadContigs:
    """The reads of a store as contigs called ``"0"``, ``"1"``, ... as they were sequenced."""

    def __init__(self, reads: ReadStore) -> None:
        self.reads = reads

    def tokens(self, interval: Interval) -> NDArray[np.uint8]:
        """Return one token a base on the strand of ``interval``, N beyond the ends of the read."""
        window = np.full(interval.length, N, dtype=np.uint8)
        inside = self._inside(interval)
        window[inside.place] = self.reads.tokens(inside.read, inside.start, inside.end)
        return reverse_complement_tokens(window) if interval.strand is Strand.REVERSE else window

    def weights(self, interval: Interval) -> NDArray[np.float32]:
        """Return the probability that each base was read right, by its quality.

        ``1 - 10 ** (-quality / 10)``; 1 where the file gives no quality, and beyond the ends.
        """
        weights = np.ones(interval.length, dtype=np.float32)
        inside = self._inside(interval)
        weights[inside.place] = _CORRECT[self.reads.qualities(inside.read, inside.start, inside.end)]
        return weights[::-1].copy() if interval.strand is Strand.REVERSE else weights

    def _inside(self, interval: Interval) -> "_Inside":
        read = int(interval.contig)
        length = int(self.reads.lengths[read])
        start, end = (min(max(place, 0), length) for place in (interval.start, interval.end))
        first = start - interval.start
        return _Inside(read, start, end, slice(first, first + end - start))


class _Inside(NamedTuple):
    """The part of an interval that lies in its read, and where that part goes."""

    read: int
    start: int
    end: int
    place: slice


class ReadStream:
    """Windows drawn over some reads; item k is a pure function of (seed, k).

    Every place of a window inside a read is as likely as every other; a read that is shorter than a
    window has one place, at its start.
    """

    def __init__(
        self,
        reads: ReadStore,
        chosen: NDArray[np.int64],
        lengths: LengthSchedule,
        *,
        batch_size: int,
        seed: int,
        reverse_fraction: float = 0.5,
    ) -> None:
        """Lay out the stream.

        Args:
            reads: Where the reads are.
            chosen: Numbers of those to draw from.
            lengths: Window length in tokens; a window has one base more, the last to be predicted.
            batch_size: Items of one step, over all ranks, once windows have their last length.
            seed: Of the whole stream.
            reverse_fraction: Share of windows that are read on the other strand than was sequenced.

        Raises:
            InputError: There are no reads to draw from.
        """
        if not chosen.size:
            raise InputError(f"{reads.path} leaves no reads to train on; filter or hold out fewer")
        self.chosen = chosen
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.reverse_fraction = reverse_fraction
        self._read_lengths = reads.lengths[chosen]
        self._places: dict[int, NDArray[np.int64]] = {}

    def __getitem__(self, item: int) -> Interval:
        """Return item ``item``; its contig is the number of a read."""
        generator = item_generator(self.seed, item)
        num_bases = self.lengths.at(item // self.lengths.most_windows(self.batch_size)) + 1
        ends = self._last_places(num_bases)
        place = int(generator.integers(ends[-1]))
        index = int(np.searchsorted(ends, place, side="right"))
        start = place - (int(ends[index - 1]) if index else 0)
        window = Interval(str(self.chosen[index]), start, start + num_bases)
        return window.reverse_complement() if generator.random() < self.reverse_fraction else window

    def _last_places(self, num_bases: int) -> NDArray[np.int64]:
        """Number every place of a window; return, for each read, one past its last number."""
        if num_bases not in self._places:
            self._places[num_bases] = np.cumsum(np.maximum(1, self._read_lengths - num_bases + 1))
        return self._places[num_bases]


class ReadSides(NamedTuple):
    """The reads of one run, by number."""

    train: NDArray[np.int64]
    """Drawn from."""
    validation: NDArray[np.int64]
    """The last of the file, never drawn from."""


def divide_reads(reads: ReadStore, held_out: Sequence[Interval], validation_fraction: float) -> ReadSides:
    """Divide the reads that share no base of the reference with ``held_out``.

    The last reads of the file, with ``validation_fraction`` of the bases, are for validation: of a
    sorted BAM they lie on another part of the reference than those before them.

    Raises:
        InputError: Nothing is left to train on or nothing to validate on.
    """
    kept = np.ones(reads.num_reads, dtype=np.bool_)
    names = list(reads.contigs)
    for region in held_out:
        same = np.asarray(reads.contig_of) == names.index(region.contig)
        kept &= ~(same & (reads.start_of < region.end) & (reads.end_of > region.start))
    chosen = np.flatnonzero(kept)
    ends = np.cumsum(reads.lengths[chosen])
    share = ends[-1] * (1 - validation_fraction) if ends.size else 0
    num_train = int(np.searchsorted(ends, share, side="right"))
    if not 0 < num_train < chosen.size:
        raise InputError(
            f"{chosen.size:,} reads of {reads.path} with validation_fraction {validation_fraction} leave "
            "nothing to train on or nothing to validate on; keep more reads, and a fraction between 0 and 1"
        )
    return ReadSides(chosen[:num_train], chosen[num_train:])


def spread_reads(reads: ReadStore, chosen: NDArray[np.int64], num_bases: int) -> list[Interval]:
    """Return whole reads, spread evenly over ``chosen``, that hold about ``num_bases`` bases."""
    total = int(reads.lengths[chosen].sum())
    keep = min(chosen.size, max(1, round(chosen.size * num_bases / max(1, total))))
    return [
        Interval(str(read), 0, int(reads.lengths[read]))
        for read in chosen[np.arange(keep) * chosen.size // keep]
    ]
