"""What a model with a labelled head says of examples, in their order.

In: a model and examples. Out: logits or predictions, one row a label (of an example, a position or a bin), as
float32 on the CPU.
"""

from itertools import chain

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from hyenadna_kit.batch import LabelledBatch, PaddedRows
from hyenadna_kit.heads.nucleotide import NucleotideHead
from hyenadna_kit.heads.objectives import LabelledHead
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.strands import Strands
from hyenadna_kit.training.finetune_data import in_order
from hyenadna_kit.windows.examples import Examples, batches_in_order


def predict_batch(model: HyenaDNA, batch: LabelledBatch, *, both_strands: bool) -> Float[Tensor, "..."]:
    """Return the logits of a batch: of its sequences, its variants, or every position or bin.

    Args:
        model: With a labelled head.
        batch: Sequences, padded on the right.
        both_strands: Whether logits are means of what either strand gives.
    """
    if not both_strands:
        return model(batch.input_ids, batch.attention_mask).logits
    strands = Strands(batch.input_ids, batch.attention_mask)
    # One after the other: of variants, a batch holds all REF rows and then all ALT rows.
    first, second = (model(ids, batch.attention_mask).logits for ids in strands.ids.chunk(2))
    if model.head.pools:
        return (first + second) / 2
    bins = _bins(batch, model)
    return Strands(bins.input_ids, bins.attention_mask).mean(first, second)


def rows_of_batch(
    logits: Float[Tensor, "..."], batch: LabelledBatch, model: HyenaDNA
) -> Float[Tensor, "rows outputs"]:
    """Return the logits that labels belong to, one row each; those of padding belong to none."""
    if model.head.pools:
        return logits
    mask = _bins(batch, model).attention_mask
    return logits.flatten(0, 1) if mask is None else logits[mask]


def predict_examples(
    model: HyenaDNA, examples: Examples, *, batch_size: int, both_strands: bool
) -> NDArray[np.float32]:
    """Return the predictions for the labels of every example, row by row as ``examples.labels``.

    They are the head's: probabilities, or values in the units of the labels.
    """
    head = model.head
    assert isinstance(head, LabelledHead)
    device = next(model.parameters()).device
    found: list[Tensor] = []
    with torch.inference_mode():
        for read in in_order(examples, batch_size):
            batch = _on(read, device)
            logits = predict_batch(model, batch, both_strands=both_strands)
            found.append(head.predictions(rows_of_batch(logits, batch, model)).float().cpu())
    return in_table_order(torch.cat(found), examples, batch_size)


def in_table_order(
    rows: Float[Tensor, "rows outputs"], examples: Examples, batch_size: int
) -> NDArray[np.float32]:
    """Return rows that came batch by batch, as of ``in_order``, as ``examples.labels`` has them."""
    order = [draw.example for draw in chain(*batches_in_order(examples.pieces.lengths, batch_size))]
    sorted_rows = np.empty(tuple(rows.shape), dtype=np.float32)
    sorted_rows[examples.rows_of(order)] = rows.numpy()
    return sorted_rows


def _bins(batch: LabelledBatch, model: HyenaDNA) -> PaddedRows:
    """Return the first token of every bin, of which every sequence fills a whole number."""
    step = model.head.bin_size if isinstance(model.head, NucleotideHead) else 1
    mask = None if batch.attention_mask is None else batch.attention_mask[:, ::step]
    return PaddedRows(batch.input_ids[:, ::step], mask)


def _on(batch: LabelledBatch, device: torch.device) -> LabelledBatch:
    mask = None if batch.attention_mask is None else batch.attention_mask.to(device)
    return LabelledBatch(batch.input_ids.to(device), mask, batch.labels.to(device))
