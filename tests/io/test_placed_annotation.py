"""Genes under the names of the genome."""

import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import Annotation
from hyenadna_kit.io.placed_annotation import place_annotation
from tests.tasks.made import gene, text_genome

GENOME = text_genome({"1": "A" * 100, "chr2": "C" * 50})


def annotated(*contigs, start=10):
    exons = [(start, start + 5), (start + 8, start + 12)]
    return Annotation(tuple(gene(f"g{contig}", contig, "-", (exons, [exons[0]])) for contig in contigs))


def test_every_part_takes_the_name_of_the_genome():
    placed = place_annotation(annotated("chr1", "2", "chr2"), GENOME, "a.gff")
    assert placed == Annotation(
        tuple(
            gene(name, contig, "-", ([(10, 15), (18, 22)], [(10, 15)]))
            for name, contig in (("gchr1", "1"), ("g2", "chr2"), ("gchr2", "chr2"))
        )
    )


def test_genes_of_other_contigs_are_left_out():
    assert [each.name for each in place_annotation(annotated("7", "1"), GENOME, "a").genes] == ["g1"]


def test_annotation_of_another_genome_is_refused():
    with pytest.raises(InputError, match=r"no contig of a\.gff \(7, 8, 9\) is in .*memory\.fa; it has 1, "):
        place_annotation(annotated("7", "8", "9", "10"), GENOME, "a.gff")
    with pytest.raises(InputError, match=r"a\.gff: gene 'gchr2' .* reaches beyond contig 'chr2' .* 50 bp"):
        place_annotation(annotated("chr2", start=50), GENOME, "a.gff")
    assert place_annotation(annotated("chr2", start=49), GENOME, "a.gff").genes


def test_gene_may_cross_the_origin_and_reach_no_further():
    across = gene("g", "chr2", "+", ([(40, 60)], [(40, 60)]))
    assert place_annotation(Annotation((across,)), GENOME, "a.gff").genes == (across,)
    endless = gene("g", "chr2", "+", ([(40, 900_000_000_000_000_000)], []))
    with pytest.raises(InputError, match=r"a\.gff: gene 'g' at chr2:41-9\d+ reaches beyond contig 'chr2'"):
        place_annotation(Annotation((endless,)), GENOME, "a.gff")
