"""Genes and transcripts from the pieces in which files tell them.

In: drafts, in which a reader has put together the lines of one gene and of one transcript. Out: an
:class:`Annotation` of checked values. What the files leave unsaid is settled here, for all of them:

- without exon lines, exons are the CDS and UTR together. A gap of fewer than 10 bp between two
  segments is a frameshift of the ribosome and no intron;
- the stop codon belongs to the CDS, whether the file counts it there (GFF3) or not (GTF);
- a transcript without a biotype has that of its gene;
- what lies on several strands or contigs, as in trans-splicing, is left out and named.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import LONGEST_SLIP, Annotation, Gene, Transcript, hull, merge
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.gff import Feature
from hyenadna_kit.io.text_lines import shortened, whole_number

Role = Literal["exon", "CDS", "UTR", "stop"]

ROLES: dict[str, Role] = {
    "exon": "exon",
    "pseudogenic_exon": "exon",
    "noncoding_exon": "exon",
    "CDS": "CDS",
    "UTR": "UTR",
    "5UTR": "UTR",
    "3UTR": "UTR",
    "five_prime_UTR": "UTR",
    "three_prime_UTR": "UTR",
    "five_prime_utr": "UTR",
    "three_prime_utr": "UTR",
    "stop_codon": "stop",
}
"""What a line of each type is to its transcript; start codons, introns and proteins are nothing."""

_OVERLAPPING = -1
_PARTIAL_TAGS = {"cds_start_NF", "cds_end_NF", "mRNA_start_NF", "mRNA_end_NF"}
_TRANSCRIPT_BIOTYPES = ("transcript_biotype", "transcript_type", "biotype")
_GENE_BIOTYPES = ("gene_biotype", "gene_type", "biotype")
GENETIC_CODE = "transl_table"
"""Attribute of a CDS, in GFF3 and GenBank alike."""

_PSEUDO = {"pseudo", "pseudogene"}
_SYMBOLS = ("Name", "gene_name", "gene")


class Part(NamedTuple):
    """An exon or a piece of one, without what its transcript knows."""

    role: Role
    interval: Interval
    has_strand: bool
    phase: int | None
    is_partial: bool
    name: str = ""
    """Its own identifier: the segments of one CDS share it."""
    genetic_code: str = ""
    """What the file gives as its NCBI table (``transl_table``)."""


@dataclass(slots=True)
class TranscriptDraft:
    """What one file says of one transcript, before anything is checked."""

    name: str
    lines: list[Feature] = field(default_factory=list)
    """Lines that stand for the whole transcript; none where the file has only its parts."""
    parts: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class GeneDraft:
    """What one file says of one gene, before anything is checked."""

    name: str
    lines: list[Feature] = field(default_factory=list)
    """Lines that stand for the whole gene; none where the file has only its parts."""
    transcripts: list[TranscriptDraft] = field(default_factory=list)


def make_part(feature: Feature, role: Role, name: str = "") -> Part:
    """Return what a transcript keeps of a line."""
    return Part(
        role,
        feature.interval,
        feature.has_strand,
        feature.phase,
        is_partial(feature),
        name,
        feature.first(GENETIC_CODE),
    )


def is_partial(feature: Feature) -> bool:
    """Say whether a line tells that an end of the feature is not known."""
    tags = feature.attributes.get("tag", ())
    return feature.first("partial") == "true" or not _PARTIAL_TAGS.isdisjoint(tags)


def is_transcript_kind(kind: str) -> bool:
    """Say whether a line of this type is a transcript even without exons, like ``tRNA``."""
    lowered = kind.lower()
    return lowered.endswith(("rna", "transcript")) or kind == "mRNA_TE_gene"


def assemble(drafts: Iterable[GeneDraft]) -> Annotation:
    """Return the genes of all drafts, in order."""
    genes: list[Gene] = []
    left_out: list[str] = []
    for draft in drafts:
        biotype = _biotype(draft.lines, _GENE_BIOTYPES)
        transcripts = []
        for transcript in draft.transcripts:
            try:
                transcripts.append(_transcript(transcript, draft.name, biotype))
            except InputError as error:
                left_out.append(str(error))
        found = _genes(draft, transcripts, biotype)
        genes += found
        if not found and not draft.transcripts:
            left_out.append(f"gene {draft.name!r} lies on {_places(_spans(draft.lines))}")
    return Annotation(tuple(genes), tuple(left_out))


def _genes(draft: GeneDraft, transcripts: list[Transcript], biotype: str) -> list[Gene]:
    """Return the gene, or one for each strand of its transcripts where its own lines name no single one."""
    symbol = next((line.first(*_SYMBOLS) for line in draft.lines), "")
    spans = _spans(draft.lines)
    if len(_strands(spans)) == 1:
        return [Gene(draft.name, _one_strand(spans), tuple(transcripts), symbol, biotype)]
    by_strand: dict[tuple[str, Strand], list[Transcript]] = {}
    for transcript in transcripts:
        by_strand.setdefault((transcript.interval.contig, transcript.strand), []).append(transcript)
    return [
        Gene(draft.name, hull([transcript.interval for transcript in group]), tuple(group), symbol, biotype)
        for group in by_strand.values()
    ]


def _transcript(draft: TranscriptDraft, gene: str, biotype: str) -> Transcript:
    spans = [*_spans(draft.lines), *((part.interval, part.has_strand) for part in draft.parts)]
    if len(_strands(spans)) > 1:
        raise InputError(f"transcript {draft.name!r} lies on {_places(spans)}")
    whole = _one_strand(spans)
    cds = _with_stop(
        _intervals(draft.parts, whole.strand, "CDS"), _intervals(draft.parts, whole.strand, "stop")
    )
    return Transcript(
        draft.name,
        gene,
        whole,
        exons=_exons(draft.parts, cds, whole),
        cds=cds,
        kind=_kind(draft),
        biotype=_biotype(draft.lines, _TRANSCRIPT_BIOTYPES) or biotype,
        cds_phase=_first_phase(draft.parts, whole.strand),
        has_strand=any(has_strand for _, has_strand in spans),
        is_partial=any(map(is_partial, draft.lines)) or any(part.is_partial for part in draft.parts),
        genetic_code=_genetic_code(draft),
    )


def _kind(draft: TranscriptDraft) -> str:
    if draft.lines:
        return draft.lines[0].kind
    roles = {part.role for part in draft.parts}
    return "CDS" if "CDS" in roles and "exon" not in roles else "transcript"


def _exons(parts: Sequence[Part], cds: tuple[Interval, ...], whole: Interval) -> tuple[Interval, ...]:
    exons = _intervals(parts, whole.strand, "exon")
    if exons:
        return merge(exons, max_gap=_OVERLAPPING)
    pieces = [*cds, *_intervals(parts, whole.strand, "UTR")]
    return merge(pieces, max_gap=LONGEST_SLIP) if pieces else (whole,)


def _with_stop(cds: list[Interval], stops: list[Interval]) -> tuple[Interval, ...]:
    """Return the CDS in ascending order, together with the stop codon where it stands by itself."""
    segments = sorted(cds, key=lambda part: (part.start, part.end))
    for stop in stops if segments else ():
        if any(segment.contains(stop) for segment in segments):
            continue
        touching = [
            segment for segment in segments if stop.start <= segment.end and segment.start <= stop.end
        ]
        segments = [segment for segment in segments if segment not in touching]
        segments.append(hull([*touching, stop]))
        segments.sort(key=lambda part: (part.start, part.end))
    return tuple(segments)


def _first_phase(parts: Sequence[Part], strand: Strand) -> int:
    """Return the phase of the CDS segment that is read first."""
    cds = [part for part in parts if part.role == "CDS"]
    if not cds:
        return 0
    if strand is Strand.FORWARD:
        return min(cds, key=lambda part: part.interval.start).phase or 0
    return max(cds, key=lambda part: part.interval.end).phase or 0


def _genetic_code(draft: TranscriptDraft) -> int | None:
    text = next((part.genetic_code for part in draft.parts if part.genetic_code), "")
    number = whole_number(text)
    if text and number is None:
        raise InputError(
            f"transcript {draft.name!r}: {GENETIC_CODE} must be a whole number, got {shortened(text)}; "
            "mend it, or leave it out"
        )
    return number


def _intervals(parts: Sequence[Part], strand: Strand, role: Role) -> list[Interval]:
    """Return each different interval of the parts that have this role."""
    found = [part.interval for part in parts if part.role == role]
    return list(dict.fromkeys(one if one.strand is strand else replace(one, strand=strand) for one in found))


def _biotype(lines: Sequence[Feature], keys: tuple[str, ...]) -> str:
    for line in lines:
        if line.first(*keys):
            return line.first(*keys)
        if line.kind != "gene" and line.kind.endswith("gene"):
            return line.kind
        if not _PSEUDO.isdisjoint(line.attributes):
            return "pseudogene"
    return ""


_Span = tuple[Interval, bool]
"""An interval, and whether the file gives its strand."""


def _spans(lines: Sequence[Feature]) -> list[_Span]:
    return [(line.interval, line.has_strand) for line in lines]


def _strands(spans: Sequence[_Span]) -> set[tuple[str, Strand | None]]:
    """Return the contigs and strands that are named; a strand that is not given is that of the others."""
    stranded = {(interval.contig, interval.strand) for interval, has_strand in spans if has_strand}
    contigs = {interval.contig for interval, _ in spans}
    return stranded | {(contig, None) for contig in contigs - {contig for contig, _ in stranded}}


def _one_strand(spans: Sequence[_Span]) -> Interval:
    strand = next((interval.strand for interval, has_strand in spans if has_strand), Strand.FORWARD)
    return replace(hull([interval for interval, _ in spans]), strand=strand)


def _places(spans: Sequence[_Span]) -> str:
    named = sorted(f"{contig} {strand.value if strand else '.'}" for contig, strand in _strands(spans))
    return f"several strands or contigs ({', '.join(named[:4])})"
