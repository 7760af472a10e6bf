"""What chance draws from a genome."""

import itertools
import random
from collections import Counter

import jaxtyping
import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.scoring import null_variants
from hyenadna_kit.scoring.null_cells import VariantClass, cells_of, length_bins, trinucleotide_cells
from hyenadna_kit.scoring.null_variants import draw_null_variants
from tests.oracles import mutated_contig as oracle

SNV, MNV, INSERTION, DELETION, DELINS = VariantClass


def bases(number, seed):
    """Return bases with few CpG, as those of a vertebrate."""
    rng, found = random.Random(seed), ["A"]
    while len(found) < number:
        base = rng.choices("ACGT", (3, 2, 2, 3))[0]
        if found[-1] + base != "CG" or rng.random() < 0.2:
            found.append(base)
    return "".join(found)


CONTIGS = {
    "long": bases(60_000, 0),
    "masked": bases(5_000, 1).lower() + "N" * 20_000 + bases(15_000, 2),
    "n": "N" * 50,
    "short": "RACGT",
}


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


@pytest.fixture(scope="module", autouse=True)
def no_checks_in_loops():
    """Draw thousands without a check of the types of every call; smaller draws elsewhere are checked."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="module")
def null(genome):
    return draw_null_variants(genome, 12_000, seed=0)


def known(contig):
    """Return the contig as it reads, with IUPAC codes as N."""
    return CONTIGS[contig].upper().replace("R", "N")


def test_every_variant_changes_bases_of_the_genome_as_its_class_says(null):
    for variant, variant_class, _ in null:
        contig = known(variant.contig)
        assert set(variant.ref + variant.alt) <= set("ACGT")
        assert contig[variant.position] in "ACGT"
        mutated = oracle.mutate(contig, variant.position, variant.ref, variant.alt)
        _, removed, inserted = oracle.difference(contig[:], mutated)
        expected = {
            SNV: removed == inserted == 1,
            MNV: removed == inserted > 1,
            INSERTION: removed == 0 < inserted,
            DELETION: inserted == 0 < removed,
            DELINS: 0 < removed != inserted > 0,
        }
        assert expected[variant_class], variant


def test_members_of_a_cell_are_compared_with_it(null, genome):
    for variant, _, cells in null:
        assert cells == cells_of(variant, genome)


def test_numbers_are_what_was_asked_for(null):
    shares = {SNV: 7_200, MNV: 600, INSERTION: 1_800, DELETION: 1_800, DELINS: 600}
    assert Counter(each.variant_class for each in null) == shares


@pytest.mark.parametrize("number", [1, 2, 19, 101])
def test_small_numbers_are_divided_without_loss(genome, number):
    assert len(draw_null_variants(genome, number, seed=0)) == number


def test_order_is_that_of_the_genome(null):
    contigs = list(CONTIGS)
    places = [(contigs.index(variant.contig), variant.position) for variant, _, _ in null]
    assert places == sorted(places)


def test_seed_decides(null, genome):
    assert draw_null_variants(genome, 12_000, seed=0) == null
    other = draw_null_variants(genome, 12_000, seed=1)
    assert len({each.variant for each in other} & {each.variant for each in null}) < 2_000


def test_each_place_serves_a_class_once(null):
    places = [(each.variant_class, each.variant.contig, each.variant.position) for each in null]
    assert len(set(places)) == len(places)


def test_places_are_uniform_over_bases_that_are_not_n(null):
    stretches = Counter(
        (variant.contig, variant.position // 5_000)
        for variant, variant_class, _ in null
        if variant_class == SNV
    )
    # 80,000 bases hold 7,200 SNVs: 450 in each stretch of 5,000, but for those of N and of four bases.
    full = [count for count in stretches.values() if count > 10]
    assert len(full) == 16
    assert max(abs(count - 450) for count in full) < 5 * 450**0.5
    assert not any(("masked", number) in stretches for number in range(1, 5))


def test_alts_are_uniform(genome):
    drawn = draw_null_variants(genome, 12_000, seed=3, classes=[SNV])
    pairs = Counter((variant.ref, variant.alt) for variant, _, _ in drawn)
    refs = Counter(variant.ref for variant, _, _ in drawn)
    assert len(pairs) == 12
    for (ref, _), count in pairs.items():
        assert abs(count - refs[ref] / 3) < 5 * (refs[ref] / 3) ** 0.5


def test_lengths_are_spread_over_bins_up_to_the_longest(genome):
    drawn = draw_null_variants(genome, 1_200, seed=0, longest=40, classes=[DELETION])
    lengths = Counter(len(variant.ref) for variant, _, _ in drawn)
    starts = [first for first in length_bins(DELETION).values() if first <= 40]
    bins = [
        sum(lengths[length] for length in range(start, end))
        for start, end in itertools.pairwise([*starts, 41])
    ]
    assert sum(bins) == 1_200
    assert max(bins) - min(bins) <= 1
    assert max(lengths) == 40


def test_both_sides_of_a_delins_are_the_longer_one(genome):
    drawn = draw_null_variants(genome, 1_000, seed=0, classes=[DELINS])
    assert 400 < sum(len(variant.ref) > len(variant.alt) for variant, _, _ in drawn) < 600


def test_inserted_bases_stand_elsewhere_in_the_genome(null):
    for variant, variant_class, _ in null:
        if variant_class is INSERTION:
            assert any(variant.alt in contig.upper() for contig in CONTIGS.values())


def test_rare_trinucleotides_are_filled_up_beside_a_class_that_is_as_the_genome(genome, monkeypatch):
    monkeypatch.setattr(null_variants, "LEAST_NULL", 60)
    drawn = draw_null_variants(genome, 7_200, seed=0, classes=[SNV])
    assert len(drawn) == 7_200
    narrow = Counter(each.cells[0] for each in drawn)
    assert min(narrow[cell] for cell in trinucleotide_cells()) >= 60
    of_class = [each for each in drawn if "snv" in each.cells]
    assert len(of_class) == 3_600
    rare = sum("]G" in each.cells[0] and "[C>" in each.cells[0] for each in of_class) / len(of_class)
    cpg = sum(known(contig).count("CG") for contig in CONTIGS)
    assert rare == pytest.approx(2 * cpg / 80_004, abs=0.01)
    assert all(each.cells in ((each.cells[0],), (each.cells[0], "snv")) for each in drawn)


@pytest.mark.parametrize("number", [0, 1, 7, 40, 333])
def test_quotas_raise_the_rarest_cells_as_far_as_the_number_goes(number):
    counts = dict(zip("abcdef", (0, 3, 3, 10, 50, 51), strict=True))
    filled = dict(counts)
    for _ in range(number):  # one by one, always to a rarest cell
        filled[min(filled, key=filled.get)] += 1
    quotas = null_variants._quotas(counts, number)
    assert sorted(counts[cell] + quotas[cell] for cell in counts) == sorted(filled.values())


def test_large_genomes_are_drawn_from_without_a_table_of_all_places(genome, monkeypatch):
    monkeypatch.setattr(null_variants, "_MOST_PLACES", 50_000)
    drawn = draw_null_variants(genome, 12_000, seed=0, classes=[SNV])
    positions = np.array([each.variant.position for each in drawn if each.variant.contig == "long"])
    assert len({(each.variant.contig, each.variant.position) for each in drawn}) == 12_000
    assert np.histogram(positions, bins=4, range=(0, 60_000))[0] == pytest.approx(2_250, abs=5 * 47)


def test_a_small_genome_gives_what_it_has(write_genome):
    drawn = draw_null_variants(write_genome({"c": "ACGTTNNA", "d": "AC"}), 100, seed=0)
    snvs = [each.variant for each in drawn if each.variant_class is SNV]
    assert [variant.position for variant in snvs] == [0, 1, 2, 3, 4, 7, 0, 1]


@pytest.mark.parametrize(
    ("number", "seed", "message"),
    [(0, 0, "num_variants must be at least 1"), (1, -1, "seed at least 0"), (10, 0, "no bases A, C, G or T")],
)
def test_what_cannot_be_drawn_is_refused(write_genome, number, seed, message):
    with pytest.raises(InputError, match=message):
        draw_null_variants(write_genome({"c": "NNNN"}), number, seed=seed)
