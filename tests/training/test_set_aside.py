"""Rows that are set aside: those of one group together, every row in one part, classes spread alike."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.labelled_table import LabelledTable
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.set_aside import group_numbers, part_numbers, validation_rows


def config(**options):
    return FinetuneConfig(model="m", train="t.csv", out="o", **options)


def table_of(sequences, labels, **columns):
    return LabelledTable(sequences=tuple(sequences), columns={"label": tuple(labels), **columns})


def different(count):
    generator = np.random.default_rng(0)
    return ["".join(generator.choice(list("ACGT"), 20)) for _ in range(count)]


def test_parts_have_as_many_rows_of_each_class_but_for_one():
    labels = ["a"] * 31 + ["b"] * 14 + ["c"] * 7
    parts = part_numbers(table_of(different(52), labels), config(folds=5), "t.csv")
    for name in "abc":
        counts = Counter(part for part, label in zip(parts.tolist(), labels, strict=True) if label == name)
        assert set(counts) == set(range(5))
        assert max(counts.values()) - min(counts.values()) <= 1


def test_equal_sequences_on_either_strand_fall_into_one_part():
    rows = different(40)
    rows[7], rows[23] = rows[3].lower(), rows[3][::-1].translate(str.maketrans("ACGT", "TGCA"))
    parts = part_numbers(table_of(rows, ["a", "b"] * 20), config(folds=4), "t.csv")
    assert parts[3] == parts[7] == parts[23]


@settings(max_examples=50, deadline=None)
@given(
    groups=st.lists(st.integers(0, 9), min_size=20, max_size=60).filter(lambda each: len(set(each)) >= 3),
    folds=st.integers(3, 6),
    seed=st.integers(0, 3),
)
def test_rows_of_one_group_fall_into_one_part(groups, folds, seed):
    table = table_of(different(len(groups)), ["a"] * len(groups), gene=np.array(groups, dtype=np.float64))
    chosen = config(folds=folds, group_column="gene", validation_seed=seed)
    if len(set(groups)) < folds:
        with pytest.raises(InputError, match=f"make no {folds} parts"):
            part_numbers(table, chosen, "t.csv")
        return
    parts = part_numbers(table, chosen, "t.csv")
    assert set(parts.tolist()) == set(range(folds))
    part_of = dict(zip(groups, parts.tolist(), strict=True))
    assert [part_of[group] for group in groups] == parts.tolist()


def test_another_seed_makes_other_parts_and_the_same_seed_the_same():
    table = table_of(different(60), ["a", "b"] * 30)
    first = part_numbers(table, config(folds=3), "t.csv")
    assert (part_numbers(table, config(folds=3), "t.csv") == first).all()
    assert (part_numbers(table, config(folds=3, validation_seed=1), "t.csv") != first).any()


def test_validation_takes_whole_groups():
    genes = tuple(f"g{number % 10}" for number in range(100))
    table = table_of(different(100), ["a", "b"] * 50, gene=genes)
    rows = validation_rows(table, config(group_column="gene", validation_share=0.2), "t.csv")
    taken = {genes[row] for row in rows}
    assert 10 <= len(rows) <= 30
    assert rows == [row for row in range(100) if genes[row] in taken]


def test_groups_are_numbered_by_their_values_in_all_tables_alike():
    tables = {
        "train": table_of(different(4), "abab", gene=("x", "y", "x", "z")),
        "test": table_of(different(3), "aba", gene=("w", "z", "x")),
    }
    found = group_numbers(tables, config(group_column="gene"))
    assert {side: each.tolist() for side, each in found.items()} == {"train": [0, 1, 0, 2], "test": [3, 2, 0]}
    assert group_numbers(tables, config()) == {"train": None, "test": None}
