"""What every genome file shares once a stretch of its tokens can be read.

In: the tokens of a contig, forward strand. Out: any interval, on its strand, as tokens or bases.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.tokenizers.nucleotide import N, NucleotideTokenizer, reverse_complement_tokens

_TOKENIZER = NucleotideTokenizer()


class TokenGenome(ABC):
    """A genome whose contigs are read as tokens; a subclass says where they lie."""

    path: Path
    """File or folder of the genome."""

    @property
    @abstractmethod
    def contigs(self) -> Mapping[str, int]:
        """Length of each contig in bp, in the order of the file."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 of the contig names and bases; see :class:`GenomeFingerprint`."""

    @abstractmethod
    def _slice(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        """Return the tokens of ``[start, end)``, a stretch inside a contig, forward strand."""

    @cached_property
    def names(self) -> ContigNames:
        """The contigs under their usual names."""
        return ContigNames(self.contigs)

    def tokens(self, interval: Interval) -> NDArray[np.uint8]:
        """Return one token a base on the strand of ``interval``, N beyond the ends of the contig.

        The array is the caller's own: writing to it leaves the genome as it is.

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """
        contig = self.names.resolve(interval.contig, str(self.path))
        start, end = max(interval.start, 0), min(interval.end, self.contigs[contig])
        window = np.full(interval.length, N, dtype=np.uint8)
        if start < end:
            window[start - interval.start : end - interval.start] = self._slice(contig, start, end)
        return reverse_complement_tokens(window) if interval.strand is Strand.REVERSE else window

    def fetch(self, interval: Interval) -> str:
        """Return the upper-case bases on the strand of ``interval``, N beyond the contig.

        U is read as T, and every IUPAC code for more than one base as N.

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """
        return _TOKENIZER.decode(self.tokens(interval))
