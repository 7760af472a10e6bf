"""How the next base is drawn from what a model says of it.

Every sequence has random numbers of its own, one a base, decided by the seed and the number of the sequence:
what is drawn depends neither on the batch nor on how many sequences there are.

Source: top-p (nucleus) sampling is that of Holtzman et al. 2020, arXiv:1904.09751.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from hyenadna_kit.generation.sampling_options import SamplingOptions
from hyenadna_kit.tokenizers.nucleotide import VOCABULARY


class Sampler:
    """Draws the bases of some sequences, one position after the other."""

    def __init__(self, options: SamplingOptions, sequences: range) -> None:
        """Take the numbers of the sequences, which decide what is random about each."""
        self.options = options
        self._tokens = [VOCABULARY.index(letter) for letter in sorted(set(options.alphabet))]
        self._generators = [np.random.default_rng((options.seed, number)) for number in sequences]

    def draw(self, logits: Float[Tensor, "sequences vocab"]) -> Int[Tensor, " sequences"]:
        """Return the token id of the next base of every sequence."""
        allowed = logits[:, self._tokens].double().cpu().numpy()
        chances = np.array([generator.random() for generator in self._generators])
        if self.options.temperature == 0:
            drawn = allowed.argmax(1)
        else:
            sums = self.probabilities(allowed).cumsum(1)
            drawn = (sums <= chances[:, None] * sums[:, -1:]).sum(1)
        return torch.tensor(self._tokens, device=logits.device)[torch.from_numpy(drawn)]

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is drawn with: a row a sequence, a column a base of the alphabet."""
        scaled = (logits - logits.max(1, keepdims=True)) / self.options.temperature
        found = np.exp(scaled) / np.exp(scaled).sum(1, keepdims=True)
        order = np.argsort(-found, axis=1, kind="stable")
        ranked = np.take_along_axis(found, order, axis=1)
        kept = np.ones_like(ranked, dtype=bool)
        if self.options.top_k is not None:
            kept[:, self.options.top_k :] = False
        if self.options.top_p is not None:
            kept &= ranked.cumsum(1) - ranked < self.options.top_p
        np.put_along_axis(found, order, np.where(kept, ranked, 0), axis=1)
        return found / found.sum(1, keepdims=True)
