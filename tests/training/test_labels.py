"""Labels of tables: which are read as what, and which are refused."""

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.tables import LabelledTable
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.labels import learn_labels


def table(**columns):
    (count,) = {len(column) for column in columns.values()}
    return LabelledTable(sequences=("ACGT",) * count, columns=columns)


def learn(train, task="binary", columns=("label",)):
    files = {"model": "m", "train": "train.csv", "validation": "v.csv", "out": "o"}
    return learn_labels(FinetuneConfig(task=task, label_columns=columns, **files), train, "train.csv")


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (np.array([1, 0, 0]), ("0", "1"), [1, 0, 0]),
        (np.array([1.0, 0.0, 1.0]), ("0", "1"), [1, 0, 1]),
        (("b", "a", "a"), ("a", "b"), [1, 0, 0]),
    ],
)
def test_classes_are_numbered_in_their_order(labels, classes, numbers):
    train = table(label=labels)
    labelling = learn(train)
    assert labelling.classes == classes
    assert labelling.encode(train, "x").tolist() == numbers


def test_rare_classes_weigh_as_much_as_frequent_ones():
    train = table(label=np.array([0] * 6 + [1] * 3 + [2]))
    labelling = learn(train, "multiclass")
    weights = labelling.head_options(labelling.encode(train, "x"), balanced=True)["class_weights"]
    assert np.multiply(weights, [6, 3, 1]) == pytest.approx([10 / 3] * 3)


def test_columns_of_numbers_are_brought_to_mean_and_deviation():
    train = table(a=np.array([1.0, 3.0]), b=np.array([10, 30]))
    labelling = learn(train, "regression", ("b", "a"))
    labels = labelling.encode(train, "x")
    assert labels.tolist() == [[10, 1], [30, 3]]
    options = labelling.head_options(labels, balanced=False)
    assert options == {"labels": ("b", "a"), "target_mean": (20.0, 2.0), "target_std": (10.0, 1.0)}


def test_positive_labels_of_a_rare_column_weigh_more():
    train = table(a=np.array([0, 0, 0, 1]), b=np.array([1, 1, 0, 0]))
    labelling = learn(train, "multilabel", ("a", "b"))
    options = labelling.head_options(labelling.encode(train, "x"), balanced=True)
    assert options["class_weights"] == pytest.approx((3, 1))


REFUSED = {
    "class left out": ("binary", np.array([0, 2]), r"classes that are numbers must be 0 to 1, .*got 0, 2"),
    "half a class": ("binary", np.array([0, 0.5]), r"classes that are numbers must be 0 to 1, .*got 0, 0.5"),
    "one class": ("binary", ("x", "x"), "every row has the class 'x'"),
    "three classes": ("binary", np.array([0, 1, 2]), "a binary task has two classes, got 0, 1, 2; choose"),
    "text": ("regression", ("x", "y"), "column 'label' holds text, such as 'x'; numbers are predicted"),
    "constant": ("regression", np.array([2, 2]), "column 'label' is 2 in every row of the training table"),
    "no yes": ("multilabel", np.array([0, 0]), "column 'label' is 0 in every row of the training table"),
    "two": ("multilabel", np.array([0, 2]), "train.csv, row 2, column 'label': expected 0 or 1, got 2"),
}


def read(train, task):
    labelling = learn(train, task)
    labelling.head_options(labelling.encode(train, "train.csv"), balanced=False)


@pytest.mark.parametrize(("task", "labels", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_labels_that_are_no_use_are_refused(task, labels, message):
    train = table(label=labels)
    with pytest.raises(InputError, match=message):
        read(train, task)


def test_class_that_is_absent_from_training_is_named_with_its_row():
    labelling = learn(table(label=("a", "b")))
    with pytest.raises(InputError, match=r"v\.csv, row 2: class 'c' is not in the training table.* has a, b"):
        labelling.encode(table(label=("a", "c")), "v.csv")


def test_labels_of_yes_or_no_take_one_byte():
    train = table(a=np.array([0, 1, 1]), b=np.array([1.0, 0.0, 1.0]))
    labels = learn(train, "multilabel", ("a", "b")).encode(train, "x")
    assert labels.dtype == np.int8
    assert labels.tolist() == [[0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize("wrong", [2, -1, 0.5, float("nan")])
def test_first_row_that_is_neither_yes_nor_no_is_named_with_its_first_column(wrong):
    train = table(a=np.array([0, 1, 3.0]), b=np.array([1, wrong, 1]), c=np.array([0, 7, 1]))
    with pytest.raises(InputError, match=rf"row 2, column 'b': expected 0 or 1, got {wrong:g}$"):
        learn(train, "multilabel", ("a", "b", "c")).encode(train, "x")


def test_columns_of_many_rows_stay_beside_each_other():
    rows = np.arange(10_000)
    train = table(a=rows % 2, b=rows // 7 % 2, c=rows * 0.5)
    assert (
        learn(train, "multilabel", ("a", "b")).encode(train, "x") == np.stack([rows % 2, rows // 7 % 2], 1)
    ).all()
    assert (learn(train, "regression", ("c",)).encode(train, "x")[:, 0] == rows * 0.5).all()


def test_minus_zero_is_no_class_of_its_number():
    with pytest.raises(InputError, match="must be 0 to 2, each with a row, got "):
        learn(table(label=np.array([0.0, -0.0, 1.0])), "multiclass")
