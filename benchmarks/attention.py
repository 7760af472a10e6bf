"""A Transformer of equal width on ``scaled_dot_product_attention``: what Hyena is compared with.

Causal, pre-norm, with the MLP and the tied head of HyenaDNA, and heads of 64 channels. It has no
position embedding, which costs it nothing.
"""

from plain import VOCAB_SIZE, PlainMLP
from torch import Tensor, nn

from hyenadna_kit.model import HyenaDNAOutput

HEAD_WIDTH = 64


class Attention(nn.Module):
    """Causal attention of several heads, with the projections into and out of it."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.num_heads = max(1, d_model // HEAD_WIDTH)
        self.in_proj = nn.Linear(d_model, 3 * d_model)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Return the mixed states; ``batch length d_model`` in and out."""
        heads = self.in_proj(hidden_states).unflatten(2, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        output: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return output


class TransformerBlock(nn.Module):
    """Two residual sums: the attention's and the MLP's."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.mixer = Attention(d_model)
        self.mlp = PlainMLP(d_model)

    def forward(self, residual: Tensor) -> Tensor:
        """Return the residual stream after the block."""
        residual = residual + self.mixer(self.norm1(residual))
        output: Tensor = residual + self.mlp(self.norm2(residual))
        return output


class Transformer(nn.Module):
    """Token ids to logits."""

    def __init__(self, num_layers: int, d_model: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB_SIZE, d_model)
        self.blocks = nn.Sequential(*(TransformerBlock(d_model) for _ in range(num_layers)))
        self.norm = nn.LayerNorm(d_model)

    def forward(self, input_ids: Tensor) -> HyenaDNAOutput:
        """Return logits and the hidden states after the final norm."""
        hidden_states = self.norm(self.blocks(self.embedding(input_ids)))
        return HyenaDNAOutput(nn.functional.linear(hidden_states, self.embedding.weight), hidden_states)


def attention_flops(num_layers: int, d_model: int, length: int) -> float:
    """Return the multiplications and additions of causal attention in one training step.

    Two products of ``length x length x d_model``, of which the mask needs half; the backward
    with its recomputation is two and a half times the forward.
    """
    return 3.5 * num_layers * 2.0 * length**2 * d_model
