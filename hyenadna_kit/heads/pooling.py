"""One vector of each sequence out of the hidden states of its tokens, whatever padding lies around them.

In: hidden states, and which of them are padding. Out: a vector a sequence. Every token that is no padding
counts, N and special tokens too; the windows of this package hold bases alone.
"""

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from hyenadna_kit.errors import InputError
from hyenadna_kit.ops.precision import without_autocast

Pooling = Literal["mean", "max", "last", "first", "centre", "attention", "positions"]
"""How one vector is made of all positions, see :class:`Pooler`."""

_INITIALIZER_RANGE = 0.02


def check_pooling(pooling: str, num_positions: int) -> None:
    """Do nothing where there is such a pooling, of as many positions.

    Raises:
        ValueError: There is none.
    """
    if pooling not in get_args(Pooling):
        raise ValueError(f"pooling must be one of {', '.join(get_args(Pooling))}, got {pooling!r}")
    if (pooling == "positions") != (num_positions > 0) or num_positions < 0:
        raise ValueError(
            "num_positions must be at least 1 of the pooling positions and 0 of any other, got "
            f"{num_positions} of {pooling}"
        )


class Pooler(nn.Module):
    """Makes one vector of the n tokens of each sequence.

    They are counted from 0 in its reading direction, padding left out:

    - ``mean``, ``max``: of every channel by itself.
    - ``last``, ``first``: the states of token n - 1, which has seen all others where the backbone is causal,
      and of token 0.
    - ``centre``: the states of token n // 2, where windows centred on a variant hold it.
    - ``attention``: a mean in which a trained vector a weighs each token by softmax(a . state).
    - ``positions``: the states of tokens 0 to num_positions - 1 one behind the other, so that what reads them
      has weights of its own for each position; zeros where a sequence has fewer tokens.

    A sequence of padding alone gives zeros, and zeros as gradients.
    """

    def __init__(self, d_model: int, pooling: Pooling, num_positions: int = 0) -> None:
        super().__init__()
        check_pooling(pooling, num_positions)
        self.pooling = pooling
        self.num_positions = num_positions
        self.width = d_model * max(1, num_positions)
        self.query = nn.Parameter(torch.empty(d_model)) if pooling == "attention" else None
        if self.query is not None:
            nn.init.normal_(self.query, std=_INITIALIZER_RANGE)

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch width"]:
        """Return the pooled states, in float32 at least, not rounded by autocast.

        Args:
            hidden_states: States of every position.
            attention_mask: False where a position is padding; None where there is none.

        Raises:
            InputError: A sequence has more tokens than ``positions`` has weights for.
        """
        with without_autocast(hidden_states.device.type):
            if self.query is not None:
                return _weighted(hidden_states, attention_mask, self.query)
            if self.num_positions:
                return _in_line(hidden_states, attention_mask, self.num_positions)
            return _POOLINGS[self.pooling](hidden_states, attention_mask)


def _mean(states: Tensor, mask: Tensor | None) -> Tensor:
    total = _without_padding(states, mask, 0.0).sum(1, dtype=_wide(states))
    return total / _num_tokens(states, mask).clamp(min=1)[:, None]


def _max(states: Tensor, mask: Tensor | None) -> Tensor:
    highest = _without_padding(states, mask, -math.inf).amax(1).to(_wide(states))
    return highest.masked_fill(_num_tokens(states, mask)[:, None] == 0, 0)


def _last(states: Tensor, mask: Tensor | None) -> Tensor:
    return _token(states, mask, _num_tokens(states, mask) - 1)


def _first(states: Tensor, mask: Tensor | None) -> Tensor:
    return _token(states, mask, torch.zeros_like(_num_tokens(states, mask)))


def _centre(states: Tensor, mask: Tensor | None) -> Tensor:
    return _token(states, mask, _num_tokens(states, mask) // 2)


def _token(
    states: Float[Tensor, "batch length d_model"],
    mask: Bool[Tensor, "batch length"] | None,
    token: Int[Tensor, " batch"],
) -> Float[Tensor, "batch d_model"]:
    """Return the states of one token of each sequence, the first being 0; zeros where there is none."""
    rows = torch.arange(len(states), device=states.device)
    if mask is None:
        return states[rows, token].to(_wide(states))
    is_it = mask & (mask.cumsum(1) - 1 == token[:, None])
    found = states[rows, is_it.byte().argmax(1)].to(_wide(states))
    return found.masked_fill(~is_it.any(1, keepdim=True), 0)


def _weighted(
    states: Float[Tensor, "batch length d_model"],
    mask: Bool[Tensor, "batch length"] | None,
    query: Float[Tensor, " d_model"],
) -> Float[Tensor, "batch d_model"]:
    """Return the mean weighted by the softmax of ``query . state`` over what is no padding."""
    states = _without_padding(states, mask, 0.0).to(_wide(states))
    scores = states @ query.to(states.dtype)
    if mask is not None:
        # The lowest number instead of minus infinity: of padding alone, the softmax would be no number.
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return (scores.softmax(1)[:, None] @ states)[:, 0]


def _in_line(
    states: Float[Tensor, "batch length d_model"],
    mask: Bool[Tensor, "batch length"] | None,
    num_positions: int,
) -> Float[Tensor, "batch width"]:
    """Return the states of the first tokens one behind the other, zeros behind the last."""
    longest = int(_num_tokens(states, mask).max()) if len(states) else 0
    if longest > num_positions:
        raise InputError(
            f"a sequence has {longest:,} tokens, and the head weights for {num_positions:,} positions; cut "
            "it, or train with another pooling"
        )
    if mask is not None:
        tokens_first = (~mask).byte().argsort(dim=1, stable=True)[..., None]
        states = _without_padding(states, mask, 0.0).take_along_dim(tokens_first, dim=1)
    states = states[:, :longest].to(_wide(states))
    return pad(states, (0, 0, 0, num_positions - longest)).flatten(1)


def _without_padding(states: Tensor, mask: Tensor | None, value: float) -> Tensor:
    """Return the states with ``value`` where padding is; where there is none, no copy of them."""
    return states if mask is None else states.masked_fill(~mask[..., None], value)


def _num_tokens(states: Tensor, mask: Tensor | None) -> Int[Tensor, " batch"]:
    batch, length, _ = states.shape
    return torch.full((batch,), length, device=states.device) if mask is None else mask.sum(1)


def _wide(states: Tensor) -> torch.dtype:
    """Return the number format of what is pooled: a sum of many states needs more digits than bfloat16."""
    return torch.promote_types(states.dtype, torch.float32)


_POOLINGS: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {
    "mean": _mean,
    "max": _max,
    "last": _last,
    "first": _first,
    "centre": _centre,
}
