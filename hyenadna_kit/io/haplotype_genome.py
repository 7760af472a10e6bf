"""A sample's haplotype as a genome: what a variant is scored on in place of the reference.

In: a reference and the haplotypes of its contigs. Out: a genome like any other, in the coordinates of
the haplotype, and for a variant of the reference the change that it is on the haplotype.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.haplotype import Haplotype
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant, normalize, trim
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.haplotype_rules import HaplotypeRules
from hyenadna_kit.io.haplotypes import haplotype_tokens, read_haplotypes
from hyenadna_kit.io.token_genome import TokenGenome


class Placed(NamedTuple):
    """A variant of the reference as a change of a haplotype."""

    variant: Variant
    """What to change, in the coordinates of the haplotype."""
    sign: int
    """-1 where the haplotype has the ALT already, and changing it takes it away."""


class HaplotypeGenome(TokenGenome):
    """The contigs of a reference with the variants of one haplotype in them."""

    def __init__(self, reference: Genome, haplotypes: Iterable[Haplotype]) -> None:
        """Take a reference and the haplotypes of those of its contigs that differ from it."""
        self.reference = reference
        self.path: Path = reference.path
        self._haplotypes = {haplotype.contig: haplotype for haplotype in haplotypes}
        self._by_form: dict[str, dict[Variant, Variant]] = {}

    @classmethod
    def read(cls, reference: Genome, vcf: str | Path, rules: HaplotypeRules) -> "HaplotypeGenome":
        """Read the variants of a haplotype from a file.

        Raises:
            InputError: See :func:`~hyenadna_kit.io.haplotypes.read_haplotypes`.
        """
        return cls(reference, read_haplotypes(vcf, reference, rules))

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length of each contig of the haplotype in bp."""
        return self._lengths

    @property
    def names(self) -> ContigNames:
        """The contigs under the names that the reference knows."""
        return self.reference.names

    @property
    def species(self) -> Mapping[str, str]:
        """Label of the species of each contig."""
        return self.reference.species

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the reference's fingerprint and of all variants."""
        digest = hashlib.sha256(self.reference.fingerprint.encode())
        for haplotype in self._haplotypes.values():
            for variant in haplotype.variants:
                digest.update(f"\n{variant.contig} {variant.position} {variant.ref} {variant.alt}".encode())
        return digest.hexdigest()

    def masked(self, interval: Interval) -> NDArray[np.int64]:
        """Return the soft-masked runs of the reference where they lie on the haplotype."""
        contig = self.names.resolve(interval.contig, str(self.path))
        haplotype = self._haplotypes.get(contig)
        if haplotype is None:
            return self.reference.masked(interval)
        inside = np.clip([interval.start, interval.end], 0, haplotype.length)
        start, end = haplotype.to_reference(inside).positions
        runs = self.reference.masked(Interval(contig, int(start), int(end)))
        lifted = haplotype.to_haplotype(runs.ravel()).positions.reshape(-1, 2)
        lifted = np.clip(lifted, *inside)
        return lifted[lifted[:, 0] < lifted[:, 1]]

    def place(self, variant: Variant) -> Placed | None:
        """Return what a variant of the reference is on the haplotype.

        Returns:
            None where the haplotype has another change at the place, so that neither allele is there.
        """
        haplotype = self._haplotypes.get(variant.contig)
        if haplotype is None:
            return Placed(variant, 1)
        own = self._own(variant.contig).get(self._normalized(variant))
        if own is not None:
            # An insertion lies before the base that its position names on the reference.
            position = _lift(haplotype, own.position) - (0 if own.ref else len(own.alt))
            return Placed(Variant(variant.contig, position, own.alt, own.ref), -1)
        change = trim(variant)
        if any(_meet(trim(each), change) for each in haplotype.changes(change.position, change.end)):
            return None
        return Placed(Variant(variant.contig, _lift(haplotype, change.position), change.ref, change.alt), 1)

    def _own(self, contig: str) -> dict[Variant, Variant]:
        """Return the variants of a haplotype by the form that all spellings of a change share."""
        if contig not in self._by_form:
            variants = self._haplotypes[contig].variants
            self._by_form[contig] = {self._normalized(variant): variant for variant in variants}
        return self._by_form[contig]

    def _normalized(self, variant: Variant) -> Variant:
        contig = variant.contig
        return normalize(variant, lambda start, end: self.reference.fetch(Interval(contig, start, end)))

    @cached_property
    def _lengths(self) -> dict[str, int]:
        lengths = dict(self.reference.contigs)
        return lengths | {name: haplotype.length for name, haplotype in self._haplotypes.items()}

    def _slice(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        haplotype = self._haplotypes.get(contig)
        if haplotype is None:
            return self.reference.tokens(Interval(contig, start, end))
        return haplotype_tokens(self.reference, haplotype, start, end)


def _lift(haplotype: Haplotype, position: int) -> int:
    return int(haplotype.to_haplotype(np.array([position])).positions[0])


def _meet(own: Variant, other: Variant) -> bool:
    """Say whether two trimmed changes touch the same bases, or insert at the same place."""
    if own.ref and other.ref:
        return own.position < other.end and other.position < own.end
    if not own.ref and not other.ref:
        return own.position == other.position
    point, span = (own, other) if not own.ref else (other, own)
    return span.position < point.position < span.end
