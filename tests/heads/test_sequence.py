"""Labels of whole sequences: what is read, on both strands too, and that it can be learnt."""

from typing import get_args

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.heads.pooling import Pooling
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.model import HyenaDNAConfig

IDS = torch.randint(7, 11, (3, 14), generator=torch.Generator().manual_seed(2))
OTHER_STRAND = 17 - IDS.flip(1)  # A, C, G, T are 7 to 10
BACKBONE = BackboneConfig(
    d_model=8, num_layers=1, context_length=16, mixer=HyenaConfig(filter=FilterConfig(filter_order=4))
)


def build(pooling="mean", *, both_strands=False, **options):
    arguments = {"objective": "multiclass", "labels": ("a", "b", "c")} | options
    num_positions = 16 if pooling == "positions" else 0
    config = SequenceHeadConfig(**arguments, pooling=pooling, num_positions=num_positions)
    model = HyenaDNAConfig(backbone=BACKBONE, head=config, both_strands=both_strands).build().eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return model.double()


@pytest.mark.parametrize(
    ("pooling", "pooled"),
    [
        ("mean", lambda states: states.mean(1)),
        ("max", lambda states: states.amax(1)),
        ("last", lambda states: states[:, 13]),
        ("first", lambda states: states[:, 0]),
        ("centre", lambda states: states[:, 7]),
    ],
)
def test_logits_are_a_linear_layer_on_what_is_pooled(pooling, pooled):
    model = build(pooling)
    out = model(IDS)
    expected = pooled(out.last_hidden_state) @ model.head.linear.weight.T + model.head.linear.bias
    torch.testing.assert_close(out.logits, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pooling", get_args(Pooling))
def test_both_strands_are_each_pooled_as_they_are_read(pooling):
    single, both = build(pooling), build(pooling, both_strands=True)
    expected = (single(IDS).logits + single(OTHER_STRAND).logits) / 2
    torch.testing.assert_close(both(IDS).logits, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(both(OTHER_STRAND).logits, both(IDS).logits, rtol=0, atol=1e-12)
    assert (single(OTHER_STRAND).logits - single(IDS).logits).abs().max() > 0.01


@pytest.mark.parametrize("pooling", get_args(Pooling))
def test_rows_of_different_length_have_the_logits_that_each_has_alone(pooling):
    for model in (build(pooling), build(pooling, both_strands=True)):
        ids, mask = torch.full((3, 14), 4), torch.zeros(3, 14, dtype=torch.bool)
        places = [(0, 14), (5, 12), (2, 5)]
        for row, (start, end) in enumerate(places):
            ids[row, start:end], mask[row, start:end] = IDS[row, start:end], True
        alone = torch.cat([model(IDS[row : row + 1, a:b]).logits for row, (a, b) in enumerate(places)])
        torch.testing.assert_close(model(ids, mask).logits, alone, rtol=0, atol=1e-10)


def test_dropout_is_that_of_training():
    model = build(dropout=0.5)
    assert torch.equal(model(IDS).logits, model(IDS).logits)
    model.head.train()
    assert not torch.equal(model(IDS).logits, model(IDS).logits)


def test_new_head_says_next_to_nothing():
    torch.manual_seed(0)
    config = SequenceHeadConfig(objective="binary", labels=("no", "yes"))
    model = HyenaDNAConfig(backbone=BACKBONE, head=config).build().eval()
    assert model(IDS).logits.abs().max() < 0.3


def test_values_in_their_own_units_are_learnt():
    """Learn the share of G and C, in units of a mean of 5000 and a deviation of 10."""
    torch.manual_seed(0)
    ids = torch.randint(7, 11, (256, 16))
    share = ((ids == 8) | (ids == 9)).double().mean(1)
    labels = (5000 + 10 * (share - share.mean()) / share.std()).float()
    config = SequenceHeadConfig(
        objective="regression", labels=("share",), target_mean=(5000.0,), target_std=(10.0,)
    )
    model = HyenaDNAConfig(backbone=BACKBONE, head=config).build()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        model.head.loss(model(ids).logits, labels).backward()
        optimizer.step()
    found = model.eval().head.predictions(model(ids).logits)[:, 0]
    assert (found - labels).abs().mean() < 2  # of the mean alone it is about 8
