"""One sequence over several processes: a contiguous part each, or all of it for some of the channels.

    shards of the sequence   batch channels length/n      what a projection or a short convolution needs
    shares of the channels   batch channels/n length      what a long convolution needs

All operators here are differentiable, and every process of a group must call them in the same order.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, distributed
from torch.autograd.function import once_differentiable
from torch.distributed import ProcessGroup


@dataclass(frozen=True)
class Shards:
    """The processes that hold one sequence; the first holds its beginning."""

    group: ProcessGroup
    """They alone."""

    @property
    def count(self) -> int:
        """How many they are."""
        return self.group.size()

    @property
    def rank(self) -> int:
        """Number of this process among them, from 0."""
        return self.group.rank()


def tail_before(
    signal: Float[Tensor, "batch channels length"], num_positions: int, shards: Shards
) -> Float[Tensor, "batch channels num_positions"]:
    """Return the last positions of the shard before this one; zeros before the first.

    Args:
        signal: The shard of this process.
        num_positions: How many, at most its length.
        shards: Who holds the others.
    """
    if not num_positions:
        return signal[..., :0]
    tail: Tensor = _TailBefore.apply(signal[..., signal.shape[2] - num_positions :], shards)
    return tail


def channels_of_sequence(
    signal: Float[Tensor, "batch channels length"], shards: Shards
) -> Float[Tensor, "batch own_channels whole_length"]:
    """Return the whole sequence of the channels of this process, from shards of the sequence.

    Args:
        signal: The shard of this process; all have the same shape.
        shards: Who holds the others; as many as the channels can be divided by.
    """
    pieces = signal.unflatten(1, (shards.count, -1)).transpose(0, 1)
    received: Tensor = _Exchange.apply(pieces, shards)
    return received.permute(1, 2, 0, 3).flatten(2)


def sequence_of_channels(
    signal: Float[Tensor, "batch own_channels whole_length"], shards: Shards
) -> Float[Tensor, "batch channels length"]:
    """Return the shard of the sequence of this process, undoing ``channels_of_sequence``."""
    pieces = signal.unflatten(2, (shards.count, -1)).permute(2, 0, 1, 3)
    received: Tensor = _Exchange.apply(pieces, shards)
    return received.transpose(0, 1).flatten(1, 2)


class _Exchange(torch.autograd.Function):
    """Sends piece j to process j; the gradient of a piece goes the way back."""

    @staticmethod
    def forward(ctx: Any, pieces: Tensor, shards: Shards) -> Tensor:
        """Return the piece of every process that was for this one, by process."""
        ctx.shards = shards
        return _exchange(pieces, shards)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the pieces."""
        return _exchange(gradient, ctx.shards), None


class _TailBefore(torch.autograd.Function):
    """Takes the tail of the process before; its gradient goes back to that one."""

    @staticmethod
    def forward(ctx: Any, tail: Tensor, shards: Shards) -> Tensor:
        """Return the tail of the process before."""
        ctx.shards = shards
        return _neighbour(tail, shards.rank - 1, shards)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of what the process behind has taken."""
        return _neighbour(gradient, ctx.shards.rank + 1, ctx.shards), None


def _exchange(pieces: Tensor, shards: Shards) -> Tensor:
    sent = pieces.contiguous()
    received = torch.empty_like(sent)
    # As bytes: not every backend knows every number format.
    distributed.all_to_all_single(received.view(torch.uint8), sent.view(torch.uint8), group=shards.group)
    return received


def _neighbour(own: Tensor, rank: int, shards: Shards) -> Tensor:
    """Return what process ``rank`` holds, or zeros; a few numbers, which all send to all."""
    sent = own.contiguous()
    parts = [torch.empty_like(sent) for _ in range(shards.count)]
    distributed.all_gather(
        [part.view(torch.uint8) for part in parts], sent.view(torch.uint8), group=shards.group
    )
    return parts[rank] if 0 <= rank < shards.count else torch.zeros_like(sent)
