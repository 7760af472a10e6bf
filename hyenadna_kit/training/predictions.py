"""What a model with a labelled head says of examples, in their order.

In: a model and examples. Out: logits or predictions, one row an example, as float32 on the CPU.
"""

from itertools import chain

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from hyenadna_kit.batch import LabelledBatch
from hyenadna_kit.heads.objectives import LabelledHead
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.strands import Strands
from hyenadna_kit.training.finetune_data import in_order
from hyenadna_kit.windows.examples import Examples, batches_in_order


def predict_batch(
    model: HyenaDNA, batch: LabelledBatch, *, both_strands: bool
) -> Float[Tensor, "batch outputs"]:
    """Return the logits of a batch of sequences.

    Args:
        model: With a labelled head that reads whole sequences.
        batch: Sequences.
        both_strands: Whether logits are means of what either strand gives.
    """
    if not both_strands:
        return model(batch.input_ids, batch.attention_mask).logits
    strands = Strands(batch.input_ids, batch.attention_mask)
    first, second = model(strands.ids, strands.mask).logits.chunk(2)
    return (first + second) / 2


def predict_examples(
    model: HyenaDNA, examples: Examples, *, batch_size: int, both_strands: bool
) -> NDArray[np.float32]:
    """Return the predictions of every example, in the order of the examples.

    They are the head's: probabilities, or values in the units of the labels.
    """
    head = model.head
    assert isinstance(head, LabelledHead)
    device = next(model.parameters()).device
    found: list[Tensor] = []
    with torch.inference_mode():
        for batch in in_order(examples, batch_size):
            logits = predict_batch(model, _on(batch, device), both_strands=both_strands)
            found.append(head.predictions(logits).float().cpu())
    return in_table_order(torch.cat(found), examples, batch_size)


def in_table_order(
    rows: Float[Tensor, "examples outputs"], examples: Examples, batch_size: int
) -> NDArray[np.float32]:
    """Return rows that came batch by batch, as of ``in_order``, as the table has them."""
    order = [draw.example for draw in chain(*batches_in_order(examples.pieces.lengths, batch_size))]
    sorted_rows = np.empty(tuple(rows.shape), dtype=np.float32)
    sorted_rows[order] = rows.numpy()
    return sorted_rows


def _on(batch: LabelledBatch, device: torch.device) -> LabelledBatch:
    mask = None if batch.attention_mask is None else batch.attention_mask.to(device)
    return LabelledBatch(batch.input_ids.to(device), mask, batch.labels.to(device))
