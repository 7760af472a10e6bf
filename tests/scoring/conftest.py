"""Small genomes as files, and small models whose scores are of the order of 1."""

import itertools
from dataclasses import replace

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig, HyenaDNAOutput

CONFIG = HyenaDNAConfig(
    backbone=BackboneConfig(
        d_model=16,
        num_layers=2,
        d_inner=16,
        context_length=64,
        mixer=HyenaConfig(filter=FilterConfig(filter_order=8)),
    )
)


@pytest.fixture(scope="session")
def write_genome(tmp_path_factory):
    """Return a function from contigs to the genome in a FASTA file of its own."""
    folder, numbers = tmp_path_factory.mktemp("genomes"), itertools.count()

    def write(contigs):
        path = folder / f"{next(numbers)}.fa"
        path.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
        return Fasta(path)

    return write


@pytest.fixture(scope="session")
def model():
    """Return a model in eval mode; it is never changed."""
    return random_model(seed=0)


@pytest.fixture(scope="session")
def hybrid():
    """Return a model whose second layer is attention; it is never changed."""
    backbone = replace(CONFIG.backbone, other_mixer=AttentionConfig(num_heads=2), other_layers=(1,))
    return random_model(seed=0, config=replace(CONFIG, backbone=backbone))


@pytest.fixture
def nan_model():
    """Return a model whose weights are no numbers."""
    model = random_model(seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(torch.nan)
    return model


@pytest.fixture(scope="session")
def make_unigram():
    """Return a function from ``log p`` of A, C, G, T and N to a model that knows no more than that.

    Its logits do not depend on what was read: the score of a change is a matter of counting bases.
    """
    return lambda log_probs, **options: Unigram(log_probs, **options).eval()


class Unigram(HyenaDNA):
    """A model whose prediction is the same everywhere."""

    def __init__(self, log_probs, *, answer_to_n=0.0):
        super().__init__(CONFIG)
        self.row = torch.full((16,), -torch.inf)
        self.row[7:12] = torch.tensor(log_probs)
        self.answer_to_n = answer_to_n

    def forward(self, input_ids, *, read_from=0):
        """Return the same logits at every position, with ``answer_to_n`` added to rows that hold N."""
        batch, length = input_ids.shape
        has_n = (input_ids == 11).any(1)[:, None, None]
        logits = self.row + torch.where(has_n, self.answer_to_n, 0.0) * torch.ones(batch, length, 1)
        return HyenaDNAOutput(logits[:, read_from:], torch.zeros(batch, length - read_from, 16))

    def forward_with_suffixes(self, input_ids, suffix_ids, places, *, read_from=0):
        """Return the same for windows and for suffixes, which hold N where their whole window does."""
        changed = input_ids[places.rows].clone()
        for window, start, suffix in zip(changed, places.starts, suffix_ids, strict=True):
            window[start : start + places.length] = suffix
        length = suffix_ids.shape[1]
        output = self.forward(changed)
        return self.forward(input_ids, read_from=read_from), HyenaDNAOutput(
            *(each[:, :length] for each in output)
        )


def random_model(seed, config=CONFIG):
    model = config.build().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    return model
