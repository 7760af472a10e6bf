"""The states of some layers, against the blocks called one by one with gradients."""

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.layer_states import states_of_layers
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
@pytest.mark.parametrize("layers", [(0,), (2,), (4,), (3, 1), (4, 0, 3), range(5)])
def test_states_are_those_of_the_blocks_one_by_one(mixer, layers):
    backbone = build(mixer)
    ids = torch.randint(7, 12, (3, 20))
    mask = torch.arange(20) < torch.tensor([[20], [11], [5]])
    expected = [backbone.embeddings.word_embeddings.weight[ids]]
    for block in backbone.layers:
        expected.append(block(expected[-1], mask))
    expected.append(backbone(ids, mask))
    found = {
        layer: states.clone() for layer, states in states_of_layers(backbone, layers, ids, mask)
    }  # the states change as the next ones are made
    assert list(found) == sorted(layers)
    for layer, states in found.items():
        assert torch.allclose(states[mask], expected[layer][mask], atol=1e-5)


def test_blocks_that_nobody_asks_for_are_not_computed():
    backbone = build(MIXERS["attention"])
    backbone.layers[2].register_forward_hook(lambda *_: pytest.fail("the last block was computed"))
    assert [layer for layer, _ in states_of_layers(backbone, (2, 1), torch.full((1, 4), 7))] == [1, 2]


def test_a_layer_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="layers must be 0 to 4, got 5"):
        states_of_layers(build(MIXERS["causal"]), (1, 5), torch.full((1, 4), 7))


def test_dropout_is_refused():
    with pytest.raises(ValueError, match="training mode"):
        states_of_layers(build(MIXERS["causal"]).train(), (1,), torch.full((1, 4), 7))
