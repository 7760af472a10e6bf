"""The small CNN: its shape, and what must not change what it says."""

import math

import numpy as np
import pytest
import torch

from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.tokenizers.nucleotide import PAD, NucleotideTokenizer, reverse_complement_tokens
from hyenadna_kit.training.finetune import Selection, prepare_finetuning
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.small_cnn import SmallCNN
from hyenadna_kit.training.small_cnn_training import small_cnn_predictions
from tests.training.test_finetune import accuracy, task  # noqa: F401 - a fixture

HEAD = SequenceHeadConfig(objective="binary", labels=("0", "1"), dropout=0.5)
ENCODE = NucleotideTokenizer().encode


def small_cnn(**sizes):
    torch.manual_seed(0)
    return SmallCNN(HEAD, **sizes).eval().requires_grad_(requires_grad=False)


@pytest.fixture
def network():
    return small_cnn(length=100)


def tokens(*sequences):
    rows = [torch.from_numpy(ENCODE(sequence).copy()) for sequence in sequences]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)


def draw(length, seed=0):
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def test_layers_are_those_of_the_paper(network):
    shapes = {name: tuple(each.shape) for name, each in network.named_parameters() if each.ndim > 1}
    # 100 bases, and one more a convolution of even width, halved three times.
    places = math.floor((math.floor((math.floor((100 + 1) / 2) + 1) / 2) + 1) / 2)
    assert list(shapes.values()) == [(16, 4, 8), (8, 16, 8), (4, 8, 8), (512, 4 * places), (1, 512)]


def test_padding_and_what_stands_beside_change_no_logit(network):
    one, other = draw(40), draw(90, seed=1)
    alone = network(tokens(one))
    assert network(tokens(one, other))[0] == pytest.approx(alone[0], abs=1e-6)


def test_both_strands_say_the_same(network):
    sequence = tokens(draw(70))
    reverse = torch.from_numpy(reverse_complement_tokens(sequence[0].numpy()).copy())[None]
    assert network.both_strands(sequence, None) == pytest.approx(
        network.both_strands(reverse, None), abs=1e-6
    )
    assert network(sequence) != pytest.approx(network(reverse), abs=1e-6)


def test_letters_that_are_no_bases_are_as_padding(network):
    assert network(tokens(draw(40) + "N" * 20)) == pytest.approx(network(tokens(draw(40))), abs=1e-6)


def test_alleles_that_change_places_change_the_sign():
    network = small_cnn(length=64, alleles=2)
    reference, alternative = draw(64), draw(64, seed=1)
    forth = network(tokens(reference, alternative)) - network.head.linear.bias
    back = network(tokens(alternative, reference)) - network.head.linear.bias
    assert forth == pytest.approx(-back, abs=1e-6)
    assert abs(forth.item()) > 0


def test_very_long_sequences_need_no_more_weights():
    long, longer = (small_cnn(length=length) for length in (8_192, 60_000))
    assert sum(map(torch.numel, long.parameters())) == sum(map(torch.numel, longer.parameters()))
    assert longer(tokens(draw(60_000))).isfinite().all()


def test_motif_is_learnt_and_the_seed_decides(task, tmp_path):  # noqa: F811
    files = {name: str(task / f"{name}.csv") for name in ("train", "validation", "test")}
    torch.set_num_threads(1)
    config = FinetuneConfig(
        model=str(task / "m"), out=str(tmp_path / "run"), epochs=6, patience=6, batch_size=20, **files
    )
    work = prepare_finetuning(config)
    selection = Selection("accuracy", accuracy)
    first = small_cnn_predictions(work, selection, 0)
    again = small_cnn_predictions(work, selection, 0)
    other = small_cnn_predictions(work, selection, 1)
    labels = work.data.examples["test"].labels
    assert accuracy(labels, first["test"]) > 0.75
    assert list(first) == ["validation", "test"]
    assert all(np.array_equal(first[side], again[side]) for side in first)
    assert not np.array_equal(first["test"], other["test"])
