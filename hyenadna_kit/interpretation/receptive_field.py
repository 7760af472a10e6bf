"""How far upstream a model looks: how much its answer moves with a base, against how far away the base is.

In: a language model and sequences. Out: for each distance the size of the derivative of the logits of A, C, G
and T at a position by the embedding of the base so far upstream: the root of the mean square over sequences.

Source: effective receptive fields, Luo et al. 2016, arXiv:1701.04128.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.language_model import LanguageModelHead
from hyenadna_kit.interpretation.attribution import check_single_strand, read_embedded
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE

SHARES = (0.5, 0.9, 0.99)
"""Of the sum of squares over all distances, for :meth:`ReceptiveField.reach`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ReceptiveField:
    """How much an answer moves with the bases before it."""

    sizes: Float[np.ndarray, " length"]
    """Of the derivative, by distance; 0 is the base that the model has just read."""
    num_sequences: int
    """Over which it is a mean."""

    def reach(self, share: float) -> int:
        """Return within how many bases a share of the sum of squares lies."""
        squares = np.cumsum(np.square(self.sizes))
        return int(np.searchsorted(squares, share * squares[-1])) + 1


def receptive_field(
    model: HyenaDNA,
    sequences: UInt8[np.ndarray, "sequences length"],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> ReceptiveField:
    """Return how far a model looks back from the last base of sequences of one length.

    Args:
        model: A causal language model in eval mode; it runs where its parameters are.
        sequences: Token ids.
        on_progress: Is told how many sequences are done.

    Raises:
        InputError: The model predicts no next token.
        ValueError: It is being trained.
    """
    if not isinstance(model.head, LanguageModelHead):
        raise InputError(
            f"a receptive field is of a language model, this one has {type(model.head).__name__}"
        )
    check_single_strand(model)
    weight = model.backbone.embedding_weight.detach()
    squares = np.zeros(sequences.shape[1])
    for number, sequence in enumerate(sequences, start=1):
        ids = torch.from_numpy(sequence).to(weight.device).long()[None]
        with torch.enable_grad():
            embedded = weight[ids].requires_grad_()
            with read_embedded(model, embedded):
                logits = model(ids).logits[0, -1, FIRST_BASE : LAST_BASE + 1]
            for logit in logits:
                (gradient,) = torch.autograd.grad(logit, embedded, retain_graph=True)
                squares += gradient[0].double().square().sum(1).flip(0).cpu().numpy()
        if on_progress is not None:
            on_progress(number)
    return ReceptiveField(sizes=np.sqrt(squares / len(sequences)), num_sequences=len(sequences))
