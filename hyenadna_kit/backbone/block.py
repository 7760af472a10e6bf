"""One block: a mixer along the sequence and an MLP at every position, each before a residual sum."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hyenadna_kit.backbone.inference import InferencePlan, normed, tiles
from hyenadna_kit.backbone.linear import Linear, weight_and_bias
from hyenadna_kit.backbone.mixer_stream import MixerStream
from hyenadna_kit.backbone.mixers.base import Mixer
from hyenadna_kit.backbone.suffixes import Suffixes
from hyenadna_kit.ops.linear_gelu import linear_gelu
from hyenadna_kit.ops.mlp import mlp
from hyenadna_kit.ops.precision import product_dtype


class MLP(nn.Module):
    """Two layers with a GELU (its tanh approximation, as in the published models)."""

    def __init__(self, d_model: int, d_inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(d_model, d_inner)
        self.fc2 = nn.Linear(d_inner, d_model)

    def forward(self, hidden_states: Float[Tensor, "*shape d_model"]) -> Float[Tensor, "*shape d_model"]:
        """Transform every position by itself."""
        return mlp(hidden_states, weight_and_bias(self.fc1), weight_and_bias(self.fc2))


class Block(nn.Module):
    """``residual += mixer(norm(residual))``, then ``residual += mlp(norm(residual))``.

    With ``recompute`` the backward pass computes activations again instead of keeping them: a third
    more time at most for a fraction of the memory, and the same gradients.
    """

    def __init__(
        self, mixer: Mixer, mlp: MLP, norms: tuple[nn.LayerNorm, nn.LayerNorm], dropout: float
    ) -> None:
        super().__init__()
        self.mixer = mixer
        self.norm1, self.norm2 = norms
        self.mlp = mlp
        self.dropout = nn.Dropout(dropout)
        self.recompute = False

    def forward(
        self,
        residual: Float[Tensor, "batch length d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length d_model"]:
        """Return the residual stream after the block, in its own dtype (float32 at least)."""
        residual = residual + self._kept(self._mix, residual, attention_mask)
        if residual.device.type == "cpu":  # the MLP there keeps its input alone
            return residual + self._transform(residual)
        return residual + self._kept(self._transform, residual)

    def _kept(self, function: Callable[..., Tensor], *inputs: Tensor | None) -> Tensor:
        """Apply a function; where activations are recomputed, keep its inputs alone."""
        if not (self.recompute and torch.is_grad_enabled()):
            return function(*inputs)
        output: Tensor = checkpoint(function, *inputs, use_reentrant=False)
        return output

    def _mix(self, residual: Tensor, attention_mask: Tensor | None) -> Tensor:
        mixed: Tensor = self.dropout(self.mixer(_norm(self.norm1, residual), attention_mask))
        return mixed

    def _transform(self, residual: Tensor) -> Tensor:
        transformed: Tensor = self.dropout(self.mlp(_norm(self.norm2, residual)))
        return transformed

    def advance_(
        self,
        residual: Float[Tensor, "batch length d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None,
        plan: InferencePlan,
        suffixes: Suffixes | None = None,
    ) -> None:
        """Take the residual stream through the block in place, without gradients or dropout.

        With ``suffixes`` their states go through it, too, and see the residual stream before them.
        """
        transform_ = self._transformation()
        mixing = None
        if suffixes is not None:
            mixing = self.mixer.mix_suffixes(suffixes, residual, self.norm1, plan)
        for tile in self.mixer.advance(residual, self.norm1, attention_mask, plan, mixing):
            transform_(residual[tile.rows, tile.positions])
        if suffixes is not None and mixing is not None:
            mixing.add_output_()
            num_suffixes, length, _ = suffixes.states.shape
            for tile in tiles(num_suffixes, length, plan.tile_tokens):
                transform_(suffixes.states[tile.rows, tile.positions])

    def read_prompt_(
        self, residual: Float[Tensor, "batch length d_model"], stream: MixerStream, plan: InferencePlan
    ) -> None:
        """Take the beginning of sequences through the block in place, as the stream looks on."""
        transform_ = self._transformation()
        for tile in stream.read_prompt(residual, self.norm1, plan):
            transform_(residual[tile.rows, tile.positions])

    def step_(self, residual: Float[Tensor, "batch step d_model"], stream: MixerStream) -> None:
        """Take the next tokens of sequences through the block in place."""
        fc1, fc2 = self.mlp.fc1, self.mlp.fc2
        residual += stream.step(normed(self.norm1, residual).to(fc1.weight.dtype))
        inner = normed(self.norm2, residual).to(fc1.weight.dtype)
        # Of so few tokens the one-pass layer would spend its time on arranging the weights.
        residual += fc2(linear_gelu(inner, *weight_and_bias(fc1), backend="eager"))

    def _transformation(self) -> Callable[[Tensor], None]:
        """Return what adds to states, in place, what the MLP makes of them."""
        dtype = product_dtype(self.mlp.fc1.weight)
        fc1, fc2 = Linear.of(self.mlp.fc1, dtype), Linear.of(self.mlp.fc2, dtype)

        def transform_(states: Tensor) -> None:
            """Add what the MLP makes of some states."""
            inner = normed(self.norm2, states).to(dtype)
            fc2.add_to_(states, linear_gelu(inner, *fc1))

        return transform_


def _norm(norm: nn.LayerNorm, residual: Tensor) -> Tensor:
    output: Tensor = norm(residual.to(norm.weight.dtype))
    return output
