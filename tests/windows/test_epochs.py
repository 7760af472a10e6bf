"""Every example once an epoch, in an order that is taken up anywhere."""

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.windows.epochs import EpochSampler

LENGTHS = st.lists(st.integers(1, 50), min_size=1, max_size=80)


@given(lengths=LENGTHS, batch_size=st.integers(1, 9), seed=st.integers(0, 5))
def test_every_example_comes_once_an_epoch(lengths, batch_size, seed):
    sampler = EpochSampler(lengths=lengths, batch_size=batch_size, seed=seed)
    steps = list(islice(sampler, 3 * sampler.steps_per_epoch))
    drawn = Counter((draw.epoch, draw.example) for step in steps for draw in step)
    assert drawn == Counter((epoch, example) for epoch in range(3) for example in range(len(lengths)))
    assert max(map(len, steps)) <= batch_size


@given(lengths=LENGTHS, batch_size=st.integers(1, 9), first=st.integers(0, 30))
def test_order_goes_on_wherever_it_was_left(lengths, batch_size, first):
    options = {"lengths": lengths, "batch_size": batch_size, "seed": 3}
    whole = list(islice(EpochSampler(**options), first + 5))
    assert list(islice(EpochSampler(**options, first_step=first), 5)) == whole[first:]


def test_epochs_and_seeds_have_orders_of_their_own():
    sampler = EpochSampler(lengths=[7] * 40, batch_size=40, seed=0)
    first, second = ([draw.example for draw in step] for step in islice(sampler, 2))
    (other,) = islice(EpochSampler(lengths=[7] * 40, batch_size=40, seed=1), 1)
    assert len({tuple(first), tuple(second), tuple(draw.example for draw in other)}) == 3


@pytest.mark.parametrize("seed", range(3))
def test_examples_of_a_batch_are_about_one_length(seed):
    lengths = [length for length in range(1, 101) for _ in range(8)]
    sampler = EpochSampler(lengths=lengths, batch_size=8, seed=seed)
    batches = list(islice(sampler, sampler.steps_per_epoch))
    spread = [
        max(lengths[d.example] for d in batch) - min(lengths[d.example] for d in batch) for batch in batches
    ]
    assert sum(spread) / len(spread) < 8  # of examples in any order, some 80
    assert [lengths[batch[0].example] for batch in batches] != sorted(lengths[b[0].example] for b in batches)
