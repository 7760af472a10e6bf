"""Attention token by token: keys and values of all positions so far are kept."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from hyenadna_kit.backbone.inference import InferencePlan, Tile, normed, tiles
from hyenadna_kit.backbone.mixer_stream import MixerStream, StreamSize

if TYPE_CHECKING:
    from hyenadna_kit.backbone.mixers.attention import AttentionMixer


class AttentionStream(MixerStream):
    """What attention keeps; its memory grows with the tokens."""

    def __init__(self, mixer: "AttentionMixer", size: StreamSize) -> None:
        if size.num_tokens is None:
            raise ValueError(
                "attention keeps all tokens that it has seen, and needs to know how many there are"
            )
        self._mixer = mixer
        weight = mixer.in_proj.weight
        d_model, heads = weight.shape[1], mixer.config.num_heads
        self._turns = mixer.turns(size.num_tokens, weight)
        self._kept = weight.new_zeros(2, size.batch, heads, size.num_tokens, d_model // heads)
        self._position = 0

    def read_prompt(
        self, residual: Float[Tensor, "batch length d_model"], norm: nn.LayerNorm, plan: InferencePlan
    ) -> Iterator[Tile]:
        """Mix a prompt in place; see the base class."""
        residual += self.step(normed(norm, residual))
        batch, length, _ = residual.shape
        yield from tiles(batch, length, plan.tile_tokens)

    def step(self, states: Float[Tensor, "batch step d_model"]) -> Float[Tensor, "batch step d_model"]:
        """Mix the next tokens."""
        begin, end = self._position, self._position + states.shape[1]
        query, key, value = self._mixer.heads(states, self._turns[begin:end])
        self._kept[0, :, :, begin:end], self._kept[1, :, :, begin:end] = key, value
        self._position = end
        keys, values = self._kept[..., :end, :]
        mixed = scaled_dot_product_attention(query, keys, values, attn_mask=_seen(begin, end, states))
        output: Tensor = self._mixer.out_proj(mixed.transpose(1, 2).flatten(2))
        return output


def _seen(begin: int, end: int, like: Tensor) -> Tensor | None:
    """Return which position sees which; None where there is one, which sees all."""
    if end - begin == 1:
        return None
    positions = torch.arange(end, device=like.device)
    return positions <= positions[begin:, None]
