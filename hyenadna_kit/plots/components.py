"""Embeddings as points: their first two principal components.

In: places, and labels by choice. Out: the bytes of a picture.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.plots.histogram import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

_INCHES = (6.4, 4.8)
_DOTS_PER_INCH = 150
_MOST_CLASSES = 10
_COLOURS = (
    *("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3"),
    *("#937860", "#da8bc3", "#8c8c8c", "#ccb974", "#64b5cd"),
)
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def components_figure(
    places: NDArray[np.floating],
    shares: tuple[float, float],
    *,
    labels: Sequence[str] | NDArray[np.floating] | None = None,
    title: str,
    kind: str,
) -> bytes:
    """Draw the points and return the picture, the same for the same numbers.

    Args:
        places: Along the first and the second component, one row a point.
        shares: Of the variance, along each.
        labels: Classes (ten at most have colours of their own) or numbers, which colour the points.
        title: Above the picture.
        kind: ``png``, ``svg`` or ``pdf``.

    Raises:
        InputError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    if labels is None:
        _points(axes, places, _COLOURS[0])
    elif isinstance(labels, np.ndarray):
        drawn = _points(axes, places, labels)
        figure.colorbar(drawn, ax=axes, label="label")
    else:
        _draw_classes(axes, places, labels)
    names = (
        f"component {number} ({share:.1%} of the variance)" for number, share in enumerate(shares, start=1)
    )
    axes.set(title=title, **dict(zip(("xlabel", "ylabel"), names, strict=True)))
    axes.spines[["top", "right"]].set_visible(False)
    picture = BytesIO()
    with rc_context({"svg.hashsalt": "components"}):
        figure.savefig(picture, format=kind, metadata=_METADATA[kind])
    return picture.getvalue()


def _draw_classes(axes: "Axes", places: NDArray[np.floating], labels: Sequence[str]) -> None:
    """Draw every class in its colour, the frequent ones first: the rare ones lie on top."""
    found = np.array(labels)
    classes, counts = np.unique(found, return_counts=True)
    own = sorted(classes[np.argsort(-counts, kind="stable")][:_MOST_CLASSES].tolist())
    colours = dict(zip(own, _COLOURS, strict=False))
    rest = ~np.isin(found, own)
    if rest.any():
        _points(axes, places[rest], "0.8", label=f"{len(classes) - len(own)} other classes")
    for name in classes[np.argsort(-counts, kind="stable")].tolist():
        if name in colours:
            _points(
                axes, places[found == name], colours[name], label=f"{name} ({int((found == name).sum()):,})"
            )
    axes.legend(frameon=False, markerscale=2, loc="best")


def _points(
    axes: "Axes", places: NDArray[np.floating], colour: str | NDArray[np.floating], label: str | None = None
) -> "PathCollection":
    size = 14 if len(places) < 1000 else 5
    return axes.scatter(
        places[:, 0], places[:, 1], s=size, c=colour, alpha=0.6, linewidths=0, label=label, rasterized=True
    )
