"""One loss over all processes, whatever part of the labels each of them holds."""

import torch
from jaxtyping import Float, Num
from torch import Tensor, distributed


def mean_over_processes(loss: Float[Tensor, ""], weight: Num[Tensor, ""]) -> Float[Tensor, ""]:
    """Return the mean loss of all labels of all processes.

        mean = sum_p weight_p loss_p / sum_p weight_p

    Its gradient is that of the term of this process alone, times the number of processes: averaged over
    all of them, as DDP does, it is the gradient of the mean.

    Args:
        loss: Mean loss of the labels of this process.
        weight: Their total weight, at least 0; it may differ between processes.
    """
    sums = torch.stack([loss.detach().double() * weight, weight.double()])
    distributed.all_reduce(sums)
    total, of_all = sums
    of_all = of_all.where(of_all > 0, 1)
    part = loss * (weight * distributed.get_world_size() / of_all).to(loss.dtype)
    # The value is the mean to the last digit, the gradient that of the part.
    return (total / of_all).to(loss.dtype) + (part - part.detach())
