"""Scores of every SNV, looked up in the table that holds them.

In: a table of ``score-genome`` and its index. Out: the score of any SNV in it. What a genome has at
neighbouring positions is read at once: variants in the order of the genome cost a seek a block.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Self, final

import pysam

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import BASES
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.io.compressed import DAMAGE
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.genome_scores_table import COLUMNS, MISSING
from hyenadna_kit.io.htslib import no_second_failure, quiet

_KEY = re.compile(r"##hyenadna_kit_(\w+)=(.*)")
_BLOCK_BASES = 1 << 14
"""The first base of a stretch so long is the nearest place that an index knows."""
_REQUIRED = ("model_sha256", "genome_sha256", "scorer")


class _Row(NamedTuple):
    """One line of the table."""

    ref: str
    cells: tuple[str, ...]


@final
class GenomeScores:
    """A table of every SNV's score; a context manager.

    with GenomeScores("ecoli.tsv.gz") as scores:
        scores.llr("NC_000913.3", 999, "A", "G")        # of the base 1000, in nats
    """

    def __init__(self, path: Path | str) -> None:
        """Open a table; its index lies beside it.

        Raises:
            InputError: There is no such table or no index, or it is damaged, or not of ``score-genome``.
        """
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"scores {self.path} do not exist (or are no regular file); check the path")
        try:
            with quiet(), no_second_failure():
                self._table = pysam.TabixFile(str(self.path), index=str(_index(self.path)))
                header = list(self._table.header)
        except (*DAMAGE, ValueError) as error:
            raise InputError(
                f"{self.path}: it, or the index {self.path.name}.tbi or .csi, cannot be read ({error}); "
                "write it again with score-genome"
            ) from None
        found = [match for match in map(_KEY.fullmatch, header) if match]
        self.metadata: Mapping[str, str] = MappingProxyType({match[1]: match[2] for match in found})
        """What the header says: ``version``, ``model_sha256``, ``genome_sha256``, ``scorer``, ``device``."""
        self._block: tuple[str, int] | None = None
        self._lines: list[str] = []
        if header[-1:] != ["#" + "\t".join(COLUMNS)] or not self.metadata.keys() >= set(_REQUIRED):
            self.close()
            raise InputError(f"{self.path} is no table of score-genome: its header says something else")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    @cached_property
    def names(self) -> ContigNames:
        """The contigs that have scores, under their usual names."""
        return ContigNames(self._table.contigs)

    def check_genome(self, genome: Genome) -> None:
        """Refuse another genome than the scored one.

        Raises:
            InputError: Its fingerprint differs.
        """
        scored = self.metadata["genome_sha256"]
        if genome.fingerprint != scored:
            raise InputError(
                f"{self.path} holds scores of another genome (sha256 {scored[:12]}...) than {genome.path} "
                f"(sha256 {genome.fingerprint[:12]}...); take that genome or score this one"
            )

    def base(self, contig: str, position: int) -> str | None:
        """Return the genome's base at a position (from 0); None where the table has no line for it."""
        row = self._row(contig, position)
        return None if row is None else row.ref

    def llr(self, contig: str, position: int, ref: str, alt: str) -> float | None:
        """Return the log-likelihood ratio of ``alt`` over ``ref``, in nats.

        Args:
            contig: Name of the contig, or another of its usual names.
            position: Position of the base, from 0.
            ref: One base, in either case.
            alt: One base, in either case.

        Returns:
            The score with the digits of the table; None where ``ref`` is not the genome's base, or the
            table has no score for the change.

        Raises:
            InputError: The table is damaged.
        """
        row = self._row(contig, position)
        column = BASES.find(alt.upper()) if len(alt) == 1 else -1
        if row is None or row.ref != ref.upper() or column < 0:
            return None
        cell = row.cells[column]
        return None if cell == MISSING else float(cell)

    def _row(self, contig: str, position: int) -> _Row | None:
        name = self.names.find(contig)
        if name is None or position < 0:
            return None
        self._read_block(name, position // _BLOCK_BASES)
        index = bisect_left(self._lines, position + 1, key=_pos)
        if index == len(self._lines) or _pos(self._lines[index]) != position + 1:
            return None
        _, _, ref, *cells = self._lines[index].split("\t")
        return _Row(ref, tuple(cells))

    def _read_block(self, contig: str, number: int) -> None:
        if self._block == (contig, number):
            return
        start = number * _BLOCK_BASES
        self._block = None
        try:
            with quiet():
                self._lines = list(self._table.fetch(contig, start, start + _BLOCK_BASES))
        except (*DAMAGE, ValueError) as error:
            raise InputError(
                f"{self.path} is damaged at {contig}:{start + 1} ({error}); write it again with score-genome"
            ) from None
        self._block = (contig, number)


def _index(path: Path) -> Path:
    """Return the index of a table; pysam by itself does not look for a .csi."""
    found = path.with_name(f"{path.name}.csi")
    return found if found.exists() else path.with_name(f"{path.name}.tbi")


def _pos(line: str) -> int:
    return int(line.split("\t", 2)[1])
