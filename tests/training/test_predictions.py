"""Predictions: the same whatever batch an example is in, and row by row as the labels."""

import numpy as np
import pytest
import torch

from hyenadna_kit.heads.nucleotide import NucleotideHeadConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.heads.variant_effect import VariantEffectHeadConfig
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.tokenizers.nucleotide import reverse_complement_tokens
from hyenadna_kit.training.predictions import predict_examples
from hyenadna_kit.windows.examples import Examples, Pieces
from tests.training.test_finetune import BACKBONE

LENGTHS = (12, 8, 20, 8, 16)
SCALED = {
    "objective": "regression",
    "labels": ("a", "b"),
    "target_mean": (5.0, 7.0),
    "target_std": (2.0, 3.0),
}
HEADS = {
    "sequence": (SequenceHeadConfig(**SCALED), 1, 0),
    "variant": (VariantEffectHeadConfig(**SCALED, combine="concatenation"), 2, 0),
    "base": (NucleotideHeadConfig(**SCALED), 1, 1),
    "bin": (NucleotideHeadConfig(**SCALED, bin_size=4), 1, 4),
}


class DrawnPieces(Pieces):
    """Random tokens."""

    def __init__(self, num_sequences):
        generator = np.random.default_rng(num_sequences)
        self.drawn = [
            tuple(generator.integers(7, 11, length).astype(np.uint8) for _ in range(num_sequences))
            for length in LENGTHS
        ]

    @property
    def lengths(self):
        return LENGTHS

    def tokens(self, example):
        return self.drawn[example]


def build(config):
    torch.manual_seed(1)
    model = HyenaDNAConfig(backbone=BACKBONE, head=config).build().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    return model


@pytest.mark.parametrize("both_strands", [False, True])
@pytest.mark.parametrize(("config", "num_sequences", "bin_size"), HEADS.values(), ids=HEADS.keys())
def test_rows_are_those_of_every_example_alone(config, num_sequences, bin_size, both_strands):
    pieces, model = DrawnPieces(num_sequences), build(config)
    counts = [length // bin_size if bin_size else 1 for length in LENGTHS]
    first_rows = np.cumsum([0, *counts]) if bin_size else None
    examples = Examples(pieces, np.zeros((sum(counts), 2)), first_rows)
    found = predict_examples(model, examples, batch_size=2, both_strands=both_strands)
    expected = []
    for example in range(len(LENGTHS)):
        tokens = np.stack(pieces.tokens(example))
        with torch.no_grad():
            logits = model(torch.from_numpy(tokens)).logits
            if both_strands:
                other = model(torch.from_numpy(reverse_complement_tokens(tokens))).logits
                logits = (logits + (other.flip(1) if bin_size else other)) / 2
        expected.append(logits.reshape(-1, 2).numpy() * [2, 3] + [5, 7])
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-4, atol=1e-4)
    assert found.std() > 0.1
