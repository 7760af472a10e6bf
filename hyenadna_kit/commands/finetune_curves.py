"""What predictions look like beside labels: ROC, precision and recall, calibration, confusion, scatter.

In: results. Out: figures of HTML.
"""

from collections.abc import Callable, Iterator
from html import escape
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from hyenadna_kit.commands.finetune_charts import STYLES, distribution_figure, key, nth_style, square_chart
from hyenadna_kit.commands.finetune_results import FinetuneResults
from hyenadna_kit.commands.finetune_words import contestant_words
from hyenadna_kit.evaluation.chance import CHANCE
from hyenadna_kit.evaluation.confusion import Confusion
from hyenadna_kit.evaluation.metrics import THRESHOLD, has_label
from hyenadna_kit.evaluation.ranking import RankingCurves, rank, ranking_curves
from hyenadna_kit.evaluation.reliability import reliability_bins
from hyenadna_kit.evaluation.seeds import MODEL
from hyenadna_kit.report.chart import Axis, Chart, Cloud, Curve
from hyenadna_kit.report.matrix import draw_matrix
from hyenadna_kit.report.page import figure

_MOST_CURVES = 10
_MOST_CLASSES = 40
_MOST_SCATTERS = 6
_MOST_DOTS = 2500
_POINTS = 250
_DIAGONAL = Curve([0.0, 1.0], [0.0, 1.0], "zero")


class _Side(NamedTuple):
    """Labels and predictions of the table that is measured, one row each."""

    labels: NDArray[np.generic]
    predictions: NDArray[np.floating]


class _Ranked(NamedTuple):
    """What a curve is drawn of."""

    name: str
    style: str
    is_class: Bool[np.ndarray, " rows"]
    scores: Float[np.ndarray, " rows"]


def prediction_figures(results: FinetuneResults) -> Iterator[str]:
    """Yield the pictures that the objective has."""
    if results.task.config.task == "regression":
        yield from _scatters(results)
        return
    ranked = list(_ranked(results))
    if len(results.task.data.head.labels) > _MOST_CURVES:
        yield _auroc_distribution(ranked)
    else:
        yield _ranking_figure(ranked, "false alarms", "recall", _roc_points, diagonal=True)
        yield _ranking_figure(ranked, "recall", "precision", _precision_points, diagonal=False)
    yield _calibration(results)
    if results.task.config.task != "multilabel" and len(results.task.data.head.labels) <= _MOST_CLASSES:
        yield _confusion(results)


def class_rankings(results: FinetuneResults) -> Iterator[tuple[str, int, float, float]]:
    """Yield each class or column: its name, rows, AUROC and average precision, of several."""
    for each in _of_classes(results):
        found = rank(each.is_class, each.scores)
        yield each.name, int(each.is_class.sum()), found.auroc, found.auprc


def median_seed(results: FinetuneResults, name: str) -> int:
    """Return the run of a contestant whose deciding metric is the median, the lower one of two."""
    of_seed = results.comparison.contestants[name].of_seed
    ordered = sorted(of_seed, key=lambda seed: of_seed[seed][results.selected_by])
    return ordered[(len(ordered) - 1) // 2]


def _side(results: FinetuneResults, name: str, seed: int) -> _Side:
    side = results.measured
    predictions = (
        next(run.predictions[side] for run in results.runs if run.seed == seed)
        if name == MODEL
        else results.baselines.runs[name][seed][side]
    )
    return _Side(results.task.data.examples[side].labels, predictions)


def _ranked(results: FinetuneResults) -> Iterator[_Ranked]:
    """Yield the contestants of two classes, or else the classes of the model."""
    if results.task.config.task != "binary":
        yield from _of_classes(results)
        return
    for name in results.comparison.contestants:
        middle = median_seed(results, name)
        others = [run.seed for run in results.runs if run.seed != middle] if name == MODEL else []
        for seed in [*others, middle]:
            labels, predictions = _side(results, name, seed)
            labels = labels.reshape(-1)
            known = has_label("binary", labels)
            style = STYLES[name] if seed == middle else f"{STYLES[name]} faint"
            words = contestant_words(name) if seed == middle else ""
            yield _Ranked(words, style, labels[known] == 1, predictions[known, 0])


def _of_classes(results: FinetuneResults) -> Iterator[_Ranked]:
    """Yield each class against the others, or each column, of the model."""
    objective = results.task.config.task
    labels, predictions = _side(results, MODEL, median_seed(results, MODEL))
    for number, name in enumerate(results.task.data.head.labels):
        own = (
            labels.reshape(-1) if objective == "multiclass" else labels.reshape(predictions.shape)[:, number]
        )
        known = has_label(objective, own)
        is_class = own[known] == (number if objective == "multiclass" else 1)
        yield _Ranked(name, nth_style(number), is_class, predictions[known, number])


def _ranking_figure(
    ranked: list[_Ranked],
    x_label: str,
    y_label: str,
    points: Callable[[RankingCurves], tuple[list[float], list[float]]],
    *,
    diagonal: bool,
) -> str:
    drawn = [_DIAGONAL] if diagonal else []
    for each in ranked:
        curves = ranking_curves(each.is_class, each.scores)
        if curves is not None:
            drawn.append(Curve(*points(curves), each.style))
    keys = "".join(f"{key(each.style)}{escape(each.name)}" for each in ranked if each.name)
    thin = "; thin: other seeds" if any(not each.name for each in ranked) else ""
    return figure(square_chart(x_label, y_label).draw(drawn), keys + thin)


def _roc_points(curves: RankingCurves) -> tuple[list[float], list[float]]:
    kept = _spread(curves.recall.size)
    return [0.0, *curves.false_alarms[kept].tolist()], [0.0, *curves.recall[kept].tolist()]


def _precision_points(curves: RankingCurves) -> tuple[list[float], list[float]]:
    kept = _spread(curves.recall.size)
    return curves.recall[kept].tolist(), curves.precision[kept].tolist()


def _spread(size: int) -> NDArray[np.int64]:
    """Return some of the numbers below ``size``: evenly, and more of the first ones."""
    even, early = np.linspace(0, size - 1, _POINTS), np.geomspace(1, size, _POINTS) - 1
    return np.unique(np.concatenate([even, early]).astype(np.int64))


def _auroc_distribution(ranked: list[_Ranked]) -> str:
    found = np.array([rank(each.is_class, each.scores).auroc for each in ranked])
    defined = found[np.isfinite(found)]
    return distribution_figure(defined, "AUROC", chance=CHANCE["auroc"]) if defined.size else ""


def _calibration(results: FinetuneResults) -> str:
    """Return what was said and what came true, of the model and the CNN."""
    drawn, keys = [_DIAGONAL], ""
    for name in (MODEL, "cnn"):
        if name in results.comparison.contestants:
            said, true = _reliability(results, name)
            drawn.append(Curve(said, true, STYLES[name], has_dots=True))
            keys += f"{key(STYLES[name])}{contestant_words(name)}"
    positive = {"binary": f"class {results.task.data.head.labels[-1]}", "multilabel": "a label"}
    said_of = positive.get(results.task.config.task, "the class that is predicted")
    chart = square_chart(f"probability of {said_of}", "share that came true")
    return figure(chart.draw(drawn), f"Calibration{keys}")


def _reliability(results: FinetuneResults, name: str) -> tuple[list[float], list[float]]:
    objective = results.task.config.task
    labels, predictions = _side(results, name, median_seed(results, name))
    if objective == "multiclass":
        known = has_label(objective, labels)
        bins = reliability_bins(
            predictions.argmax(1)[known] == labels[known], predictions.max(1)[known].astype(np.float64)
        )
    else:
        flat, scores = labels.reshape(-1), predictions.reshape(-1).astype(np.float64)
        known = has_label(objective, flat)
        bins = reliability_bins(flat[known] == 1, scores[known])
    filled = bins.counts > 0
    return bins.said[filled].tolist(), bins.true[filled].tolist()


def _confusion(results: FinetuneResults) -> str:
    names = results.task.data.head.labels
    objective = results.task.config.task
    labels, predictions = _side(results, MODEL, median_seed(results, MODEL))
    labels = labels.reshape(-1)
    known = has_label(objective, labels)
    predicted = predictions.argmax(1) if objective == "multiclass" else predictions[:, 0] > THRESHOLD
    found = Confusion.of_rows(labels[known].astype(np.int64), predicted[known].astype(np.int64), len(names))
    drawn = draw_matrix(found.counts.tolist(), names, row_label="class", column_label="predicted class")
    return figure(drawn, "Confusion of the model: rows, and their share of the class")


def _scatters(results: FinetuneResults) -> Iterator[str]:
    """Yield predicted against true values, of the first columns."""
    labels, predictions = _side(results, MODEL, median_seed(results, MODEL))
    labels = labels.reshape(predictions.shape).astype(np.float64)
    for number, name in enumerate(results.task.data.head.labels[:_MOST_SCATTERS]):
        known = np.flatnonzero(np.isfinite(labels[:, number]))
        if not known.size:
            continue
        shown = known[np.linspace(0, known.size - 1, min(known.size, _MOST_DOTS)).astype(np.int64)]
        true, said = labels[shown, number].tolist(), predictions[shown, number].tolist()
        some = "" if shown.size == known.size else f", {shown.size:,} of {known.size:,} rows"
        yield figure(_scatter(true, said), f"{escape(name)}{some}; the line is where both are equal")


def _scatter(true: list[float], said: list[float]) -> str:
    low, high = min(*true, *said), max(*true, *said)
    margin = 0.05 * (high - low or 1.0)
    low, high = low - margin, high + margin
    x, y = (Axis(label=label, low=low, high=high) for label in ("true", "predicted"))
    equal = Curve([low, high], [low, high], "zero")
    return Chart(x, y, width=400, height=366).draw([equal], clouds=[Cloud(true, said, "c0 cloud")])
