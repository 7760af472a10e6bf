"""Effects of variants: what cannot be compared, and what the class alone tells from elsewhere."""

import math

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.variant_effects import MeasuredEffects, class_means


def effects(values, **more):
    more = {name: np.array(each) if name != "classes" else each for name, each in more.items()}
    return MeasuredEffects(kind="number", values=np.array(values, dtype=float), **more)


def by_hand(measured):
    """Return the mean effect of the class in other loci, row by row, and of all classes where it has none."""
    found = []
    for row, name in enumerate(measured.classes):
        elsewhere = [i for i in range(len(measured.classes)) if measured.loci[i] != measured.loci[row]]
        elsewhere = [i for i in elsewhere if not math.isnan(measured.values[i])]
        same = [i for i in elsewhere if measured.classes[i] == name]
        found.append(np.mean(measured.values[same or elsewhere]) if name else math.nan)
    return found


def test_class_is_predicted_from_the_other_loci():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(40) < 0.1, np.nan, rng.normal(size=40))
    classes = [None if name == "n" else name for name in rng.choice(list("xyzn"), 40).tolist()]
    loci = rng.choice(list("abc"), 40)
    classes[0], loci[0] = "rare", "a"
    measured = effects(values, groups=loci, loci=loci, classes=classes)
    assert class_means(measured) == pytest.approx(by_hand(measured), nan_ok=True)


def test_without_loci_a_class_has_its_mean():
    measured = effects([1, 3, 10, math.nan], classes=["x", "x", "y", "y"])
    assert class_means(measured).tolist() == [2, 2, 10, 10]


def test_classes_are_listed_from_the_largest_on_with_the_rows_that_have_an_effect():
    measured = effects([1, 2, math.nan, 4, 5], classes=["y", "x", "x", None, "x"])
    assert {name: rows.tolist() for name, rows in measured.rows_of_classes().items()} == {
        "x": [1, 4],
        "y": [0],
    }
    assert list(measured.rows_of_classes()) == ["x", "y"]


@pytest.mark.parametrize(
    ("measured", "message"),
    [
        (effects([math.nan] * 2), "none of 2 variants has an effect"),
        (effects([3, 3, math.nan]), "all 2 variants that have an effect have the same one, 3"),
        (effects([1, 2, math.nan], groups=list("aab"), loci=list("aab")), "are of one locus, 'a'"),
    ],
)
def test_effects_with_nothing_to_compare_are_refused(measured, message):
    with pytest.raises(InputError, match=message):
        measured.check()
