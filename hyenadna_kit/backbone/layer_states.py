"""What the layers of a backbone have made of a sequence, before the last one is done.

In: token ids. Out: the residual stream after some blocks, without gradients and without dropout, in as little
memory as a whole pass.
"""

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from hyenadna_kit.backbone.backbone import Backbone
from hyenadna_kit.backbone.memory import plan_inference


@torch.no_grad()
def states_after(
    backbone: Backbone,
    num_blocks: int,
    input_ids: Integer[Tensor, "batch length"],
    attention_mask: Bool[Tensor, "batch length"] | None = None,
) -> Float[Tensor, "batch length d_model"]:
    """Return the residual stream after the first blocks, in float32 at least.

    Args:
        backbone: In eval mode.
        num_blocks: How many; after none the stream is the embeddings.
        input_ids: Token ids, any integer dtype.
        attention_mask: False where a position is padding; None where there is none.

    Raises:
        ValueError: There are fewer blocks, or the backbone is being trained.
    """
    if not 0 <= num_blocks <= len(backbone.blocks):
        raise ValueError(f"num_blocks must be 0 to {len(backbone.blocks)}, got {num_blocks}")
    if backbone.training:
        raise ValueError("the backbone is in training mode, with dropout; call eval() first")
    embedded = backbone.embeddings(input_ids)
    residual: Tensor = embedded.to(torch.promote_types(embedded.dtype, torch.float32))
    blocks = backbone.blocks[:num_blocks]
    if not (residual.device.type == "cpu" and backbone.config.mixers.runs_in_place):
        for block in blocks:
            residual = block(residual, attention_mask)
        return residual
    plans = plan_inference(backbone.config.pass_size(*input_ids.shape), backbone.room(residual.device))
    for block, plan in zip(blocks, plans, strict=False):
        block.advance_(residual, attention_mask, plan)
    return residual
