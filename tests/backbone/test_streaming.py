"""The backbone token by token: its states are those of a pass over the whole sequence."""

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixer_stream import StreamSize
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.backbone.streaming import BackboneStream
from tests.backbone.test_beyond_context import draw

LENGTH, BATCH = 150, 2
IDS = torch.randint(7, 11, (BATCH, LENGTH), generator=torch.Generator().manual_seed(1))
FILTERS = {
    "whole": FilterConfig(filter_order=8),
    "truncated": FilterConfig(filter_order=8, beyond_context="truncate"),
    "decaying": FilterConfig(filter_order=8, beyond_context="decay"),
    "nine taps": FilterConfig(filter_order=8, max_taps=9),
    "one tap": FilterConfig(filter_order=8, max_taps=1),
}
PLANS = {"no prompt": (0, 1), "prompt of one": (1, 1), "prompt": (70, 1), "blocks": (0, 25), "both": (50, 20)}


def build(filters="whole", order=2, other=(), short=3):
    mixer = HyenaConfig(order=order, filter=FILTERS[filters], short_filter_order=short)
    config = BackboneConfig(
        d_model=8,
        num_layers=2,
        context_length=60,
        mixer=mixer,
        other_mixer=AttentionConfig(num_heads=2) if other else None,
        other_layers=other,
    )
    return draw(config.build().double().eval())


def stream(backbone, prompt, step, **more):
    """Return the states of the last position of the prompt and of all behind it that fill a step."""
    num_steps = (LENGTH - prompt) // step
    size = {"batch": BATCH, "prompt_length": prompt, "step": step, "num_steps": num_steps} | more
    reader = BackboneStream(backbone, StreamSize(**size))
    found = [reader.read_prompt(IDS[:, :prompt])] if prompt else []
    places = range(prompt, prompt + num_steps * step, step)
    found += [reader.step(IDS[:, place : place + step]) for place in places]
    return torch.cat(found, dim=1)


def check(backbone, prompt, step, **more):
    with torch.no_grad():
        whole = backbone(IDS)
    found = stream(backbone, prompt, step, **more)
    first = max(prompt - 1, 0)
    torch.testing.assert_close(found, whole[:, first : first + found.shape[1]], atol=1e-9, rtol=0)


@pytest.mark.parametrize(("prompt", "step"), PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize("filters", FILTERS)
def test_states_are_those_of_a_whole_pass(filters, prompt, step):
    check(build(filters), prompt, step)


@pytest.mark.parametrize(("prompt", "step"), PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize(
    "others", [{"order": 3}, {"order": 4, "short": 1}, {"other": (1,)}, {"other": (0, 1)}]
)
def test_states_are_those_of_other_mixers(others, prompt, step):
    check(build(**others), prompt, step)


@pytest.mark.parametrize("filters", ["truncated", "nine taps"])
def test_stream_without_end_keeps_as_much_as_filters_reach(filters):
    backbone = build(filters)
    check(backbone, 20, 1, num_steps=None)
    reader = BackboneStream(backbone, StreamSize(batch=BATCH, num_steps=None))
    assert reader.num_bytes == 2 * BATCH * 16 * {"truncated": 64, "nine taps": 8}[filters] * 8


def test_stream_without_end_needs_filters_that_end():
    with pytest.raises(ValueError, match="needs filters that end"):
        BackboneStream(build(), StreamSize(batch=1, num_steps=None))


def test_what_sees_what_follows_cannot_be_streamed():
    both = BackboneConfig(d_model=8, context_length=60, mixer=HyenaConfig(bidirectional=True))
    stretched = HyenaConfig(filter=FilterConfig(beyond_context="interpolate"))
    for config in (both, BackboneConfig(d_model=8, context_length=60, mixer=stretched)):
        with pytest.raises(ValueError, match="outputs are not known before the sequence ends"):
            BackboneStream(config.build().eval(), StreamSize(batch=1, num_steps=4))


def test_tokens_that_there_is_no_room_for_are_refused():
    reader = BackboneStream(build(), StreamSize(batch=BATCH, num_steps=2, prompt_length=5))
    with pytest.raises(ValueError, match="expected a prompt of 2 x 5 tokens"):
        reader.read_prompt(IDS[:, :6])
    reader.read_prompt(IDS[:, :5])
    with pytest.raises(ValueError, match="a step has 2 x 1 tokens"):
        reader.step(IDS[:, :2])
    for _ in range(2):
        reader.step(IDS[:, :1])
    with pytest.raises(ValueError, match="room for 7 tokens"):
        reader.step(IDS[:, :1])
