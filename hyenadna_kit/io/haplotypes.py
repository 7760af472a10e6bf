"""The variants of one haplotype, or of a consensus, out of a variant file.

In: a genome, a VCF or BCF, and rules. Out: variants to apply, checked and without overlaps, and a
report of what became of every record: none is left out without a count.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import AMBIGUOUS, BASES
from hyenadna_kit.genome.haplotype import Haplotype
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant, trim
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.genotypes import SampleGenotypes
from hyenadna_kit.io.haplotype_rules import (
    Choice,
    HaplotypeRules,
    Outcome,
    UnphasedError,
    choose,
    first_alt,
)
from hyenadna_kit.io.reference_blocks import ReferenceBlocks
from hyenadna_kit.io.vcf import VariantReader, VariantRecord, read_variants
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

_LETTERS = f"{BASES}U{AMBIGUOUS}"
_SORT = "sort the file: bcftools sort"
_TOKENIZER = NucleotideTokenizer()


@dataclass
class HaplotypeReport:
    """What became of the records of a file."""

    num_records: int = 0
    """Records read."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    """How many records have each outcome."""
    num_joined: int = 0
    """Changes from one phase set to another within a contig that were passed over."""


def read_haplotypes(
    path: str | Path, genome: Genome, rules: HaplotypeRules, report: HaplotypeReport | None = None
) -> Iterator[Haplotype]:
    """Yield each contig that has variants, in the order of the file, with its coordinate map.

    Memory holds the variants of one contig.

    Args:
        path: VCF, VCF.gz or BCF, sorted; ``-`` reads standard input.
        genome: Its reference.
        rules: What is applied.
        report: Is filled in while the file is read.

    Raises:
        InputError: See :func:`applied_variants`.
    """
    with read_variants(path) as reader:
        variants = applied_variants(reader, genome, rules, report or HaplotypeReport())
        for contig, group in groupby(variants, key=lambda variant: variant.contig):
            yield Haplotype(contig, genome.contigs[contig], tuple(group))


def haplotype_tokens(genome: Genome, haplotype: Haplotype, start: int, end: int) -> NDArray[np.uint8]:
    """Return the tokens of ``[start, end)``, positions on ``haplotype``.

    Raises:
        InputError: They are not all on the haplotype.
    """
    tokens = [
        genome.tokens(Interval(haplotype.contig, piece.start, piece.end))
        if piece.alt is None
        else _TOKENIZER.encode(piece.alt)
        for piece in haplotype.pieces(start, end)
    ]
    return np.concatenate(tokens) if tokens else np.empty(0, dtype=np.uint8)


def applied_variants(
    reader: VariantReader, genome: Genome, rules: HaplotypeRules, report: HaplotypeReport
) -> Iterator[Variant]:
    """Yield the variants of a haplotype or a consensus: trimmed, in order, without overlaps.

    Contigs have the genome's names for them. A record claims every base of its REF; the first base of an
    insertion or deletion that ALT shares is no claim upon a record that ends there, unless that is
    an insertion. These are the rules of ``bcftools consensus``.

    Args:
        reader: The open file; it must be sorted by position, and each contig lie in one stretch.
        genome: Its reference.
        rules: What is applied.
        report: Is filled in as records are read.

    Raises:
        InputError: A record is damaged or out of order, its REF is not what the genome has, its allele is
            no sequence of IUPAC letters, or it is unphased, of another phase set or overlaps where the
            rules refuse that; the file has no such sample; or none of its contigs is in the genome.
    """
    walk = _Walk(reader, genome, rules, report)
    for record in reader:
        report.num_records += 1
        choice = walk.choose(record)
        variant = walk.place(record, choice.alt) if choice.outcome is Outcome.APPLIED else None
        overlaps = choice.outcome is Outcome.APPLIED and variant is None
        report.outcomes[Outcome.OVERLAP if overlaps else choice.outcome] += 1
        if variant is not None:
            yield variant
    if report.num_records and report.outcomes[Outcome.NO_CONTIG] == report.num_records:
        raise InputError(
            f"{reader.name}: no contig of its {report.num_records:,} records is in {genome.path}, which has "
            f"{genome.names.summary()}; name the reference of the file"
        )


class _Walk:
    """One pass through the records of a file: what lies behind decides what a record may do."""

    def __init__(
        self, reader: VariantReader, genome: Genome, rules: HaplotypeRules, report: HaplotypeReport
    ) -> None:
        self._source = reader.name
        self._rules = rules
        self._report = report
        self._genome = genome
        self._reference = ReferenceBlocks(genome)
        self._genotypes = SampleGenotypes(reader, rules.sample) if rules.needs_genotypes else None
        self._contig = ""
        self._finished: set[str] = set()
        self._position = 0
        self._claimed_to = 0
        self._ends_with_insertion = False
        self._phase_set: tuple[str | None] | None = None

    def choose(self, record: VariantRecord) -> Choice:
        """Return what the record would contribute if it stood alone."""
        contig = self._genome.names.find(record.contig)
        if contig is None:
            return Choice(Outcome.NO_CONTIG)
        self._advance(record, contig)
        if not self._rules.passes(record.filters):
            return Choice(Outcome.FILTERED)
        choice = self._allele(record)
        if choice.outcome is Outcome.APPLIED and record.position < 0:
            return Choice(Outcome.TELOMERE)
        return choice

    def place(self, record: VariantRecord, alt: str) -> Variant | None:
        """Return the change, or None where it overlaps one that is applied already."""
        variant = Variant(self._contig, record.position, record.ref, alt)
        self._check_alleles(record, variant)
        if _is_anchored(variant):
            variant = Variant(variant.contig, variant.position + 1, variant.ref[1:], variant.alt[1:])
        if variant.position < self._claimed_to or (
            record.position < self._claimed_to and self._ends_with_insertion
        ):
            if self._rules.overlaps == "error":
                self._refuse(
                    record,
                    "begins within the REF of a record that is applied already: remove one",
                    "overlaps skip",
                )
            return None
        self._claimed_to = variant.end
        self._ends_with_insertion = variant.length_change > 0
        return trim(variant)

    def _advance(self, record: VariantRecord, contig: str) -> None:
        if contig != self._contig:
            if contig in self._finished:
                self._refuse(record, f"contig {contig} comes a second time; {_SORT}", None)
            self._finished.add(contig)
            self._contig, self._position, self._claimed_to, self._phase_set = contig, -1, 0, None
        if record.position < self._position:
            self._refuse(record, f"comes after {contig}:{self._position + 1}; {_SORT}", None)
        self._position = record.position

    def _allele(self, record: VariantRecord) -> Choice:
        if self._genotypes is None:
            return first_alt(record.alts)
        genotype = self._genotypes.of(record)
        if self._rules.haplotype is not None and genotype.is_phased and genotype.is_heterozygous:
            self._enter_phase_set(record, genotype.phase_set)
        try:
            return choose(genotype, record.ref, record.alts, self._rules)
        except UnphasedError:
            self._refuse(
                record,
                f"is heterozygous and unphased in sample {self._genotypes.sample!r}; phase the file",
                "unphased reference, alternative or iupac",
            )

    def _enter_phase_set(self, record: VariantRecord, phase_set: str | None) -> None:
        before, self._phase_set = self._phase_set, (phase_set,)
        if before in (None, self._phase_set):
            return
        if self._rules.phase_sets == "refuse":
            self._refuse(
                record,
                f"phase set {phase_set or '.'} follows {before[0] or '.'}, and nothing says which haplotype "
                "of one is which of the other; phase the contig as a whole",
                "phase_sets join",
            )
        self._report.num_joined += 1

    def _check_alleles(self, record: VariantRecord, variant: Variant) -> None:
        for allele in (variant.ref, variant.alt):
            if allele.upper().strip(_LETTERS):
                self._refuse(record, f"allele {allele[:20]!r} is no sequence of IUPAC letters; mend it", None)
        length = self._genome.contigs[self._contig]
        found = ""
        if variant.end <= length:
            found = self._reference.fetch(self._contig, variant.position, variant.end).upper()
        # As the genome is read: in upper case, and with N for every code of more than one base.
        if found != variant.ref and found != _TOKENIZER.decode(_TOKENIZER.encode(variant.ref)):
            self._refuse(
                record,
                f"REF {variant.ref[:20]!r} is not what {self._genome.path} has there "
                f"({repr(found[:20]) if found else f'{self._contig} ends at {length}'}); "
                "check that it is the reference of the file",
                None,
            )

    def _refuse(self, record: VariantRecord, fault: str, remedy: str | None) -> NoReturn:
        advice = f", or use --{remedy}" if remedy else ""
        raise InputError(f"{self._source}, record {record.number} ({record.site}): {fault}{advice}")


def _is_anchored(variant: Variant) -> bool:
    """Say whether it is an insertion or a deletion and nothing else, and its alleles share the first base."""
    if not variant.length_change or variant.ref[0].upper() != variant.alt[0].upper():
        return False
    trimmed = trim(variant)
    return not (trimmed.ref and trimmed.alt)
