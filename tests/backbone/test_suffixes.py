"""Changed ends of sequences beside the sequences, against passes over whole changed sequences."""

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.backbone.suffixes import SuffixPlaces

SMALL = FilterConfig(filter_order=6)
MIXERS = {
    "order 2": HyenaConfig(filter=SMALL),
    "order 3": HyenaConfig(order=3, filter=SMALL),
    "order 4, five taps": HyenaConfig(order=4, short_filter_order=5, filter=SMALL),
    "one tap": HyenaConfig(short_filter_order=1, filter=SMALL),
    "filters that end": HyenaConfig(filter=FilterConfig(filter_order=6, beyond_context="truncate")),
}
LENGTH, SUFFIX = 70, 20

mixers = pytest.mark.parametrize("mixer", MIXERS.values(), ids=MIXERS.keys())


@pytest.mark.parametrize("tile_tokens", [16, 2048], ids=["one suffix at a time", "all at once"])
@mixers
def test_states_equal_those_of_whole_changed_sequences(mixer, tile_tokens, monkeypatch):
    monkeypatch.setattr("hyenadna_kit.backbone.memory._TILE_TOKENS", (tile_tokens,))
    backbone = build(mixer)
    input_ids, suffix_ids, places = draw()
    found = backbone.forward_with_suffixes(input_ids, suffix_ids, places)
    torch.testing.assert_close(found[0], backbone(input_ids), rtol=0, atol=1e-10)
    torch.testing.assert_close(
        found[1], expected_suffixes(backbone, input_ids, suffix_ids, places), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("read_from", [1, 2, 7, 33])
@mixers
def test_states_from_a_position_on_are_the_same(mixer, read_from):
    backbone = build(mixer)
    input_ids, suffix_ids, places = draw()
    whole, suffixes = backbone.forward_with_suffixes(input_ids, suffix_ids, places)
    read, same = backbone.forward_with_suffixes(input_ids, suffix_ids, places, read_from=read_from)
    torch.testing.assert_close(read, whole[:, read_from:], rtol=0, atol=1e-12)
    torch.testing.assert_close(same, suffixes, rtol=0, atol=0)


def test_a_suffix_depends_on_no_other():
    backbone = build()
    input_ids, suffix_ids, places = draw()
    together = backbone.forward_with_suffixes(input_ids, suffix_ids, places)[1]
    alone = backbone.forward_with_suffixes(input_ids, suffix_ids[1:2], places[1:2])[1]
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=1e-13)


def test_an_unchanged_suffix_has_the_states_of_its_sequence():
    backbone = build()
    input_ids, _, places = draw()
    same = torch.stack([input_ids[row, start : start + SUFFIX] for row, start in pairs(places)])
    states, suffixes = backbone.forward_with_suffixes(input_ids, same, places)
    for suffix, (row, start) in zip(suffixes, pairs(places), strict=True):
        torch.testing.assert_close(suffix, states[row, start : start + SUFFIX], rtol=0, atol=1e-12)


def test_without_suffixes_the_sequences_are_computed():
    backbone = build()
    input_ids, suffix_ids, places = draw()
    states, suffixes = backbone.forward_with_suffixes(input_ids, suffix_ids[:0], places[:0])
    torch.testing.assert_close(states, backbone(input_ids), rtol=0, atol=1e-10)
    assert suffixes.shape == (0, SUFFIX, 8)


def test_float32_suffixes_are_exact_to_rounding():
    backbone = build()
    input_ids, suffix_ids, places = draw()
    exact = expected_suffixes(backbone, input_ids, suffix_ids, places)
    found = backbone.float().forward_with_suffixes(input_ids, suffix_ids, places)[1]
    assert found.dtype == torch.float32
    assert (found - exact).square().mean().sqrt() < 3e-6 * exact.square().mean().sqrt()


@pytest.mark.parametrize("start", [0, 1, LENGTH - SUFFIX + 1])
def test_a_place_outside_the_sequence_is_refused(start):
    input_ids, suffix_ids, _ = draw()
    places = SuffixPlaces(torch.tensor([0]), torch.tensor([start]), SUFFIX)
    with pytest.raises(ValueError, match=f"suffixes of 20 positions must begin at 2 to 50, got {start} to"):
        build().forward_with_suffixes(input_ids, suffix_ids[:1], places)


def test_a_bidirectional_mixer_shares_no_prefix():
    with pytest.raises(ValueError, match="HyenaConfig cannot compute the ends of sequences by themselves"):
        build(HyenaConfig(bidirectional=True, filter=SMALL)).forward_with_suffixes(*draw())


def build(mixer=MIXERS["order 2"]):
    """Return a backbone in float64 whose blocks change the residual as much as trained ones do."""
    torch.manual_seed(0)
    config = BackboneConfig(d_model=8, num_layers=3, context_length=40, mixer=mixer)
    backbone = config.build().double().eval()
    for name, parameter in backbone.named_parameters():
        if "out_proj" in name or "fc2" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return backbone.requires_grad_(False)


def draw():
    """Return sequences, suffixes and where they branch off."""
    generator = torch.Generator().manual_seed(1)
    starts = torch.tensor([4, 4, 50, 17, 33])
    rows = torch.tensor([0, 1, 1, 2, 0])
    input_ids = torch.randint(7, 11, (3, LENGTH), generator=generator)
    suffix_ids = torch.randint(7, 11, (len(rows), SUFFIX), generator=generator)
    return input_ids, suffix_ids, SuffixPlaces(rows, starts, SUFFIX)


def pairs(places):
    return zip(places.rows.tolist(), places.starts.tolist(), strict=True)


def expected_suffixes(backbone, input_ids, suffix_ids, places):
    """Compute every changed sequence whole."""
    expected = []
    for suffix, (row, start) in zip(suffix_ids, pairs(places), strict=True):
        changed = torch.cat([input_ids[row, :start], suffix])[None]
        expected.append(backbone(changed)[0, start:])
    return torch.stack(expected)
