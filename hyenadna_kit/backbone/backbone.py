"""The HyenaDNA backbone: token ids in, hidden states out.

    input_ids -> embedding -> [norm -> mixer -> + , norm -> MLP -> +] x num_layers -> norm -> hidden states

There is no position embedding: order comes from the causal convolutions. Some layers may have another
mixer. The modules carry the names of the published checkpoints.
"""

import math
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from hyenadna_kit.backbone.block import MLP, Block
from hyenadna_kit.backbone.inference import normed, tiles
from hyenadna_kit.backbone.memory import PassSize, plan_inference, suffix_bytes
from hyenadna_kit.backbone.mixers.base import MixerConfig, MixerSize
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.backbone.mixers.stack import MixerStack
from hyenadna_kit.backbone.suffixes import Suffixes, SuffixPlaces
from hyenadna_kit.config import check_least, check_shares
from hyenadna_kit.devices import available_memory

_INITIALIZER_RANGE = 0.02
_TILE_TOKENS = 2048
_MOST_LAYERS = 10_000
_LEAST = {
    **dict.fromkeys(("d_model", "num_layers", "d_inner", "vocab_size", "pad_vocab_size_multiple"), 1),
    **dict.fromkeys(("context_length", "trained_length"), 2),
}


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """Sizes of the backbone; the defaults are those of the smallest published model."""

    d_model: int = 128
    """Width of the hidden states."""
    num_layers: int = 2
    """Number of blocks."""
    d_inner: int | None = None
    """Width inside the MLP; null takes 4 * d_model."""
    context_length: int = 1024
    """Most tokens the model is trained on; it runs on longer input too."""
    trained_length: int | None = None
    """Tokens that the filters were first trained on, in which they measure distance, where context_length
    is longer or shorter; null takes context_length."""
    vocab_size: int = 12
    """Tokens of the vocabulary."""
    pad_vocab_size_multiple: int = 8
    """The embedding has the next multiple of this many rows (12 tokens: 16 rows)."""
    mixer: MixerConfig = field(default_factory=HyenaConfig)
    """What mixes along the sequence."""
    other_mixer: MixerConfig | None = None
    """What mixes in other_layers instead, such as AttentionConfig; null where all layers are alike."""
    other_layers: tuple[int, ...] = ()
    """Layers that have the other mixer; the first is 0."""
    embed_dropout: float = 0.1
    """Dropout of the embedding."""
    resid_dropout: float = 0.0
    """Dropout of what each mixer and MLP adds."""
    layer_norm_epsilon: float = 1e-5
    """Epsilon of the layer norms."""

    def __post_init__(self) -> None:
        check_least(self, _LEAST)
        check_shares(self, "embed_dropout", "resid_dropout")
        if not self.layer_norm_epsilon > 0:
            raise ValueError(f"layer_norm_epsilon must be above 0, got {self.layer_norm_epsilon}")
        if self.num_layers > _MOST_LAYERS:
            raise ValueError(f"num_layers must be at most {_MOST_LAYERS:,}, got {self.num_layers:,}")
        for mixer in self.mixers:
            mixer.check_width(self.d_model)

    @property
    def mixers(self) -> MixerStack:
        """The mixer of each layer."""
        return MixerStack.of(self.mixer, self.num_layers, other=self.other_mixer, others=self.other_layers)

    @property
    def mixer_size(self) -> MixerSize:
        """What a mixer takes from its backbone."""
        return MixerSize(d_model=self.d_model, context_length=self.filter_unit)

    @property
    def padded_vocab_size(self) -> int:
        """Rows of the embedding and columns of the logits."""
        return math.ceil(self.vocab_size / self.pad_vocab_size_multiple) * self.pad_vocab_size_multiple

    @property
    def filter_unit(self) -> int:
        """Tokens in which the filters measure distance."""
        return self.context_length if self.trained_length is None else self.trained_length

    def pass_size(self, batch: int, length: int, *, rows_per_sequence: int = 1) -> PassSize:
        """Return what decides how much memory a pass over ``batch x length`` tokens takes.

        Args:
            batch: Sequences.
            length: Tokens of each.
            rows_per_sequence: Rows of the batch that each takes.
        """
        rows = batch * rows_per_sequence
        return PassSize(
            batch=batch,
            length=length,
            rows_per_sequence=rows_per_sequence,
            d_model=self.d_model,
            d_inner=self.d_inner or 4 * self.d_model,
            vocab_size=self.padded_vocab_size,
            mixers=tuple(mixer.memory(self.mixer_size, batch=rows, length=length) for mixer in self.mixers),
        )

    def build(self) -> "Backbone":
        """Return a backbone with freshly drawn weights."""
        return Backbone(self)


class Embeddings(nn.Module):
    """One learned vector a token."""

    def __init__(self, num_embeddings: int, d_model: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(num_embeddings, d_model)

    def forward(self, input_ids: Integer[Tensor, "batch length"]) -> Float[Tensor, "batch length d_model"]:
        """Look the tokens up; any integer dtype."""
        embedded: Tensor = self.word_embeddings(input_ids.int())
        return embedded


class Backbone(nn.Module):
    """Embedding, blocks and final norm."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config.padded_vocab_size, config.d_model)
        self.drop_embedding = nn.Dropout(config.embed_dropout)
        self.layers = nn.ModuleList(self._block(mixer) for mixer in config.mixers)
        self.ln_f = self._norm()
        self.max_memory: int | None = None
        """Bytes that a pass without gradients may take beside the weights; None: what is free."""
        if not self.ln_f.weight.is_meta:  # on which there is nothing to draw
            self.apply(self._initialize)

    def forward(
        self,
        input_ids: Integer[Tensor, "batch length"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
        *,
        read_from: int = 0,
    ) -> Float[Tensor, "batch length_read d_model"]:
        """Return the hidden states after the final norm.

        Args:
            input_ids: Token ids, any integer dtype.
            attention_mask: False where a position is padding; None where there is none.
            read_from: First position whose states are returned; those before it are its context, and
                without gradients on a CPU the last block spares itself most of its work there.

        Raises:
            ValueError: There is no token, or no position ``read_from``.
        """
        _check_read_from(read_from, input_ids.shape[1])
        if not input_ids.numel():
            raise ValueError(f"input_ids hold no token: their shape is {tuple(input_ids.shape)}")
        in_place = input_ids.device.type == "cpu" and self.config.mixers.runs_in_place
        if in_place and not (self.training or torch.is_grad_enabled()):
            return self._infer(input_ids, attention_mask, read_from=read_from)
        embedded = self.drop_embedding(self.embeddings(input_ids))
        # The sum of many small steps needs more digits than bfloat16 has.
        residual = embedded.to(torch.promote_types(embedded.dtype, torch.float32))
        for block in self.layers:
            residual = block(residual, attention_mask)
        output: Tensor = self.ln_f(residual[:, read_from:].to(self.ln_f.weight.dtype))
        return output

    def forward_with_suffixes(
        self,
        input_ids: Integer[Tensor, "batch length"],
        suffix_ids: Integer[Tensor, "suffixes suffix_length"],
        places: SuffixPlaces,
        *,
        read_from: int = 0,
    ) -> tuple[Float[Tensor, "batch length_read d_model"], Float[Tensor, "suffixes suffix_length d_model"]]:
        """Return the hidden states of sequences and of changed ends of them, in eval mode.

        A suffix gets the states that it would have behind all that lies before it in its sequence.
        No gradients are kept.

        Args:
            input_ids: Token ids of the sequences.
            suffix_ids: Token ids of the suffixes.
            places: Where they branch off, at least ``suffix_context`` positions into a sequence.
            read_from: First position of the sequences whose states are returned, see :meth:`forward`.

        Raises:
            ValueError: A mixer cannot share prefixes, a suffix begins too early or ends too late, or
                there is no position ``read_from``.
        """
        _check_read_from(read_from, input_ids.shape[1])
        self._check_places(places, input_ids.shape[1])
        with torch.no_grad():
            suffixes = Suffixes(places, self.residual(suffix_ids))
            whole = self._infer(input_ids, None, suffixes, read_from=read_from)
            return whole, self.final_norm_(suffixes.states)

    def _check_places(self, places: SuffixPlaces, length: int) -> None:
        mixers = self.config.mixers
        if mixers.without_suffixes:
            name = type(mixers.without_suffixes).__name__
            raise ValueError(f"{name} cannot compute the ends of sequences by themselves")
        least, most = mixers.suffix_context, length - places.length
        if len(places) and not (least <= places.starts.min() and places.starts.max() <= most):
            raise ValueError(
                f"suffixes of {places.length} positions must begin at {least} to {most}, "
                f"got {int(places.starts.min())} to {int(places.starts.max())}"
            )

    def _infer(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        suffixes: Suffixes | None = None,
        *,
        read_from: int,
    ) -> Tensor:
        """Return the same without gradients: the residual stream is changed in place."""
        batch, length = input_ids.shape
        room = self.room(input_ids.device)
        if suffixes is not None and room is not None:
            num_tokens = suffixes.states.shape[0] * suffixes.places.length
            room = max(0, room - suffix_bytes(num_tokens, self.config.d_model))
        plans = plan_inference(self.config.pass_size(batch, length), room)
        plans[-1] = replace(plans[-1], read_from=read_from)
        residual = self.residual(input_ids)
        for block, plan in zip(self.blocks, plans, strict=True):
            block.advance_(residual, attention_mask, plan, suffixes)
        return self.final_norm_(residual[:, read_from:])

    def residual(self, input_ids: Integer[Tensor, "batch length"]) -> Float[Tensor, "batch length d_model"]:
        """Return the residual stream as it begins."""
        embedded: Tensor = self.embeddings(input_ids)
        # The sum of many small steps needs more digits than bfloat16 has.
        return embedded.to(torch.promote_types(embedded.dtype, torch.float32))

    def final_norm_(
        self, residual: Float[Tensor, "batch length d_model"]
    ) -> Float[Tensor, "batch length d_model"]:
        """Return the states behind the last block, normed; the residual stream is changed in place."""
        batch, length, _ = residual.shape
        for tile in tiles(batch, length, _TILE_TOKENS):
            residual[tile.rows, tile.positions] = normed(self.ln_f, residual[tile.rows, tile.positions])
        return residual.to(self.ln_f.weight.dtype)

    def room(self, device: torch.device) -> int | None:
        """Return how many bytes a pass may take."""
        free = available_memory(device)
        if free is not None:  # what is kept from the pass before is there to be used again
            free += sum(block.mixer.kept_bytes for block in self.blocks)
        return min((limit for limit in (self.max_memory, free) if limit is not None), default=None)

    def recompute_activations(self, *, enabled: bool) -> None:
        """Let the backward pass compute activations again instead of keeping them, or not."""
        for block in self.blocks:
            block.recompute = enabled

    @property
    def blocks(self) -> list[Block]:
        """The blocks, in order."""
        return [block for block in self.layers if isinstance(block, Block)]

    @property
    def embedding_weight(self) -> Float[Tensor, "vocab d_model"]:
        """The embedding with what an adapter adds, for heads that are tied to it."""
        embedding: nn.Module = self.embeddings.word_embeddings
        if isinstance(embedding, nn.Embedding):
            return embedding.weight
        every_token = torch.arange(self.config.padded_vocab_size, device=self.ln_f.weight.device)
        adapted: Tensor = embedding(every_token)
        return adapted

    def _block(self, mixer: MixerConfig) -> Block:
        config = self.config
        mlp = MLP(config.d_model, config.d_inner or 4 * config.d_model)
        norms = (self._norm(), self._norm())
        return Block(mixer.build(config.mixer_size), mlp, norms, config.resid_dropout)

    def _norm(self) -> nn.LayerNorm:
        return nn.LayerNorm(self.config.d_model, eps=self.config.layer_norm_epsilon)

    def _initialize(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=_INITIALIZER_RANGE)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, Block):
            # Every block adds twice to the residual stream; its variance must not grow with the depth.
            std = _INITIALIZER_RANGE / math.sqrt(2 * self.config.num_layers)
            nn.init.normal_(module.mlp.fc2.weight, std=std)
            nn.init.normal_(module.mixer.out_proj.weight, std=std)


def _check_read_from(read_from: int, length: int) -> None:
    if not 0 <= read_from < max(1, length):
        raise ValueError(f"read_from must be one of the {length} positions, got {read_from}")
