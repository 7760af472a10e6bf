"""The pictures in the report of a fine-tuning.

In: results. Out: figures of HTML.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.commands.finetune_results import FinetuneResults
from hyenadna_kit.commands.finetune_words import contestant_words, metric_words, value_words
from hyenadna_kit.evaluation.bootstrap import Estimate
from hyenadna_kit.evaluation.seeds import MODEL, OverSeeds
from hyenadna_kit.report.chart import Axis, Chart, Curve, thinned
from hyenadna_kit.report.intervals import Ranged, draw_intervals
from hyenadna_kit.report.page import figure
from hyenadna_kit.training.run_folder import METRICS_NAME, read_metrics

STYLES = {
    MODEL: "c0 model",
    "kmer": "c1 dashed",
    "position": "c2 dotted",
    "cnn": "c3 broken",
    "scratch": "c4 dashed",
}
"""Classes of the page for each contestant: colour and dashes."""

CSS = (
    "polyline.dashed{stroke-dasharray:7 4}polyline.dotted{stroke-dasharray:2 3}"
    "polyline.broken{stroke-dasharray:9 3 2 3}"
    "polyline.model{stroke-width:2.5}polyline.faint,polyline.zero{stroke-width:1}"
    "i.dashed{mask:repeating-linear-gradient(90deg,#000 0 5px,#0000 5px 7px)}"
    "i.dotted{mask:repeating-linear-gradient(90deg,#000 0 2px,#0000 2px 4px)}"
    "i.broken{mask:linear-gradient(90deg,#000 0 8px,#0000 8px 10px,#000 10px 12px,#0000 12px)}"
    "line.c0,line.c1,line.c2,line.c3,line.c4{stroke-width:1.5}circle.cloud{opacity:.35}figcaption{max-width:34rem}"
    ".headline{font-size:1.25rem;max-width:52rem}"
    ".warning{border-left:4px solid var(--c1);padding-left:.7rem}"
)
"""Rules beside those of every page."""

_MOST_POINTS = 400
_SMOOTHED_SHARE = 0.04
_NUM_COLOURS = 5
_EDGE = 0.02


def key(style: str) -> str:
    """Return what stands before the name of a curve in a caption."""
    return f'<i class="{style}"></i>'


def nth_style(number: int) -> str:
    """Return a style of its own for one of up to ten curves."""
    return f"c{number % _NUM_COLOURS}{' dashed' if number >= _NUM_COLOURS else ''}"


def interval_figures(results: FinetuneResults) -> Iterator[str]:
    """Yield the deciding metric of all contestants, and the model's lead over each."""
    metric = results.selected_by
    of_all = [_ranged(name, each.over_seeds[metric]) for name, each in results.comparison.contestants.items()]
    yield from _intervals(
        of_all, metric_words(metric), f"{results.measured} table: mean over seeds and 95 % interval"
    )
    leads = [_ranged(name, each[metric]) for name, each in results.comparison.differences.items()]
    yield from _intervals(
        leads,
        f"{metric_words(metric)}, model minus baseline",
        "The same rows for both: right of the dashed line the model is better",
        mark=0.0,
    )


def _intervals(
    rows: Sequence[Ranged], label: str, caption: str, *, mark: float | None = None
) -> Iterator[str]:
    """Yield the picture of the numbers that are defined, if there are some."""
    defined = [row for row in rows if np.isfinite(row.value)]
    if defined:
        yield figure(draw_intervals(defined, label, mark=mark), caption)


def _ranged(name: str, found: OverSeeds | Estimate) -> Ranged:
    value = found.mean if isinstance(found, OverSeeds) else found.value
    colour = STYLES[name].partition(" ")[0]
    return Ranged(contestant_words(name), value, found.low, found.high, colour, value_words(found))


def training_figures(results: FinetuneResults) -> Iterator[str]:
    """Yield the losses of all seeds, and what their validations found."""
    score = f"validation_{results.selected_by}"
    rows = {run.seed: read_metrics(run.folder / METRICS_NAME) for run in results.runs}
    names = {"loss": "training loss, smoothed", score: f"{metric_words(results.selected_by)}, validation"}
    keys = "".join(f"{key(nth_style(number))}seed {seed}" for number, seed in enumerate(rows))
    for name, label in names.items():
        points = [_points(of_seed, name) for of_seed in rows.values()]
        if any(ys for _, ys in points):
            yield figure(_lines(points, label, has_dots=name == score), keys)


def _points(rows: Sequence[dict[str, Any]], name: str) -> tuple[list[float], list[float]]:
    """Return steps and values of one measure."""
    found = [(float(row["step"]), float(row[name])) for row in rows if name in row and np.isfinite(row[name])]
    steps, values = [step for step, _ in found], [value for _, value in found]
    return (steps, _smoothed(values)) if name == "loss" else (steps, values)


def _smoothed(values: Sequence[float]) -> list[float]:
    """Return the mean of each value and those around it."""
    reach = int(_SMOOTHED_SHARE * len(values)) // 2
    sums = [0.0, *accumulate(values)]
    spans = [(max(0, place - reach), min(len(values), place + reach + 1)) for place in range(len(values))]
    return [(sums[end] - sums[start]) / (end - start) for start, end in spans]


def _lines(points: Sequence[tuple[list[float], list[float]]], label: str, *, has_dots: bool) -> str:
    values = [value for _, ys in points for value in ys]
    steps = [step for xs, _ in points for step in xs]
    margin = 0.06 * max(max(values) - min(values), 0.02)
    y = Axis(label=label, low=min(values) - margin, high=max(values) + margin)
    curves = [
        Curve(*thinned(xs, ys, _MOST_POINTS), nth_style(number), has_dots)
        for number, (xs, ys) in enumerate(points)
    ]
    return Chart(Axis(label="step", low=0.0, high=1.02 * max(steps)), y, width=470, height=250).draw(curves)


def square_chart(x_label: str, y_label: str) -> Chart:
    """Return a chart of shares from 0 to 1, as wide as high, whose borders hide no line."""
    x, y = (Axis(label=label, low=-_EDGE, high=1 + _EDGE) for label in (x_label, y_label))
    return Chart(x, y, width=380, height=344)


def distribution_figure(values: NDArray[np.float64], label: str, *, chance: float) -> str:
    """Return the histogram of one number of each class or column."""
    low, high = min(chance, float(values.min())), max(1.0, float(values.max()))
    counts, edges = np.histogram(values, bins=25, range=(low - 0.02, high))
    xs = np.repeat(edges, 2)[1:-1].tolist()
    ys = np.repeat(counts, 2).astype(np.float64).tolist()
    y = Axis(label="classes or columns", low=0.0, high=1.08 * max(ys))
    chart = Chart(Axis(label=label, low=float(edges[0]), high=float(edges[-1])), y, width=560, height=260)
    median = float(np.median(values))
    drawn = chart.draw([Curve([median, median], [0.0, y.high], "c1 dashed"), Curve(xs, ys, "c0")])
    quantiles = np.percentile(values, [5, 50, 95])
    caption = (
        f"{len(values):,} classes or columns{key('c0')}number of each{key('c1 dashed')}median {median:.3f}; "
        f"nine in ten from {quantiles[0]:.3f} to {quantiles[2]:.3f}"
    )
    return figure(drawn, caption)
