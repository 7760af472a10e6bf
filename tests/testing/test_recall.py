"""The recall task: what its sequences hold, and that a model which can compare words learns it."""

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.testing.recall import RecallTask, counting_accuracy, learn_recall, recall_accuracy
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer


def draw(task, count=50, seed=0):
    """Return sequences as text."""
    ids = task.draw(count, torch.Generator().manual_seed(seed))
    return [NucleotideTokenizer().decode(row.numpy().astype("uint8")) for row in ids]


@pytest.mark.parametrize(("num_pairs", "word_length"), [(1, 1), (4, 1), (8, 3), (64, 3)])
def test_every_word_is_asked_for_once_and_followed_by_its_base(num_pairs, word_length):
    task = RecallTask(num_pairs=num_pairs, word_length=word_length)
    width = word_length + 2
    for sequence in draw(task):
        assert len(sequence) == task.length == 2 * num_pairs * width
        records = [sequence[start : start + width] for start in range(0, task.length, width)]
        told, asked = records[:num_pairs], records[num_pairs:]
        assert len({record[:word_length] for record in told}) == num_pairs
        assert sorted(told) == sorted(asked)
        assert all(record[-1] == "N" and "N" not in record[:-1] for record in records)
        assert [sequence[place] for place in task.answers] == [record[word_length] for record in asked]


def test_words_bases_and_order_are_uniform():
    task = RecallTask(num_pairs=4, word_length=2)
    sequences = draw(task, 4000)
    for place in [0, 1, 2, *task.answers.tolist()]:
        counts = [sum(sequence[place] == base for sequence in sequences) for base in "ACGT"]
        assert all(abs(count - 1000) < 5 * 750**0.5 for count in counts)  # five standard deviations
    again = sum(sequence[:2] == sequence[16:18] for sequence in sequences)
    assert abs(again - 1000) < 5 * 750**0.5


def test_sequences_are_those_of_the_seed():
    task = RecallTask()
    assert draw(task) == draw(task)
    assert draw(task) != draw(task, seed=1)


@pytest.mark.parametrize("num_pairs", [0, 5])
def test_more_pairs_than_words_are_refused(num_pairs):
    with pytest.raises(ValueError, match=f"num_pairs must be 1 to 4, .* of 1 bases, got {num_pairs}"):
        RecallTask(num_pairs=num_pairs, word_length=1)


@pytest.mark.parametrize(("num_pairs", "expected"), [(1, 1.0), (2, (1 / 4 + 3 / 4 * 1 / 2))])
def test_counting_is_right_as_often_as_chance_repeats_a_base(num_pairs, expected):
    assert counting_accuracy(RecallTask(num_pairs=num_pairs)) == pytest.approx(expected, abs=0.1)


@pytest.mark.slow
def test_a_hybrid_learns_to_recall():
    task = RecallTask(num_pairs=4, word_length=2)
    backbone = BackboneConfig(
        d_model=32,
        d_inner=32,
        context_length=task.length,
        embed_dropout=0.0,
        other_mixer=AttentionConfig(num_heads=1),
        other_layers=(1,),
    )
    config = HyenaDNAConfig(backbone=backbone)
    before = learn_recall(config, task, num_steps=0)
    assert recall_accuracy(before, task) < 0.5
    assert not before.training
    state = torch.get_rng_state()
    assert recall_accuracy(learn_recall(config, task, num_steps=200), task) > 0.95
    assert torch.equal(torch.get_rng_state(), state)
    once, twice = (learn_recall(config, task, num_steps=3) for _ in range(2))
    assert once.fingerprint() == twice.fingerprint()
