"""The pass without gradients, in place and in pieces, against the one with gradients."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

import hyenadna_kit.backbone.backbone as backbone_module
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.inference import InferencePlan, tiles
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.backbone.suffixes import SuffixPlaces
from hyenadna_kit.errors import BackendUnavailableError

SMALL = FilterConfig(filter_order=6)
MIXERS = {
    "order 2": HyenaConfig(filter=SMALL),
    "order 3": HyenaConfig(order=3, filter=SMALL),
    "order 4, five taps": HyenaConfig(order=4, short_filter_order=5, filter=SMALL),
    "one tap": HyenaConfig(short_filter_order=1, filter=SMALL),
    "truncated": HyenaConfig(filter=replace(SMALL, beyond_context="truncate", shift=0.05)),
    "bidirectional": HyenaConfig(order=3, bidirectional=True, filter=SMALL),
    "attention": AttentionConfig(num_heads=2),
    "bidirectional attention": AttentionConfig(num_heads=2, bidirectional=True),
}
PLANS = {
    "as planned": None,
    "small pieces": InferencePlan(tile_tokens=7, fft_rows=1, keep_spectra=False),
    "small pieces, kept spectra": InferencePlan(tile_tokens=13, fft_rows=3),
    "several rows a tile": InferencePlan(tile_tokens=130, fft_rows=2, keep_spectra=False),
}

mixers = pytest.mark.parametrize("mixer", MIXERS.values(), ids=MIXERS.keys())


def build(mixer=MIXERS["order 2"], **sizes):
    """Return a float64 backbone in eval mode whose every term shows."""
    torch.manual_seed(3)
    config = BackboneConfig(**({"d_model": 8, "num_layers": 2, "context_length": 50, "mixer": mixer} | sizes))
    backbone = config.build().double().eval()
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return backbone


def draw(batch, length):
    """Return token ids."""
    return torch.randint(6, 12, (batch, length), generator=torch.Generator().manual_seed(length))


def infer(backbone, *inputs, **options):
    """Return the hidden states of a pass without gradients."""
    with torch.inference_mode():
        return backbone(*inputs, **options)


def force(monkeypatch, plan):
    """Make every layer run by ``plan``."""
    if plan is not None:
        name = "hyenadna_kit.backbone.backbone.plan_inference"
        monkeypatch.setattr(name, lambda size, _: [plan] * size.num_layers)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize(("batch", "length"), [(1, 1), (3, 2), (2, 50), (5, 33), (1, 120)])
@mixers
def test_pass_without_gradients_gives_the_same(mixer, batch, length, plan, monkeypatch):
    force(monkeypatch, plan)
    backbone, input_ids = build(mixer), draw(batch, length)
    with_gradients = backbone(input_ids)
    assert with_gradients.requires_grad
    torch.testing.assert_close(infer(backbone, input_ids), with_gradients.detach(), rtol=0, atol=1e-11)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
@mixers
def test_masked_pass_gives_the_same(mixer, plan, monkeypatch):
    force(monkeypatch, plan)
    backbone, input_ids = build(mixer), draw(4, 41)
    mask = torch.rand(4, 41, generator=torch.Generator().manual_seed(1)) > 0.3
    expected = backbone(input_ids, mask).detach()
    torch.testing.assert_close(infer(backbone, input_ids, mask), expected, rtol=0, atol=1e-11)


@mixers
def test_second_pass_is_equal_to_the_first(mixer):
    backbone, input_ids = build(mixer), draw(2, 30)
    assert torch.equal(infer(backbone, input_ids), infer(backbone, input_ids))


@pytest.mark.parametrize("name", ["bias", "implicit_filter.6.weight", "implicit_filter.1.freq"])
@pytest.mark.parametrize("part", ["weight", "data of the weight"])
def test_kept_spectra_follow_the_weights(name, part):
    backbone, input_ids = build(), draw(2, 30)
    before = infer(backbone, input_ids)
    weight = backbone.layers[0].mixer.filter_fn.get_parameter(name)
    (weight.detach() if part == "weight" else weight.data).mul_(1.5)
    after = infer(backbone, input_ids)
    assert (after - before).abs().max() > 1e-3
    torch.testing.assert_close(after, backbone(input_ids).detach(), rtol=0, atol=1e-11)


def test_kept_spectra_are_left_out_of_copies_and_files():
    backbone, input_ids = build(), draw(1, 4096)
    fresh = len(pickle.dumps(backbone))
    expected = infer(backbone, input_ids)
    assert len(pickle.dumps(backbone)) == fresh
    assert torch.equal(infer(copy.deepcopy(backbone), input_ids), expected)


@pytest.mark.parametrize("backend", ["reference", "eager"])
def test_a_named_backend_gives_the_same_without_gradients(backend):
    usual, named = build(), build(HyenaConfig(filter=SMALL, backend=backend))
    input_ids = draw(2, 30)
    torch.testing.assert_close(infer(named, input_ids), infer(usual, input_ids), rtol=0, atol=1e-11)


def test_a_backend_that_cannot_run_is_refused_without_gradients_too():
    backbone = build(HyenaConfig(filter=SMALL, backend="cufft"))
    with pytest.raises(BackendUnavailableError, match="unknown backend 'cufft'"):
        infer(backbone, draw(1, 30))
    with pytest.raises(ValueError, match="cannot compute the ends of sequences"):
        backbone.forward_with_suffixes(draw(1, 30), draw(1, 5), SuffixPlaces(*torch.tensor([[0], [9]]), 5))


@pytest.mark.parametrize("shape", [(0, 5), (3, 0)])
def test_input_without_tokens_is_refused(shape):
    with pytest.raises(ValueError, match=r"input_ids hold no token: their shape is \(\d, \d\)"):
        infer(build(), torch.zeros(shape, dtype=torch.int64))


def test_threads_share_a_model():
    backbone = build()
    lengths = [30, 100, 57, 200]
    expected = {length: infer(backbone, draw(1, length)) for length in lengths}
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda length: (length, infer(backbone, draw(1, length))), lengths * 25)
        for length, states in found:
            torch.testing.assert_close(states, expected[length], rtol=0, atol=1e-11)


def test_a_pass_that_keeps_no_spectra_frees_those_of_the_one_before(monkeypatch):
    backbone, input_ids = build(), draw(1, 30)
    infer(backbone, input_ids)
    assert all(block.mixer.kept_bytes > 1000 for block in backbone.blocks)
    force(monkeypatch, InferencePlan(keep_spectra=False))
    infer(backbone, input_ids)
    assert not any(block.mixer.kept_bytes for block in backbone.blocks)


def test_what_is_kept_counts_as_room_for_the_next_pass(monkeypatch):
    backbone, input_ids, rooms = build(), draw(1, 30), []
    monkeypatch.setattr("hyenadna_kit.backbone.backbone.available_memory", lambda _: 10**8)
    plan = backbone_module.plan_inference
    monkeypatch.setattr(
        backbone_module, "plan_inference", lambda size, room: rooms.append(room) or plan(size, room)
    )
    infer(backbone, input_ids)
    infer(backbone, input_ids)
    assert rooms == [10**8, 10**8 + sum(block.mixer.kept_bytes for block in backbone.blocks)]


def test_kept_spectra_are_those_of_the_length():
    backbone = build()
    for length in (30, 50, 31, 30):
        input_ids = draw(1, length)
        expected = backbone(input_ids).detach()
        torch.testing.assert_close(infer(backbone, input_ids), expected, rtol=0, atol=1e-11)


def test_spectra_are_made_once_for_equal_passes(monkeypatch):
    backbone, input_ids = build(), draw(1, 30)
    calls = []
    filters = type(backbone.layers[0].mixer.filter_fn)
    original = filters.hidden
    monkeypatch.setattr(
        filters, "hidden", lambda self, length: calls.append(length) or original(self, length)
    )
    for _ in range(3):
        infer(backbone, input_ids)
    assert calls == [30, 30]  # once a layer


def test_float32_pass_is_exact_to_rounding():
    backbone, input_ids = build(), draw(2, 50)
    exact = infer(backbone, input_ids)
    found = infer(backbone.float(), input_ids)
    assert found.dtype == torch.float32
    assert relative_rms(found, exact) < 3e-6


def test_bfloat16_products_keep_the_residual_in_float32():
    backbone = build(d_model=64, num_layers=2)
    input_ids = draw(2, 50)
    exact = infer(backbone, input_ids)
    with torch.autocast("cpu", torch.bfloat16):
        found = infer(backbone.float(), input_ids)
    assert found.dtype == torch.float32
    assert 1e-5 < relative_rms(found, exact) < 2e-2


def relative_rms(found, expected):
    """Return the error as a share of the root mean square."""
    return ((found.double() - expected).square().mean() / expected.square().mean()).sqrt().item()


@pytest.mark.parametrize("read_from", [0, 1, 2, 3, 30, 59])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
@mixers
def test_states_from_a_position_on(mixer, plan, read_from, monkeypatch):
    backbone = build(mixer)
    input_ids = draw(3, 60)
    expected = backbone(input_ids)[:, read_from:]
    torch.testing.assert_close(backbone(input_ids, read_from=read_from), expected, rtol=0, atol=0)
    force(monkeypatch, plan)
    torch.testing.assert_close(infer(backbone, input_ids, read_from=read_from), expected, rtol=0, atol=1e-11)


def test_a_last_block_spares_itself_what_is_not_read(monkeypatch):
    seen = []
    original = backbone_module.Block.advance_

    def advance(block, residual, *rest):
        before = residual.clone()
        original(block, residual, *rest)
        seen.append((residual != before).any(2).any(0))

    monkeypatch.setattr(backbone_module.Block, "advance_", advance)
    infer(build(), draw(2, 60), read_from=40)
    first, last = seen
    assert first.all()
    assert not last[:40].any()
    assert last[40:].all()


@pytest.mark.parametrize("read_from", [-1, 60])
def test_a_position_that_is_not_there_is_refused(read_from):
    with pytest.raises(ValueError, match=f"read_from must be one of the 60 positions, got {read_from}"):
        build()(draw(1, 60), read_from=read_from)


@pytest.mark.parametrize(("batch", "length", "tokens"), [(1, 10, 3), (5, 4, 9), (3, 7, 7), (2, 5, 100)])
def test_tiles_cover_every_token_once_from_left_to_right(batch, length, tokens):
    seen = torch.zeros(batch, length, dtype=torch.int)
    ends = torch.zeros(batch, dtype=torch.int)
    for tile in tiles(batch, length, tokens):
        assert (ends[tile.rows] == tile.positions.start).all()
        assert tile.is_first == (tile.positions.start == 0)
        seen[tile.rows, tile.positions] += 1
        assert seen[tile.rows, tile.positions].numel() <= max(tokens, 1)
        ends[tile.rows] = tile.positions.stop
    assert (seen == 1).all()
