"""Changed ends of sequences, computed beside the sequences that they branch off from.

A causal model gives the same states to the left of a change. So of a sequence that differs from
another one from some position on, only the positions from there on are computed, layer by layer
beside the other sequence, which gives what lies to the left.

In: token ids of some sequences, and for each suffix where it branches off and its own ids. Out: the
hidden states of both, as if every suffix had been computed with all that lies before it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor


@dataclass(frozen=True)
class SuffixPlaces:
    """Where suffixes of one length branch off."""

    rows: Int[Tensor, " suffixes"]
    """Which sequence of the batch each belongs to."""
    starts: Int[Tensor, " suffixes"]
    """Its first position there, from 0."""
    length: int
    """Positions of each."""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, some: slice) -> "SuffixPlaces":
        return SuffixPlaces(self.rows[some], self.starts[some], self.length)

    def shifted(self, offset: int) -> "SuffixPlaces":
        """Return places that lie ``offset`` positions further right."""
        return SuffixPlaces(self.rows, self.starts + offset, self.length)

    def gather(
        self, signal: Shaped[Tensor, "batch channels length"]
    ) -> Shaped[Tensor, "suffixes channels suffix_length"]:
        """Return what the sequences themselves have at the places."""
        windows = signal.unfold(2, self.length, 1)
        return windows[self.rows, :, self.starts]

    def before(
        self, states: Float[Tensor, "batch length d_model"], count: int
    ) -> Float[Tensor, "suffixes count d_model"]:
        """Return the ``count`` states before each place; the places lie that far into the sequences."""
        positions = self.starts[:, None] + torch.arange(-count, 0, device=states.device)
        return states[self.rows[:, None], positions]


@dataclass
class Suffixes:
    """Suffixes on their way through the blocks."""

    places: SuffixPlaces
    """Where they belong."""
    states: Float[Tensor, "suffixes suffix_length d_model"]
    """Their residual stream, changed in place."""


class SuffixMixing(ABC):
    """The pass of one mixer over suffixes, called back during its pass over the whole sequences."""

    @abstractmethod
    def see_input(self, signal: Float[Tensor, "batch channels length"]) -> None:
        """Look at the input of a convolution before it is overwritten."""

    @abstractmethod
    def see_output(self, signal: Float[Tensor, "batch channels length"], index: int) -> None:
        """Look at the output of convolution ``index`` and convolve the suffixes."""

    @abstractmethod
    def add_output_(self) -> None:
        """Add the mixed states to the suffixes' own."""
