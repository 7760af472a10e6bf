"""Which sequences are read together, so that little is padded and none waits for all others.

In: sequences, or their lengths, in the order of a file. Out: groups of neighbours in that order, and of one
group the batches.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def neighbours(
    items: Iterable[T], length_of: Callable[[T], int], *, most_items: int, most_bases: int
) -> Iterator[list[T]]:
    """Yield the items in groups, in their order; an item longer than ``most_bases`` has its own.

    Where a group ends depends on the items before that place alone, from the one that began it.

    Args:
        items: What is grouped.
        length_of: Bases of an item.
        most_items: Items of a group.
        most_bases: Bases of a group.
    """
    group, num_bases = list[T](), 0
    for item in items:
        length = length_of(item)
        if group and (len(group) == most_items or num_bases + length > most_bases):
            yield group
            group, num_bases = [], 0
        group.append(item)
        num_bases += length
    if group:
        yield group


def similar_lengths(
    lengths: Sequence[int], batch_size: int, *, longest_padded: int | None = None
) -> list[list[int]]:
    """Return the numbers of the sequences in batches, the shortest first.

    Args:
        lengths: Bases of each sequence.
        batch_size: Most sequences of a batch.
        longest_padded: Sequences longer than this are batched with those of their own length alone; None
            pads any.
    """
    batches: list[list[int]] = []
    for number in np.argsort(np.asarray(lengths), kind="stable").tolist():
        may_pad = longest_padded is None or lengths[number] <= longest_padded
        last = batches[-1] if batches else []
        if last and len(last) < batch_size and (may_pad or lengths[last[0]] == lengths[number]):
            last.append(number)
        else:
            batches.append([number])
    return batches
