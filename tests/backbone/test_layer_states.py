"""The residual stream after some blocks, against the blocks called one by one with gradients."""

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.layer_states import states_after
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig

SMALL = FilterConfig(filter_order=6)
MIXERS = {
    "causal": HyenaConfig(filter=SMALL),
    "bidirectional": HyenaConfig(bidirectional=True, filter=SMALL),
    "attention": AttentionConfig(num_heads=2),
}


def build(mixer):
    torch.manual_seed(0)
    backbone = BackboneConfig(d_model=8, num_layers=3, context_length=32, mixer=mixer).build().eval()
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return backbone


@pytest.mark.parametrize("mixer", MIXERS.values(), ids=MIXERS.keys())
@pytest.mark.parametrize("num_blocks", range(4))
def test_states_are_those_of_the_blocks_one_by_one(mixer, num_blocks):
    backbone = build(mixer)
    ids = torch.randint(7, 12, (3, 20))
    mask = torch.arange(20) < torch.tensor([[20], [11], [5]])
    expected = backbone.embeddings.word_embeddings.weight[ids]
    for block in list(backbone.layers)[:num_blocks]:
        expected = block(expected, mask)
    found = states_after(backbone, num_blocks, ids, mask)
    assert torch.allclose(found[mask], expected[mask], atol=1e-5)
    if num_blocks == 3:
        whole = backbone(ids, mask)
        normed = torch.nn.functional.layer_norm(found, (8,), backbone.ln_f.weight, backbone.ln_f.bias)
        assert torch.allclose(whole[mask], normed[mask], atol=1e-5)


def test_a_block_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="num_blocks must be 0 to 3, got 4"):
        states_after(build(MIXERS["causal"]), 4, torch.full((1, 4), 7))


def test_dropout_is_refused():
    with pytest.raises(ValueError, match="training mode"):
        states_after(build(MIXERS["causal"]).train(), 1, torch.full((1, 4), 7))
