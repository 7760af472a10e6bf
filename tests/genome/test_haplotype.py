"""Variants in a contig against a naive application, and positions lifted from one to the other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.haplotype import Haplotype, apply_variants, pieces
from hyenadna_kit.genome.variant import Variant


def variant(text):
    """Return ``Variant("c", 1, "C", "TT")`` for ``1 C TT``; ``-`` is an empty allele."""
    position, ref, alt = text.split()
    return Variant("c", int(position), ref.strip("-"), alt.strip("-"))


def naively(bases, variants):
    """Apply the last variant first, so that the positions of the others stay right."""
    for each in reversed(variants):
        bases = bases[: each.position] + each.alt + bases[each.position + len(each.ref) :]
    return bases


@st.composite
def changed_contigs(draw):
    """Draw a contig and variants of it that do not overlap, some side by side or at one place."""
    bases = draw(st.text("ACGTacgtN", min_size=1, max_size=30))
    cuts = sorted(draw(st.lists(st.integers(0, len(bases)), max_size=12)))
    variants = []
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        alt = draw(st.text("ACGT", max_size=4))
        variants.append(Variant("c", start, bases[start:end], alt))
    return bases, variants


def alignment(bases, variants):
    """Return one pair of positions a column, reference and haplotype, None for a gap.

    The alleles of a variant are written one over the other, gaps behind the shorter one.
    """
    columns, ref, alt = [], 0, 0
    for each in [*variants, Variant("c", len(bases), "", "")]:
        for _ in range(each.position - ref):
            columns.append((ref, alt))
            ref, alt = ref + 1, alt + 1
        columns += [
            (ref + i if i < len(each.ref) else None, alt + i if i < len(each.alt) else None)
            for i in range(max(len(each.ref), len(each.alt)))
        ]
        ref, alt = ref + len(each.ref), alt + len(each.alt)
    return columns


def lifted_naively(columns, length, other_length):
    """Return the second position of every first one, or the next that there is, and whether it is its own."""
    found = {}
    for index, (one, other) in enumerate(columns):
        if one is not None:
            behind = (o for _, o in columns[index:] if o is not None)
            found[one] = (other, True) if other is not None else (next(behind, other_length), False)
    return [found[position] for position in range(length)] + [(other_length, True)]


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        pytest.param([], "ACGTACGT", id="none"),
        pytest.param(["1 C T"], "ATGTACGT", id="snv"),
        pytest.param(["1 C TT"], "ATTGTACGT", id="delins"),
        pytest.param(["1 C CTT"], "ACTTGTACGT", id="anchored_insertion"),
        pytest.param(["0 - TT"], "TTACGTACGT", id="insertion_before_the_first_base"),
        pytest.param(["8 - TT"], "ACGTACGTTT", id="insertion_behind_the_last_base"),
        pytest.param(["0 ACGTACGT -"], "", id="everything_deleted"),
        pytest.param(["2 - A", "2 - G"], "ACAGGTACGT", id="two_insertions_at_one_place"),
        pytest.param(["1 C T", "2 GTA -"], "ATCGT", id="snv_beside_deletion"),
        pytest.param(["1 C -", "2 - AA", "2 G T"], "AAATTACGT", id="three_side_by_side"),
        pytest.param(["1 c t"], "AtGTACGT", id="case_of_the_allele"),
    ],
)
def test_variants_are_applied(variants, expected):
    assert apply_variants("ACGTACGT", map(variant, variants)) == expected


@given(changed=changed_contigs())
def test_application_equals_the_naive_one(changed):
    bases, variants = changed
    assert apply_variants(bases, variants) == naively(bases, variants)
    haplotype = Haplotype("c", len(bases), variants)
    assert haplotype.length == len(naively(bases, variants))


@given(changed=changed_contigs())
def test_pieces_cover_the_reference_once_and_in_order(changed):
    bases, variants = changed
    found = list(pieces(iter(variants), len(bases)))
    ends = [0, *(piece.end for piece in found)]
    assert [piece.start for piece in found] == ends[:-1]
    assert ends[-1] == len(bases)


@given(changed=changed_contigs(), data=st.data())
def test_slice_of_a_haplotype_is_the_slice_of_all_of_it(changed, data):
    bases, variants = changed
    whole = naively(bases, variants)
    start, end = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=2, max_size=2)))
    found = list(Haplotype("c", len(bases), variants).pieces(start, end))
    assert all(piece.alt or (piece.alt is None and piece.start < piece.end) for piece in found)
    sliced = "".join(bases[p.start : p.end] if p.alt is None else p.alt for p in found)
    assert sliced == whole[start:end]


@given(changed=changed_contigs())
def test_positions_are_lifted_as_a_column_by_column_alignment_does(changed):
    bases, variants = changed
    haplotype = Haplotype("c", len(bases), variants)
    columns = alignment(bases, variants)
    there = haplotype.to_haplotype(np.arange(len(bases) + 1))
    back = haplotype.to_reference(np.arange(haplotype.length + 1))
    expected = lifted_naively(columns, len(bases), haplotype.length)
    assert list(zip(*map(np.ndarray.tolist, there), strict=True)) == expected
    expected = lifted_naively([pair[::-1] for pair in columns], haplotype.length, len(bases))
    assert list(zip(*map(np.ndarray.tolist, back), strict=True)) == expected


@given(changed=changed_contigs())
def test_a_base_that_both_contigs_have_is_lifted_there_and_back(changed):
    bases, variants = changed
    haplotype = Haplotype("c", len(bases), variants)
    there = haplotype.to_haplotype(np.arange(len(bases)))
    back = haplotype.to_reference(there.positions[there.is_exact])
    assert back.positions.tolist() == np.flatnonzero(there.is_exact).tolist()
    assert back.is_exact.all()


def test_example_of_the_documentation():
    variants = [variant("2 - TT"), variant("3 TA -")]
    haplotype = Haplotype("chr1", 6, variants)
    assert apply_variants("ACGTAA", variants) == "ACTTGA"
    there, back = haplotype.to_haplotype(np.arange(1, 6)), haplotype.to_reference(np.arange(1, 6))
    assert there.positions.tolist() == [1, 4, 5, 5, 5]
    assert there.is_exact.tolist() == [True, True, False, False, True]
    assert back.positions.tolist() == [1, 2, 2, 2, 5]
    assert back.is_exact.tolist() == [True, False, False, True, True]


@pytest.mark.parametrize(
    ("variants", "problem"),
    [
        pytest.param(["2 GT -", "3 T A"], r"T>A at c:4 overlaps", id="overlap"),
        pytest.param(["4 A C", "1 C T"], r"C>T at c:2 overlaps", id="out_of_order"),
        pytest.param(["6 GTA -"], r"GTA>- at c:7 .*\(8 bp\)", id="beyond_the_contig"),
        pytest.param(["9 - A"], r"->A at c:10", id="insertion_beyond_the_contig"),
    ],
)
def test_variants_that_cannot_be_applied_are_refused(variants, problem):
    with pytest.raises(InputError, match=problem):
        list(pieces(map(variant, variants), 8))
    with pytest.raises(InputError, match=problem):
        Haplotype("c", 8, [variant(text) for text in variants])


def test_ref_that_the_contig_does_not_have_is_refused():
    with pytest.raises(InputError, match=r"REF 'CT' at c:2 .* 'CG'"):
        apply_variants("ACGT", [variant("1 CT A")])


@pytest.mark.parametrize("position", [-1, 7])
def test_position_outside_the_contig_is_refused(position):
    haplotype = Haplotype("chr1", 6, [variant("2 G -"), variant("3 - C")])
    for lift, name in ((haplotype.to_haplotype, "reference"), (haplotype.to_reference, "haplotype")):
        with pytest.raises(InputError, match=rf"0\.\.6 on the {name}.*chr1.*{position}"):
            lift(np.array([0, position]))
    with pytest.raises(InputError, match="not within the haplotype of chr1"):
        list(haplotype.pieces(*sorted((0, position))))
