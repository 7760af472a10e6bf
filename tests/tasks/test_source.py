"""Which genes are trusted, which bases are genes, and which contigs are annotated."""

import pytest

from hyenadna_kit.errors import InputError
from tests.tasks.made import gene, interval, source

EXON = ([(10, 20)], [])


def test_genes_are_merged_on_both_strands_and_bare_contigs_left_out():
    genes = [gene("f", "c", "+", EXON), gene("r", "c", "-", ([(15, 30)], [])), gene("g", "e", "+", EXON)]
    made = source({"c": "A" * 40, "d": "A" * 40, "e": "A" * 40}, genes, 5)
    assert made.genes.intervals == (interval("c", 10, 30), interval("e", 10, 20))
    assert made.contigs == (interval("c", 0, 40), interval("e", 0, 40))


def test_gene_across_the_origin_goes_on_at_the_start():
    made = source({"c": "A" * 40}, [gene("f", "c", "-", ([(35, 47)], []))], 5)
    assert made.genes.intervals == (interval("c", 0, 7), interval("c", 35, 47))


@pytest.mark.parametrize("biotype", ["pseudogene", "processed_pseudogene", "pseudogenic_tRNA"])
def test_pseudogenes_are_genes_but_not_functional(biotype):
    genes = [gene("f", "c", "+", EXON), gene("p", "c", "+", ([(25, 30)], []), biotype=biotype)]
    made = source({"c": "A" * 40}, genes, 5)
    assert [each.name for each in made.functional.genes] == ["f"]
    assert made.genes.num_bases == 15


def test_annotation_without_a_strand_is_refused():
    with pytest.raises(InputError, match="none of 1 genes has a transcript that has a strand"):
        _ = source({"c": "A" * 40}, [gene("f", "c", "+", EXON, has_strand=False)], 5).functional
