"""Consequences by brute force: splice and translate a gene before and after a change, compare the proteins.

Every base of the contig carries labels; a change takes bases away with their labels and puts others in. What
is labelled as read is the new messenger RNA, which Biopython translates.
"""

from itertools import pairwise
from typing import NamedTuple

from Bio.Seq import Seq

from tests.oracles.made_genes import turned

ORDER = [
    "transcript_ablation",
    "splice_acceptor_variant",
    "splice_donor_variant",
    "stop_gained",
    "frameshift_variant",
    "stop_lost",
    "start_lost",
    "inframe_insertion",
    "inframe_deletion",
    "missense_variant",
    "protein_altering_variant",
    "splice_region_variant",
    "start_retained_variant",
    "stop_retained_variant",
    "synonymous_variant",
    "coding_sequence_variant",
    "5_prime_UTR_variant",
    "3_prime_UTR_variant",
    "non_coding_transcript_exon_variant",
    "intron_variant",
    "intergenic_variant",
    "sequence_variant",
]
"""Severity as Ensembl ranks the terms: ensembl.org/info/genome/variation/prediction/predicted_data.html."""


class Change(NamedTuple):
    """The bases ``ref`` at ``position`` (from 0, forward strand) become ``alt``."""

    position: int
    ref: str
    alt: str

    @property
    def replaced(self):
        return set(range(self.position, self.position + len(self.ref)))

    @property
    def gained(self):
        return len(self.alt) - len(self.ref)

    def apply(self, items, new):
        """Return a sequence with ``new`` in the place of what is replaced."""
        return items[: self.position] + new + items[self.position + len(self.ref) :]


def expected_consequence(made, position, ref, alt, table=1):
    """Return what a change does to the one gene of a contig: the milder of its two outermost spellings."""
    found = [_of_spelling(made, each, table) for each in outermost(made.bases, Change(position, ref, alt))]
    return max(found, key=ORDER.index)


def outermost(contig, change):
    """Return the trimmed spellings that lie furthest left and right, of all that give the same contig."""
    mutated = change.apply(contig, change.alt)
    position, ref, alt = change
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        position, ref, alt = position + 1, ref[1:], alt[1:]
    if ref and alt:
        return [Change(position, ref, alt)]
    source, size = (contig, len(ref)) if ref else (mutated, len(alt))
    spellings = []
    for at in range(len(source) - size + 1):
        bases = source[at : at + size]
        spelling = Change(at, bases, "") if ref else Change(at, "", bases)
        if spelling.apply(contig, spelling.alt) == mutated:
            spellings.append(spelling)
    return [spellings[0], spellings[-1]]


def _of_spelling(made, change, table):
    whole = set(range(made.exons[0][0], made.exons[-1][1]))
    if change.ref and whole <= change.replaced:
        return "transcript_ablation"
    # An insertion changes what both of its neighbours belong to.
    beside = {change.position - 1, change.position}
    is_hit = (lambda bases: bool(change.replaced & bases)) if change.ref else (lambda bases: beside <= bases)
    if not is_hit(whole):
        return "intergenic_variant"
    found = [name for name, bases in _splice_sites(made) if is_hit(bases)]
    if set(found) - {"splice_region_variant"}:
        return min(found, key=ORDER.index)
    exonic = (change.replaced or beside) & _bases(made.exons)
    found += _of_exon(made, change, table) if exonic else ["intron_variant"]
    return min(found, key=ORDER.index)


def _splice_sites(made):
    for (_, left), (right, _) in pairwise(made.exons):
        first, last = set(range(left, left + 2)), set(range(right - 2, right))
        donor, acceptor = (first, last) if made.strand == "+" else (last, first)
        yield "splice_donor_variant", donor
        yield "splice_acceptor_variant", acceptor
        yield "splice_region_variant", set(range(left - 3, left + 8))
        yield "splice_region_variant", set(range(right - 8, right + 3))


def _of_exon(made, change, table):
    first, last = made.cds[0][0], made.cds[-1][1]
    end = change.position + len(change.ref)
    sides = ["5_prime_UTR_variant", "3_prime_UTR_variant"]
    before, behind = sides if made.strand == "+" else reversed(sides)
    if end <= first:
        return [before]
    if change.position >= last:
        return [behind]
    takes_start, takes_stop = change.position < first, end > last
    if made.strand == "-":
        takes_start, takes_stop = takes_stop, takes_start
    if change.gained and takes_start:
        return ["stop_lost" if takes_stop else "start_lost"]
    old, new = coding_tail(made, Change(0, "", "")), coding_tail(made, change)
    if not change.gained:
        return _of_equal_length(made, change, (old, new), table)
    if protein(old, table) == protein(new, table):
        return ["stop_retained_variant"]
    if takes_stop:
        return ["stop_lost"]
    return ["frameshift_variant"] if change.gained % 3 else _of_whole_codons(change, (old, new), table)


def _of_equal_length(made, change, tails, table):
    found, (old, new) = _of_start(tails, table)
    found += _of_length(old, new)
    coding = sorted(_bases(made.cds))
    stop = set(coding[-3:] if made.strand == "+" else coding[:3])
    if old != new:
        found.append("missense_variant")
    elif change.replaced & stop:
        found.append("stop_retained_variant")
    return found or ["synonymous_variant"]


def _of_whole_codons(change, tails, table):
    found, (old, new) = _of_start(tails, table)
    kind = "inframe_insertion" if change.gained > 0 else "inframe_deletion"
    found.append("protein_altering_variant" if change.ref and change.alt else kind)
    return found + _of_length(old, new, change.gained // 3)


def _of_start(tails, table):
    """Return what is to be said of the first codon, and the proteins; without it where it is another."""
    old, new = tails
    if old[:3] == new[:3]:
        return [], [protein(bases, table) for bases in tails]
    keeps = str(Seq(new[:3]).translate(table=table)) == "M"
    found = "start_retained_variant" if keeps else "start_lost"
    return [found], [protein(bases[3:], table) for bases in tails]


def _of_length(old, new, gained=0):
    """Return what is to be said where a protein ends, of which ``gained`` amino acids more are expected."""
    if len(new) < len(old) + gained:
        return ["stop_gained"]
    return ["stop_lost"] if len(new) > len(old) + max(0, gained) else []


def _bases(spans):
    return {at for span in spans for at in range(*span)}


def coding_tail(made, change):
    """Return what is read from the first coding base on, after a change: the message and what follows."""
    coding, read = _bases(made.cds), _bases(made.exons)
    read |= set(range(made.exons[-1][1], len(made.bases)) if made.strand == "+" else range(made.exons[0][0]))
    labelled = [(base, at in read, at in coding) for at, base in enumerate(made.bases)]
    old = [labelled[at] for at in sorted(change.replaced)]
    if change.gained:
        is_coding = any(each[2] for each in old or labelled[change.position - 1 : change.position + 1])
        new = [(base, True, is_coding) for base in change.alt]
    else:
        new = [(base, *labels) for base, (_, *labels) in zip(change.alt, old, strict=True)]
    message = [(base, is_coding) for base, is_read, is_coding in change.apply(labelled, new) if is_read]
    if made.strand == "-":
        message = [(turned(base), is_coding) for base, is_coding in reversed(message)]
    first = [is_coding for _, is_coding in message].index(True)
    return "".join(base for base, _ in message[first:])


def protein(bases, table):
    """Return the amino acids before the first stop."""
    return str(Seq(bases[: len(bases) // 3 * 3]).translate(table=table, to_stop=True))
