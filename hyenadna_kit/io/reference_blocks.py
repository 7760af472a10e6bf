"""Neighbouring stretches of a genome, read a block at a time.

In: stretches that come more or less in order. Out: their bases, lower case where the genome is
soft-masked.
"""

from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome import Genome

_BLOCK = 1 << 18


class ReferenceBlocks:
    """Bases of a genome as its FASTA has them in case, for many short stretches in a row."""

    def __init__(self, genome: Genome) -> None:
        self._genome = genome
        self._block = Interval("", 0, 0)
        self._bases = ""

    def fetch(self, contig: str, start: int, end: int) -> str:
        """Return the bases ``[start, end)`` of ``contig``, N beyond its ends."""
        block = self._block
        if contig != block.contig or start < block.start or end > block.end:
            block = Interval(contig, start, max(end, min(start + _BLOCK, self._genome.contigs[contig])))
            self._block, self._bases = block, self._read(block)
        return self._bases[start - block.start : end - block.start]

    def _read(self, block: Interval) -> str:
        bases, kept, cursor = self._genome.fetch(block), [], 0
        for start, end in (self._genome.masked(block) - block.start).tolist():
            kept += [bases[cursor:start], bases[start:end].lower()]
            cursor = end
        return "".join([*kept, bases[cursor:]])
