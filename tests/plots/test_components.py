"""Points on two components: pictures that are the same for the same numbers."""

import numpy as np
import pytest

from hyenadna_kit.plots.components import components_figure

PLACES = np.random.default_rng(0).normal(size=(60, 2))
LABELS = {
    "none": None,
    "classes": tuple("ab" * 30),
    "many classes": tuple(f"class {number % 15}" for number in range(60)),
    "values": np.arange(60.0),
}


def draw(labels, kind="svg"):
    return components_figure(PLACES, (0.5, 0.25), labels=labels, title="60 embeddings", kind=kind)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
def test_equal_numbers_give_equal_pictures(labels):
    assert draw(labels) == draw(labels)


def test_pictures_are_of_their_kind():
    assert draw(None, "png").startswith(b"\x89PNG")
    assert draw(None, "pdf").startswith(b"%PDF")


def test_words_are_on_the_picture(monkeypatch):
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")
    text = draw(LABELS["many classes"]).decode()
    for words in (
        "component 1 (50.0% of the variance)",
        "component 2 (25.0%",
        "5 other classes",
        "class 3 (4)",
    ):
        assert words in text
