"""Promoters at their start sites, and background of the same GC content, against plain loops."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.tasks.examples import BEYOND_CONTIG, HOLDS_N, NOT_DRAWN, SAME_BASES
from hyenadna_kit.tasks.promoters import BACKGROUND, GC_BINS, NO_MATCH, PROMOTER, find_promoters
from hyenadna_kit.testing import toy_genome
from tests.tasks.made import (
    attempt,
    functional_transcripts,
    gene,
    gene_plans,
    genes_of,
    positions,
    random_bases,
    read_bases,
    source,
)

LENGTH = 10
CONTIGS = {"a": random_bases(1, 300), "b": random_bases(2, 300), "bare": random_bases(3, 300)}


def rng(seed=0):
    return np.random.default_rng(seed)


def start_sites(transcripts):
    """Return contig, strand and position of the first base of every transcript, each once."""
    return {
        (contig, strand, exons[0][0] if strand == "+" else exons[-1][1] - 1)
        for contig, strand, exons, _ in transcripts
    }


def window_positions(site, upstream):
    contig, strand, position = site
    first = position - upstream if strand == "+" else position + upstream - LENGTH + 1
    return {(contig, place) for place in range(first, first + LENGTH)}


def gc(bases):
    return sum(base in "GC" for base in bases) * GC_BINS // len(bases)


def windows_of(found, label):
    return [window for window, of in found.examples if of == label]


@settings(max_examples=50, deadline=None)
@given(gene_plans(300), st.none() | st.integers(0, LENGTH - 2), st.integers(0, 99))
def test_promoters_start_where_transcripts_do_and_background_elsewhere(plans, upstream, seed):
    found = attempt(find_promoters, source(CONTIGS, genes_of(plans), LENGTH, upstream=upstream), seed)
    upstream = LENGTH // 2 if upstream is None else upstream
    sites = start_sites(functional_transcripts(plans))
    every = start_sites((contig, strand, *part) for _, contig, strand, parts, _ in plans for part in parts)
    promoters, background = windows_of(found, PROMOTER), windows_of(found, BACKGROUND)
    for window in promoters:
        in_order = sorted(range(window.start, window.end), reverse=window.strand is Strand.REVERSE)
        assert (window.contig, window.strand.value, in_order[upstream]) in sites
    near = set().union(*(window_positions(site, upstream) for site in every))
    annotated = {contig for contig, _, _ in every}
    for window in background:
        assert window.contig in annotated
        assert 0 <= window.start < window.end <= 300
        assert not positions(window) & near
    assert not any(one.overlaps(other) for one, other in combinations(background, 2))
    assert Counter(gc(read_bases(CONTIGS, w)) for w in promoters) == Counter(
        gc(read_bases(CONTIGS, w)) for w in background
    )
    counted = {reason: n for (label, reason), n in found.left_out.items() if label == PROMOTER}
    assert len(promoters) + sum(counted.values()) == len(sites)
    assert set(counted) <= {BEYOND_CONTIG, HOLDS_N, SAME_BASES, NO_MATCH}
    assert found.facts == {"upstream": upstream, "gc_bin_width": 0.02}


def test_background_that_is_not_there_leaves_the_promoter_out():
    # The only start site with G and C; what is elsewhere is A and T alone.
    contigs = {"a": random_bases(1, 200, "AT") + "GGGGGCCCCC" + random_bases(2, 200, "AT")}
    genes = [gene("rich", "a", "+", ([(205, 300)], [])), gene("poor", "a", "+", ([(50, 120)], []))]
    found = find_promoters(source(contigs, genes, LENGTH), rng())
    assert [window.start for window in windows_of(found, PROMOTER)] == [45]
    assert found.left_out[PROMOTER, NO_MATCH] == 1


def test_no_background_at_all_is_an_error():
    with pytest.raises(
        InputError, match="none of 1 start sites has a window of 10 bp and background of like GC"
    ):
        find_promoters(
            source({"a": random_bases(1, 28)}, [gene("g", "a", "+", ([(14, 20)], []))], LENGTH), rng()
        )


def test_background_is_everywhere_and_on_either_strand():
    contigs = {"a": random_bases(1, 20) + random_bases(1, 40)}
    made = source(contigs, [gene("g", "a", "+", ([(30, 50)], []))], LENGTH)
    windows = []
    for seed in range(400):
        try:
            windows += windows_of(find_promoters(made, rng(seed)), BACKGROUND)
        except InputError:
            continue
    same_gc = gc(read_bases(contigs, windows_of(find_promoters(made, rng()), PROMOTER)[0]))
    starts = [*range(16), *range(35, 51)]
    expected = {s for s in starts if gc(contigs["a"][s : s + LENGTH]) == same_gc}
    assert {window.start for window in windows} == expected
    assert {window.strand for window in windows} == set(Strand)


def test_most_examples_of_a_class_can_be_said():
    genes = [gene(f"g{n}", "a", "+", ([(25 * n + 20, 25 * n + 30)], [])) for n in range(8)]
    found = find_promoters(source(CONTIGS, genes, LENGTH, max_per_class=3), rng())
    assert len(windows_of(found, PROMOTER)) == len(windows_of(found, BACKGROUND)) == 3
    assert found.left_out[PROMOTER, NOT_DRAWN] == 5


def test_planted_promoters_of_the_toy_genome_end_before_the_start_site():
    toy = toy_genome(seed=5, length=60_000)
    genes = []
    for number, (box, planted) in enumerate(zip(toy.promoters, toy.genes, strict=True)):
        forward = box.strand is Strand.FORWARD
        span = (box.end, planted.end) if forward else (planted.start, box.start)
        genes.append(gene(f"g{number}", box.contig, box.strand.value, ([span], [])))
    found = find_promoters(source(toy.contigs, genes, 80, upstream=50), rng())
    planted_bases = {read_bases(toy.contigs, box) for box in toy.promoters}
    width = toy.promoters[0].length
    promoters = [read_bases(toy.contigs, window) for window in windows_of(found, PROMOTER)]
    assert len(promoters) > 0.8 * len(toy.promoters)
    assert {bases[50 - width : 50] for bases in promoters} <= planted_bases


def test_same_seed_gives_the_same_and_another_does_not():
    made = source(CONTIGS, [gene("g", "a", "+", ([(130, 190)], []))], LENGTH)
    assert find_promoters(made, rng(1)) == find_promoters(made, rng(1))
    assert len({tuple(find_promoters(made, rng(seed)).examples) for seed in range(9)}) > 1
