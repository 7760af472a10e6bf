"""Figures: a PNG that shows its numbers, the same for the same numbers, or one clear line."""

import sys
from io import BytesIO

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.plots.histogram import Labels, histogram_png, require_matplotlib

LABELS = Labels("a title", "a number", "how many")
EDGES = [0.0, 0.25, 0.5, 0.75, 1.0]


def heights(picture):
    """Return for four bins how much of the column in their middle is of the bars' colour."""
    image = pytest.importorskip("matplotlib.image").imread(BytesIO(picture))[..., :3]
    is_bar = np.abs(image - np.array([0x4C, 0x72, 0xB0]) / 255).max(axis=-1) < 0.02
    columns = np.flatnonzero(is_bar.any(axis=0))
    middles = columns[0] + (np.arange(4) + 0.5) / 4 * (columns[-1] + 1 - columns[0])
    return is_bar[:, middles.astype(int)].sum(axis=0)


def test_bars_are_as_high_as_the_logarithm_of_their_counts():
    found = heights(histogram_png(EDGES, [1000, 10, 0, 100], labels=LABELS)).astype(float)
    assert found[2] == 0
    # Bars start at a half: log(1000 / 0.5), log(10 / 0.5) and log(100 / 0.5).
    expected = np.log([2000, 20, 1, 200])
    assert found / found[0] == pytest.approx(expected / expected[0], abs=0.02)


@pytest.mark.parametrize(
    "counts", [[0, 0, 0, 0], [0, 0, 0, 1], [10**9, 0, 0, 1]], ids=["nothing", "one", "many"]
)
def test_any_counts_are_drawn(counts):
    assert histogram_png(EDGES, counts, labels=LABELS, mark=0.1).startswith(b"\x89PNG\r\n")


def test_same_numbers_give_the_same_picture():
    first = histogram_png(EDGES, [3, 2, 1, 0], labels=LABELS, mark=0.5)
    assert histogram_png(EDGES, [3, 2, 1, 0], labels=LABELS, mark=0.5) == first
    assert histogram_png(EDGES, [3, 2, 1, 0], labels=LABELS) != first


def test_bins_need_their_edges():
    with pytest.raises(InputError, match=r"^3 bins need 4 edges, got 5$"):
        histogram_png(EDGES, [1, 2, 3], labels=LABELS)


def test_missing_matplotlib_is_said_with_its_remedy(monkeypatch):
    require_matplotlib()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (require_matplotlib, lambda: histogram_png(EDGES, [1, 2, 3, 4], labels=LABELS)):
        with pytest.raises(InputError, match=r"not installed: pip install 'hyenadna_kit\[plot\]'$"):
            draw()
