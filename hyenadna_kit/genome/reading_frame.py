"""What a change in a CDS does to the protein.

In: a CDS as it is read, with its frame and genetic code, and bases of it that become others. Out: one
:class:`Consequence`.

    ATG AAA TGG TAA        TGG becomes TGA: stop_gained; TAA becomes TAG: stop_retained_variant

Nothing but ``coding_sequence_variant`` is said of codons that are not known: those that are not whole at
either end of an incomplete CDS, those with another letter than A, C, G and T, and a stop inside, which is
selenocysteine or a mistake. A protein that goes on in another frame is not read to its end: wherever it
ends, the change is a frameshift, also where it begins in the first or the last codon. A start codon
is the first codon where the genetic code has it as one; no other one is looked for where it is lost.
"""

from dataclasses import dataclass

from hyenadna_kit.genome.consequence import Consequence, most_severe
from hyenadna_kit.genome.genetic_code import METHIONINE, STOP, UNKNOWN, GeneticCode


@dataclass(frozen=True, slots=True)
class ReadingFrame:
    """A CDS, the first base first, and what is behind it."""

    bases: str
    """A, C, G, T and N in the direction of reading: the CDS, and what follows on its transcript."""
    length: int
    """Bases of the CDS."""
    phase: int
    """Bases before the first whole codon."""
    code: GeneticCode
    """How codons are translated."""
    is_partial: bool = False
    """Whether an end of the CDS is not known."""

    @property
    def num_codons(self) -> int:
        """Whole codons, the stop among them."""
        return max(0, (self.length - self.phase) // 3)

    @property
    def has_start(self) -> bool:
        """Whether it begins with a start codon."""
        return not self.phase and not self.is_partial and self.bases[:3] in self.code.starts

    @property
    def has_stop(self) -> bool:
        """Whether it ends with a stop codon."""
        is_whole = self.num_codons and self._end == self.length
        return bool(is_whole) and self.code.read(self.bases[self._end - 3 : self._end]) == STOP

    @property
    def _end(self) -> int:
        """One past the last base of the last whole codon."""
        return self.phase + 3 * self.num_codons

    def consequence(self, change: "CodingChange") -> Consequence:
        """Return what a change does that begins in the CDS, and may end behind it."""
        if change.last > self.length:
            return self._of_change_beyond(change)
        if change.first < self.phase or max(change.first + 1, change.last) > self._end:
            return Consequence.CODING_SEQUENCE
        if not change.length_change:
            return self._of_substitution(change)
        if self._keeps_protein(change):
            return Consequence.STOP_RETAINED
        if change.length_change % 3:
            return Consequence.FRAMESHIFT
        return self._of_whole_codons(change)

    def _of_change_beyond(self, change: "CodingChange") -> Consequence:
        """Return what a change does that takes in the end of the CDS and what is behind it."""
        if not self.has_stop:
            return Consequence.CODING_SEQUENCE
        return Consequence.STOP_RETAINED if self._keeps_protein(change) else Consequence.STOP_LOST

    def _of_substitution(self, change: "CodingChange") -> Consequence:
        codon, start, end = self._codons(change)
        before, behind = self.bases[start : change.first], self.bases[change.last : end]
        old, new = (f"{before}{bases}{behind}" for bases in (change.ref, change.alt))
        pairs = [(old[at : at + 3], new[at : at + 3]) for at in range(0, end - start, 3)]
        return most_severe(
            self._of_codon(codon + number, *pair) for number, pair in enumerate(pairs) if pair[0] != pair[1]
        )

    def _of_codon(self, number: int, old: str, new: str) -> Consequence:
        """Return what it does that a codon becomes another, by its number in the CDS."""
        one, other = self.code.read(old), self.code.read(new)
        if UNKNOWN in (one, other):
            return Consequence.CODING_SEQUENCE
        if number == 0 and self.has_start:
            return _of_start(other)
        if one == STOP:
            if number != self.num_codons - 1 or not self.has_stop:
                return Consequence.CODING_SEQUENCE
            return Consequence.STOP_RETAINED if other == STOP else Consequence.STOP_LOST
        if other == STOP:
            return Consequence.STOP_GAINED
        return Consequence.SYNONYMOUS if one == other else Consequence.MISSENSE

    def _of_whole_codons(self, change: "CodingChange") -> Consequence:
        """Return what it does that a multiple of three bases is gained or lost, and the protein changes."""
        codon, start, end = self._codons(change)
        gained = change.length_change // 3
        changed = self._changed(change, start)
        old = self.code.translate(self.bases[start:end])
        new = self.code.translate(changed[: 3 * (len(old) + gained)])
        is_last = self.has_stop and end == self.length
        if UNKNOWN in old + new or STOP in (old[:-1] if is_last else old):
            return Consequence.CODING_SEQUENCE
        found = [change.kind]
        if codon == 0 and self.has_start and changed[:3] != self.bases[:3]:
            found.append(_of_start(self.code.read(changed[:3])))
            new = METHIONINE + new[1:]  # a start codon that becomes a stop is lost, no stop gained
        if STOP in (new[:-1] if is_last else new):
            found.append(Consequence.STOP_GAINED)
        elif is_last and STOP not in self.code.translate(changed[: 3 * (len(old) + max(0, gained))]):
            found.append(Consequence.STOP_LOST)
        return most_severe(found)

    def _codons(self, change: "CodingChange") -> tuple[int, int, int]:
        """Return the number of the first codon that a change touches, and where those it touches lie."""
        first = (change.first - self.phase) // 3
        last = -((self.phase - change.last) // 3)
        return first, self.phase + 3 * first, self.phase + 3 * max(first, last)

    def _changed(self, change: "CodingChange", start: int) -> str:
        """Return what is read from ``start`` on after the change."""
        return self.bases[start : change.first] + change.alt + self.bases[change.last :]

    def _keeps_protein(self, change: "CodingChange") -> bool:
        """Say whether the same amino acids and then a stop are read from the first changed codon on."""
        if not self.has_stop:
            return False
        codon, start, _ = self._codons(change)
        changed = self._changed(change, start)
        for at in range(0, 3 * (self.num_codons - codon), 3):
            old, new = self.bases[start + at : start + at + 3], changed[at : at + 3]
            if self.code.read(old) != self.code.read(new) or self.code.read(new) == UNKNOWN:
                return False
        return True


@dataclass(frozen=True, slots=True)
class CodingChange:
    """Bases of a CDS become others, all of them in the direction of reading."""

    first: int
    """First base that is replaced, counted from the first base of the CDS."""
    last: int
    """One past the last; as many as ``first`` for an insertion."""
    ref: str
    """The bases that are replaced."""
    alt: str
    """What they become."""

    @property
    def length_change(self) -> int:
        """Bases gained (positive) or lost (negative)."""
        return len(self.alt) - (self.last - self.first)

    @property
    def kind(self) -> Consequence:
        """What it is where whole codons are gained or lost and no more can be said."""
        if self.alt and self.first < self.last:
            return Consequence.PROTEIN_ALTERING
        return Consequence.INFRAME_INSERTION if self.alt else Consequence.INFRAME_DELETION


def _of_start(amino_acid: str) -> Consequence:
    """Return what it does that the first codon becomes another, by what that stands for inside a protein."""
    return Consequence.START_RETAINED if amino_acid == METHIONINE else Consequence.START_LOST
