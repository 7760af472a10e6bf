"""The two windows of a variant against a contig that was changed as a string."""

import itertools
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.scoring.alleles import allele_windows
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.windows.alleles import OrientedContig
from tests.oracles import mutated_contig as oracle

NUM_VARIANTS = 20_000
PLACEMENTS = (
    Placement(window=32, horizon=8, min_left_context=16),
    Placement(window=32, horizon=16, min_left_context=1, kind="centred"),
    Placement(window=17, horizon=1, min_left_context=1),
    Placement(window=33, horizon=5, min_left_context=8, kind="centred"),
    Placement(window=48, horizon=20, min_left_context=27),  # a stride of 1
    Placement(window=128, horizon=30, min_left_context=60),
)


def contigs():
    """Return contigs, random and repetitive, short and with N, in both cases."""
    rng = random.Random(1)

    def bases(length):
        return "".join(rng.choices("ACGT", k=length))

    return {
        "random": bases(400),
        "lower": bases(150) + bases(150).lower(),
        "homopolymer": "A" * 120,
        "dinucleotide": "CA" * 90 + "G",
        "microsatellite": bases(60) + "CAG" * 30 + bases(60) + "T" * 25 + bases(20),
        "copies": bases(70) * 4,
        "n_inside": bases(90) + "N" * 60 + bases(90) + "N" + bases(60),
        "n_outside": "N" * 40 + bases(120) + "N" * 40,
        "iupac": bases(60) + "RYK" + bases(60),
        "short": bases(20),
        "tiny": "AC",
        "one": "G",
    }


CONTIGS = contigs()
UPPER = {name: "".join(b if b in "ACGT" else "N" for b in text.upper()) for name, text in CONTIGS.items()}


CLASSES = {
    "snv": lambda rng, _: (1, 1),
    "mnv": lambda rng, _: (rng.randint(2, 6),) * 2,
    "mnv of the horizon": lambda rng, at: (at.horizon + rng.randint(0, 1),) * 2,
    "insertion": lambda rng, _: (0, rng.randint(1, 12)),
    "duplication": lambda rng, _: (0, rng.randint(1, 12)),
    "deletion": lambda rng, _: (rng.randint(1, 12), 0),
    "delins": lambda rng, _: (rng.randint(1, 8), rng.randint(1, 8)),
    "insertion beyond the horizon": lambda rng, at: (rng.randint(0, 3), at.horizon + rng.randint(1, 9)),
    "deletion beyond the horizon": lambda rng, at: (at.horizon + rng.randint(1, 9), rng.randint(0, 3)),
    "insertion beyond the window": lambda rng, at: (rng.randint(0, 3), at.window + rng.randint(-2, 2)),
    "deletion beyond the window": lambda rng, at: (at.window + rng.randint(-2, 2), rng.randint(0, 1)),
}
"""Bases that a variant of each class removes and inserts."""

PLACES = {
    "anywhere": lambda rng, at, free: rng.randrange(free + 1),
    "start": lambda rng, at, free: rng.randrange(3),
    "end": lambda rng, at, free: free - rng.randrange(3),
    "border": lambda rng, at, free: stride_of(at) * rng.randrange(20) + rng.randint(-1, 1),
}
"""First base of a variant that ``free`` bases of the contig are not part of."""


def stride_of(placement):
    return placement.window - placement.min_left_context - placement.horizon


def draw_variant(rng, contig, placement, kind, place):
    """Draw a variant; None where it does not fit, has N in its REF or changes nothing."""
    sequence = UPPER[contig]
    num_removed, num_inserted = CLASSES[kind](rng, placement)
    free = len(sequence) - num_removed
    if free < 0 or not 0 <= (start := PLACES[place](rng, placement, free)) <= free:
        return None
    end = start + num_removed
    copied = sequence[max(0, start - num_inserted) : start].replace("N", "")
    alt = copied if kind == "duplication" else "".join(rng.choices("ACGT", k=num_inserted))
    # The same change is spelled with up to three bases more on either side.
    before, after = sequence[max(0, start - rng.randrange(4)) : start], sequence[end : end + rng.randrange(4)]
    ref, alt = before + sequence[start:end] + after, before + alt + after
    return None if "N" in ref or ref == alt else Variant(contig, start - len(before), ref, alt)


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


def tokens(sequence):
    return np.array(oracle.token_ids(sequence), dtype=np.uint8)


def expected_windows(variant, placement, strand):
    before = UPPER[variant.contig]
    after = oracle.mutate(before, variant.position, variant.ref, variant.alt)
    return oracle.windows(before, after, placement, strand.value)


def check_windows(found, expected, placement):
    if found is None:
        assert expected.num_removed > placement.window
        return
    assert expected.num_removed <= placement.window
    assert np.array_equal(found.ref, tokens(expected.ref))
    assert np.array_equal(found.alt, tokens(expected.alt))
    assert len(found.ref) == len(found.alt) == placement.window
    assert found.first == expected.first
    counted = np.flatnonzero(found.scored) + found.first
    assert counted.tolist() == oracle.counted_offsets(expected, placement.horizon)
    assert len(found.scored) == placement.horizon
    substituted = expected.num_removed == expected.num_inserted <= placement.horizon
    assert found.num_substituted == (expected.num_removed if substituted else None)
    assert found.padded == expected.padded
    assert found.n_fraction == expected.ref.count("N") / placement.window


def test_windows_are_slices_of_the_contig_and_of_the_changed_contig(genome, no_shape_checks):
    rng, drawn = random.Random(2), Counter()
    oriented = {(name, strand): OrientedContig(genome, name, strand) for name in CONTIGS for strand in Strand}
    kinds = list(itertools.product(CLASSES, PLACES, PLACEMENTS, CONTIGS))
    while drawn.total() < NUM_VARIANTS:
        kind, place, placement, contig = rng.choice(kinds)
        variant = draw_variant(rng, contig, placement, kind, place)
        if variant is None:
            continue
        drawn[kind, place, placement.kind] += 1
        for strand in Strand:
            found = allele_windows(oriented[contig, strand], variant, placement)
            check_windows(found, expected_windows(variant, placement, strand), placement)
    assert len(drawn) == len(CLASSES) * len(PLACES) * 2
    assert min(drawn.values()) >= 20


REPEATS = "ACGTTGCATCA" + "CAG" * 8 + "TTTTTTT" + "GATTACA" + "CA" * 9 + "GGATCCTA"


def spellings(contig, variant):
    """Yield the same change further right, as far as it goes, each with 0 to 5 bases before and behind."""
    after = oracle.mutate(contig, variant.position, variant.ref, variant.alt)
    shift = variant.length_change
    for position in range(variant.position, len(contig) - max(0, -shift) + 1):
        ref = contig[position : position + max(0, -shift)]
        alt = after[position : position + max(0, shift)]
        if oracle.mutate(contig, position, ref, alt) != after:
            return
        for left, right in ((0, 0), (1, 0), (5, 0), (0, 1), (3, 4)):
            start, behind = max(0, position - left), contig[position + len(ref) :][:right]
            before = contig[start:position]
            yield Variant(variant.contig, start, before + ref + behind, before + alt + behind)


def parts(windows):
    """Return everything of the windows in a form that can be compared."""
    plain = [each.tolist() if isinstance(each, np.ndarray) else each for each in windows]
    return str(plain)


@settings(max_examples=60, deadline=None)
@given(
    position=st.integers(0, len(REPEATS) - 1),
    removed=st.integers(1, 7),
    inserted=st.sampled_from(["", "", "CAG", "CAGCAG", "T", "TT", "CA", "AC", "GATTACA"]),
    placement=st.sampled_from(PLACEMENTS),
    strand=st.sampled_from(list(Strand)),
)
def test_every_spelling_of_an_indel_has_the_same_windows(
    repeats, position, removed, inserted, placement, strand
):
    ref = "" if inserted else REPEATS[position : position + removed]
    variant = Variant("repeats", position, ref, inserted)
    contig = OrientedContig(repeats, "repeats", strand)
    forms = {parts(allele_windows(contig, each, placement)) for each in spellings(REPEATS, variant)}
    assert len(forms) == 1


@pytest.fixture(scope="module")
def repeats(write_genome):
    return write_genome({"repeats": REPEATS})


@pytest.mark.parametrize("strand", Strand)
@pytest.mark.parametrize(("position", "ref", "alt"), [(21, "A", "C"), (15, "AGC", "A"), (31, "G", "GTTG")])
def test_case_of_genome_and_alleles_does_not_matter(write_genome, position, ref, alt, strand):
    mixed = "".join(base.lower() if i % 3 else base for i, base in enumerate(REPEATS))
    assert REPEATS[position : position + len(ref)] == ref
    forms = set()
    for bases in (REPEATS, REPEATS.lower(), mixed):
        contig = OrientedContig(write_genome({"c": bases}), "c", strand)
        for spelled in (str.upper, str.lower):
            variant = Variant("c", position, spelled(ref), spelled(alt))
            forms.add(parts(allele_windows(contig, variant, PLACEMENTS[0])))
    assert len(forms) == 1


@pytest.mark.parametrize("strand", Strand)
@pytest.mark.parametrize("allele", ["A", "ACGT", "acgt"])
def test_identical_alleles_have_identical_windows_and_nothing_replaced(repeats, allele, strand):
    windows = allele_windows(
        OrientedContig(repeats, "repeats", strand),
        Variant("repeats", 0, allele, allele.upper()),
        PLACEMENTS[0],
    )
    assert np.array_equal(windows.ref, windows.alt)
    assert windows.num_substituted == 0


@pytest.mark.parametrize(("length", "fits"), [(31, True), (32, True), (33, False)])
def test_deletion_longer_than_the_window_has_no_windows(genome, length, fits):
    variant = Variant("random", 100, UPPER["random"][100 : 100 + length], "")
    contig = OrientedContig(genome, "random", Strand.FORWARD)
    assert (allele_windows(contig, variant, PLACEMENTS[0]) is not None) == fits


def test_iupac_in_the_window_reads_as_n(genome):
    contig = OrientedContig(genome, "iupac", Strand.FORWARD)
    variant = Variant("iupac", 58, UPPER["iupac"][58], "A" if UPPER["iupac"][58] != "A" else "C")
    windows = allele_windows(contig, variant, PLACEMENTS[0])
    assert windows.ref[windows.first + 2 : windows.first + 5].tolist() == [11, 11, 11]
    assert windows.scored.tolist() == [True, True, False, False, False, True, True, True]
    assert windows.n_fraction == 3 / 32
