"""What processes that share a sequence send each other, element by element."""

import numpy as np
import pytest
import torch
from torch import distributed

from hyenadna_kit.ops.shards import Shards, channels_of_sequence, sequence_of_channels, tail_before
from tests.gloo import in_processes

pytestmark = pytest.mark.dist


def exchanges(dtype):
    """Return what the exchanges make of numbered elements, and their gradients."""
    shards = Shards(distributed.group.WORLD)
    whole = torch.arange(2 * 6 * 12, dtype=dtype).view(2, 6, 12).requires_grad_()
    own = whole.chunk(3, dim=2)[shards.rank]
    channels, tail = channels_of_sequence(own, shards), tail_before(own, 2, shards)
    back = sequence_of_channels(channels, shards)
    # Each process weighs what it got by its own number: the gradient says who got what.
    ((channels.sum() + 10 * tail.sum()) * (shards.rank + 1)).backward()
    return [each.detach().double().numpy() for each in (channels, tail, back, whole.grad)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_exchanges_send_every_element_where_it_belongs_and_gradients_back(dtype):
    whole = torch.arange(2 * 6 * 12, dtype=dtype).view(2, 6, 12).double().numpy()
    for rank, (channels, tail, back, gradient) in enumerate(in_processes(exchanges, 3, dtype)):
        first, last = 4 * rank, 4 * rank + 4
        assert (channels == whole[:, 2 * rank : 2 * rank + 2]).all()
        assert (tail == (whole[..., first - 2 : first] if rank else 0)).all()
        assert (back == whole[..., first:last]).all()
        expected = np.zeros_like(whole)
        expected[..., first:last] = np.repeat([1, 2, 3], 2)[None, :, None]  # channels 2 r to 2 r + 1 are r's
        if rank < 2:
            expected[..., last - 2 : last] += 10 * (rank + 2)
        assert (gradient == expected).all()
