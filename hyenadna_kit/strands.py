"""Both strands of a sequence through the same weights, so that either gives the same answer.

In: token ids. Out: those of both strands, and the mean over the strands of what a model has at each
position. For a sequence and its reverse complement the means are the same, in reverse order.

Source: parameter sharing over the strands as in Schiff et al. 2024, Caduceus, arXiv:2403.03234, section 4.2,
here with the strands read apart up to the last layer.
"""

import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

from hyenadna_kit.tokenizers.nucleotide import VOCABULARY, complement_token


class Strands:
    """The two strands of the sequences of a batch."""

    def __init__(
        self,
        input_ids: Integer[Tensor, "batch length"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> None:
        """Lay out the second strands; padding stays where it is, the tokens between it change places.

        Args:
            input_ids: Token ids. Special tokens stay what they are and change places as bases do.
            attention_mask: False where a position is padding; None where there is none.
        """
        self._mirror = _mirror(input_ids, attention_mask)
        second = _complements(input_ids.device)[input_ids.long()].gather(1, self._mirror)
        self.ids = torch.cat([input_ids, second.to(input_ids.dtype)])
        """Token ids of the first strands, then of the second ones."""
        self.mask = None if attention_mask is None else attention_mask.repeat(2, 1)
        """Their attention mask."""

    def mean(
        self,
        first: Float[Tensor, "batch length channels"],
        second: Float[Tensor, "batch length channels"],
    ) -> Float[Tensor, "batch length channels"]:
        """Return the mean of what the two strands have, at each position of the first."""
        return (first + second.gather(1, self._mirror[..., None].expand_as(second))) / 2


def complement_logits(logits: Float[Tensor, "*shape vocab"]) -> Float[Tensor, "*shape vocab"]:
    """Return logits of the complements: that of T where that of A stood."""
    columns = torch.arange(logits.shape[-1], device=logits.device)
    columns[: len(VOCABULARY)] = _complements(logits.device)
    return logits[..., columns]


def _complements(device: torch.device) -> Int[Tensor, " tokens"]:
    """Return for every token id the one on the other strand."""
    return torch.tensor([complement_token(token) for token in range(len(VOCABULARY))], device=device)


def _mirror(
    input_ids: Integer[Tensor, "batch length"], attention_mask: Bool[Tensor, "batch length"] | None
) -> Int[Tensor, "batch length"]:
    """Return for every position the one that it changes places with; padding with itself."""
    places = torch.arange(input_ids.shape[1], device=input_ids.device).expand(input_ids.shape)
    if attention_mask is None:
        return places.flip(1)
    # The k-th token from the left goes where the k-th from the right is, wherever padding lies.
    rank = attention_mask.cumsum(1) - 1
    count = attention_mask.sum(1, keepdim=True)
    slots = torch.where(attention_mask, rank, count + (~attention_mask).cumsum(1) - 1)
    place_of = torch.empty_like(places).scatter_(1, slots, places)
    return torch.where(attention_mask, place_of.gather(1, (count - 1 - rank).clamp(min=0)), places)
