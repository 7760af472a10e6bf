"""The waist between the two halves: what the sequence half hands to the tensor half."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor

IGNORED_LABEL = -100
"""Label of a position that takes no part in the loss."""


class Batch(NamedTuple):
    """Windows of equal length, ready for a model."""

    input_ids: UInt8[Tensor, "batch length"]
    """Token ids; they stay one byte each until the embedding looks them up."""
    labels: Int[Tensor, "batch length"]
    """Token id that each position should predict, or ``IGNORED_LABEL``."""
    weights: Float[Tensor, "batch length"] | None = None
    """How much each label counts in the loss, at least 0; None is 1 everywhere."""


def next_token_batch(
    windows: Sequence[NDArray[np.uint8]],
    first_base: int,
    last_base: int,
    *,
    weights: Sequence[NDArray[np.float32]] | None = None,
) -> Batch:
    """Collate windows of ``length + 1`` tokens into inputs and the tokens that follow them.

    Args:
        windows: Token ids, all of one length.
        first_base: Lowest token id that counts as a base.
        last_base: Highest. Labels outside (N, padding, special tokens) are ignored.
        weights: How much each token of each window counts as a label; None is 1 everywhere.
    """
    tokens = torch.from_numpy(np.stack(windows))
    following = tokens[:, 1:].to(torch.int16)
    counted = (following >= first_base) & (following <= last_base)
    labels = following.where(counted, IGNORED_LABEL)
    return Batch(
        tokens[:, :-1], labels, None if weights is None else torch.from_numpy(np.stack(weights))[:, 1:]
    )
