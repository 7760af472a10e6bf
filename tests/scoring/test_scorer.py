"""Scores against two forward passes a variant, and what they must not depend on."""

import itertools
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.heads.base import Head
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.prepare import Preparation
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.scores import SCORES
from hyenadna_kit.scoring.status import Site
from tests.oracles import mutated_contig as oracle

FORWARD, REVERSE = Strand
BOTH = (FORWARD, REVERSE)
GRID = Placement(window=32, horizon=8, min_left_context=16)
CENTRED = Placement(window=31, horizon=12, min_left_context=1, kind="centred")
COMPLEMENT = str.maketrans("ACGTNacgtn", "TGCANtgcan")

_RNG = random.Random(3)
CONTIGS = {
    "plain": "".join(_RNG.choices("ACGT", k=200)),
    "repeats": "ACGTTGCATCA" + "CAG" * 12 + "TTTTTTT" + "GATTACA" * 5 + "CA" * 12 + "GGATCCTA",
    "gaps": "".join(_RNG.choices("ACGT", k=60)) + "N" * 12 + "".join(_RNG.choices("ACGT", k=50)) + "N" * 20,
}


engines = pytest.mark.parametrize("engine", ["full", "shared"])


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


def draw_variants(number, seed=0):
    """Draw variants of every class on every contig, the first and the last base included."""
    rng, found = random.Random(seed), []
    while len(found) < number:
        contig = rng.choice(sorted(CONTIGS))
        bases = CONTIGS[contig]
        position = rng.choice([0, 1, len(bases) - 1, rng.randrange(len(bases)), rng.randrange(len(bases))])
        ref = bases[position : position + rng.choice([0, 1, 1, 2, 5, 14])]
        alt = "".join(rng.choices("ACGT", k=rng.choice([len(ref), len(ref), 0, 3, 12, 40])))
        if "N" not in ref and ref != alt:
            found.append(Variant(contig, position, ref, alt))
    return found


def expected_scores(model, variant, placement, strands):
    """Return the scores by the oracle; None where there is nothing to sum over on some strand."""
    before = CONTIGS[variant.contig].upper()
    after = oracle.mutate(before, variant.position, variant.ref, variant.alt)
    signs = [strand.value for strand in strands]
    pairs = [oracle.windows(before, after, placement, sign) for sign in signs]
    if not all(oracle.counted_offsets(pair, placement.horizon) for pair in pairs):
        return None
    return oracle.mean_scores(model, before, after, placement, signs)


def assert_close(found, expected, tolerance):
    if expected is None:
        assert found is None
        return
    assert found.num_tokens == expected.num_tokens
    for name in SCORES:
        value, wanted = found.values[name], getattr(expected, name)
        assert (value is None) == (wanted is None)
        assert value is None or value == pytest.approx(wanted, rel=0, abs=tolerance)


@pytest.mark.parametrize("strands", [(FORWARD,), (REVERSE,), BOTH], ids=["forward", "reverse", "both"])
@pytest.mark.parametrize(
    ("placement", "engine"), [(GRID, "full"), (GRID, "shared"), (CENTRED, "full")], ids=str
)
def test_scores_are_those_of_two_forward_passes(genome, model, placement, engine, strands):
    variants = draw_variants(80)
    scores = VariantScorer(model, placement, strands=strands, engine=engine).score(genome, variants)
    expected = [expected_scores(model, variant, placement, strands) for variant in variants]
    for found, wanted in zip(scores, expected, strict=True):
        assert_close(found, wanted, 1e-5)
    deltas = [abs(wanted.delta_ll) for wanted in expected if wanted]
    assert len(deltas) > 60
    assert sorted(deltas)[len(deltas) // 2] > 0.1


@pytest.mark.parametrize("batch_size", [1, 3, 64])
@engines
def test_scores_do_not_depend_on_the_batch_size(genome, model, engine, batch_size):
    variants = draw_variants(70)
    expected = VariantScorer(model, GRID, strands=BOTH, engine=engine).score(genome, variants)
    scorer = VariantScorer(model, GRID, strands=BOTH, batch_size=batch_size, engine=engine)
    assert_same(scorer.score(genome, variants), expected)


def test_more_variants_than_go_through_the_model_together_score_the_same(genome, model, monkeypatch):
    bases = CONTIGS["plain"]
    variants = [Variant("plain", p, bases[p], alt) for p in range(80, 100) for alt in "ACGT"]
    expected = VariantScorer(model, GRID, engine="shared").score(genome, variants)
    monkeypatch.setattr("hyenadna_kit.scoring.engines._SUFFIX_TOKENS", 7 * GRID.horizon)
    assert_same(VariantScorer(model, GRID, engine="shared").score(genome, variants), expected)


@engines
def test_scores_do_not_depend_on_the_other_variants(genome, model, engine):
    variants = draw_variants(70)
    scorer = VariantScorer(model, GRID, strands=BOTH, engine=engine)
    together = scorer.score(genome, variants)
    shuffled = random.Random(5).sample(range(70), 70)
    back = dict(zip(shuffled, scorer.score(genome, [variants[i] for i in shuffled]), strict=True))
    assert_same([back[i] for i in range(70)], together)
    assert_same([scorer.score(genome, [variant])[0] for variant in variants], together)
    assert_same(scorer.score(genome, variants + variants)[70:], together)
    assert scorer.score(genome, []) == []


def known(scores):
    return [value for value in scores.values.values() if value is not None]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert one[1:] == other[1:]
            assert [value is None for value in one.values.values()] == [
                v is None for v in other.values.values()
            ]
            assert known(one) == pytest.approx(known(other), rel=0, abs=1e-6)


def spelled_further_right(contig, position, ref, alt):
    """Yield the records of one change at every place where it can stand, 1 to 5 bases before it."""
    after = oracle.mutate(contig, position, ref, alt)
    for shifted in range(position, len(contig)):
        ref, alt = contig[shifted : shifted + len(ref)], after[shifted : shifted + len(alt)]
        if contig[:shifted] + alt + contig[shifted + len(ref) :] != after:
            return
        for anchor in range(1, 6):
            if anchor <= shifted:
                before = contig[shifted - anchor : shifted]
                yield Site("repeats", shifted - anchor, before + ref, (before + alt,))


@settings(max_examples=25, deadline=None)
@given(
    position=st.integers(1, len(CONTIGS["repeats"]) - 8),
    removed=st.integers(1, 7),
    inserted=st.sampled_from(["", "", "CAG", "CAGCAG", "T", "TTT", "CA", "GATTACA", "ACAGATT"]),
)
def test_every_spelling_has_one_score_and_one_status(genome, model, position, removed, inserted):
    contig = CONTIGS["repeats"]
    ref = "" if inserted else contig[position : position + removed]
    sites = list(spelled_further_right(contig, position, ref, inserted))
    scorer = VariantScorer(model, GRID, strands=BOTH)
    preparation = Preparation(genome=genome, placement=GRID, strands=BOTH, on_ref_mismatch="skip")
    alleles = [allele for (allele,) in preparation.alleles(sites)]
    assert len({allele.statuses for allele in alleles}) == 1
    scores = scorer.score_windows([allele.windows for allele in alleles if allele.windows])
    assert_same(scores, scores[:1] * len(scores))


@pytest.mark.parametrize("placement", [GRID, CENTRED], ids=["grid", "centred"])
def test_identical_alleles_score_0(genome, model, placement):
    variants = [Variant("plain", 50, CONTIGS["plain"][50:53], CONTIGS["plain"][50:53].lower())]
    (found,) = VariantScorer(model, placement, strands=BOTH).score(genome, variants)
    entropy = found.values.pop("entropy")
    assert found.values == {"delta_ll": 0.0, "llr": 0.0, "l2": 0.0, "cosine": 0.0}
    assert 0 < entropy < 4


@pytest.mark.parametrize("strands", [(FORWARD,), (REVERSE,)], ids=["forward", "reverse"])
def test_score_turns_where_alleles_swap(write_genome, model, strands):
    genome = write_genome(CONTIGS)
    there = VariantScorer(model, GRID, strands=strands)
    # What deletes more than a window is TOO_LONG, what inserts as much is not.
    for variant in (each for each in draw_variants(60, seed=7) if len(each.alt) <= GRID.window):
        after = oracle.mutate(CONTIGS[variant.contig], variant.position, variant.ref, variant.alt)
        inverse = Variant("changed", variant.position, variant.alt, variant.ref)
        (found,) = there.score(genome, [variant])
        (turned,) = there.score(write_genome({"changed": after}), [inverse])
        assert (found is None) == (turned is None)
        if found is not None:
            assert found.values["delta_ll"] == pytest.approx(-turned.values["delta_ll"], rel=0, abs=1e-5)
            assert found.num_tokens == turned.num_tokens


@pytest.mark.parametrize("placement", [GRID, CENTRED], ids=["grid", "centred"])
def test_other_strand_of_the_other_strand_is_the_same(genome, write_genome, model, placement):
    variants = draw_variants(40)
    turned_genome = write_genome({n: bases.translate(COMPLEMENT)[::-1] for n, bases in CONTIGS.items()})
    turned = [
        Variant(
            variant.contig,
            len(CONTIGS[variant.contig]) - variant.position - len(variant.ref),
            variant.ref.translate(COMPLEMENT)[::-1],
            variant.alt.translate(COMPLEMENT)[::-1],
        )
        for variant in variants
    ]
    for strand in Strand:
        found = VariantScorer(model, placement, strands=(strand,)).score(genome, variants)
        again = VariantScorer(model, placement, strands=(strand.opposite,)).score(turned_genome, turned)
        assert_same(again, found)


def test_case_of_genome_and_alleles_does_not_matter(genome, write_genome, model):
    lower = write_genome({name: bases.lower() for name, bases in CONTIGS.items()})
    variants = draw_variants(30)
    lowered = [Variant(v.contig, v.position, v.ref.lower(), v.alt.lower()) for v in variants]
    scorer = VariantScorer(model, GRID, strands=BOTH)
    assert_same(scorer.score(lower, lowered), scorer.score(genome, variants))


LOG_PROBS = [-1.0, -2.0, -4.0, -8.0, -1024.0]
"""What a base and N cost a model that knows no more: one N in a sum would outweigh everything."""


@engines
@pytest.mark.parametrize("strand", Strand)
@pytest.mark.parametrize(
    ("contig", "variant", "delta", "num_tokens"),
    [
        ("C" * 40, ("c", 0, "C", "A"), 1, 8),
        ("C" * 40, ("c", 39, "C", "A"), 1, 1),
        ("C" * 40, ("c", 36, "CCC", "AAA"), 3, 4),
        ("C" * 40, ("c", 35, "C", "CAAA"), 2 + 2, None),
        ("C" * 40 + "N" * 9, ("c", 38, "C", "A"), 1, 2),
        ("C" * 40 + "N" * 3 + "C" * 40, ("c", 38, "C", "A"), 1, 5),
        ("N" * 20 + "C" * 30, ("c", 20, "C", "A"), 1, 8),
    ],
    ids=["first", "last", "near the end", "insertion near the end", "before N", "around N", "after N"],
)
def test_n_in_the_contig_and_beyond_it_is_never_summed(
    write_genome, make_unigram, contig, variant, delta, num_tokens, strand, engine
):
    variant = Variant(*variant)
    genome = write_genome({"c": contig})
    scorer = VariantScorer(make_unigram(LOG_PROBS), GRID, strands=(strand,), engine=engine)
    (found,) = scorer.score(genome, [variant])
    after = oracle.mutate(contig, variant.position, variant.ref, variant.alt)
    pair = oracle.windows(contig, after, GRID, strand.value)
    offsets = oracle.counted_offsets(pair, GRID.horizon)
    cost = dict(zip("ACGTN", LOG_PROBS, strict=True))
    counted = sum(cost[pair.alt[i]] - cost[pair.ref[i]] for i in offsets)
    assert found.values["delta_ll"] == pytest.approx(counted, rel=0, abs=1e-4)
    assert abs(counted) < 100
    assert found.num_tokens == len(offsets)
    if strand is FORWARD and num_tokens is not None:
        assert counted == delta
        assert found.num_tokens == num_tokens


def test_two_strands_are_averaged_and_the_fewer_bases_told(write_genome, make_unigram):
    genome = write_genome({"c": "C" * 38 + "T" * 2})
    model = make_unigram(LOG_PROBS)
    # C>A at the base before the last two: forward A-C = 1; reverse T-G = -8+4, then Gs alike.
    variant = Variant("c", 37, "C", "A")
    forward, reverse, both = (
        VariantScorer(model, GRID, strands=strands, scores=["llr", "delta_ll"]).score(genome, [variant])[0]
        for strands in ((FORWARD,), (REVERSE,), BOTH)
    )
    assert forward.values == pytest.approx({"delta_ll": 1.0, "llr": 1.0}, abs=1e-4)
    assert reverse.values == pytest.approx({"delta_ll": -4.0, "llr": -4.0}, abs=1e-4)
    assert both.values == pytest.approx({"delta_ll": -1.5, "llr": -1.5}, abs=1e-4)
    assert (forward.num_tokens, reverse.num_tokens, both.num_tokens) == (3, 8, 3)
    # Forward the window is [16, 48) of 40 bases, on the reverse strand [-16, 16).
    assert (forward.n_fraction, reverse.n_fraction, both.n_fraction) == (0.25, 0.5, 0.5)


def test_nothing_to_sum_over_is_no_score(write_genome, model):
    genome = write_genome({"c": "ACGT" * 10})
    scorer = VariantScorer(model, GRID)
    beyond_last, whole_end, too_long = (
        Variant("c", 40, "", "A"),
        Variant("c", 33, "CGTACGT", ""),
        Variant("c", 2, "GT" + "ACGT" * 8, ""),
    )
    assert scorer.score(genome, [beyond_last, whole_end, too_long]) == [None, None, None]
    kept = Variant("c", 10, "G", "A")
    mixed = scorer.score(genome, [beyond_last, kept, too_long, kept])
    assert [each is None for each in mixed] == [True, False, True, False]
    assert_same(mixed[1::2], scorer.score(genome, [kept]) * 2)


@engines
def test_nan_of_one_window_stays_in_its_own_score(write_genome, make_unigram, engine):
    genome = write_genome({"c": "ACGT" * 30})
    model = make_unigram(LOG_PROBS, answer_to_n=torch.nan)
    positions = (1, 60, 2, 64, 118)
    variants = [
        Variant("c", position, "ACGT"[position % 4], "T" if position % 4 != 3 else "A")
        for position in positions
    ]
    scores = VariantScorer(model, GRID, batch_size=2, engine=engine).score(genome, variants)
    assert [score.is_finite for score in scores] == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("values", "finite"),
    [((0.0, None), True), ((None, None), True), ((1.0, float("nan")), False), ((float("-inf"), None), False)],
)
def test_finite_means_a_number(values, finite):
    from hyenadna_kit.scoring.scorer import VariantScores

    scores = VariantScores(dict(zip(("delta_ll", "llr"), values, strict=True)), 1, 0.0)
    assert scores.is_finite == finite


def test_model_without_a_language_model_head_is_refused(model, make_unigram):
    other = make_unigram(LOG_PROBS)
    other.head = Head()
    with pytest.raises(InputError, match="language-model head, this model has Head"):
        VariantScorer(other, GRID)


@pytest.mark.parametrize("batch_size", [0, -4])
def test_batch_without_windows_is_refused(model, batch_size):
    with pytest.raises(InputError, match=f"batch_size must be at least 1, got {batch_size}"):
        VariantScorer(model, GRID, batch_size=batch_size)


def test_every_ref_window_is_read_once_a_call(genome, make_unigram):
    model = make_unigram(LOG_PROBS)
    seen, forward = [], model.forward
    model.forward = lambda input_ids: (seen.extend(map(tuple, input_ids.tolist())), forward(input_ids))[1]
    bases = CONTIGS["plain"]
    # Positions 80 to 87 lie in one window of the grid, 88 in the next.
    variants = [
        Variant("plain", position, bases[position], alt)
        for position, alt in itertools.product(range(80, 89), "ACGT")
        if alt != bases[position]
    ]
    VariantScorer(model, GRID, engine="full").score(genome, variants)
    assert len(seen) == 2 + len(variants)


@pytest.mark.parametrize(
    ("scores", "message"),
    [((), "got none"), (["llr", "sad"], "must be some of delta_ll, llr, entropy, l2, cosine, got llr, sad")],
)
def test_unknown_scores_are_refused(model, scores, message):
    with pytest.raises(InputError, match=message):
        VariantScorer(model, GRID, scores=scores)


@pytest.mark.parametrize(
    ("placement", "message"),
    [
        (CENTRED, "engine shared cannot run: centred windows are not shared; take engine full"),
        (
            Placement(window=32, horizon=8, min_left_context=1),
            "engine shared cannot run: min_left_context must be at least 2, got 1",
        ),
    ],
)
def test_engine_that_cannot_run_says_why_and_auto_takes_the_other(genome, model, placement, message):
    with pytest.raises(InputError, match=message):
        VariantScorer(model, placement, engine="shared")
    variants = draw_variants(10)
    expected = VariantScorer(model, placement, engine="full").score(genome, variants)
    assert_same(VariantScorer(model, placement).score(genome, variants), expected)
