"""A backbone whose sequence is spread over several processes (context parallelism).

Each process holds a contiguous shard of the sequence, and everything that looks at one position runs
on it as it is. In a Hyena mixer

    projected signal   the last positions of the shard before are put in front, for the short convolution
    v . x_{N-1}        is exchanged: shards of the sequence become shares of the channels
    long convolution   runs over the whole sequence, with the filters of the process's own channels
    its output         is exchanged back, and gated where it belongs

The parameters are whole in every process. Their gradients are those of its shard and of its channels: the
gradient of a loss that is summed over the processes is the sum over them.
"""

import copy
from collections.abc import Iterable, Iterator
from typing import Self

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, distributed, nn
from torch.utils.checkpoint import checkpoint

from hyenadna_kit.backbone.backbone import Backbone, BackboneConfig
from hyenadna_kit.backbone.inference import InferencePlan, Tile
from hyenadna_kit.backbone.mixers.base import Mixer
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig, HyenaMixer
from hyenadna_kit.backbone.suffixes import SuffixMixing
from hyenadna_kit.errors import InputError
from hyenadna_kit.main_memory import give_back_freed_memory
from hyenadna_kit.ops.gated_short_conv import gated_short_conv
from hyenadna_kit.ops.long_conv import long_conv
from hyenadna_kit.ops.shards import Shards, channels_of_sequence, sequence_of_channels, tail_before


def check_context_parallel(config: BackboneConfig, count: int, lengths: Iterable[int]) -> None:
    """Do nothing where sequences of these lengths can be spread over ``count`` processes.

    Raises:
        InputError: A layer is no Hyena operator, or ``d_model`` or a length cannot be divided.
    """
    for layer, mixer in enumerate(config.mixers if count > 1 else ()):
        if not isinstance(mixer, HyenaConfig):
            raise InputError(
                f"a sequence is spread over processes in Hyena layers alone, and layer {layer} is "
                f"{type(mixer).__name__}; leave context_parallel out"
            )
        if config.d_model % count:
            raise InputError(
                f"context_parallel must divide d_model={config.d_model}: each process convolves as many "
                f"channels, got {count}"
            )
        for length in lengths:
            if length % count or length // count < max(1, mixer.short_filter_order - 1):
                raise InputError(
                    f"context_parallel must divide every window length into {mixer.short_filter_order - 1} "
                    f"tokens or more, got {count} for windows of {length:,}"
                )


def spread_context(backbone: Backbone, shards: Shards) -> None:
    """Let a backbone take shards of sequences from now on, once they are known to fit.

    See :func:`check_context_parallel`.
    Its parameters, and their names, stay what they are. Shards are spread to save memory: on a CPU this
    process gives back from now on what it frees.
    """
    if backbone.embedding_weight.device.type == "cpu":
        give_back_freed_memory()
    for block in backbone.blocks:
        assert isinstance(block.mixer, HyenaMixer)
        block.mixer = ContextParallelHyena.of(block.mixer, shards)


def shard(whole: Float[Tensor, "batch length *rest"], shards: Shards) -> Tensor:
    """Return the part of a sequence that this process holds."""
    return whole.chunk(shards.count, dim=1)[shards.rank]


def sum_gradients(module: nn.Module, shards: Shards) -> None:
    """Add up the gradients of all processes, in place; where DDP does not."""
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat, group=shards.group)
    for gradient, total in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(total.view_as(gradient))


class ContextParallelHyena(HyenaMixer):
    """The Hyena operator on one shard of a sequence whose other shards are in other processes."""

    shards: Shards

    @classmethod
    def of(cls, mixer: HyenaMixer, shards: Shards) -> Self:
        """Return the same operator, with the very parameters of ``mixer``."""
        spread = copy.copy(mixer)
        spread.__class__ = cls
        assert isinstance(spread, cls)
        spread.shards = shards
        return spread

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length d_model"]:
        """Return the mixed states of the shard."""
        mask = None if attention_mask is None else attention_mask[:, None, :]
        *gates, value = self._streams(hidden_states, mask)
        whole_length = hidden_states.shape[1] * self.shards.count
        filters = self._filters(whole_length)
        skips = self.filter_fn.bias[self._rows(1)].split(self._num_own)
        for index, gate in enumerate(reversed(gates)):
            own = channels_of_sequence(self.dropout(value if mask is None else value * mask), self.shards)
            reverse = filters[self.config.order - 1 + index] if self.config.bidirectional else None
            own = long_conv(
                own, filters[index], skips[index], reverse_filters=reverse, backend=self.config.backend
            )
            convolved = sequence_of_channels(own, self.shards)
            if index < self.config.order - 2:
                value = gate * convolved
        # The product is kept for no one: to make it again costs less than to keep it.
        output: Tensor = checkpoint(
            self._output, gate, convolved, use_reentrant=False, preserve_rng_state=False
        )
        return output

    def advance(
        self,
        residual: Float[Tensor, "batch length d_model"],
        norm: nn.LayerNorm,
        attention_mask: Bool[Tensor, "batch length"] | None,
        plan: InferencePlan,
        suffixes: SuffixMixing | None = None,
    ) -> Iterator[Tile]:
        """Add the mixed states in place, as a mixer does that has no way of its own to do so."""
        return Mixer.advance(self, residual, norm, attention_mask, plan, suffixes)

    def _streams(self, hidden_states: Tensor, mask: Tensor | None) -> list[Tensor]:
        """Return x_0 .. x_{N-2} and v . x_{N-1} of the shard."""
        projected = self._project(hidden_states)
        if mask is not None:
            projected = projected * mask
        num_before = self.config.short_filter_order - 1
        streams = gated_short_conv(
            torch.cat([tail_before(projected, num_before, self.shards), projected], dim=2),
            self.short_filter.weight[:, 0],
            self.short_filter.bias,
            channels=self.d_model,
            backend=self.config.backend,
        )[..., num_before:]
        # Copies, so that no gate keeps the memory of the value, which goes to other processes.
        return [*(gate.contiguous() for gate in streams[:-1]), streams[-1]]

    def _filters(self, length: int) -> tuple[Tensor, ...]:
        """Return the filters of the channels of this process, of one order and direction each."""
        directions = 2 if self.config.bidirectional else 1
        rows = self.filter_fn(length, rows=self._rows(directions), backend=self.config.backend)
        return rows.split(self._num_own)

    @property
    def _num_own(self) -> int:
        return self.d_model // self.shards.count

    def _rows(self, directions: int) -> Integer[Tensor, " rows"]:
        """Return the rows of the channels of this process among those of all, order by order."""
        num_rows = self.d_model * (self.config.order - 1) * directions
        rows = torch.arange(num_rows, device=self.filter_fn.bias.device).view(
            -1, self.shards.count, self._num_own
        )
        return rows[:, self.shards.rank].flatten()

    def _output(self, gate: Tensor, convolved: Tensor) -> Tensor:
        output: Tensor = self.out_proj((gate * convolved).transpose(1, 2))
        return output
