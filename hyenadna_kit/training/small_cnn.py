"""A small convolutional network on bases: what a fine-tuned model must beat to be worth its size.

In: token ids. Out: logits as of a head. Three convolutions of 16, 8 and 4 channels and width 8, each with
batch norm, ReLU and max pooling by 2, then a dense layer of 512 and the outputs.

Source: the network of Grešová et al. 2023, Genomic benchmarks, doi:10.1186/s12863-023-01123-8; here it reads
the four bases as they are, in place of a trained embedding, and sequences of any length up to a longest one.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn
from torch.nn.functional import pad

from hyenadna_kit.heads.objectives import LabelledHead, LabelledHeadConfig
from hyenadna_kit.strands import Strands
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE

MAX_LENGTH = 65_536
"""Longest sequences, in bases, that it is meant for."""

_CHANNELS = (16, 8, 4)
_WIDTH = 8
_POOLED = 2
_DENSE = 512
_LEAST_LENGTH = 64
_MOST_PLACES = 1024
"""Most places that the dense layer reads; of more, the highest of several neighbours counts."""


class SmallCNN(nn.Module):
    """Logits of sequences, or of variants from REF and ALT."""

    def __init__(self, head: LabelledHeadConfig, *, length: int, alleles: int = 1) -> None:
        """Draw the weights.

        Args:
            head: Objective and labels; its dropout is left out.
            length: Bases of the longest sequence; what lies beyond them is not read.
            alleles: Sequences of an example: 1, or 2 of a variant, whose dense layers are subtracted.
        """
        super().__init__()
        self.length = max(length, _LEAST_LENGTH)
        self.alleles = alleles
        layers: list[nn.Module] = []
        places = self.length
        for before, after in zip((LAST_BASE - FIRST_BASE + 1, *_CHANNELS), _CHANNELS, strict=False):
            layers += [
                nn.Conv1d(before, after, _WIDTH, padding=_WIDTH // 2),
                nn.BatchNorm1d(after),
                nn.ReLU(),
                nn.MaxPool1d(_POOLED),
            ]
            places = (places + 1) // _POOLED
        if places > _MOST_PLACES:
            layers.append(nn.AdaptiveMaxPool1d(_MOST_PLACES))
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        self.dense = nn.Sequential(nn.Linear(_CHANNELS[-1] * min(places, _MOST_PLACES), _DENSE), nn.ReLU())
        self.head = LabelledHead(replace(head, dropout=0.0), _DENSE)

    def forward(self, input_ids: Integer[Tensor, "rows length"]) -> Float[Tensor, "examples outputs"]:
        """Return the logits of every example; the rows with REF stand before those with ALT."""
        states = self.dense(self.convolutions(self._bases(input_ids)))
        if self.alleles > 1:
            reference, alternative = states.chunk(2)
            states = alternative - reference
        return self.head.read(states)

    def both_strands(
        self, input_ids: Integer[Tensor, "rows length"], mask: Bool[Tensor, "rows length"] | None
    ) -> Float[Tensor, "examples outputs"]:
        """Return the means of the logits of either strand.

        Args:
            input_ids: As of ``forward``.
            mask: False where a position is padding; None where there is none.
        """
        first, second = Strands(input_ids, mask).ids.chunk(2)
        return (self(first) + self(second)) / 2

    def _bases(self, input_ids: Integer[Tensor, "rows length"]) -> Float[Tensor, "rows bases read"]:
        """Return a row of 0 and 1 for each of A, C, G and T; nothing where there is another token."""
        bases = torch.arange(FIRST_BASE, LAST_BASE + 1, device=input_ids.device)
        rows = (input_ids[:, None, : self.length] == bases[:, None]).float()
        return pad(rows, (0, self.length - rows.shape[-1]))
