"""Transcripts and the arithmetic of their parts, against sets of positions."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import (
    Annotation,
    Gene,
    Transcript,
    fold_circular,
    hull,
    intersect,
    is_pseudogenic,
    merge,
)
from hyenadna_kit.genome.interval import Interval, Strand

FORWARD, REVERSE = Strand.FORWARD, Strand.REVERSE


def on(start, end, strand=FORWARD, contig="c"):
    return Interval(contig, start, end, strand)


def transcript(*exons, cds=(), strand=FORWARD, **more):
    exons = tuple(on(start, end, strand) for start, end in exons)
    cds = tuple(on(start, end, strand) for start, end in cds)
    return Transcript("t", "g", hull(exons), exons, cds, **more)


def bases(intervals):
    return {position for interval in intervals for position in range(interval.start, interval.end)}


intervals = st.builds(
    lambda start, length: on(start, start + length), st.integers(-20, 60), st.integers(1, 20)
)


@pytest.mark.parametrize(
    ("strand", "tss"), [(FORWARD, 10), (REVERSE, 39)], ids=["first base", "last base of the interval"]
)
def test_tss_is_the_first_base_that_is_transcribed(strand, tss):
    assert transcript((10, 20), (30, 40), strand=strand).tss == tss


@pytest.mark.parametrize(
    ("exons", "introns"),
    [
        ([(10, 20)], []),
        ([(10, 20), (30, 40)], [(20, 30)]),
        ([(10, 20), (20, 30), (31, 40)], [(30, 31)]),
    ],
    ids=["one exon", "two", "exons that touch"],
)
@pytest.mark.parametrize("strand", Strand)
def test_introns_lie_between_exons_on_their_strand(exons, introns, strand):
    expected = tuple(on(start, end, strand) for start, end in introns)
    assert transcript(*exons, strand=strand).introns == expected


@given(st.sets(st.integers(0, 80), min_size=2, max_size=12), st.sampled_from(Strand))
def test_exons_and_introns_fill_the_transcript(borders, strand):
    borders = sorted(borders)[: len(borders) // 2 * 2]
    exons = list(zip(borders[::2], borders[1::2], strict=True))
    found = transcript(*exons, strand=strand)
    assert bases(found.exons) | bases(found.introns) == bases([found.interval])
    assert not bases(found.exons) & bases(found.introns)


def test_segments_of_a_cds_may_share_bases_where_the_ribosome_slips():
    found = transcript((0, 30), cds=[(0, 10), (9, 30)])
    assert found.is_coding
    assert not found.introns
    assert not transcript((0, 30)).is_coding


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"exons": ()}, "'t' at c:11-40 has no exon"),
        ({"exons": (on(10, 20), on(15, 40))}, "exons overlap or descend"),
        ({"exons": (on(30, 40), on(10, 20))}, "exons overlap or descend"),
        ({"exons": (on(9, 40),)}, r"c:10-40 \(\+\) does not lie within c:11-40"),
        ({"exons": (on(10, 41),)}, "c:11-41"),
        ({"exons": (on(10, 40, REVERSE),)}, r"\(-\) does not lie"),
        ({"exons": (on(10, 40, contig="d"),)}, "d:11-40"),
        ({"exons": (on(10, 10), on(10, 40))}, "holds no base"),
        ({"cds": (on(5, 20),)}, "c:6-20"),
        ({"cds": (on(20, 30), on(10, 20))}, "CDS segments descend"),
    ],
    ids=["none", "overlap", "order", "before", "after", "strand", "contig", "empty", "cds", "cds order"],
)
def test_impossible_transcript_is_refused(parts, message):
    with pytest.raises(InputError, match=message):
        Transcript("t", "g", on(10, 40), **({"exons": (on(10, 40),)} | parts))


def test_annotation_lists_transcripts_gene_by_gene():
    one, two, three = (
        Transcript(name, "g", on(start, 9), (on(start, 9),)) for name, start in [("a", 3), ("b", 1), ("c", 5)]
    )
    genes = (Gene("g", on(3, 9), (one, two)), Gene("empty", on(0, 1)), Gene("h", on(5, 9), (three,)))
    assert [found.name for found in Annotation(genes).transcripts] == ["a", "b", "c"]


@given(st.lists(intervals, max_size=8), st.integers(0, 4))
def test_merge_is_the_union_with_small_gaps_closed(found, max_gap):
    merged = merge(found, max_gap=max_gap)
    covered = bases(found)
    # A gap is closed where it lies between two covered bases and has at most max_gap bases.
    closed = {
        position
        for position in range(-20, 100)
        if position not in covered
        for before in range(position - max_gap, position)
        for after in range(position + 1, before + max_gap + 2)
        if before in covered and after in covered
    }
    assert bases(merged) == covered | closed
    assert all(one.end + max_gap < two.start for one, two in pairwise(merged))


def test_merge_keeps_touching_intervals_apart_when_asked():
    assert merge([on(5, 9), on(0, 5), on(8, 12)], max_gap=-1) == (on(0, 5), on(5, 12))
    assert merge([]) == ()


@given(intervals, st.lists(intervals, max_size=6))
def test_intersection_holds_the_shared_bases_of_each_part(interval, parts):
    expected = [bases([part]) & bases([interval]) for part in parts]
    assert [bases([part]) for part in intersect(interval, parts)] == [shared for shared in expected if shared]


@given(st.integers(1, 30), st.integers(-70, 70), st.integers(0, 30), st.sampled_from(Strand))
def test_folding_a_circle_keeps_each_base_modulo_its_length(length, start, size, strand):
    interval = on(start, start + min(size, length), strand)
    pieces = fold_circular(interval, length)
    positions = [position for piece in pieces for position in range(piece.start, piece.end)]
    assert positions == [position % length for position in range(interval.start, interval.end)]
    assert all(0 <= piece.start <= piece.end <= length and piece.strand is strand for piece in pieces)


def test_interval_longer_than_the_circle_is_refused():
    with pytest.raises(InputError, match="c:4-14 goes more than once round a circle of 10 bp"):
        fold_circular(on(3, 14), 10)


@pytest.mark.parametrize(
    ("of_gene", "of_transcript", "expected"),
    [
        ("protein_coding", {"biotype": "protein_coding", "kind": "mRNA"}, False),
        ("pseudogene", {}, True),
        ("", {"biotype": "transcribed_processed_pseudogene"}, True),
        ("", {"kind": "pseudogenic_transcript"}, True),
    ],
)
def test_pseudogene_is_told_by_the_gene_or_its_transcript(of_gene, of_transcript, expected):
    of_it = transcript((0, 5), **of_transcript)
    assert is_pseudogenic(Gene("g", on(0, 5), (of_it,), biotype=of_gene), of_it) is expected
