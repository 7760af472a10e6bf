"""Pooling against loops over the tokens, with padding on either side, between them, or alone."""

import math
from typing import get_args

import numpy as np
import pytest
import torch

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.heads.pooling import Pooler, Pooling
from hyenadna_kit.windows.centre import centre_window

WIDTH, POSITIONS = 3, 9
POOLINGS = get_args(Pooling)

every_pooling = pytest.mark.parametrize("pooling", POOLINGS)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def build(pooling, positions=POSITIONS):
    pooler = Pooler(WIDTH, pooling, num_positions=positions if pooling == "positions" else 0).double()
    if pooler.query is not None:
        pooler.query.data = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    return pooler


def plain(pooling, tokens):
    """Return what is pooled of the tokens of one sequence, without tensors."""
    tokens = [row.tolist() for row in tokens]
    if pooling in ("first", "centre", "last"):
        return tokens[{"first": 0, "centre": len(tokens) // 2, "last": -1}[pooling]]
    if pooling == "positions":
        behind = [0.0] * (WIDTH * max(0, POSITIONS - len(tokens)))
        return [number for token in tokens for number in token] + behind
    if pooling == "max":
        return [max(column) for column in zip(*tokens, strict=True)]
    weights = [1.0] * len(tokens)
    if pooling == "attention":
        weights = [math.exp(row[0] - 2 * row[1] + row[2] / 2) for row in tokens]
    columns = zip(*tokens, strict=True)
    return [
        math.fsum(w * x for w, x in zip(weights, column, strict=True)) / sum(weights) for column in columns
    ]


MASKS = {
    "none": [1, 1, 1, 1, 1, 1],
    "right": [1, 1, 1, 1, 0, 0],
    "left": [0, 1, 1, 1, 1, 1],
    "both": [0, 0, 1, 1, 1, 0],
    "between": [1, 0, 1, 1, 0, 1],
    "one token": [0, 0, 0, 1, 0, 0],
}


@every_pooling
def test_pooled_states_are_those_of_a_loop(pooling):
    states, mask = draw(len(MASKS), 6, WIDTH), torch.tensor(list(MASKS.values())).bool()
    found = build(pooling)(states, mask).detach()
    expected = [plain(pooling, row[kept]) for row, kept in zip(states, mask, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@every_pooling
def test_no_mask_is_a_mask_without_padding(pooling):
    states, pooler = draw(4, 7, WIDTH), build(pooling)
    expected = [plain(pooling, row) for row in states]
    np.testing.assert_allclose(pooler(states).detach(), expected, rtol=1e-12)
    masked = pooler(states, torch.ones(4, 7, dtype=torch.bool))
    torch.testing.assert_close(masked, pooler(states), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("length", "token"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (1024, 512)])
def test_centre_is_the_token_on_which_a_window_is_centred(length, token):
    window = centre_window(Interval("chr", 5000, 5001), length)
    assert 5000 - window.start == token
    states = torch.arange(float(length))[None, :, None].expand(1, length, WIDTH)
    assert build("centre").float()(states).tolist() == [[token] * WIDTH]


@every_pooling
def test_padding_has_no_say_whatever_stands_there(pooling):
    states, mask = draw(len(MASKS), 6, WIDTH), torch.tensor(list(MASKS.values())).bool()
    spoilt = states.masked_fill(~mask[..., None], torch.nan).requires_grad_()
    pooler = build(pooling)
    found = pooler(spoilt, mask)
    assert torch.equal(found, pooler(states, mask))
    found.square().sum().backward()
    assert not spoilt.grad[~mask].any()
    assert all(tensor.grad.isfinite().all() for tensor in (spoilt, *pooler.parameters()))


@every_pooling
def test_padding_alone_gives_zeros_and_zero_gradients(pooling):
    states, mask = draw(2, 5, WIDTH).requires_grad_(), torch.zeros(2, 5, dtype=torch.bool)
    pooler = build(pooling)
    found = pooler(states, mask)
    (found + 1).square().sum().backward()
    assert not found.any()
    assert not any(tensor.grad.any() for tensor in (states, *pooler.parameters()))


@every_pooling
def test_gradients_are_those_of_finite_differences(pooling):
    states, mask = draw(len(MASKS), 6, WIDTH).requires_grad_(), torch.tensor(list(MASKS.values())).bool()
    pooler = build(pooling)
    inputs = (states, *pooler.parameters())
    assert torch.autograd.gradcheck(lambda states, *_: pooler(states, mask), inputs)


@every_pooling
@pytest.mark.parametrize("autocast", [True, False])
def test_bfloat16_is_pooled_in_float32(pooling, autocast):
    states = (1 + draw(2, 3000, WIDTH) / 8).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        found = build(pooling, positions=3000).float()(states)
    assert found.dtype == torch.float32
    expected = [plain(pooling, row) for row in states.double()]
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-5)


def test_untrained_attention_is_near_the_mean():
    torch.manual_seed(0)
    states = draw(2, 50, 256)
    torch.testing.assert_close(Pooler(256, "attention").double()(states), states.mean(1), rtol=0, atol=0.15)


def test_unknown_pooling_is_named(no_shape_checks):
    with pytest.raises(
        ValueError,
        match="pooling must be one of mean, max, last, first, centre, attention, positions, got 'average'",
    ):
        Pooler(WIDTH, "average")


def test_more_tokens_than_there_are_weights_for_are_refused():
    pooler = Pooler(WIDTH, "positions", num_positions=4)
    mask = torch.tensor([[False, True, True, True, True, False]])
    assert pooler(draw(1, 6, WIDTH), mask).shape == (1, 4 * WIDTH)
    with pytest.raises(InputError, match="a sequence has 5 tokens, and the head weights for 4 positions"):
        pooler(draw(1, 5, WIDTH))


@pytest.mark.parametrize(("pooling", "number"), [("positions", 0), ("mean", 3), ("mean", -1)])
def test_a_number_of_positions_is_of_positions_alone(pooling, number):
    with pytest.raises(ValueError, match=f"num_positions must be .* got {number} of {pooling}"):
        Pooler(WIDTH, pooling, num_positions=number)
