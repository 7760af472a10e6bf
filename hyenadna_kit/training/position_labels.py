"""Labels of positions: values of tracks along each piece of DNA, or a class for every base.

In: a table, with tracks or with texts of one character a base. Out: one row of labels a position or bin, and
where the rows of each example begin.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.bigwig import BigWig
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.track_labels import binned_means
from hyenadna_kit.training.finetune_tables import SideTable

_BIGWIG = (".bw", ".bigwig")
_ALIGNMENTS = (".bam", ".cram")


class LabelRows(NamedTuple):
    """The labels of a side."""

    labels: NDArray[np.generic]
    """One row an example; or one row a position or bin, example after example."""
    first_rows: NDArray[np.int64] | None = None
    """Of positions, the first row of each example, and one past the last row of all."""


class Tracks:
    """Numbers along a genome, from one or several files."""

    def __init__(self, paths: Sequence[str], genome: Genome, *, bin_size: int) -> None:
        """Open the files.

        Args:
            paths: bigWig files, or BAM files, whose coverage is read.
            genome: What they lie on.
            bin_size: Bases that are averaged.

        Raises:
            InputError: A file is none of these, damaged, or of another genome.
        """
        self.names = tuple(Path(path).stem for path in paths)
        if len(set(self.names)) < len(paths):
            raise InputError(f"tracks must differ in their names, got {', '.join(self.names)}; rename one")
        self._tracks = [_open(Path(path), genome) for path in paths]
        self._bin_size = bin_size

    def labels(self, intervals: Sequence[Interval], source: str) -> LabelRows:
        """Return the means of the bins of places, in the direction in which each is read.

        A bin of a bigWig in which no base has a value has no label.

        Raises:
            InputError: A place is no whole number of bins.
        """
        rows = []
        for row, interval in enumerate(intervals, start=1):
            if interval.length % self._bin_size:
                raise InputError(
                    f"{source}, row {row}: {interval.length:,} bases are no whole number of bins of "
                    f"{self._bin_size}; cut the region, or take another --bin_size"
                )
            rows.append(np.stack([self._values(track, interval) for track in self._tracks], axis=1))
        return LabelRows(np.concatenate(rows), _first_rows(rows))

    def close(self) -> None:
        """Close the files."""
        for track in self._tracks:
            if isinstance(track, BigWig):
                track.close()

    def _values(self, track: BigWig | Bam, interval: Interval) -> NDArray[np.float32]:
        if isinstance(track, BigWig):
            return track.bins(interval, interval.length // self._bin_size)
        return binned_means(track.coverage(interval), self._bin_size)


def texts_of_classes(side: SideTable, column: str) -> tuple[str, ...]:
    """Return the classes of the bases of each row, one character a base.

    Raises:
        InputError: The column is no text of so many characters.
    """
    cells = side.table.columns[column]
    if isinstance(cells, np.ndarray) and cells.dtype.kind != "i":
        raise InputError(
            f"{side.source}: column {column!r} holds numbers, not one character a base; quote it"
        )
    return tuple(map(str, cells))


def classes_of_bases(
    texts: Sequence[str], classes: Sequence[str], lengths: Sequence[int], source: str
) -> LabelRows:
    """Return the number of the class of every base.

    Args:
        texts: The classes of each row, one character a base.
        classes: All of them, by number.
        lengths: Bases of each row.
        source: Where the rows come from, for errors.

    Raises:
        InputError: A text is shorter or longer than its sequence, or a class is none of those.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    rows = []
    for row, (text, length) in enumerate(zip(texts, lengths, strict=True), start=1):
        if len(text) != length:
            raise InputError(
                f"{source}, row {row}: {len(text):,} labels for {length:,} bases; give one a base"
            )
        unknown = set(text).difference(numbers)
        if unknown:
            raise InputError(
                f"{source}, row {row}: class {min(unknown)!r} is not in the training table, which has "
                f"{', '.join(classes[:8])}; remove the row, or train on the class"
            )
        rows.append(np.array([numbers[letter] for letter in text], dtype=np.int64))
    return LabelRows(np.concatenate(rows), _first_rows(rows))


def _open(path: Path, genome: Genome) -> BigWig | Bam:
    if path.name.lower().endswith(_BIGWIG):
        track = BigWig(path)
        _check_contigs(track, genome)
        return track
    if path.name.lower().endswith(_ALIGNMENTS):
        bam = Bam(path, genome.path if path.suffix.lower() == ".cram" else None)
        bam.check_reference(genome)
        return bam
    raise InputError(f"track {path} must be bigWig (.bw, .bigwig) or BAM (.bam, .cram); rename or convert it")


def _check_contigs(track: BigWig, genome: Genome) -> None:
    for contig, length in track.contigs.items():
        name = genome.names.find(contig)
        if name is not None and genome.contigs[name] != length:
            raise InputError(
                f"contig {contig!r} has {length:,} bp in {track.path} and {genome.contigs[name]:,} bp in "
                f"{genome.path}; name the genome that the track lies on"
            )


def _first_rows(rows: Sequence[NDArray[np.generic]]) -> NDArray[np.int64]:
    return np.cumsum([0, *map(len, rows)], dtype=np.int64)
