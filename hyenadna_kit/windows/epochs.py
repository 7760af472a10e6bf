"""Labelled examples in another order every epoch, in an order that any process can take up anywhere.

The batch of a step is a pure function of (seed, step), and so is the strand on which each of its examples is
read: a run that is stopped and resumed, or that has other workers, sees the very same batches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_BATCHES_SORTED_TOGETHER = 32


class Draw(NamedTuple):
    """One example in one epoch."""

    example: int
    """Which one."""
    epoch: int
    """When."""


@dataclass(frozen=True, kw_only=True)
class EpochSampler:
    """Every example once an epoch, batch by batch, from a step on and without end.

    Where lengths differ, examples of about one length come together, so that little is padded: the shuffled
    examples of 32 batches at a time are sorted, and the batches of the epoch are shuffled again.
    """

    lengths: Sequence[int]
    """Bases of each example."""
    batch_size: int
    """Examples of a batch; the last one of an epoch has what is left."""
    seed: int
    """Of all orders."""
    first_step: int = 0
    """Steps that were taken before."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[Draw]]:
        """Yield the examples of one step after the other."""
        first_epoch, skipped = divmod(self.first_step, self.steps_per_epoch)
        for epoch in count(first_epoch):
            for batch in self._batches(epoch)[skipped:]:
                yield [Draw(int(example), epoch) for example in batch]
            skipped = 0

    def _batches(self, epoch: int) -> list[NDArray[np.int64]]:
        generator = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, epoch, 1, 0]))
        order = generator.permutation(len(self.lengths))
        lengths = np.asarray(self.lengths)
        if lengths.min() == lengths.max():
            return _cut(order, self.batch_size)
        pools = _cut(order, self.batch_size * _BATCHES_SORTED_TOGETHER)
        ordered = [pool[np.argsort(lengths[pool], kind="stable")] for pool in pools]
        batches = [batch for pool in ordered for batch in _cut(pool, self.batch_size)]
        return [batches[place] for place in generator.permutation(len(batches))]


def _cut(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [order[start : start + size] for start in range(0, len(order), size)]
