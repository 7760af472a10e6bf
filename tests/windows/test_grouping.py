"""Which sequences are read together."""

from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.windows.grouping import neighbours, similar_lengths

LENGTHS = st.lists(st.integers(1, 50), max_size=40)


def groups_of(lengths, most_items=4, most_bases=60):
    return list(neighbours(lengths, lambda length: length, most_items=most_items, most_bases=most_bases))


@given(LENGTHS)
def test_groups_keep_order_and_stay_small(lengths):
    groups = groups_of(lengths)
    assert [length for group in groups for length in group] == lengths
    assert all(len(group) <= 4 for group in groups)
    assert all(sum(group) <= 60 or len(group) == 1 for group in groups)


@given(LENGTHS)
def test_whoever_begins_at_a_border_finds_the_same_groups(lengths):
    groups = groups_of(lengths)
    done = sum(map(len, groups[:2]))
    assert groups_of(lengths[done:]) == groups[2:]


@given(LENGTHS, st.integers(1, 7))
def test_every_sequence_is_in_one_batch(lengths, batch_size):
    batches = similar_lengths(lengths, batch_size)
    assert sorted(number for batch in batches for number in batch) == list(range(len(lengths)))
    assert all(len(batch) <= batch_size for batch in batches)
    assert len(batches) == -(-len(lengths) // batch_size)


@given(LENGTHS)
def test_long_sequences_are_never_padded(lengths):
    for batch in similar_lengths(lengths, 4, longest_padded=20):
        found = {lengths[number] for number in batch}
        assert len(found) == 1 or max(found) <= 20
