"""Donors, acceptors and decoys against introns worked out by plain loops."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.tasks.examples import BEYOND_CONTIG, NOT_DRAWN, SAME_BASES
from hyenadna_kit.tasks.splice_sites import (
    ACCEPTOR,
    DECOY,
    DONOR,
    SHORT_INTRON,
    find_splice_sites,
)
from tests.tasks.made import (
    attempt,
    functional_transcripts,
    gene,
    gene_plans,
    genes_of,
    labels_of,
    random_bases,
    read_bases,
    source,
)

LENGTH, SHORTEST = 14, 4
CONTIGS = {"a": random_bases(1, 400), "b": random_bases(2, 400)}


def rng(seed=0):
    return np.random.default_rng(seed)


def splice_sites(transcripts):
    """Return contig, strand, positions of the two bases as they are read, and class of every site."""
    sites = set()
    for contig, strand, exons, _ in transcripts:
        for (_, start), (end, _) in pairwise(exons):
            if end - start >= SHORTEST:
                in_order = [*range(start, end)][:: 1 if strand == "+" else -1]
                sites.add((contig, strand, *in_order[:2], DONOR))
                sites.add((contig, strand, *in_order[-2:], ACCEPTOR))
    return sites


def site_of(window, upstream):
    """Return contig, strand and positions of the two bases in the middle of a window."""
    in_order = [*range(window.start, window.end)][:: 1 if window.strand is Strand.FORWARD else -1]
    return (window.contig, window.strand.value, *in_order[upstream : upstream + 2])


def gene_positions(plans):
    """Return contig, strand and position of every base of a gene that is no pseudogene."""
    found = set()
    for _, contig, strand, transcripts, kind in plans:
        if not kind:
            start = min(exons[0][0] for exons, _ in transcripts)
            end = max(exons[-1][1] for exons, _ in transcripts)
            found |= {(contig, strand, position) for position in range(start, end)}
    return found


@settings(max_examples=50, deadline=None)
@given(gene_plans(400), st.none() | st.integers(0, LENGTH - 2), st.integers(0, 99))
def test_sites_are_those_of_introns_and_decoys_are_not(plans, upstream, seed):
    found = attempt(find_splice_sites, source(CONTIGS, genes_of(plans), LENGTH, upstream=upstream), seed)
    upstream = LENGTH // 2 - 1 if upstream is None else upstream
    assert found.facts["upstream"] == upstream
    sites = splice_sites(functional_transcripts(plans))
    every = splice_sites((contig, strand, *part) for _, contig, strand, parts, _ in plans for part in parts)
    places, in_genes = {site[:4] for site in every}, gene_positions(plans)
    decoys = []
    for window, label in found.examples:
        assert window.length == LENGTH
        assert 0 <= window.start < window.end <= 400
        contig, strand, first, second = site_of(window, upstream)
        if label != DECOY:
            assert (contig, strand, first, second, label) in sites
            continue
        assert (contig, strand, first, second) not in places
        assert {(contig, strand, first), (contig, strand, second)} <= in_genes
        decoys.append(read_bases(CONTIGS, window)[upstream : upstream + 2])
    counts = Counter(labels_of(found.examples))
    assert set(counts.values()) == {counts[DECOY]}
    assert set(counts) == {DONOR, ACCEPTOR, DECOY}
    assert set(decoys) <= {"GT", "AG"}
    for label in (DONOR, ACCEPTOR):
        counted = {reason: n for (of, reason), n in found.left_out.items() if of == label}
        counted.pop(SHORT_INTRON, None)
        assert set(counted) <= {BEYOND_CONTIG, SAME_BASES, NOT_DRAWN}
        assert counts[label] + sum(counted.values()) == sum(site[-1] == label for site in sites)


def spliced(contigs_seed, introns, strand="+", length=2000):
    """Return contigs with one gene that has a canonical intron at each place, and the gene."""
    bases = list(random_bases(contigs_seed, length))
    donor, acceptor = ("GT", "AG") if strand == "+" else ("CT", "AC")
    for start, end in introns:
        bases[start : start + 2], bases[end - 2 : end] = donor, acceptor
    borders = [100, *(place for intron in introns for place in intron), length - 100]
    exons = list(zip(borders[::2], borders[1::2], strict=True))
    return {"a": "".join(bases)}, gene("g", "a", strand, (exons, []))


@pytest.mark.parametrize("strand", "+-")
@pytest.mark.parametrize("length", [40, 41])
def test_site_is_in_the_middle_and_reads_gt_or_ag(strand, length):
    contigs, one = spliced(4, [(200, 300), (400, 600), (700, 720), (900, 1500)], strand)
    found = find_splice_sites(source(contigs, [one], length), rng())
    assert found.facts == {"upstream": 19, "canonical_fraction": {DONOR: 1.0, ACCEPTOR: 1.0}}
    middles = Counter((label, read_bases(contigs, w)[19:21]) for w, label in found.examples)
    assert middles == {(DONOR, "GT"): 4, (ACCEPTOR, "AG"): 4, (DECOY, "GT"): 2, (DECOY, "AG"): 2}


def test_share_of_canonical_sites_is_told():
    contigs, one = spliced(4, [(200, 300), (400, 600), (700, 720), (900, 1500)])
    bases = contigs["a"]
    contigs = {"a": f"{bases[:400]}GC{bases[402:718]}AC{bases[720:1498]}TT{bases[1500:]}"}
    found = find_splice_sites(source(contigs, [one], 40), rng())
    assert found.facts["canonical_fraction"] == {DONOR: 0.75, ACCEPTOR: 0.5}


def test_introns_that_several_transcripts_share_count_once():
    contigs, one = spliced(4, [(200, 300), (400, 600)])
    other = gene("h", "a", "+", ([(150, 200), (300, 350)], []), ([(50, 200), (300, 400), (600, 700)], []))
    found = find_splice_sites(source(contigs, [one, other], 40), rng())
    assert Counter(labels_of(found.examples)) == {DONOR: 2, ACCEPTOR: 2, DECOY: 2}


GAP_AND_INTRON = f"{'A' * 20}GTC{'A' * 17}GT{'C' * 16}AG{'C' * 20}GT{'C' * 10}AG{'C' * 30}"
"""GT at 20 in a gap of three bases, an intron from 40 to 60, and GT at 80 and AG at 92 in the last exon."""


def test_gap_of_three_bases_is_no_intron_and_no_decoy_either():
    one = gene("g", "a", "+", ([(5, 20), (23, 40), (60, 110)], []))
    for seed in range(20):
        found = find_splice_sites(source({"a": GAP_AND_INTRON}, [one], 8), rng(seed))
        assert found.left_out[DONOR, SHORT_INTRON] == found.left_out[ACCEPTOR, SHORT_INTRON] == 1
        sites = {(label, window.start + 3) for window, label in found.examples}
        assert sites == {(DONOR, 40), (ACCEPTOR, 58), (DECOY, 80)}


def test_site_of_a_pseudogene_is_no_decoy():
    one = gene("g", "a", "+", ([(5, 20), (23, 40), (60, 110)], []))
    pseudo = gene("p", "a", "+", ([(65, 80), (94, 100)], []), biotype="pseudogene")
    with pytest.raises(InputError, match="no window of class 'decoy' is left"):
        find_splice_sites(source({"a": GAP_AND_INTRON}, [one, pseudo], 8), rng())


def test_most_examples_of_a_class_can_be_said():
    contigs, one = spliced(4, [(200, 300), (400, 600), (700, 720), (900, 1500)])
    found = find_splice_sites(source(contigs, [one], 40, max_per_class=3), rng())
    assert Counter(labels_of(found.examples)) == {DONOR: 3, ACCEPTOR: 3, DECOY: 3}
    decoys = [read_bases(contigs, w)[19:21] for w, label in found.examples if label == DECOY]
    assert Counter(decoys) == {"GT": 2, "AG": 1}


def test_gene_without_introns_has_no_sites():
    made = source({"a": random_bases(1, 100)}, [gene("g", "a", "+", ([(10, 90)], []))], 8)
    with pytest.raises(InputError, match=r"no window of class 'donor' is left \(the annotation has none\)"):
        find_splice_sites(made, rng())


def test_gene_across_the_origin_is_searched_on_the_contig_alone():
    contigs, one = spliced(4, [(1910, 1950)], length=2100)
    contigs = {"a": contigs["a"][:1990]}
    found = find_splice_sites(source(contigs, [one], 40), rng())
    assert all(window.end <= 1990 for window, _ in found.examples)


def test_same_seed_gives_the_same_and_another_does_not():
    contigs, one = spliced(4, [(200, 300), (400, 600), (700, 720), (900, 1500)])
    made = source(contigs, [one], 40)
    assert find_splice_sites(made, rng(1)) == find_splice_sites(made, rng(1))
    assert find_splice_sites(made, rng(1)).examples != find_splice_sites(made, rng(2)).examples
