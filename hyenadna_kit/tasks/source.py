"""What the examples of a task are looked for in.

In: a genome, and an annotation on it. Out: the genes whose sites can be trusted, all bases of genes, and
the contigs that are annotated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import Annotation, Gene, Transcript, is_pseudogenic
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.interval_set import IntervalSet
from hyenadna_kit.io.genome import Genome


@dataclass(frozen=True, kw_only=True)
class TaskSource:
    """A genome, its annotation, and the windows that are wanted."""

    genome: Genome
    """The bases."""
    annotation: Annotation
    """Genes on contigs of the genome, under its names."""
    length: int
    """Bases of a window."""
    upstream: int | None = None
    """Bases of a window before the site that it is placed at; None is about half of it."""
    max_per_class: int | None = None
    """Most examples of a class; None takes as many as the smallest class has."""

    @cached_property
    def functional(self) -> Annotation:
        """Genes with the transcripts that have a strand and are of no pseudogene.

        Where others begin, and what of them is spliced and translated, is in doubt.

        Raises:
            InputError: There is no such transcript.
        """
        genes = (
            replace(gene, transcripts=tuple(each for each in gene.transcripts if _is_functional(gene, each)))
            for gene in self.annotation.genes
        )
        functional = tuple(gene for gene in genes if gene.transcripts)
        if not functional:
            raise InputError(
                f"none of {len(self.annotation.genes):,} genes has a transcript that has a strand and is no "
                "pseudogene; give an annotation with gene models"
            )
        return Annotation(functional)

    @cached_property
    def genes(self) -> IntervalSet:
        """All bases of genes, pseudogenes too, on either strand."""
        lengths = self.genome.contigs
        return IntervalSet(piece for gene in self.annotation.genes for piece in _pieces(gene, lengths))

    @cached_property
    def contigs(self) -> tuple[Interval, ...]:
        """The contigs with a gene, whole; the others may just not be annotated."""
        annotated = {gene.interval.contig for gene in self.annotation.genes}
        return tuple(
            Interval(contig, 0, length)
            for contig, length in self.genome.contigs.items()
            if contig in annotated
        )


def _is_functional(gene: Gene, transcript: Transcript) -> bool:
    return transcript.has_strand and not is_pseudogenic(gene, transcript)


def _pieces(gene: Gene, lengths: Mapping[str, int]) -> tuple[Interval, ...]:
    """Return a gene; beyond the origin of a circular contig it goes on at the start."""
    interval, length = gene.interval, lengths[gene.interval.contig]
    beyond = min(interval.end - length, length)
    return (interval, Interval(interval.contig, 0, beyond)) if beyond > 0 else (interval,)
