"""The waist between the two halves: what the sequence half hands to the tensor half."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Real, UInt8
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


class LabelledBatch(NamedTuple):
    """Sequences with what is to be predicted of them, ready for a model."""

    input_ids: UInt8[Tensor, "rows length"]
    """Token ids, padded on the right. One row an example, or all REF rows and then all ALT rows."""
    attention_mask: Bool[Tensor, "rows length"] | None
    """False where a position is padding; None where all rows have one length."""
    labels: Real[Tensor, "batch ..."]
    """What a head's loss takes."""


def labelled_batch(
    examples: Sequence[Sequence[NDArray[np.uint8]]],
    labels: Sequence[NDArray[np.generic] | np.generic],
    *,
    padding: int,
) -> LabelledBatch:
    """Collate examples of any lengths.

    Args:
        examples: The sequences of each example: one, or REF and ALT.
        labels: Those of each example: of one shape, or of as many positions as the example has. Where it has
            fewer than another, what is missing is no label: NaN, or ``IGNORED_LABEL`` of whole numbers.
        padding: Token id of padding.
    """
    rows = [
        torch.from_numpy(np.array(sequence))
        for alleles in zip(*examples, strict=True)
        for sequence in alleles
    ]
    return LabelledBatch(*padded(rows, padding=padding), _stacked(labels))


class PaddedRows(NamedTuple):
    """Sequences of any lengths, ready for a model."""

    input_ids: UInt8[Tensor, "rows length"]
    """Token ids, padded on the right."""
    attention_mask: Bool[Tensor, "rows length"] | None
    """False where a position is padding; None where all rows have one length."""


def padded(rows: Sequence[UInt8[Tensor, " length"]], *, padding: int) -> PaddedRows:
    """Return sequences as one tensor, the shorter ones padded on the right.

    Args:
        rows: Token ids of each.
        padding: Token id of padding.
    """
    input_ids = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=padding)
    lengths = torch.tensor([len(row) for row in rows])
    mask = torch.arange(input_ids.shape[1]) < lengths[:, None]
    return PaddedRows(input_ids, None if mask.all() else mask)


def _stacked(labels: Sequence[NDArray[np.generic] | np.generic]) -> Real[Tensor, "batch ..."]:
    rows = [torch.from_numpy(np.array(each)) for each in labels]
    if len({row.shape for row in rows}) == 1:
        return torch.stack(rows)
    missing = math.nan if rows[0].is_floating_point() else IGNORED_LABEL
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=missing)
