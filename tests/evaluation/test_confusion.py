"""Accuracy, MCC and F1 by hand and as scikit-learn has them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from hyenadna_kit.evaluation.confusion import Confusion


def confusion(classes, predicted, num_classes):
    return Confusion.of_rows(np.array(classes), np.array(predicted), num_classes)


@st.composite
def predicted_classes(draw):
    """Return the number of classes, and for each row its class and the one that is predicted."""
    num_classes = draw(st.integers(2, 4))
    classes = st.integers(0, num_classes - 1)
    return num_classes, draw(st.lists(st.tuples(classes, classes), min_size=1, max_size=40))


def test_two_classes_by_hand():
    # TP 3, FN 1, FP 2, TN 4.
    found = confusion([1] * 4 + [0] * 6, [1, 1, 1, 0, 1, 1, 0, 0, 0, 0], 2)
    assert found.counts.tolist() == [[4, 2], [1, 3]]
    assert found.accuracy == pytest.approx(7 / 10)
    assert found.balanced_accuracy == pytest.approx((4 / 6 + 3 / 4) / 2)
    assert found.mcc == pytest.approx((3 * 4 - 2 * 1) / math.sqrt(5 * 4 * 6 * 5))
    assert found.f1_of_class.tolist() == pytest.approx([8 / (8 + 1 + 2), 6 / (6 + 2 + 1)])


@given(predicted_classes())
def test_all_are_those_of_scikit_learn_where_every_class_is_there(drawn):
    num_classes, pairs = drawn
    classes, predicted = map(list, zip(*pairs, strict=True))
    missing = [each for each in range(num_classes) if each not in classes]
    classes, predicted = classes + missing, predicted + missing
    found = confusion(classes, predicted, num_classes)
    assert found.accuracy == pytest.approx(oracle.accuracy_score(classes, predicted))
    assert found.balanced_accuracy == pytest.approx(oracle.balanced_accuracy_score(classes, predicted))
    assert found.mcc == pytest.approx(oracle.matthews_corrcoef(classes, predicted), abs=1e-12)
    assert found.f1_of_class.tolist() == pytest.approx(
        oracle.f1_score(classes, predicted, labels=range(num_classes), average=None)
    )


@given(predicted_classes())
def test_mcc_is_the_same_whichever_way_it_is_read_and_whatever_the_classes_are_called(drawn):
    num_classes, pairs = drawn
    classes, predicted = (np.array(each) for each in zip(*pairs, strict=True))
    found = Confusion.of_rows(classes, predicted, num_classes).mcc
    if np.ptp(classes) and np.ptp(predicted):
        turned = Confusion.of_rows(predicted, classes, num_classes).mcc
        assert turned == pytest.approx(found, abs=1e-12)
    renamed = num_classes - 1 - np.stack([classes, predicted])
    assert Confusion.of_rows(*renamed, num_classes).mcc == pytest.approx(found, abs=1e-12, nan_ok=True)


def test_class_that_no_row_has_makes_undefined_what_asks_for_it_alone():
    found = confusion([0, 0, 1, 1], [0, 1, 1, 1], 3)
    assert found.accuracy == 0.75
    assert math.isnan(found.balanced_accuracy)
    assert found.mcc == pytest.approx(oracle.matthews_corrcoef([0, 0, 1, 1], [0, 1, 1, 1]))
    assert found.f1_of_class.tolist() == pytest.approx([2 / 3, 4 / 5, math.nan], nan_ok=True)


def test_f1_of_a_class_that_is_predicted_in_vain_is_zero():
    assert confusion([0, 0], [0, 1], 2).f1_of_class.tolist() == [pytest.approx(2 / 3), 0.0]


def test_mcc_is_chance_where_one_class_is_predicted_and_undefined_where_one_is_there():
    assert confusion([0, 1, 1], [1, 1, 1], 2).mcc == 0
    assert math.isnan(confusion([1, 1, 1], [0, 1, 1], 2).mcc)
    assert math.isnan(confusion([1, 1, 1], [1, 1, 1], 2).mcc)
