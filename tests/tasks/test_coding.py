"""Coding and intergenic windows against plain loops over the positions of genes."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.tasks.coding import CODING, INTERGENIC, find_coding
from hyenadna_kit.tasks.examples import NOT_DRAWN, OVERLAPS, TOO_SHORT
from hyenadna_kit.testing import toy_genome
from tests.tasks.made import (
    attempt,
    functional_transcripts,
    gene,
    gene_plans,
    genes_of,
    labels_of,
    positions,
    random_bases,
    read_bases,
    source,
)

LENGTH = 12
CONTIGS = {"a": random_bases(1, 150), "b": random_bases(2, 150), "bare": random_bases(3, 150)}


def rng(seed=0):
    return np.random.default_rng(seed)


def cds_segments(plans):
    """Return contig, strand and borders of every CDS segment, each once."""
    return {
        (contig, strand, *segment)
        for contig, strand, _, cds in functional_transcripts(plans)
        for segment in cds
    }


def gene_positions(plans):
    found = set()
    for _, contig, _, transcripts, _ in plans:
        start = min(exons[0][0] for exons, _ in transcripts)
        end = max(exons[-1][1] for exons, _ in transcripts)
        found |= {(contig, position) for position in range(start, end)}
    return found


@settings(max_examples=50, deadline=None)
@given(gene_plans(150), st.integers(0, 99))
def test_coding_windows_lie_in_one_segment_and_others_touch_no_gene(plans, seed):
    found = attempt(find_coding, source(CONTIGS, genes_of(plans), LENGTH), seed)
    segments, in_genes = cds_segments(plans), gene_positions(plans)
    annotated = {contig for contig, _ in in_genes}
    assert len(found.examples) == 2 * labels_of(found.examples).count(CODING) > 0
    for window, label in found.examples:
        assert window.length == LENGTH
        assert 0 <= window.start < window.end <= 150
        if label == CODING:
            assert any(
                (contig, strand) == (window.contig, window.strand.value)
                and start <= window.start
                and window.end <= end
                for contig, strand, start, end in segments
            )
        else:
            assert window.contig in annotated
            assert not positions(window) & in_genes
    for label in (CODING, INTERGENIC):
        windows = [positions(window) for window, of in found.examples if of == label]
        assert not any(one & other for one, other in combinations(windows, 2))


@settings(max_examples=50, deadline=None)
@given(gene_plans(150), st.integers(0, 99))
def test_every_window_that_fits_is_used_or_counted(plans, seed):
    found = attempt(find_coding, source(CONTIGS, genes_of(plans), LENGTH), seed)
    lengths = [end - start for _, _, start, end in cds_segments(plans)]
    counted = {reason: n for (label, reason), n in found.left_out.items() if label == CODING}
    assert counted.pop(TOO_SHORT, 0) == sum(length < LENGTH for length in lengths)
    used = labels_of(found.examples).count(CODING)
    assert used + sum(counted.values()) == sum(length // LENGTH for length in lengths)
    assert set(counted) <= {OVERLAPS, NOT_DRAWN}


def test_windows_begin_anywhere_in_a_segment_and_on_either_strand():
    contigs = {"a": random_bases(1, 100)}
    made = source(contigs, [gene("g", "a", "-", ([(40, 60)], [(40, 60)]))], LENGTH)
    found = [find_coding(made, rng(seed)).examples for seed in range(200)]
    coding = [window for examples in found for window, label in examples if label == CODING]
    assert {window.start for window in coding} == set(range(40, 49))
    assert {window.strand for window in coding} == {Strand.REVERSE}
    others = [window for examples in found for window, label in examples if label == INTERGENIC]
    assert {window.strand for window in others} == set(Strand)
    assert {window.start for window in others} >= {0, 1, 2, 3, 88, 87, 60, 61}


def test_windows_of_a_long_segment_lie_side_by_side():
    made = source({"a": random_bases(1, 500)}, [gene("g", "a", "+", ([(40, 240)], [(40, 240)]))], LENGTH)
    starts = [window.start for window, label in find_coding(made, rng()).examples if label == CODING]
    assert len(starts) == 200 // LENGTH
    assert {later - earlier for earlier, later in pairwise(starts)} == {LENGTH}


def test_most_examples_of_a_class_can_be_said():
    genes = [gene("g", "a", "+", ([(40, 240)], [(40, 240)]))]
    found = find_coding(source({"a": random_bases(1, 500)}, genes, LENGTH, max_per_class=3), rng())
    assert sorted(labels_of(found.examples)) == [CODING] * 3 + [INTERGENIC] * 3


def test_site_makes_no_sense_for_coding_windows():
    with pytest.raises(InputError, match="coding windows have no site, so that upstream 3 means nothing"):
        find_coding(source(CONTIGS, [gene("g", "a", "+", ([(0, 50)], []))], LENGTH, upstream=3), rng())


def test_planted_genes_of_the_toy_genome_are_found():
    toy = toy_genome(seed=3, length=60_000)
    genes = [
        gene(f"g{n}", planted.contig, planted.strand.value, ([(planted.start, planted.end)],) * 2)
        for n, planted in enumerate(toy.genes)
    ]
    found = find_coding(source(toy.contigs, genes, 30), rng())
    coding = [window for window, label in found.examples if label == CODING]
    between = [window for window, label in found.examples if label == INTERGENIC]
    assert all(any(g.contains(w) and g.strand is w.strand for g in toy.genes) for w in coding)
    assert not any(g.overlaps(w) for g in toy.genes for w in between)
    assert not any("N" in read_bases(toy.contigs, window) for window, _ in found.examples)
    assert len(coding) == len(between) > 200


def test_same_seed_gives_the_same_and_another_does_not():
    made = source(CONTIGS, [gene("g", "a", "+", ([(30, 90)], [(30, 80)]))], LENGTH)
    assert find_coding(made, rng(1)) == find_coding(made, rng(1))
    assert find_coding(made, rng(1)).examples != find_coding(made, rng(2)).examples
