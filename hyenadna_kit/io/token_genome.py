"""What every genome file shares once a stretch of its tokens can be read.

In: the tokens of a contig, forward strand. Out: any interval, on its strand, as tokens or bases.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.tokenizers.nucleotide import N, NucleotideTokenizer, reverse_complement_tokens

_TOKENIZER = NucleotideTokenizer()
_NOTHING: Mapping[str, str] = MappingProxyType({})


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

    @property
    def species(self) -> Mapping[str, str]:
        """Label of the species of each contig; empty where none was given."""
        return _NOTHING

    @property
    def aliases(self) -> Mapping[str, str]:
        """Contigs under names that a user gave: other name to name here."""
        return _NOTHING

    @cached_property
    def names(self) -> ContigNames:
        """The contigs under their usual names."""
        return ContigNames(self.contigs, self.aliases, self.species.values())

    def tokens(self, interval: Interval) -> NDArray[np.uint8]:
        """Return one token a base on the strand of ``interval``, N beyond the ends of the contig.

        The array is the caller's own: writing to it leaves the genome as it is.

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """
        contig = self.names.resolve(interval.contig, str(self.path))
        start, end, length = interval.start, interval.end, self.contigs[contig]
        if start >= 0 and end <= length:
            window = self._slice(contig, start, end)
        else:
            window = np.full(end - start, N, dtype=np.uint8)
            first, last = max(start, 0), min(end, length)
            if first < last:
                window[first - start : last - start] = self._slice(contig, first, last)
        return reverse_complement_tokens(window) if interval.strand is Strand.REVERSE else window.copy()

    def fetch(self, interval: Interval) -> str:
        """Return the upper-case bases on the strand of ``interval``, N beyond the contig.

        U is read as T, and every IUPAC code for more than one base as N.

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """
        return _TOKENIZER.decode(self.tokens(interval))
