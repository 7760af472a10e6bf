"""What the layers of a backbone make of a sequence, one after the other.

In: token ids. Out: the residual stream after some blocks, and the states behind the final norm, without
gradients and without dropout, in as little memory as a whole pass.
"""

from collections.abc import Collection, Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from hyenadna_kit.backbone.backbone import Backbone
from hyenadna_kit.backbone.block import Block
from hyenadna_kit.backbone.inference import InferencePlan
from hyenadna_kit.backbone.memory import plan_inference


def states_of_layers(
    backbone: Backbone,
    layers: Collection[int],
    input_ids: Integer[Tensor, "batch length"],
    attention_mask: Bool[Tensor, "batch length"] | None = None,
) -> Iterator[tuple[int, Float[Tensor, "batch length d_model"]]]:
    """Yield some layers, in ascending order, and the states of each, in float32 at least.

    The states are changed in place when the next ones are asked for.

    Args:
        backbone: In eval mode.
        layers: 0: the embeddings; k: the residual stream after block k; one more than there are blocks: the
            states behind the final norm. Blocks after the last of them are not computed.
        input_ids: Token ids, any integer dtype.
        attention_mask: False where a position is padding; None where there is none.

    Raises:
        ValueError: There is no such layer, or the backbone is being trained.
    """
    final = len(backbone.blocks) + 1
    for layer in layers:
        if not 0 <= layer <= final:
            raise ValueError(f"layers must be 0 to {final}, got {layer}")
    if backbone.training:
        raise ValueError("the backbone is in training mode, with dropout; call eval() first")
    return _states_of_layers(backbone, layers, input_ids, attention_mask)


def _states_of_layers(
    backbone: Backbone, layers: Collection[int], input_ids: Tensor, attention_mask: Tensor | None
) -> Iterator[tuple[int, Tensor]]:
    plans = _plans(backbone, input_ids)
    with torch.no_grad():
        states = backbone.residual(input_ids)
    for layer in range(max(layers, default=-1) + 1):
        with torch.no_grad():
            if layer > len(backbone.blocks):
                states = backbone.final_norm_(states)
            elif layer > 0:
                states = _advanced(backbone.blocks[layer - 1], states, attention_mask, plans[layer - 1])
        if layer in layers:
            yield layer, states


def _plans(backbone: Backbone, input_ids: Tensor) -> Sequence[InferencePlan | None]:
    """Return in what pieces each block is computed; None where it is not computed in place."""
    if input_ids.device.type != "cpu" or not backbone.config.mixers.runs_in_place:
        return [None] * len(backbone.blocks)
    return plan_inference(backbone.config.pass_size(*input_ids.shape), backbone.room(input_ids.device))


def _advanced(block: Block, states: Tensor, mask: Tensor | None, plan: InferencePlan | None) -> Tensor:
    if plan is not None:
        block.advance_(states, mask, plan)
        return states
    advanced: Tensor = block(states, mask)
    return advanced
