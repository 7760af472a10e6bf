"""Which features of a GenBank record make up a gene and a transcript.

In: a record. Out: drafts for :mod:`hyenadna_kit.io.gene_models`.

A feature table has no parents: an RNA or CDS belongs to the gene that has its ``locus_tag`` or ``gene``
name and holds it, and a CDS to the first mRNA of that gene into whose exons it fits. On a circular
record a location that crosses the origin becomes one stretch with an end beyond the record's length.
"""

from collections.abc import Sequence
from dataclasses import replace

from hyenadna_kit.genome.annotation import hull
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.genbank import GenbankFeature, GenbankRecord
from hyenadna_kit.io.gene_models import (
    GENETIC_CODE,
    GeneDraft,
    Part,
    Role,
    TranscriptDraft,
    is_transcript_kind,
)
from hyenadna_kit.io.gff import Feature

_PHASES = {"1": 0, "2": 1, "3": 2}
_TAGS = ("locus_tag", "gene")
_NAMES = ("transcript_id", "protein_id", *_TAGS)


def draft_genbank_genes(record: GenbankRecord) -> tuple[list[GeneDraft], list[str]]:
    """Return the genes of a record in its order, and one line for each feature that is left out."""
    table = _Table(record)
    for feature in record.features:
        if feature.kind in ("gene", "CDS") or is_transcript_kind(feature.kind):
            table.add(feature)
    return table.genes, table.left_out


class _Table:
    """The genes of one record while its features are read."""

    def __init__(self, record: GenbankRecord) -> None:
        self.genes: list[GeneDraft] = []
        self.left_out: list[str] = []
        self._record = record
        self._by_tag: dict[tuple[str, str], list[tuple[GeneDraft, Interval]]] = {}

    def add(self, feature: GenbankFeature) -> None:
        """Take the next gene, RNA or CDS."""
        parts = _ascending(feature, self._record)
        if not parts:
            name = feature.first(*_NAMES)
            self.left_out.append(f"{feature.kind} {name!r} lies on several strands or out of order")
            return
        gene = None if feature.kind == "gene" else self._gene_of(feature, hull(parts))
        if gene is None:
            gene = self._new_gene(feature, hull(parts))
        if feature.kind == "CDS":
            _add_cds(gene, feature, parts)
        elif feature.kind != "gene":
            gene.transcripts.append(_draft(feature, parts, "exon"))

    def _gene_of(self, feature: GenbankFeature, span: Interval) -> GeneDraft | None:
        for tag in _TAGS:
            for gene, whole in self._by_tag.get((tag, feature.first(tag)), ()):
                if whole.contains(span) and whole.strand is span.strand:
                    return gene
        return None

    def _new_gene(self, feature: GenbankFeature, span: Interval) -> GeneDraft:
        gene = GeneDraft(feature.first(*_TAGS, *_NAMES) or f"{feature.kind}:{span.region}")
        if feature.kind == "gene":
            gene.lines.append(_line(feature, span))
        self.genes.append(gene)
        for tag in _TAGS:
            if feature.first(tag):
                self._by_tag.setdefault((tag, feature.first(tag)), []).append((gene, span))
        return gene


def _ascending(feature: GenbankFeature, record: GenbankRecord) -> list[Interval]:
    """Return the parts in ascending order, past the origin beyond the end; none where they have no order."""
    strand = feature.parts[0].strand
    parts = list(feature.parts if strand is Strand.FORWARD else reversed(feature.parts))
    if any(part.strand is not strand or part.contig != record.contig for part in parts):
        return []
    if record.is_circular and "trans_splicing" not in feature.qualifiers:
        parts = _past_origin(parts, record.length)
    starts = [part.start for part in parts]
    is_one_turn = parts[-1].end - starts[0] <= record.length
    return parts if starts == sorted(starts) and is_one_turn and hull(parts).length else []


def _past_origin(parts: list[Interval], length: int) -> list[Interval]:
    """Return the parts with those behind a step back moved on by one turn; pieces that meet there are one."""
    turned = False
    moved: list[Interval] = []
    for part in parts:
        turned = turned or bool(moved and part.start < moved[-1].start)
        shifted = replace(part, start=part.start + length, end=part.end + length) if turned else part
        if moved and shifted.start == moved[-1].end == length:
            moved[-1] = replace(moved[-1], end=shifted.end)
        else:
            moved.append(shifted)
    return moved


def _add_cds(gene: GeneDraft, feature: GenbankFeature, parts: list[Interval]) -> None:
    """Put a CDS into the first mRNA of its gene that has none and whose exons hold it, or by itself."""
    cds = _parts(feature, parts, "CDS")
    for draft in gene.transcripts:
        exons = [part.interval for part in draft.parts if part.role == "exon"]
        is_free = len(exons) == len(draft.parts) and bool(draft.lines) and draft.lines[0].kind == "mRNA"
        if is_free and all(any(exon.contains(part) for exon in exons) for part in parts):
            draft.parts += cds
            return
    gene.transcripts.append(_draft(feature, parts, "CDS"))


def _draft(feature: GenbankFeature, parts: list[Interval], role: Role) -> TranscriptDraft:
    line = _line(feature, hull(parts))
    name = feature.first(*_NAMES) or f"{feature.kind}:{line.interval.region}"
    return TranscriptDraft(name, [line], _parts(feature, parts, role))


def _parts(feature: GenbankFeature, parts: Sequence[Interval], role: Role) -> list[Part]:
    phase = _PHASES.get(feature.first("codon_start"))
    code = feature.first(GENETIC_CODE)
    return [
        Part(role, part, has_strand=True, phase=phase, is_partial=feature.is_partial, genetic_code=code)
        for part in parts
    ]


def _line(feature: GenbankFeature, span: Interval) -> Feature:
    """Return the feature as a line of a feature table would say it."""
    partial = {"partial": ("true",)} if feature.is_partial else {}
    return Feature(span, feature.kind, attributes={**feature.qualifiers, **partial})
