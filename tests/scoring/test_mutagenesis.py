"""Saturation mutagenesis: every change once, each with the score that it has by itself."""

import random

import numpy as np
import pytest

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.scoring.mutagenesis import Mutagenesis, mutagenize
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.scorer import VariantScorer
from tests.oracles import mutated_contig as oracle

FORWARD, REVERSE = Strand
BOTH = (FORWARD, REVERSE)
GRID = Placement(window=32, horizon=8, min_left_context=16)
CENTRED = Placement(window=31, horizon=12, min_left_context=1, kind="centred")

_RNG = random.Random(5)
CONTIGS = {
    "plain": "".join(_RNG.choices("ACGT", k=150)),
    "gaps": "".join(_RNG.choices("ACGT", k=30)) + "N" * 14 + "acgtRYcaTTTTTg" + "N" * 6 + "GATTACA",
    "single": "A",
}
REGIONS = [
    Interval("plain", 0, 20),
    Interval("plain", 60, 75),
    Interval("plain", 138, 150),
    Interval("gaps", 24, 71),
    Interval("single", 0, 1),
]
SCORES = ("delta_ll", "llr", "l2", "cosine")


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


def expected_score(model, region, offset, alt, name, strands, placement):
    """Return one score by string surgery, NaN where there is nothing to sum over on some strand."""
    before = "".join(base if base in "ACGT" else "N" for base in CONTIGS[region.contig].upper())
    position = region.start + offset
    after = before[:position] + alt + before[position + 1 :]
    signs = [strand.value for strand in strands]
    pairs = [oracle.windows(before, after, placement, sign) for sign in signs]
    if before[position] in ("N", alt) or not all(
        oracle.counted_offsets(pair, placement.horizon) for pair in pairs
    ):
        return np.nan
    return getattr(oracle.mean_scores(model, before, after, placement, signs), name)


@pytest.mark.parametrize(
    ("score", "strands", "placement", "region"),
    [
        *(("delta_ll", (FORWARD,), GRID, region) for region in REGIONS),
        ("delta_ll", BOTH, GRID, REGIONS[2]),
        ("delta_ll", (FORWARD,), CENTRED, REGIONS[1]),
        ("llr", (REVERSE,), GRID, REGIONS[0]),
        ("l2", (FORWARD,), GRID, REGIONS[1]),
        ("cosine", (REVERSE,), GRID, REGIONS[1]),
    ],
    ids=[*(region.region for region in REGIONS), "both", "centred", "llr reverse", "l2", "cosine reverse"],
)
def test_score_is_that_of_the_changed_contig(genome, model, score, strands, placement, region):
    scorer = VariantScorer(model, placement, strands=strands, scores=(score,))
    deletions = score != "llr"
    found = mutagenize(scorer, genome, region, score=score, deletions=deletions)
    assert found.columns == ("A", "C", "G", "T", *(["del"] if deletions else []))
    assert found.scores.shape == (region.length, len(found.columns))
    for offset, scores in enumerate(found.scores.tolist()):
        for column, alt in enumerate(found.columns):
            if (offset + column) % 2 == 0:  # every change at every second base, to be quick
                wanted = expected_score(
                    model, region, offset, alt.removeprefix("del"), score, strands, placement
                )
                assert scores[column] == pytest.approx(wanted, rel=0, abs=2e-5, nan_ok=True)


@pytest.mark.parametrize("engine", ["shared", "full"])
def test_batches_change_no_score(genome, model, engine, monkeypatch):
    scorer = VariantScorer(model, GRID, strands=BOTH, scores=("delta_ll",), engine=engine, batch_size=3)
    monkeypatch.setattr(scorer.engine, "num_together", lambda window: 7)
    region, counts = Interval("plain", 20, 60), []
    found = mutagenize(scorer, genome, region, deletions=True, on_progress=counts.append)
    one_by_one = VariantScorer(model, GRID, strands=BOTH, scores=("delta_ll",), batch_size=1)
    bases = CONTIGS["plain"]
    for offset, position in enumerate(range(20, 60)):
        for column, alt in enumerate(("A", "C", "G", "T", "")):
            if alt == bases[position]:
                assert np.isnan(found.scores[offset, column])
            elif offset % 5 == column:
                (alone,) = one_by_one.score(genome, [Variant("plain", position, bases[position], alt)])
                assert found.scores[offset, column] == pytest.approx(alone.values["delta_ll"], abs=1e-5)
    assert sum(counts) == found.num_variants == found.num_scored == 40 * 4
    assert max(counts) == 7


def test_score_does_not_depend_on_the_region(genome, model):
    scorer = VariantScorer(model, GRID)
    whole = mutagenize(scorer, genome, Interval("plain", 0, 150))
    part = mutagenize(scorer, genome, Interval("plain", 41, 64))
    np.testing.assert_allclose(part.scores, whole.scores[41:64], rtol=0, atol=1e-6)
    assert part.reference == CONTIGS["plain"][41:64]


def test_other_strand_of_a_region_tells_the_same(genome, model):
    scorer = VariantScorer(model, GRID)
    forward = mutagenize(scorer, genome, Interval("plain", 41, 64))
    reverse = mutagenize(scorer, genome, Interval("plain", 41, 64, REVERSE))
    assert reverse.region == forward.region == Interval("plain", 41, 64)
    assert reverse.reference == forward.reference
    np.testing.assert_array_equal(reverse.scores, forward.scores)


def test_n_and_iupac_have_no_scores_and_lower_case_has(genome, model):
    found = mutagenize(VariantScorer(model, GRID), genome, Interval("gaps", 40, 58), deletions=True)
    assert found.reference == "NNNNACGTNNCATTTTTG"
    scored = np.isfinite(found.scores).sum(1).tolist()
    assert scored == [0, 0, 0, 0, 4, 4, 4, 4, 0, 0, *[4] * 8]
    assert found.num_variants == found.num_scored == 12 * 4


def test_deletions_in_a_run_of_equal_bases_are_the_same(genome, model):
    found = mutagenize(VariantScorer(model, GRID), genome, Interval("gaps", 52, 57), deletions=True)
    assert found.reference == "TTTTT"
    assert np.ptp(found.scores[:, 4]) == pytest.approx(0, abs=1e-6)
    assert np.ptp(found.scores[:, 0]) > 1e-3


# log p of A, C, G, T and N
LOG_PROBS = (-1.0, -2.0, -4.0, -8.0, -16.0)


def test_mean_effect_is_that_of_the_three_other_bases(write_genome, make_unigram):
    genome = write_genome({"c": "A" * 40 + "GTN" + "C" * 20})
    scorer = VariantScorer(make_unigram(LOG_PROBS), GRID, scores=("llr", "l2"))
    found = mutagenize(scorer, genome, Interval("c", 39, 44), score="llr")
    expected = [
        [np.nan, -1, -3, -7],
        [3, 2, np.nan, -4],
        [7, 6, 4, np.nan],
        [np.nan] * 4,
        [1, np.nan, -2, -6],
    ]
    np.testing.assert_allclose(found.scores, expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        found.mean_effects, [-11 / 3, 1 / 3, 17 / 3, np.nan, -7 / 3], rtol=0, atol=1e-4
    )


def test_mean_effect_needs_all_three_and_no_deletion():
    scores = np.array([[np.nan, 1, 2, 6, 100], [np.nan, np.nan, 2, 6, 100], [np.nan] * 5])
    found = Mutagenesis(
        region=Interval("c", 0, 3),
        name="c",
        score="l2",
        reference="AAN",
        columns=("A", "C", "G", "T", "del"),
        scores=scores,
    )
    np.testing.assert_array_equal(found.mean_effects, [3, np.nan, np.nan])
    assert (found.num_variants, found.num_scored) == (8, 7)


def test_model_without_numbers_gives_no_scores(genome, nan_model):
    found = mutagenize(VariantScorer(nan_model, GRID), genome, Interval("plain", 0, 4))
    assert np.isnan(found.scores).all()
    assert (found.num_variants, found.num_scored) == (12, 0)


def test_infinite_score_is_none(write_genome, make_unigram):
    genome = write_genome({"c": "A" * 60})
    scorer = VariantScorer(make_unigram((-1.0, -2.0, -4.0, -np.inf, -16.0)), GRID, scores=("llr",))
    found = mutagenize(scorer, genome, Interval("c", 30, 31), score="llr")
    np.testing.assert_allclose(found.scores, [[np.nan, -1, -3, np.nan]], rtol=0, atol=1e-4)
    assert (found.num_variants, found.num_scored) == (3, 2)


def test_names_are_those_that_were_given_or_the_region(genome, model):
    scorer = VariantScorer(model, GRID)
    assert mutagenize(scorer, genome, Interval("plain", 2, 4)).name == "plain:3-4"
    assert mutagenize(scorer, genome, Interval("plain", 2, 4), name="thrL").name == "thrL"


@pytest.mark.parametrize(
    ("region", "options", "error", "message"),
    [
        (Interval("other", 0, 3), {}, ContigNotFoundError, "contig 'other' is not in"),
        (Interval("plain", 140, 151), {}, InputError, "plain:141-151 must hold a base and end inside"),
        (Interval("plain", 4, 4), {}, InputError, "must hold a base"),
        (
            Interval("plain", 0, 3),
            {"score": "entropy"},
            InputError,
            "^score must be one of .*, got 'entropy'$",
        ),
        (Interval("plain", 0, 3), {"score": "llr", "deletions": True}, InputError, "deletions have no llr"),
        (Interval("plain", 0, 3), {"score": "l2"}, InputError, "'l2' is not among those of the scorer"),
    ],
    ids=["contig", "beyond", "empty", "entropy", "llr of deletions", "not computed"],
)
def test_what_cannot_be_scored_is_refused(genome, model, region, options, error, message):
    with pytest.raises(error, match=message):
        mutagenize(VariantScorer(model, GRID, scores=("delta_ll", "llr")), genome, region, **options)
