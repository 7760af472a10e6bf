"""How calibrated scores are spread over variants that the calibration has not seen."""

import random

import jaxtyping
import numpy as np
import pytest

from hyenadna_kit.scoring.calibration import Calibration, gather_cells
from hyenadna_kit.scoring.null_cells import VariantClass
from hyenadna_kit.scoring.null_variants import draw_null_variants
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.testing import tiny_model

INDELS = (VariantClass.INSERTION, VariantClass.DELETION)


def bases(number, seed=0):
    rng, found = random.Random(seed), ["A"]
    while len(found) < number:
        base = rng.choice("ACGT")
        if found[-1] + base != "CG" or rng.random() < 0.2:
            found.append(base)
    return "".join(found)


@pytest.fixture(scope="module")
def unchecked():
    """Draw thousands without a check of the types of every call."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="module")
def large_genome(write_genome, unchecked):
    return write_genome({"c": bases(300_000, 2)})


def made_up_scores(null, seed):
    """Return scores that are lower and wider spread for CpG transitions, long indels and MNVs."""
    rng = np.random.default_rng(seed)
    for each in null:
        length = max(len(each.variant.ref), len(each.variant.alt))
        is_cpg = "[C>T]G" in each.cells[0]
        yield each, float(rng.normal(-0.5 * length - 5 * is_cpg, 1 + length**0.5 + 2 * is_cpg))


@pytest.fixture(scope="module")
def made_up(large_genome):
    null = draw_null_variants(large_genome, 90_000, seed=0)
    cells = gather_cells(made_up_scores(null, seed=0))
    return Calibration(job={"score": "delta_ll"}, made={}, cells=cells)


def percentiles(calibration, genome, scored):
    found = [calibration.of(each.variant, genome, value) for each, value in scored]
    return np.array([each.percentile for each in found])


def distance_to_uniform(values):
    """Return the Kolmogorov-Smirnov distance, from its definition."""
    values = np.sort(values)
    steps = np.arange(len(values) + 1) / len(values)
    return max(np.abs(values - steps[1:]).max(), np.abs(values - steps[:-1]).max())


def ranks(values):
    """Return ranks from 0, the mean rank for equal values."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[inverse]


def rank_correlation(one, other):
    return np.corrcoef(ranks(one), ranks(other))[0, 1]


def assert_uniform(found):
    assert distance_to_uniform(found) <= 0.03
    assert 0.04 <= (found < 0.05).mean() <= 0.06


def test_held_out_null_variants_are_uniform(made_up, large_genome):
    held_out = draw_null_variants(large_genome, 10_000, seed=1)
    assert_uniform(percentiles(made_up, large_genome, made_up_scores(held_out, seed=1)))


def test_cpg_transitions_are_not_extreme_for_what_they_are(made_up, large_genome):
    held_out = draw_null_variants(large_genome, 40_000, seed=2, classes=[VariantClass.SNV])
    scored = [each for each in made_up_scores(held_out, seed=2) if "[C>T]G" in each[0].cells[0]]
    found = percentiles(made_up, large_genome, scored)
    assert len(found) > 200
    assert (found < 0.05).mean() < 0.1
    against_class = [made_up.percentile("snv", value) for _, value in scored]
    assert np.mean(np.array(against_class) < 0.05) > 0.4


@pytest.mark.parametrize("drawn", ["as the null", "mostly short"])
def test_calibrated_indels_do_not_follow_their_length(made_up, large_genome, drawn):
    null = draw_null_variants(large_genome, 10_000, seed=3, classes=INDELS)
    if drawn == "mostly short":
        shares = [len(each.variant.ref + each.variant.alt) ** -1.2 for each in null]
        null = random.Random(0).choices(null, shares, k=10_000)
    scored = list(made_up_scores(null, seed=3))
    lengths = [len(each.variant.ref + each.variant.alt) for each, _ in scored]
    assert len(scored) == 10_000
    assert rank_correlation(lengths, [value for _, value in scored]) < -0.3
    assert abs(rank_correlation(lengths, percentiles(made_up, large_genome, scored))) < 0.05


@pytest.mark.slow
def test_scores_of_a_model_are_uniform_on_held_out_variants(large_genome):
    scorer = VariantScorer(tiny_model(), Placement.for_window(64), batch_size=64, scores=["delta_ll"])
    found = Calibration.fit(scorer, large_genome, num_variants=30_000, seed=0)
    for classes in (tuple(VariantClass), INDELS):
        held_out = draw_null_variants(large_genome, 10_000, seed=1, longest=64, classes=classes)
        scores = scorer.score(large_genome, [each.variant for each in held_out])
        scored = [
            (each, score.values["delta_ll"])
            for each, score in zip(held_out, scores, strict=True)
            if score is not None
        ]
        assert len(scored) > 9_900
        values = percentiles(found, large_genome, scored)
        assert_uniform(values)
    lengths = [len(each.variant.ref + each.variant.alt) for each, _ in scored]
    assert abs(rank_correlation(lengths, values)) < 0.05
