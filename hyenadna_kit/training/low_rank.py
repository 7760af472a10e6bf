"""Low-rank adaptation: pretrained weights stay as they are, and the product of two thin matrices is added.

Hu et al. 2021, arXiv:2106.09685. The mixers read the weights of their linear layers and do not call the
layers, so what is added is part of the weight itself.
"""

import math
from operator import attrgetter

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from hyenadna_kit.model import HyenaDNA

ADAPTED = ("in_proj", "out_proj", "fc1", "fc2")
"""The linear layers of a block that are adapted: those of its mixer and of its feed-forward part."""


class LowRank(nn.Module):
    """What is added to one weight: nothing before the first step."""

    def __init__(self, weight: Float[Tensor, "out in"], *, rank: int, scale: float) -> None:
        """Draw the matrix that reads, as PyTorch draws a linear layer's; the one that writes is 0.

        Args:
            weight: What is added to.
            rank: Rows of the matrix that reads.
            scale: Factor of the product.
        """
        super().__init__()
        rows, columns = weight.shape
        self.reads = nn.Parameter(weight.new_empty(rank, columns))
        self.writes = nn.Parameter(weight.new_zeros(rows, rank))
        self.scale = scale
        nn.init.kaiming_uniform_(self.reads, a=math.sqrt(5))

    def forward(self, weight: Float[Tensor, "out in"]) -> Float[Tensor, "out in"]:
        """Return the adapted weight."""
        return torch.addmm(weight, self.writes, self.reads, alpha=self.scale)


def adapt(model: HyenaDNA, *, rank: int, scale: float) -> None:
    """Freeze the backbone, and add a trained product to the weights of its linear layers.

    Args:
        model: What is trained from now on; its head stays as it is.
        rank: Of the products; 4 to 16 is common.
        scale: Factor of the products, the ``alpha / rank`` of the paper.
    """
    model.backbone.requires_grad_(requires_grad=False)
    for block in model.backbone.layers:
        for name, layer in block.named_modules():
            if isinstance(layer, nn.Linear) and name.rpartition(".")[-1] in ADAPTED:
                added = LowRank(layer.weight, rank=rank, scale=scale)
                parametrize.register_parametrization(layer, "weight", added)


def merged(model: HyenaDNA) -> HyenaDNA:
    """Return a model of plain weights that computes the same as an adapted one."""
    plain = model.config.build()
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            parameter.copy_(attrgetter(name)(model))
    return plain.train(model.training)
