"""An annotation on a genome: its genes under the genome's own contig names.

In: an annotation and a genome, of two files. Out: the annotation, fit to look up bases with.
"""

from dataclasses import replace

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import Annotation, Gene, Transcript
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome import Genome


def place_annotation(annotation: Annotation, genome: Genome, source: str) -> Annotation:
    """Return the genes whose contig is in ``genome``, under its name there.

    Args:
        annotation: Genes under the names of their own file.
        genome: Where they lie.
        source: What the annotation is called in an error, usually its path.

    Raises:
        InputError: None of the contigs is in the genome, or a gene reaches beyond its contig as none
            does on a circular one.
    """
    placed = []
    for gene in annotation.genes:
        contig = genome.names.find(gene.interval.contig)
        if contig is None:
            continue
        length = genome.contigs[contig]
        # A gene that crosses the origin of a circular contig ends beyond it, within its length again.
        if gene.interval.start >= length or gene.interval.end > 2 * length:
            raise InputError(
                f"{source}: gene {gene.name!r} at {gene.interval.region} reaches beyond contig {contig!r} of "
                f"{genome.path}, which has {length} bp; give the annotation of this genome"
            )
        placed.append(gene if contig == gene.interval.contig else _on_contig(gene, contig))
    if not placed:
        names = dict.fromkeys(gene.interval.contig for gene in annotation.genes)
        raise InputError(
            f"no contig of {source} ({', '.join(list(names)[:3])}) is in {genome.path}; it has "
            f"{genome.names.summary()}; give the annotation of this genome"
        )
    return Annotation(tuple(placed), annotation.left_out)


def _on_contig(gene: Gene, contig: str) -> Gene:
    def moved(interval: Interval) -> Interval:
        """Return the interval under the other name."""
        return replace(interval, contig=contig)

    def with_parts(transcript: Transcript) -> Transcript:
        """Return the transcript and its parts under the other name."""
        exons, cds = (tuple(map(moved, parts)) for parts in (transcript.exons, transcript.cds))
        return replace(transcript, interval=moved(transcript.interval), exons=exons, cds=cds)

    return replace(gene, interval=moved(gene.interval), transcripts=tuple(map(with_parts, gene.transcripts)))
