"""The pictures in the report of a training run: losses against steps, filters against distance.

In: what was measured, anchors, the shapes of the filters. Out: figures of HTML.
"""

from collections.abc import Sequence
from itertools import accumulate

from hyenadna_kit.evaluation.anchors import Anchor
from hyenadna_kit.evaluation.markov import UNIFORM_BITS
from hyenadna_kit.interpretation.filters import FilterShapes
from hyenadna_kit.report.chart import Axis, Band, Chart, Curve, Level, short, thinned
from hyenadna_kit.report.page import figure
from hyenadna_kit.training.run_summary import Measured, RunSummary

_MOST_POINTS = 1200
_MOST_DOTS = 60
_SMOOTHED_SHARE = 0.02
_SHOWN_SHARE = 0.85
"""Of the smoothed losses the share that is seen whole; the first ones are far above the rest."""
_MARGIN = 0.06
_LEAST_SPAN = 0.02
_LEAST_SIZE = 1e-5


def loss_figure(run: RunSummary, anchors: Sequence[Anchor]) -> str:
    """Return losses and validations, with the anchors as levels; something has been measured."""
    steps, losses = [float(row.step) for row in run.losses], [row.bits_per_base for row in run.losses]
    validated = [float(row.step) for row in run.validations]
    smooth, levels = _smoothed(losses), _levels(anchors)
    curves = [
        Curve(*thinned(steps, losses, _MOST_POINTS), "c0 faint"),
        Curve(*thinned(steps, smooth, _MOST_POINTS), "c0"),
        Curve(validated, [row.bits_per_base for row in run.validations], "c1", len(validated) <= _MOST_DOTS),
    ]

    def bases_by(step: float) -> str:
        """Return how many bases were read by a step."""
        return f"{short(step * run.bases_per_step, 3)}b"

    x = Axis(label="step, and bases read", low=0.0, high=float(max(run.step, 1)), note=bases_by)
    y = _loss_axis(smooth, run.validations, levels)
    drawn = Chart(x, y, width=900, height=360).draw(curves, levels=levels)
    return figure(drawn, f"{_key('c0')}training, thin: each step, thick: smoothed{_key('c1')}validation")


def _loss_axis(smooth: Sequence[float], validations: Sequence[Measured], levels: Sequence[Level]) -> Axis:
    """Return an axis that holds all but the first, high losses."""
    highest = sorted(smooth)[int(_SHOWN_SHARE * (len(smooth) - 1))] if smooth else UNIFORM_BITS
    shown = [level.value for level in levels] + [row.bits_per_base for row in validations[1:]]
    low = min([*shown, *smooth, *(row.bits_per_base for row in validations)])
    high = max([*shown, highest])
    margin = _MARGIN * max(high - low, _LEAST_SPAN)
    return Axis(label="bits per base", low=low - margin, high=high + margin)


def _levels(anchors: Sequence[Anchor]) -> list[Level]:
    """Return the anchors to draw: of the Markov models the best alone."""
    measured = [(each.name, each.bits_per_base) for each in anchors if each.bits_per_base is not None]
    worse_markov = sorted((bits, name) for name, bits in measured if name.startswith("Markov"))[1:]
    drawn = [(name, bits) for name, bits in measured if (bits, name) not in worse_markov]
    return [Level(f"{name} {bits:.4f}", bits) for name, bits in drawn]


def _smoothed(values: Sequence[float]) -> list[float]:
    """Return the mean of each value and those around it."""
    reach = int(_SMOOTHED_SHARE * len(values)) // 2
    sums = [0.0, *accumulate(values)]
    spans = [(max(0, index - reach), min(len(values), index + reach + 1)) for index in range(len(values))]
    return [(sums[end] - sums[start]) / (end - start) for start, end in spans]


def filter_figures(each: FilterShapes) -> str:
    """Return the size of the filters of one layer against distance, and their first taps."""
    return _reach_figure(each) + _taps_figure(each)


def _reach_figure(each: FilterShapes) -> str:
    distances, sizes = each.distances.tolist(), each.sizes.tolist()
    low, median, high = each.quantiles.tolist()
    most = max(*high, *map(max, sizes), _LEAST_SIZE)
    x = Axis(label="distance in bases", low=1.0, high=max(2.0, *distances), is_log=True)
    y = Axis(label="size of taps", low=_LEAST_SIZE * most, high=2 * most, is_log=True)
    curves = [*(Curve(distances, values, "c1 faint") for values in sizes), Curve(distances, median, "c0")]
    drawn = Chart(x, y, width=460, height=240).draw(curves, bands=[Band(distances, low, high, "c0 faint")])
    caption = f"layer {each.layer}, {each.direction}{_key('c0')}median and band{_key('c1')}channels"
    return figure(drawn, caption)


def _taps_figure(each: FilterShapes) -> str:
    taps = each.first_taps.tolist()
    distances = [float(number) for number in range(1, len(taps[0]) + 1)]
    limit = 1.1 * max(max(map(abs, values)) for values in taps) or 1.0
    x = Axis(label="distance in bases", low=1.0, high=max(2.0, distances[-1]))
    y = Axis(label="tap", low=-limit, high=limit)
    curves = [Curve(distances, values, f"c{number}") for number, values in enumerate(taps)]
    names = (f"{_key(f'c{number}')}channel {channel}" for number, channel in enumerate(each.channels))
    caption = f"layer {each.layer}, {each.direction}: first taps{''.join(names)}"
    return figure(Chart(x, y, width=460, height=240).draw(curves), caption)


def _key(style: str) -> str:
    """Return what stands before the name of a curve in a caption."""
    return f'<i class="{style}"></i>'
