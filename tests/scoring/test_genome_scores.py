"""Every SNV at once: the same numbers as one by one, on both strands, at ends, beside N, in any batch."""

import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.scoring.genome_scores import GenomeScorer
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.scorer import VariantScorer
from tests.oracles.mutated_contig import mutate

STRANDS = {"forward": (Strand.FORWARD,), "reverse": (Strand.REVERSE,), "both": tuple(Strand)}
PLACEMENTS = {
    "defaults": Placement.for_window(64),
    "little_context": Placement(window=24, horizon=4, min_left_context=1),
    "stride_1": Placement(window=16, horizon=7, min_left_context=8),
    "long_horizon": Placement(window=32, horizon=24, min_left_context=3),
    "beyond_context": Placement.for_window(100),
}


def bases(length, seed=0, letters="ACGT"):
    return "".join(random.Random(seed).choices(letters, k=length))


CONTIGS = {
    "chr1": bases(100),
    "tiny": "G",
    "two": "ca",
    "with_n": bases(40, 1) + "N" * 30 + bases(9, 2).lower() + "RYN" + bases(30, 3),
    "all_n": "NNNNN",
}


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


def whole(genome):
    return [Interval(contig, 0, length) for contig, length in genome.contigs.items()]


def snvs(genome, interval):
    """Return the index and the variant of every SNV of A, C, G and T in an interval."""
    letters = genome.fetch(interval)
    return [
        ((offset, "ACGT".index(alt)), Variant(interval.contig, interval.start + offset, ref, alt))
        for offset, ref in enumerate(letters)
        for alt in "ACGT"
        if ref in "ACGT" and alt != ref
    ]


def one_by_one(scorer, genome, interval):
    """Return what the scorer of single variants says, NaN where there is no variant."""
    found = np.full((interval.length, 4), np.nan)
    variants = snvs(genome, interval)
    scores = scorer.score(genome, [variant for _, variant in variants])
    for (index, _), score in zip(variants, scores, strict=True):
        found[index] = score.values["llr"]
    return found


@pytest.mark.parametrize(
    ("placement", "strands"), [("defaults", "forward"), *((name, "both") for name in PLACEMENTS)]
)
def test_every_snv_scores_as_it_does_alone(model, genome, placement, strands):
    assert_as_alone(model, genome, PLACEMENTS[placement], STRANDS[strands])


def test_every_snv_of_a_hybrid_scores_as_it_does_alone(hybrid, genome):
    assert_as_alone(hybrid, genome, PLACEMENTS["long_horizon"], STRANDS["both"])


def assert_as_alone(model, genome, placement, strands):
    """Compare the scores of all SNVs at once with those of each by itself."""
    scorer = GenomeScorer(model, placement, strands=strands, batch_size=5)
    alone = VariantScorer(model, placement, strands=strands, scores=["llr"], engine="full", batch_size=128)
    for interval, found in zip(whole(genome), scorer.llr(genome, whole(genome)), strict=True):
        expected = one_by_one(alone, genome, interval)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        assert interval.length < 10 or np.nanstd(expected) > 0.1  # scores that differ


@pytest.mark.parametrize("strand", Strand)
def test_score_is_that_of_the_changed_contig_by_hand(model, genome, strand):
    """Build both windows from the text of the contig and compare two whole passes."""
    placement, position = Placement(window=24, horizon=4, min_left_context=8), 77
    (llr,) = GenomeScorer(model, placement, strands=(strand,)).llr(genome, [Interval("chr1", 77, 78)])
    contig = CONTIGS["chr1"]
    for alt in set("ACGT") - {contig[position]}:
        log_probs = []
        for text in (contig, mutate(contig, position, contig[position], alt)):
            along, first = text, position
            if strand is Strand.REVERSE:
                along = text[::-1].translate(str.maketrans("ACGT", "TGCA"))
                first = len(text) - 1 - position
            start = first // 12 * 12 - 8  # the stride is 24 - 4 - 8
            window = along[start : start + 24]
            assert len(window) == 24
            tokens = torch.tensor([["ACGT".index(base) + 7 for base in window]])
            with torch.inference_mode():
                rows = model(tokens).logits[0].double().log_softmax(1)
            log_probs.append(float(rows[first - start - 1, tokens[0, first - start]]))
        assert llr[0, "ACGT".index(alt)] == pytest.approx(log_probs[1] - log_probs[0], abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_intervals_agree_with_single_variants_wherever_they_lie(model, write_genome, data):
    length = data.draw(st.integers(1, 60))
    text = data.draw(st.text("ACGTNacgtnR", min_size=length, max_size=length))
    start = data.draw(st.integers(0, length - 1))
    interval = Interval("c", start, data.draw(st.integers(start + 1, length)))
    window = data.draw(st.integers(3, 40))
    context = data.draw(st.integers(1, window - 2))
    horizon = data.draw(st.integers(1, window - 1 - context))
    placement = Placement(window=window, horizon=horizon, min_left_context=context)
    strands = data.draw(st.sampled_from(list(STRANDS.values())))
    genome = write_genome({"c": text})
    scorer = GenomeScorer(model, placement, strands=strands, batch_size=data.draw(st.integers(1, 4)))
    (found,) = scorer.llr(genome, [interval])
    alone = VariantScorer(model, placement, strands=strands, scores=["llr"], engine="full", batch_size=128)
    np.testing.assert_allclose(found, one_by_one(alone, genome, interval), rtol=0, atol=1e-5)


@pytest.mark.parametrize("strands", STRANDS.values(), ids=STRANDS)
def test_counts_alone_give_the_difference_of_two_logarithms(make_unigram, write_genome, strands):
    model = make_unigram([0.0, -1.0, -3.0, -7.0, -2.0])
    genome = write_genome({"c": "ACNGT"})
    (found,) = GenomeScorer(model, Placement.for_window(8), strands=strands).llr(
        genome, [Interval("c", 0, 5)]
    )
    log_probs = np.array([0.0, -1.0, -3.0, -7.0])
    forward = np.array([log_probs - log_probs["ACGT".index(ref)] for ref in "ACGT"])
    of_strand = {"+": forward, "-": forward[::-1, ::-1]}
    expected = np.mean([of_strand[strand.value] for strand in strands], axis=0)
    np.fill_diagonal(expected, math.nan)
    np.testing.assert_allclose(found[[0, 1, 3, 4]], expected, rtol=1e-6)
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_batches_and_cuts_change_nothing(model, genome, batch_size):
    placement = Placement.for_window(64)
    (whole_contig,) = GenomeScorer(model, placement, strands=tuple(Strand)).llr(
        genome, [Interval("chr1", 0, 100)]
    )
    pieces = [Interval("chr1", start, min(start + 7, 100)) for start in range(0, 100, 7)]
    scorer = GenomeScorer(model, placement, strands=tuple(Strand), batch_size=batch_size)
    found = np.concatenate(scorer.llr(genome, pieces))
    np.testing.assert_allclose(found, whole_contig, rtol=0, atol=1e-6)


def test_no_interval_has_no_scores(model, genome):
    assert GenomeScorer(model, Placement.for_window(64)).llr(genome, []) == []


@pytest.mark.parametrize(("strand", "base"), [(Strand.FORWARD, 1), (Strand.REVERSE, 100)])
def test_model_without_numbers_is_refused_with_the_base(nan_model, genome, strand, base):
    scorer = GenomeScorer(nan_model, Placement.for_window(64), strands=(strand,))
    with pytest.raises(InputError, match=rf"no finite score to base chr1:{base}; its weights may hold NaN"):
        scorer.llr(genome, [Interval("chr1", 0, 100)])


def test_infinite_score_is_no_score(make_unigram, genome):
    scorer = GenomeScorer(make_unigram([0.0, -torch.inf, 0.0, 0.0, 0.0]), Placement.for_window(8))
    with pytest.raises(InputError, match="no finite score to base tiny:1"):
        scorer.llr(genome, [Interval("all_n", 0, 5), Interval("tiny", 0, 1)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"placement": Placement.for_window(64, kind="centred")}, "placement must be grid, got centred"),
    ],
    ids=["batch", "placement"],
)
def test_option_that_cannot_be_is_refused(model, options, message):
    given_options = {"placement": Placement.for_window(64)} | options
    with pytest.raises(InputError, match=message):
        GenomeScorer(model, given_options.pop("placement"), **given_options)


@pytest.mark.real_data
@pytest.mark.parametrize("ends", [(0, 400), (4_641_252, 4_641_652)], ids=["first", "last"])
def test_real_bases_score_as_they_do_alone(data, model, ends):
    genome = Fasta(data / "genomes/bacteria/ecoli_K12_MG1655.fna.gz")
    (contig,) = genome.contigs
    placement, interval = Placement.for_window(1024), Interval(contig, *ends)
    (found,) = GenomeScorer(model, placement, strands=tuple(Strand)).llr(genome, [interval])
    alone = VariantScorer(model, placement, strands=tuple(Strand), scores=["llr"], engine="full")
    some = snvs(genome, interval)[::97]
    scores = alone.score(genome, [variant for _, variant in some])
    for (index, _), score in zip(some, scores, strict=True):
        assert found[index] == pytest.approx(score.values["llr"], abs=1e-5)
