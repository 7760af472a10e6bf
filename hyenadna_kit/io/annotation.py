"""Genes and transcripts from any annotation file.

In: GFF3, GTF, BED or GenBank, plain, gzip or bgzip, told apart by content. Out: an :class:`Annotation`
whose coordinates are 0-based and half-open, with the same meaning whatever the format.
"""

from pathlib import Path
from typing import Literal

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import Annotation, Gene, Transcript, intersect
from hyenadna_kit.io.bed import BedRecord, read_bed_records
from hyenadna_kit.io.bed_record import NOT_RECORDS
from hyenadna_kit.io.genbank import read_genbank
from hyenadna_kit.io.genbank_genes import draft_genbank_genes
from hyenadna_kit.io.gene_models import GeneDraft, assemble
from hyenadna_kit.io.gff import read_dialect, read_features
from hyenadna_kit.io.gff_genes import draft_genes
from hyenadna_kit.io.text_lines import numbered_lines, shortened, whole_number

AnnotationFormat = Literal["GFF", "BED", "GenBank"]

_NUM_GFF_COLUMNS = 9


def read_annotation(path: Path) -> Annotation:
    """Read the genes and transcripts of an annotation file.

    Of a BED file every line is a gene with one transcript: the blocks of a BED12 are its exons and what
    is thick of them its CDS; a line without blocks is one exon.

    Raises:
        InputError: The file cannot be read, is of no format that is known here, is malformed, or
            holds neither gene nor transcript.
    """
    match read_format(path):
        case "GFF":
            annotation = _from_gff(path)
        case "BED":
            annotation = _from_bed(path)
        case "GenBank":
            annotation = _from_genbank(path)
    if not annotation.genes:
        left_out = f" (left out: {'; '.join(annotation.left_out[:2])})" if annotation.left_out else ""
        raise InputError(f"{path} holds no gene or transcript{left_out}; give a file with gene models")
    return annotation


def read_format(path: Path) -> AnnotationFormat:
    """Say which format a file has, by its first line that is a record.

    Raises:
        InputError: The file cannot be read, is empty, or has none of the formats.
    """
    for number, line in numbered_lines(path, "annotation file"):
        if line.startswith("##gff-version"):
            return "GFF"
        if line.startswith("LOCUS "):
            return "GenBank"
        is_note = line.startswith("#") or line.split(maxsplit=1)[:1] in ([word] for word in NOT_RECORDS)
        if line.startswith("##fileformat=VCF") or (line.strip() and not is_note):
            return _format_of_record(line, f"{path}, line {number}")
    raise InputError(f"{path} holds no records; expected GFF3, GTF, BED or GenBank")


def _format_of_record(line: str, source: str) -> AnnotationFormat:
    columns = line.split("\t") if "\t" in line else line.split()
    if len(columns) >= 3 and all(whole_number(text) is not None for text in columns[1:3]):
        return "BED"
    if len(columns) == _NUM_GFF_COLUMNS:
        return "GFF"
    raise InputError(
        f"{source}: {shortened(line)} is neither GFF3, GTF (9 columns), BED (contig, start, end) nor GenBank "
        "(LOCUS); give one of these"
    )


def _from_gff(path: Path) -> Annotation:
    return assemble(draft_genes(read_features(path), read_dialect(path), source=str(path)))


def _from_bed(path: Path) -> Annotation:
    genes: list[Gene] = []
    left_out: list[str] = []
    for record in read_bed_records(path):
        if record.interval.length:
            genes.append(_gene_of_bed(record))
        else:
            left_out.append(
                f"{record.name!r} at {record.interval.contig}:{record.interval.start} has no bases"
            )
    return Annotation(tuple(genes), tuple(left_out))


def _gene_of_bed(record: BedRecord) -> Gene:
    name = record.name or record.interval.region
    exons = record.blocks or (record.interval,)
    transcript = Transcript(
        name,
        name,
        record.interval,
        exons=exons,
        cds=intersect(record.thick, exons) if record.thick else (),
        has_strand=record.has_strand,
    )
    return Gene(name, record.interval, (transcript,), symbol=record.name)


def _from_genbank(path: Path) -> Annotation:
    drafts: list[GeneDraft] = []
    left_out: list[str] = []
    for record in read_genbank(path):
        genes, without_order = draft_genbank_genes(record)
        drafts += genes
        left_out += without_order
    annotation = assemble(drafts)
    return Annotation(annotation.genes, (*left_out, *annotation.left_out))
