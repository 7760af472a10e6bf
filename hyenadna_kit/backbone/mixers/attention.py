"""Multi-head attention with rotary positions: recalls what a fixed filter cannot.

In heads of w = d_model / num_heads channels, with p and r positions,

    q, k, v  =  in_proj(x)
    y_p      =  out_proj(sum_r softmax_r(Re <R_p q_p, R_r k_r> / sqrt(w)) v_r)

where r goes up to p, or over all positions where it is bidirectional. R_p takes channels 2j and 2j + 1
for one complex number and turns it by p rotary_base^(-2j / w) radians: a product depends on the
distance p - r alone, and no position is too far.

A product of every two positions is computed but not held. The kernels of PyTorch take a few at a time:
on a CPU for any width, number format and length, on a GPU where w is a multiple of 8.

Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2; Su et al. 2021, arXiv:2104.09864, section
3.2.2. What is dropped in training are values, not weights: dropping weights would hold them all.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from hyenadna_kit.backbone.inference import InferencePlan
from hyenadna_kit.backbone.mixer_stream import StreamSize
from hyenadna_kit.backbone.mixers.attention_stream import AttentionStream
from hyenadna_kit.backbone.mixers.base import Mixer, MixerConfig, MixerMemory, MixerSize
from hyenadna_kit.config import check_shares
from hyenadna_kit.ops.online_conv import OnlineConvolution


@dataclass(frozen=True, kw_only=True)
class AttentionConfig(MixerConfig):
    """Multi-head attention with rotary positions."""

    num_heads: int = 4
    """Heads; d_model must be a multiple of twice as many."""
    bidirectional: bool = False
    """Look downstream, too; for masked training only, since every output then depends on the whole input."""
    rotary_base: float = 10_000.0
    """The slowest pair of channels turns once in about 2 pi rotary_base tokens."""
    dropout: float = 0.0
    """Dropout of the values that are attended to."""

    def __post_init__(self) -> None:
        if self.num_heads < 1:
            raise ValueError(f"num_heads must be at least 1, got {self.num_heads}")
        if not self.rotary_base >= 1:
            raise ValueError(f"rotary_base must be at least 1, got {self.rotary_base}")
        check_shares(self, "dropout")

    @property
    def causal(self) -> bool:
        """Whether it looks upstream only."""
        return not self.bidirectional

    def check_width(self, d_model: int) -> None:
        """Refuse a width that does not divide into heads of whole pairs of channels."""
        if d_model % (2 * self.num_heads):
            raise ValueError(
                f"d_model must be a multiple of 2 * num_heads = {2 * self.num_heads} "
                f"(rotary positions turn pairs of channels), got {d_model}"
            )

    def memory(self, size: MixerSize, *, batch: int, length: int) -> "AttentionMemory":
        """Return what it takes in a pass."""
        return AttentionMemory(batch=batch, length=length, d_model=size.d_model, num_heads=self.num_heads)

    def build(self, size: MixerSize) -> "AttentionMixer":
        """Return the attention.

        Raises:
            ValueError: ``d_model`` does not suit the number of heads.
        """
        self.check_width(size.d_model)
        return AttentionMixer(self, size)


class AttentionMixer(Mixer):
    """The attention of one block, of any length; causal unless it is bidirectional."""

    def __init__(self, config: AttentionConfig, size: MixerSize) -> None:
        super().__init__()
        self.config = config
        self.in_proj = nn.Linear(size.d_model, 3 * size.d_model)
        self.out_proj = nn.Linear(size.d_model, size.d_model)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length d_model"]:
        """Return the mixed states; no position sees one where ``attention_mask`` is False.

        The others keep their distances, so that padding on either side changes nothing.
        """
        turns = self.turns(hidden_states.shape[1], hidden_states)
        if attention_mask is None:
            return self._mix(hidden_states, turns)
        if self.config.bidirectional:
            # Where nothing is to be seen everything is: weights of no position are no numbers.
            seen = attention_mask | ~attention_mask.any(1, keepdim=True)
            return self._mix(hidden_states, turns, seen)
        # Who looks upstream alone sees no masked position once they lie behind all others: that needs no
        # mask of length x length.
        order = attention_mask.logical_not().byte().argsort(dim=1, stable=True)
        rows = torch.arange(len(order), device=order.device)[:, None]
        mixed = self._mix(hidden_states[rows, order], turns[order])
        return mixed[rows, order.argsort(dim=1)]

    def _mix(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        turns: Complex[Tensor, "*batch length pairs"],
        seen: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length d_model"]:
        query, key, value = self.heads(hidden_states, turns)
        mixed = scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if seen is None else seen[:, None, None],
            is_causal=self.config.causal,
        )
        output: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return output

    def heads(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        turns: Complex[Tensor, "*batch length pairs"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries and keys, turned, and values, each ``batch heads length width``."""
        heads = self.in_proj(hidden_states).unflatten(2, (3, self.config.num_heads, -1))
        query, key = turned(heads[:, :, :2], turns).transpose(1, 3).unbind(2)
        return query, key, self.dropout(heads[:, :, 2]).transpose(1, 2)

    def turns(self, length: int, like: Tensor) -> Complex[Tensor, "length pairs"]:
        """Return what pairs of channels are multiplied by at each position, in the dtype of states."""
        width = self.in_proj.in_features // self.config.num_heads
        turns = rotary_turns(length, width, self.config.rotary_base, like.device)
        return turns.to(torch.promote_types(like.dtype, torch.complex64))

    def stream(
        self, size: StreamSize, convolution: OnlineConvolution | None, first_row: int
    ) -> AttentionStream:
        """Return what it keeps; it has no long convolutions."""
        del convolution, first_row
        return AttentionStream(self, size)


def rotary_turns(
    length: int, width: int, base: float, device: torch.device | None = None
) -> Complex[Tensor, "length pairs"]:
    """Return what the pairs of channels of a head are multiplied by at each position.

        turns[p, j] = exp(i p base^(-2j / width))

    In float64: at position 100,000 float32 knows an angle to two digits.
    """
    speeds = base ** (torch.arange(0, width, 2, dtype=torch.float64, device=device) / -width)
    angles = torch.outer(torch.arange(length, dtype=torch.float64, device=device), speeds)
    return torch.polar(torch.ones_like(angles), angles)


def turned(
    states: Float[Tensor, "batch length parts heads width"], turns: Complex[Tensor, "*batch length pairs"]
) -> Float[Tensor, "batch length parts heads width"]:
    """Return the states with each pair of neighbouring channels turned, in their own dtype."""
    wide = states.to(torch.promote_types(states.dtype, torch.float32))
    pairs = torch.view_as_complex(wide.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turns[..., None, None, :]).flatten(-2).to(states.dtype)


@dataclass(frozen=True, kw_only=True)
class AttentionMemory(MixerMemory):
    """What attention takes in a pass."""

    num_heads: int
    """Heads."""

    def inference_bytes(self, plan: InferencePlan, tile_bytes: int) -> int:  # noqa: ARG002 - runs in one piece
        """Return the bytes of inputs and outputs of every product; tiles come when they are freed."""
        return max(8 * self.stream_bytes + self._turn_bytes, tile_bytes)

    def training_bytes(self, product_bytes: int) -> int:
        """Return the bytes that wait for the backward pass, those of inputs of products."""
        return 7 * self.numbers * product_bytes + self._turn_bytes

    @property
    def backward_bytes(self) -> int:
        """Bytes of the gradients of queries, keys and values; measured."""
        return 3 * self.stream_bytes // 2

    @property
    def _turn_bytes(self) -> int:
        return 4 * self.length * self.d_model // self.num_heads
