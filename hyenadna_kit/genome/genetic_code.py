"""Genetic codes: which amino acid a codon stands for.

In: three bases. Out: one letter. :mod:`hyenadna_kit.io.genetic_codes` has the tables of NCBI.
"""

from collections.abc import Mapping
from dataclasses import dataclass

STANDARD_CODE = 1
"""Number of NCBI's table of nuclear genes."""

STOP, UNKNOWN, METHIONINE = "*", "X", "M"


@dataclass(frozen=True, slots=True)
class GeneticCode:
    """One table."""

    amino_acids: Mapping[str, str]
    """One letter for each of the 64 codons; ``*`` is a stop."""
    starts: frozenset[str]
    """Codons that a protein may begin with."""

    def read(self, codon: str) -> str:
        """Return the amino acid of three bases; ``X`` for what is no codon of A, C, G and T."""
        return self.amino_acids.get(codon, UNKNOWN)

    def translate(self, bases: str) -> str:
        """Return the amino acids of all whole codons, stops among them."""
        return "".join(self.read(bases[first : first + 3]) for first in range(0, len(bases) - 2, 3))
