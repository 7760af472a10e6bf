"""Trimming and normalising against brute force: every spelling of a change, on repetitive contigs."""

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.variant import Variant, normalize, right_aligned, trim


def fetcher(contig):
    """Fetch from a string as a genome does: in upper case, N beyond the ends."""
    calls = []

    def fetch(start, end):
        calls.append((start, end))
        return "".join(contig[i].upper() if 0 <= i < len(contig) else "N" for i in range(start, end))

    fetch.calls = calls
    return fetch


def mutate(contig, variant):
    assert contig[variant.position : variant.end].upper() == variant.ref.upper()
    return contig[: variant.position] + variant.alt + contig[variant.end :]


def spellings(contig, mutated):
    """Yield every variant that turns ``contig`` into ``mutated``, found by trying all of them."""
    for start in range(len(contig) + 1):
        for end in range(start, len(contig) + 1):
            alt_end = len(mutated) - (len(contig) - end)
            if alt_end < start:
                continue
            if contig[:start] == mutated[:start] and contig[end:] == mutated[alt_end:]:
                yield Variant("c", start, contig[start:end], mutated[start:alt_end])


@st.composite
def contig_and_variant(draw):
    """A contig of few letters or short repeats, and any small change of it."""
    unit = draw(st.text("ACGT", min_size=1, max_size=4))
    left, right = draw(st.text("AC", max_size=5)), draw(st.text("AC", max_size=5))
    contig = left + unit * draw(st.integers(1, 4)) + right
    position = draw(st.integers(0, len(contig)))
    ref = contig[position : position + draw(st.integers(0, 4))]
    alt = draw(st.one_of(st.text("ACGT", max_size=5), st.just(unit), st.just(unit * 2), st.just(ref + unit)))
    return contig, Variant("c", position, ref, alt)


@given(contig_and_variant())
def test_every_spelling_of_a_change_normalises_to_one_form(case):
    contig, variant = case
    mutated = mutate(contig, variant)
    assume(mutated != contig)  # what changes nothing has no place of its own
    assert len({normalize(spelling, fetcher(contig)) for spelling in spellings(contig, mutated)}) == 1


@given(contig_and_variant())
def test_the_normal_form_is_the_shortest_spelling_and_of_those_the_leftmost_indel(case):
    contig, variant = case
    mutated = mutate(contig, variant)
    normal = normalize(variant, fetcher(contig))
    if mutated == contig:
        assert normal.ref == normal.alt == ""
        return
    every = list(spellings(contig, mutated))
    shortest = min(len(s.ref) + len(s.alt) for s in every)
    leftmost = min((s for s in every if len(s.ref) + len(s.alt) == shortest), key=lambda s: s.position)
    assert normal == leftmost


@given(contig_and_variant())
def test_right_aligned_form_is_the_rightmost_of_the_shortest_indels(case):
    contig, variant = case
    mutated = mutate(contig, variant)
    found = right_aligned(variant, fetcher(contig))
    assert mutate(contig, found) == mutated
    trimmed = trim(variant)
    if mutated == contig or (trimmed.ref and trimmed.alt):
        assert found == trimmed
        return
    every = list(spellings(contig, mutated))
    shortest = min(len(s.ref) + len(s.alt) for s in every)
    assert found == max((s for s in every if len(s.ref) + len(s.alt) == shortest), key=lambda s: s.position)


def test_right_aligned_form_of_a_long_repeat_is_found_in_blocks():
    contig = "AC" + "G" * 2000 + "TA"
    fetch = fetcher(contig)
    assert right_aligned(Variant("c", 2, "G", ""), fetch) == Variant("c", 2001, "G", "")
    assert len(fetch.calls) < 20


@given(contig_and_variant())
def test_normalising_and_trimming_keep_the_haplotype(case):
    contig, variant = case
    mutated = mutate(contig, variant)
    assert mutate(contig, trim(variant)) == mutated
    assert mutate(contig, normalize(variant, fetcher(contig))) == mutated


@given(contig_and_variant())
def test_normalising_twice_changes_nothing(case):
    contig, variant = case
    once = normalize(variant, fetcher(contig))
    assert normalize(once, fetcher(contig)) == once


@given(contig_and_variant())
def test_trimmed_alleles_share_neither_first_nor_last_base(case):
    trimmed = trim(case[1])
    for base in (0, -1):
        assert not trimmed.ref or not trimmed.alt or trimmed.ref[base] != trimmed.alt[base]


@given(contig_and_variant(), st.data())
def test_case_of_alleles_and_contig_does_not_matter(case, data):
    contig, variant = case
    expected = normalize(variant, fetcher(contig))
    mask = data.draw(st.lists(st.booleans(), min_size=len(contig), max_size=len(contig)))
    soft = "".join(base.lower() if low else base for base, low in zip(contig, mask, strict=True))
    lower = Variant("c", variant.position, variant.ref.lower(), variant.alt.lower())
    assert normalize(lower, fetcher(soft)) == expected


def test_every_change_of_every_short_contig_has_one_normal_form():
    # All contigs of 5 letters from {A, C}, all REF lengths 0-2 and all ALTs of 0-2 letters.
    alts = ["".join(letters) for length in range(3) for letters in itertools.product("AC", repeat=length)]
    for letters in itertools.product("AC", repeat=5):
        contig = "".join(letters)
        forms = {}
        for position in range(len(contig) + 1):
            for end in range(position, min(position + 3, len(contig) + 1)):
                for alt in alts:
                    variant = Variant("c", position, contig[position:end], alt)
                    mutated = mutate(contig, variant)
                    if mutated != contig:
                        forms.setdefault(mutated, set()).add(normalize(variant, fetcher(contig)))
        assert all(len(found) == 1 for found in forms.values())


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        pytest.param(Variant("c", 10, "CAG", "CTG"), Variant("c", 11, "A", "T"), id="snv_with_flanks"),
        pytest.param(Variant("c", 10, "CA", "C"), Variant("c", 11, "A", ""), id="deletion"),
        pytest.param(Variant("c", 10, "C", "CTT"), Variant("c", 11, "", "TT"), id="insertion"),
        pytest.param(Variant("c", 10, "AA", "A"), Variant("c", 10, "A", ""), id="suffix_before_prefix"),
        pytest.param(Variant("c", 10, "A", "AA"), Variant("c", 10, "", "A"), id="suffix_first_insertion"),
        pytest.param(Variant("c", 10, "CTCG", "CACG"), Variant("c", 11, "T", "A"), id="mnv_becomes_snv"),
        pytest.param(Variant("c", 10, "AC", "GT"), Variant("c", 10, "AC", "GT"), id="mnv"),
        pytest.param(Variant("c", 10, "ca", "C"), Variant("c", 11, "A", ""), id="lower_case"),
        pytest.param(Variant("c", 10, "ACG", "ACG"), Variant("c", 10, "", ""), id="no_change"),
    ],
)
def test_trim(variant, expected):
    assert trim(variant) == expected


@pytest.mark.parametrize(
    ("contig", "variant", "expected"),
    [
        # The worked example of Tan, Abecasis and Kang 2015 (figure 1): GGGCACACACAGGG, delete CA.
        pytest.param(
            "GGGCACACACAGGG", Variant("c", 7, "CAC", "C"), Variant("c", 3, "CA", ""), id="microsatellite"
        ),
        pytest.param("AAAA", Variant("c", 3, "A", ""), Variant("c", 0, "A", ""), id="to_the_contig_start"),
        pytest.param("AAAA", Variant("c", 4, "", "A"), Variant("c", 0, "", "A"), id="insertion_at_the_end"),
        pytest.param("GACAC", Variant("c", 5, "", "AC"), Variant("c", 1, "", "AC"), id="insertion_of_a_unit"),
        pytest.param("GACAC", Variant("c", 4, "", "CA"), Variant("c", 1, "", "AC"), id="rotated_insertion"),
        pytest.param("NNAA", Variant("c", 3, "A", ""), Variant("c", 2, "A", ""), id="stops_at_n"),
        pytest.param("ACGT", Variant("c", 1, "CG", "TT"), Variant("c", 1, "CG", "TT"), id="delins_stays"),
    ],
)
def test_normalize(contig, variant, expected):
    assert normalize(variant, fetcher(contig)) == expected


@pytest.mark.parametrize("length", [255, 256, 257, 1000])
def test_a_long_repeat_is_walked_to_its_start(length):
    contig = "G" + "A" * length
    deleted = Variant("c", length, "A", "")
    assert normalize(deleted, fetcher(contig)) == Variant("c", 1, "A", "")


def test_the_genome_is_read_left_of_the_variant_alone_and_never_before_the_contig():
    fetch = fetcher("CA" * 400)
    normalize(Variant("c", 798, "CA", ""), fetch)
    assert all(0 <= start < end <= 798 for start, end in fetch.calls)


def test_a_substitution_reads_nothing():
    fetch = fetcher("ACGT")
    normalize(Variant("c", 1, "C", "G"), fetch)
    assert fetch.calls == []


def test_a_position_before_the_contig_is_refused():
    with pytest.raises(InputError, match="-1"):
        Variant("c", -1, "A", "C")


@pytest.mark.parametrize(
    ("ref", "alt", "end", "length_change"),
    [("A", "C", 11, 0), ("ACG", "A", 13, -2), ("A", "ACG", 11, 2), ("", "TT", 10, 2), ("TT", "", 12, -2)],
)
def test_end_and_length_change(ref, alt, end, length_change):
    variant = Variant("c", 10, ref, alt)
    assert (variant.end, variant.length_change) == (end, length_change)
