"""The floor of variant effects: what its features count, what it learns, and what it never sees."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.linear_floors import kmer_penalty
from hyenadna_kit.evaluation.loci import merge_groups
from hyenadna_kit.evaluation.variant_floor import (
    AlleleBases,
    bases_around,
    fit_variant_floor,
    kmer_differences,
    kmer_differences_of_both_strands,
)
from hyenadna_kit.genome.alphabet import reverse_complement
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

ENCODE, DECODE = NucleotideTokenizer().encode, NucleotideTokenizer().decode
MAX_K = 3
WORDS = [
    "".join("ACGT"[number // 4 ** (k - 1 - place) % 4] for place in range(k))
    for k in range(1, MAX_K + 1)
    for number in range(4**k)
]


def occurrences(bases, word):
    return sum(bases[start:].startswith(word) for start in range(len(bases)))


def by_hand(ref, alt):
    return [occurrences(alt, word) - occurrences(ref, word) for word in WORDS]


def alleles(*pairs):
    return AlleleBases([ENCODE(ref) for ref, _ in pairs], [ENCODE(alt) for _, alt in pairs])


PAIRS = [("ACGTA", "ACTTA"), ("ACGTA", "ACTA"), ("AANGT", "AANCT"), ("AC", "ACGG")]


def test_features_are_words_made_less_words_broken():
    found = kmer_differences(alleles(*PAIRS), max_k=MAX_K).toarray()
    assert found.tolist() == [by_hand(*pair) for pair in PAIRS]


def test_features_of_both_strands_add_those_of_the_reverse():
    found = kmer_differences_of_both_strands(alleles(*PAIRS), max_k=MAX_K).toarray()
    backwards = [by_hand(*map(reverse_complement, pair)) for pair in PAIRS]
    forwards = [by_hand(*pair) for pair in PAIRS]
    assert found.tolist() == (np.array(forwards) + np.array(backwards)).tolist()


def test_bases_around_a_variant_hold_every_word_it_changes(tmp_path):
    contig = "".join(np.random.default_rng(0).choice(list("ACGT"), 60))
    (tmp_path / "g.fa").write_text(f">c\n{contig}\n")
    variants = [
        Variant("c", 30, contig[30], "ACGT"["ACGT".index(contig[30]) - 1]),
        Variant("c", 20, contig[20:22], contig[20]),
        Variant("c", 0, contig[0], contig[0] + "GG"),
        Variant("c", 58, contig[58:60], ""),
    ]
    found = kmer_differences(bases_around(Fasta(tmp_path / "g.fa"), variants, flank=MAX_K - 1), max_k=MAX_K)
    changed = [contig[: each.position] + each.alt + contig[each.end :] for each in variants]
    assert found.toarray().tolist() == [by_hand(contig, each) for each in changed]


def made(seed=0, *, num_loci=6, rows_a_locus=60):
    """Return features and effects of variants, whose effect is the words that a made-up factor binds."""
    rng = np.random.default_rng(seed)
    refs = rng.choice(list("ACGT"), (num_loci * rows_a_locus, 9))
    alts = refs.copy()
    alts[:, 4] = rng.choice(list("ACGT"), len(alts))
    bases = alleles(*zip(map("".join, refs), map("".join, alts), strict=True))
    features = kmer_differences(bases, max_k=2)
    weights = np.zeros(features.shape[1])
    weights[rng.integers(features.shape[1], size=5)] = 1.0
    effects = features @ weights + 0.3 * rng.normal(size=len(refs))
    return features, effects, np.array(list("abcdefgh"[:num_loci])).repeat(rows_a_locus)


def test_what_all_loci_share_is_learnt():
    features, effects, loci = made()
    found = fit_variant_floor(features, effects, loci)
    assert np.corrcoef(found.predictions, effects)[0, 1] > 0.8
    assert set(found.strengths) == set("abcdef")


def test_locus_is_predicted_by_a_ridge_of_the_others():
    features, effects, loci = made()
    found = fit_variant_floor(features, effects, loci)
    others = loci != "c"
    model = Ridge(alpha=1 / found.strengths["c"], solver="cholesky")
    model.fit(features[others].toarray(), effects[others])
    expected = model.predict(features[~others].toarray())
    assert found.predictions[~others] == pytest.approx(expected, abs=1e-4)


def test_effects_of_a_locus_never_reach_its_predictions_or_its_penalty():
    features, effects, loci = made()
    scrambled = np.where(loci == "b", 100 * np.random.default_rng(1).normal(size=loci.size), effects)
    first, second = (fit_variant_floor(features, each, loci) for each in (effects, scrambled))
    assert (first.predictions[loci == "b"] == second.predictions[loci == "b"]).all()
    assert first.strengths["b"] == second.strengths["b"]
    assert (first.predictions[loci == "c"] != second.predictions[loci == "c"]).any()


def test_noise_is_met_with_the_strongest_penalty_and_signal_with_a_weaker_one():
    features, effects, loci = made()
    noise = np.random.default_rng(2).normal(size=effects.size)
    strengths = kmer_penalty("regression", features).strengths
    in_noise = fit_variant_floor(features, noise, loci).strengths
    in_signal = fit_variant_floor(features, effects, loci).strengths
    assert np.median(list(in_noise.values())) == pytest.approx(min(strengths), rel=0.2)
    assert all(in_signal[locus] > in_noise[locus] for locus in "abcdef")


def test_elements_of_one_place_are_held_out_together():
    features, effects, elements = made(num_loci=4)
    loci = merge_groups(elements.tolist(), [(each in "ab") or None for each in elements.tolist()])
    found = fit_variant_floor(features, effects, loci)
    assert set(found.strengths) == {"a", "c", "d"}
    twice = fit_variant_floor(features, np.where(elements == "b", -effects, effects), loci)
    assert (found.predictions[elements == "a"] == twice.predictions[elements == "a"]).all()


def test_variant_without_an_effect_is_predicted():
    features, effects, loci = made()
    effects[::7] = np.nan
    assert np.isfinite(fit_variant_floor(features, effects, loci).predictions).all()


def test_too_few_loci_and_rows_of_other_numbers_are_refused(no_shape_checks):
    features, effects, loci = made(num_loci=2)
    with pytest.raises(InputError, match="needs at least 3 loci, got 2"):
        fit_variant_floor(features, effects, loci)
    features, effects, loci = made()
    with pytest.raises(InputError, match="as many rows, got 360, 359 and 360"):
        fit_variant_floor(features, effects[1:], loci)
