"""Where in its genes a genome has a base, for the report of scores.

In: an annotation, and records of variants. Out: the kind of region that a record lies in.
"""

from hyenadna_kit.genome.annotation import Annotation
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.interval_set import IntervalSet
from hyenadna_kit.io.vcf import VariantRecord


class GeneRegions:
    """Where in its genes a genome has a base: in a CDS, an exon, an intron, or between genes."""

    KINDS = ("CDS", "non-coding exon", "intron", "intergenic")
    """From what is told first to what is told last, where several hold."""

    def __init__(self, annotation: Annotation) -> None:
        """Gather the bases of each kind; a gene without transcripts counts as an exon."""
        transcripts = annotation.transcripts
        bare = [gene.interval for gene in annotation.genes if not gene.transcripts]
        self._sets = {
            "CDS": IntervalSet(part for each in transcripts for part in each.cds),
            "non-coding exon": IntervalSet([*(part for each in transcripts for part in each.exons), *bare]),
            "intron": IntervalSet(each.interval for each in transcripts),
        }
        # The order of contigs matters to nobody: names are found by their usual other names.
        contigs = {gene.interval.contig: None for gene in annotation.genes}
        self._names = ContigNames(contigs)

    def kind(self, record: VariantRecord) -> str:
        """Return the first of :attr:`KINDS` that a base of REF has."""
        contig = self._names.find(record.contig)
        if contig is None or record.position < 0:
            return self.KINDS[-1]
        interval = Interval(contig, record.position, record.position + len(record.ref))
        return next((kind for kind, bases in self._sets.items() if bases.overlaps(interval)), self.KINDS[-1])
