"""Windows in which some bases are hidden, to be predicted from those on both sides.

In: windows by number. Out: batches in which hidden bases are labels. Which bases of window k are hidden is
a pure function of (seed, k), so that a run that is stopped and resumed sees the same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from hyenadna_kit.batch import IGNORED_LABEL, Batch
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE, MASK
from hyenadna_kit.windows.dataset import LossWeights, TokenSource, Windows
from hyenadna_kit.windows.layout import TiledWindow

_TRAINING, _VALIDATION = 1, 2
"""What draws have in common; 0 draws the places of windows."""


class MaskedTokens(NamedTuple):
    """One window as it is read, and what is hidden in it."""

    inputs: NDArray[np.uint8]
    """One token a base."""
    labels: NDArray[np.int16]
    """The base where one is hidden, else ``IGNORED_LABEL``."""
    weights: NDArray[np.float32] | None = None
    """How much each base counts in the loss; None is 1 everywhere."""


@dataclass(frozen=True, kw_only=True)
class Masking:
    """Which bases are hidden, and what is read in their place."""

    hidden_fraction: float
    """Share of the bases A, C, G and T that are to be predicted; each is drawn by itself."""
    masked_fraction: float
    """Share of those that are read as [MASK]."""
    random_fraction: float
    """Share of those that are read as a base drawn at random, maybe the same; the others stay."""
    seed: int
    """Of all draws."""

    def draw(self, tokens: NDArray[np.uint8], number: int, *, purpose: int = _TRAINING) -> MaskedTokens:
        """Hide some bases of window ``number``."""
        generator = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, number, purpose, 0]))
        is_base = (tokens >= FIRST_BASE) & (tokens <= LAST_BASE)
        is_hidden = is_base & (generator.random(tokens.shape) < self.hidden_fraction)
        kind = generator.random(tokens.shape)
        others = generator.integers(FIRST_BASE, LAST_BASE + 1, tokens.shape, dtype=np.uint8)
        is_random = is_hidden & (kind >= self.masked_fraction)
        is_random &= kind < self.masked_fraction + self.random_fraction
        inputs = np.where(is_hidden & (kind < self.masked_fraction), np.uint8(MASK), tokens)
        labels = np.where(is_hidden, tokens.astype(np.int16), np.int16(IGNORED_LABEL))
        return MaskedTokens(np.where(is_random, others, inputs), labels)


class MaskedDataset(Dataset[MaskedTokens]):
    """The tokens of each window, on its strand, with some hidden."""

    def __init__(
        self, source: TokenSource, windows: Windows, masking: Masking, weigh: LossWeights | None = None
    ) -> None:
        """Take the data.

        Args:
            source: A genome, or what reads like one.
            windows: Where the windows lie on it; the last base of each is left out, which other
                objectives predict.
            masking: What is hidden.
            weigh: Weight of every base of a window in the loss; None is 1.
        """
        self.source = source
        self.windows = windows
        self.masking = masking
        self.weigh = weigh

    def __getitem__(self, item: int) -> MaskedTokens:
        """Return the tokens of window ``item``."""
        window = self.windows[item]
        drawn = self.masking.draw(self.source.tokens(window)[:-1], item)
        return drawn if self.weigh is None else drawn._replace(weights=self.weigh(window)[:-1])


class MaskedTiles(Dataset[Batch]):
    """Batches of tiled windows for validation; the same bases are hidden every time."""

    def __init__(
        self, source: TokenSource, windows: Sequence[TiledWindow], masking: Masking, *, batch_size: int
    ) -> None:
        self.source = source
        self.windows = windows
        # Whatever the seed of a run: runs that are compared guess the same bases.
        self.masking = replace(masking, seed=0)
        self.batch_size = batch_size

    def __len__(self) -> int:
        """Return the number of batches."""
        return math.ceil(len(self.windows) / self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        """Return batch ``index``; the last one may be smaller."""
        first = index * self.batch_size
        windows = self.windows[first : first + self.batch_size]
        return collate_masked([self._hide(tile) for tile in windows])

    def _hide(self, tile: TiledWindow) -> MaskedTokens:
        """Hide bases among those that belong to this window and to no other."""
        tokens = self.source.tokens(tile.window)
        # By its place, so that it does not matter which process has which windows; a window may begin at -1.
        drawn = self.masking.draw(tokens, tile.window.start + 1, purpose=_VALIDATION)
        begin, end = tile.scored.start - tile.window.start, tile.scored.end - tile.window.start
        counted = np.zeros(len(tokens), dtype=np.bool_)
        counted[begin:end] = True
        inputs = np.where(counted, drawn.inputs, tokens)
        return MaskedTokens(inputs, np.where(counted, drawn.labels, np.int16(IGNORED_LABEL)))


def collate_masked(windows: Sequence[MaskedTokens]) -> Batch:
    """Return the batch of some windows."""
    weights = [window.weights for window in windows if window.weights is not None]
    return Batch(
        torch.from_numpy(np.stack([window.inputs for window in windows])),
        torch.from_numpy(np.stack([window.labels for window in windows])),
        torch.from_numpy(np.stack(weights)) if weights else None,
    )
