"""Scores beside those of chance."""

import math
import random
import statistics
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.scoring.calibration import UNCALIBRATED, Calibration
from hyenadna_kit.scoring.null_variants import draw_null_variants
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.testing import tiny_model

PLACEMENT = Placement(window=32, horizon=8, min_left_context=16)


def calibration_of(cells, score="delta_ll"):
    """Return a calibration whose cells have these scores, in any order."""
    arrays = {cell: np.sort(np.array(scores, dtype=np.float64)) for cell, scores in cells.items()}
    return Calibration(job={"score": score}, made={}, cells=arrays)


def scorer_of(model, placement=PLACEMENT, **options):
    return VariantScorer(model, placement, batch_size=64, **options)


def bases(number, seed=0):
    rng, found = random.Random(seed), ["A"]
    while len(found) < number:
        base = rng.choice("ACGT")
        if found[-1] + base != "CG" or rng.random() < 0.2:
            found.append(base)
    return "".join(found)


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome({"c": bases(4_000), "d": bases(500, 1) + "N" * 50})


@pytest.fixture(scope="module")
def fitted(model, genome):
    return Calibration.fit(scorer_of(model), genome, num_variants=200, seed=0)


def test_percentile_counts_what_is_as_low_or_lower():
    found = calibration_of({"snv": [-3, -1, -1, 0, 2]})
    assert [found.percentile("snv", value) for value in (-4.0, -3.0, -1.0, 1.0, 2.0, 9.0)] == [
        1 / 6, 2 / 6, 4 / 6, 5 / 6, 1, 1
    ]  # fmt: skip


def test_percentile_of_a_distance_counts_what_is_as_high_or_higher():
    found = calibration_of({"snv": [0, 1, 1, 4]}, score="l2")
    assert [found.percentile("snv", value) for value in (-1.0, 0.0, 1.0, 2.0, 4.0, 5.0)] == [
        1,
        1,
        4 / 5,
        2 / 5,
        2 / 5,
        1 / 5,
    ]


@given(
    st.lists(st.integers(-20, 20), min_size=2, max_size=50),
    st.integers(-25, 25).map(float),
    st.sampled_from(["delta_ll", "llr", "l2", "cosine"]),
)
def test_z_and_percentile_are_those_of_a_count_by_hand(scores, value, score):
    found = calibration_of({"snv": scores}, score)
    low = score in ("delta_ll", "llr")
    as_extreme = sum(each <= value if low else each >= value for each in scores)
    assert found.percentile("snv", value) == (as_extreme + 1) / (len(scores) + 1)
    deviation = statistics.stdev(scores)
    expected = (value - statistics.mean(scores)) / deviation if deviation else None
    assert found.z("snv", value) == (pytest.approx(expected, abs=1e-9) if deviation else None)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"snv A[C>T]G": 500, "snv": 600}, "snv A[C>T]G"),
        ({"snv A[C>T]G": 499, "snv": 600}, "snv"),
        ({"snv": 600}, "snv"),
        ({"snv A[C>T]G": 499, "snv": 499}, "snv"),
        ({"snv": 1}, "snv"),
        ({"deletion": 600}, None),
        ({"snv": 0}, None),
    ],
    ids=["narrow", "under 500", "no narrow one", "both under 500", "one", "other class", "empty"],
)
def test_a_cell_under_500_gives_way_to_a_wider_one(genome, sizes, expected):
    found = calibration_of({cell: np.arange(size) for cell, size in sizes.items()})
    assert found.cell(("snv A[C>T]G", "snv")) == expected


def test_a_variant_is_compared_with_its_own_cell(write_genome):
    genome = write_genome({"c": "TACGTCAAAAAAGT"})
    found = calibration_of({
        "snv A[C>T]G": np.arange(-500, 0), "snv": np.arange(500), "deletion 1": np.arange(900),
        "deletion": np.arange(-900, 0),
    })  # fmt: skip
    cpg = found.of(Variant("c", 2, "C", "T"), genome, -450.5)
    assert (cpg.cell, cpg.percentile) == ("snv A[C>T]G", 51 / 501)
    assert cpg.z == pytest.approx((-450.5 + 250.5) / statistics.stdev(range(500)))
    assert found.of(Variant("c", 1, "ACG", "ATG"), genome, -450.5) == cpg
    assert found.of(Variant("c", 3, "G", "A"), genome, -450.5) == cpg
    assert found.of(Variant("c", 3, "G", "C"), genome, -1.0).cell == "snv"
    one_base = found.of(Variant("c", 9, "A", ""), genome, 89.0)
    assert (one_base.cell, one_base.percentile) == ("deletion 1", 91 / 901)
    assert found.of(Variant("c", 6, "AAA", "AA"), genome, 89.0) == one_base
    assert found.of(Variant("c", 5, "CAA", "C"), genome, -1.0).cell == "deletion"


@pytest.mark.parametrize("value", [None, math.nan])
def test_what_has_no_score_has_no_calibration(genome, value):
    found = calibration_of({"snv": range(600)})
    assert found.of(Variant("c", 0, "A", "C"), genome, value) == UNCALIBRATED
    assert found.of(Variant("c", 0, "A", ""), genome, 1.0) == UNCALIBRATED
    assert found.of(Variant("c", 0, "A", "A"), genome, 1.0) == UNCALIBRATED


def test_null_scores_are_those_of_the_scorer(model, genome, fitted):
    null = draw_null_variants(genome, 200, seed=0, longest=32)
    scores = scorer_of(model, engine="full").score(genome, [each.variant for each in null])
    values = {}
    for each, score in zip(null, scores, strict=True):
        values.setdefault(each.variant_class.value, []).append(score.values["delta_ll"])
    for variant_class, expected in values.items():
        assert fitted.cells[variant_class] == pytest.approx(sorted(expected), abs=1e-4)
        assert fitted.made["num_variants"][variant_class] == len(expected)
    assert sum(map(len, values.values())) == 200


def test_null_of_a_likelihood_ratio_has_substitutions_alone(model, genome):
    fitted = Calibration.fit(scorer_of(model), genome, num_variants=200, seed=0, score="llr")
    assert set(fitted.made["num_variants"]) == {"snv", "mnv"}
    assert sum(fitted.made["num_variants"].values()) == 200  # none is longer than the horizon of 8


def test_progress_reaches_all_variants(model, genome):
    told = []
    scorer = scorer_of(model, engine="full")  # 64 at a time
    Calibration.fit(scorer, genome, num_variants=150, seed=0, on_progress=lambda *each: told.append(each))
    assert told == [(64, 150), (128, 150), (150, 150)]


def test_seed_decides(model, genome, fitted, tmp_path):
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        again = Calibration.fit(scorer_of(model), genome, num_variants=200, seed=seed)
        again.save(tmp_path / name)
    one, two, three = ((tmp_path / name).read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_a_model_without_numbers_is_refused(nan_model, genome):
    with pytest.raises(InputError, match=r"gives nan as delta_ll of .*weights may hold NaN"):
        Calibration.fit(scorer_of(nan_model), genome, num_variants=10, seed=0)


@pytest.mark.parametrize(
    ("score", "scores", "message"),
    [
        ("entropy", ["entropy"], "must be one of delta_ll, llr, l2, cosine, got 'entropy'"),
        ("l2", ["llr", "delta_ll"], "the scorer computes delta_ll, llr, not l2"),
    ],
)
def test_a_score_that_cannot_be_calibrated_is_refused(model, genome, score, scores, message):
    with pytest.raises(InputError, match=message):
        Calibration.fit(scorer_of(model, scores=scores), genome, num_variants=10, seed=0, score=score)


def test_a_file_holds_the_calibration(fitted, model, genome, tmp_path):
    fitted.save(tmp_path / "null.npz")
    loaded = Calibration.load(tmp_path / "null.npz")
    assert (loaded.job, loaded.made, loaded.score) == (fitted.job, fitted.made, "delta_ll")
    assert list(loaded.cells) == list(fitted.cells)
    for position in range(0, 4_000, 100):
        ref = genome.fetch(Interval("c", position, position + 1))
        for alt in {"", "A", "C", ref + "TT"} - {ref}:
            variant = Variant("c", position, ref, alt)
            assert loaded.of(variant, genome, -1.5) == fitted.of(variant, genome, -1.5)
    loaded.check(scorer_of(model), genome)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"model": tiny_model(seed=5)},
            "was made with model_sha256 [0-9a-f]{12}..., here it is [0-9a-f]{12}...",
        ),
        ({"placement": replace(PLACEMENT, window=40)}, "with window 32, here it is 40"),
        ({"placement": replace(PLACEMENT, horizon=9)}, "with horizon 8, here it is 9"),
        ({"placement": replace(PLACEMENT, min_left_context=15)}, "min_left_context 16, here it is 15"),
        ({"placement": replace(PLACEMENT, kind="centred")}, "placement grid, here it is centred"),
        ({"strands": (Strand.REVERSE,)}, "strands forward, here it is reverse"),
        ({"strands": tuple(Strand)}, "strands forward, here it is forward and reverse"),
        ({"scores": ["l2", "llr"]}, "calibrates delta_ll, but the scores are llr, l2; ask for delta_ll too"),
    ],
    ids=["model", "window", "horizon", "context", "placement", "strand", "strands", "score"],
)
def test_another_model_or_option_is_refused(fitted, model, genome, tmp_path, options, message):
    fitted.save(tmp_path / "null.npz")
    scorer = scorer_of(**{"model": model} | options)
    with pytest.raises(InputError, match=f"^{tmp_path}/null.npz .*{message}"):
        Calibration.load(tmp_path / "null.npz").check(scorer, genome)


def test_another_genome_is_refused(fitted, model, write_genome):
    with pytest.raises(InputError, match=r"^this calibration was made with genome_sha256"):
        fitted.check(scorer_of(model), write_genome({"c": bases(4_000)}))


def test_another_number_format_is_refused(fitted, model, genome):
    with (
        torch.autocast("cpu", torch.bfloat16),
        pytest.raises(InputError, match="products float32, here it is bfloat16"),
    ):
        fitted.check(scorer_of(model), genome)


def test_engine_and_batches_are_no_matter(fitted, model, genome):
    fitted.check(VariantScorer(model, PLACEMENT, batch_size=3, engine="full"), genome)
