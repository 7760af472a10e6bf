"""Windows to tokens, as a dataset that PyTorch's loaders read in any process."""

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from hyenadna_kit.batch import IGNORED_LABEL, Batch, next_token_batch
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE
from hyenadna_kit.windows.layout import TiledWindow


@runtime_checkable
class Windows(Protocol):
    """Windows by number: a list, or a :class:`~hyenadna_kit.windows.stream.CounterStream`."""

    def __getitem__(self, item: int, /) -> Interval:
        """Return window ``item``."""


class WindowDataset(Dataset[NDArray[np.uint8]]):
    """The tokens of each window; uint8 until the model's embedding looks them up."""

    def __init__(self, genome: Genome, windows: Windows) -> None:
        self.genome = genome
        self.windows = windows

    def __getitem__(self, item: int) -> NDArray[np.uint8]:
        """Return the tokens of window ``item``, on its strand."""
        return self.genome.tokens(self.windows[item])


class TiledBatches(Dataset[Batch]):
    """Batches of tiled windows, in which bases that only give context have no label."""

    def __init__(self, genome: Genome, windows: Sequence[TiledWindow], *, batch_size: int) -> None:
        self.genome = genome
        self.windows = windows
        self.batch_size = batch_size

    def __len__(self) -> int:
        """Return the number of batches."""
        return math.ceil(len(self.windows) / self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        """Return batch ``index``; the last one may be smaller."""
        windows = self.windows[index * self.batch_size : (index + 1) * self.batch_size]
        batch = collate_next_token([self.genome.tokens(tile.window) for tile in windows])
        for labels, tile in zip(batch.labels, windows, strict=True):
            first, last = tile.label_span
            labels[:first] = IGNORED_LABEL
            labels[last:] = IGNORED_LABEL
        return batch


def collate_next_token(windows: list[NDArray[np.uint8]]) -> Batch:
    """Return the batch in which every base is predicted from those before it; N is not."""
    return next_token_batch(windows, FIRST_BASE, LAST_BASE)
