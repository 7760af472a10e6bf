"""Counts of all orders from one sorted array, against looking at every position."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.evaluation.context_counts import contexts_of, count_contexts, join_contexts
from tests.oracles.contexts import followers

TABLE = bytes.maketrans(b"ACGTN*", bytes([7, 8, 9, 10, 11, 6]))
ORDERS = (1, 2, 5, 12, 23, 24)
MOTIFS = ("ACGTTGCAAC" * 3, "GATTACAGGTCCATGCATCGATTAC", "N", "A" * 26, "CGC", "TTGACA")
SEQUENCES = st.lists(st.sampled_from(MOTIFS), max_size=6).map("".join)


def tokens(sequence):
    return np.frombuffer(sequence.encode().translate(TABLE), dtype=np.uint8)


@settings(deadline=None, max_examples=40)  # the oracle looks at every position again and again
@given(runs=st.lists(SEQUENCES, max_size=3), test=SEQUENCES)
def test_counts_are_those_of_every_position_of_both_strands(runs, test):
    counts = count_contexts([tokens(run) for run in runs])
    found = counts.following(contexts_of(tokens(test)), ORDERS)
    for index, order in enumerate(ORDERS):
        for position in range(len(test)):
            context = test[max(0, position - order) : position]
            known = len(context) == order and "N" not in context
            expected = followers(runs, context) if known else [0] * 4
            assert found[index, position].tolist() == expected


@given(sequence=st.text(alphabet="ACGTN*", max_size=60), first=st.integers(0, 60))
def test_known_bases_are_those_up_to_the_last_gap(sequence, first):
    first = min(first, len(sequence))
    expected = []
    for position in range(first, len(sequence)):
        before = sequence[:position].replace("*", "N").rpartition("N")[2]
        expected.append(min(24, len(before)))
    assert contexts_of(tokens(sequence), first).known.tolist() == expected


def test_latest_base_is_the_most_significant():
    contexts = contexts_of(tokens("CGT"))
    # C is 1, G is 2; two bits each, from the highest of 48 on.
    assert contexts.packed.tolist() == [0, 1 << 46, (2 << 46) | (1 << 44)]


def test_joined_contexts_are_those_of_each_stretch():
    parts = [contexts_of(tokens("ACGTN"), 1), contexts_of(tokens("TT")), contexts_of(tokens(""))]
    joined = join_contexts(parts)
    assert joined.packed.tolist() == [each for part in parts for each in part.packed.tolist()]
    assert joined.known.tolist() == [1, 2, 3, 4, 0, 1]
    assert join_contexts([]).packed.size == 0


def test_context_of_the_highest_number_is_found():
    # 24 times T: all bits are 1, and there is no number above it among 48.
    run = tokens("T" * 24 + "G")
    found = count_contexts([run]).following(contexts_of(tokens("T" * 24 + "A"), 24), (1, 24))
    assert found[:, 0].tolist() == [[0, 0, 1, 0], [0, 0, 1, 0]]
