"""Windows to tokens, as a dataset that PyTorch's loaders read in any process."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from hyenadna_kit.batch import IGNORED_LABEL, Batch, next_token_batch
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE
from hyenadna_kit.windows.layout import TiledWindow

LossWeights = Callable[[Interval], NDArray[np.float32]]
"""``weigh(window)``: how much each base counts in the loss, in the order in which it is read."""


@runtime_checkable
class TokenSource(Protocol):
    """What windows are read from: a genome, or :class:`~hyenadna_kit.windows.reads.ReadContigs`."""

    def tokens(self, interval: Interval) -> NDArray[np.uint8]:
        """Return one token a base on the strand of ``interval``, N beyond the ends of its contig."""


@runtime_checkable
class Windows(Protocol):
    """Windows by number: a list, or a :class:`~hyenadna_kit.windows.stream.CounterStream`."""

    def __getitem__(self, item: int, /) -> Interval:
        """Return window ``item``."""


class WindowTokens(NamedTuple):
    """One window as it is read."""

    tokens: NDArray[np.uint8]
    """One token a base; uint8 until the model's embedding looks them up."""
    weights: NDArray[np.float32] | None = None
    """How much each base counts in the loss; None is 1 everywhere."""


class WindowDataset(Dataset[WindowTokens]):
    """The tokens of each window, on its strand, and how much its bases count."""

    def __init__(self, source: TokenSource, windows: Windows, weigh: LossWeights | None = None) -> None:
        """Take the data.

        Args:
            source: A genome, or what reads like one.
            windows: Where the windows lie on it.
            weigh: Weight of every base of a window in the loss; None is 1.
        """
        self.source = source
        self.windows = windows
        self.weigh = weigh

    def __getitem__(self, item: int) -> WindowTokens:
        """Return the tokens of window ``item``, on its strand."""
        window = self.windows[item]
        return WindowTokens(self.source.tokens(window), None if self.weigh is None else self.weigh(window))


class TiledBatches(Dataset[Batch]):
    """Batches of tiled windows, in which bases that only give context have no label."""

    def __init__(self, source: TokenSource, windows: Sequence[TiledWindow], *, batch_size: int) -> None:
        self.source = source
        self.windows = windows
        self.batch_size = batch_size

    def __len__(self) -> int:
        """Return the number of batches."""
        return math.ceil(len(self.windows) / self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        """Return batch ``index``; the last one may be smaller."""
        windows = self.windows[index * self.batch_size : (index + 1) * self.batch_size]
        batch = collate_next_token([WindowTokens(self.source.tokens(tile.window)) for tile in windows])
        for labels, tile in zip(batch.labels, windows, strict=True):
            first, last = tile.label_span
            labels[:first] = IGNORED_LABEL
            labels[last:] = IGNORED_LABEL
        return batch


def collate_next_token(windows: Sequence[WindowTokens]) -> Batch:
    """Return the batch in which every base is predicted from those before it; N is not."""
    weights = [window.weights for window in windows if window.weights is not None]
    tokens = [window.tokens for window in windows]
    return next_token_batch(tokens, FIRST_BASE, LAST_BASE, weights=weights or None)
