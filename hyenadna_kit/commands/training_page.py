"""The report of a training run as a page, and the figures behind it.

In: what the run folder says, anchors on the same bases, the shapes of the filters. Out: HTML with pictures in
it, and plain data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import yaml

from hyenadna_kit.commands.training_charts import filter_figures, loss_figure
from hyenadna_kit.evaluation.anchors import Anchor
from hyenadna_kit.interpretation.filters import QUANTILES, FilterShapes
from hyenadna_kit.report.chart import short
from hyenadna_kit.report.page import render_page, text_table
from hyenadna_kit.training.run_summary import RunSummary

_OF_ANCHORS = (
    "All see the same bases and are fitted on the training range alone; the Markov models and context mixing "
    "count both strands of it. Context mixing weighs contexts of 2 to 24 bases, and so knows words, repeats "
    "and inverted repeats: a model below it has learnt more than these."
)
_OF_FILTERS = (
    "The long filters weigh what lies so far away; distance 1 is the position itself. Left: root of the "
    "mean square of the taps around a distance, the median of all channels and the band that holds eight in "
    "ten of them; thin: single channels, from the one that decays least to the one that decays most. Right: "
    "the first taps of these."
)


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """What the page shows."""

    run: RunSummary
    """What the run folder says."""
    anchors: tuple[Anchor, ...]
    """Other models on the same bases."""
    filters: tuple[FilterShapes, ...]
    """The long filters; empty where there is no checkpoint yet."""
    num_parameters: int | None
    """Weights of the model; None where there is no checkpoint yet."""


def render_training(report: TrainingReport) -> str:
    """Return the page."""
    return render_page(f"Training of {report.run.folder}", _sections(report))


def figures_of(report: TrainingReport) -> dict[str, Any]:
    """Return the figures behind the page as plain data; the losses are in ``metrics.jsonl``."""
    run = report.run
    return {
        "run": str(run.folder),
        "finished": run.is_finished,
        "step": run.step,
        "max_steps": run.config.max_steps,
        "validation_bits_per_base": run.validations[-1].bits_per_base if run.validations else None,
        "anchors": {each.name: each.bits_per_base for each in report.anchors},
        "left_out": {each.name: each.left_out for each in report.anchors if each.bits_per_base is None},
        "parameters": report.num_parameters,
        "seconds": run.seconds,
        "bases": run.bases,
        "bases_per_second": run.bases_per_second,
        "devices": list(run.devices),
        "products": list(run.products),
        "filters": [
            {
                "layer": each.layer,
                "direction": each.direction,
                "distances": each.distances.tolist(),
                "quantiles": dict(zip(map(str, QUANTILES), each.quantiles.tolist(), strict=True)),
            }
            for each in report.filters
        ],
        "record": run.record,
        "options": run.options,
    }


def _sections(report: TrainingReport) -> Iterator[str]:
    run = report.run
    yield f"<p>{escape(_what(report))}</p>"
    yield "<h2>Loss</h2>"
    yield (
        loss_figure(run, report.anchors)
        if run.losses or run.validations
        else "<p>Nothing has been measured yet.</p>"
    )
    yield "<h2>Bits per base on the validation part</h2>"
    yield text_table(("", "bits per base", "the model is lower by"), _beside(report))
    yield from (f"<p>{escape(words)}</p>" for words in _of_anchors(report.anchors))
    yield "<h2>Filters</h2>"
    yield f"<p>{escape(_OF_FILTERS if report.filters else _why_no_filters(report))}</p>"
    yield from map(filter_figures, report.filters)
    yield "<h2>How it was trained</h2>"
    yield text_table(("", ""), _facts(run), style="texts")
    yield "<h2>Options</h2>"
    written = yaml.safe_dump(run.options, sort_keys=False)
    yield f"<details><summary>config.resolved.yaml</summary><pre>{escape(written)}</pre></details>"


def _what(report: TrainingReport) -> str:
    """Return in a line what was trained, on what, and how far it is."""
    run, backbone = report.run, report.run.config.model.backbone
    weights = "" if report.num_parameters is None else f" and {report.num_parameters:,} weights"
    model = f"A model of {backbone.num_layers} layers of width {backbone.d_model}{weights}"
    of_reads = run.config.reads is not None
    data = run.config.reads if of_reads else run.config.genome
    windows = f"in windows of {'at most ' if of_reads else ''}{run.config.lengths.final:,} bases"
    steps = f"{run.step:,} of {run.config.max_steps:,} steps, {short(run.step * run.bases_per_step, 3)}b read"
    state = "finished" if run.is_finished else "not finished"
    return f"{model}, trained on {data} {windows}: {steps}; {state}."


def _beside(report: TrainingReport) -> Iterator[tuple[str, ...]]:
    own = report.run.validations[-1] if report.run.validations else None
    yield (
        ("this model", "not measured yet", "")
        if own is None
        else (
            f"this model, after step {own.step:,}",
            f"{own.bits_per_base:.4f}",
            "",
        )
    )
    for each in report.anchors:
        if each.bits_per_base is not None:
            gain = "" if own is None else f"{each.bits_per_base - own.bits_per_base:.4f}"
            yield each.name, f"{each.bits_per_base:.4f}", gain


def _of_anchors(anchors: Sequence[Anchor]) -> Iterator[str]:
    """Yield what the anchors are, and for each reason those that are left out."""
    if sum(each.bits_per_base is not None for each in anchors) > 1:
        yield _OF_ANCHORS
    for reason in dict.fromkeys(each.left_out for each in anchors if each.bits_per_base is None):
        names = ", ".join(each.name for each in anchors if each.left_out == reason)
        yield f"Left out: {names}; {reason}."


def _why_no_filters(report: TrainingReport) -> str:
    if report.num_parameters is None:
        return "The run has no checkpoint yet."
    return "The model has no long filters."


def _facts(run: RunSummary) -> Iterator[tuple[str, str]]:
    yield "device", "; ".join(run.devices) or "not recorded"
    yield "time of training", "not recorded" if run.seconds is None else _duration(run.seconds)
    rate = run.bases_per_second
    yield "bases a second", "not recorded" if rate is None else f"{rate:,.0f}"
    yield (
        "number format of products",
        ", ".join(run.products) or f"not recorded; {run.config.precision} asked for",
    )
    yield "seed", str(run.config.seed)
    yield "trained on", ", ".join(run.record["train"])
    yield (
        "validated on",
        f"{', '.join(run.record['validation'])}; {run.config.validation_bases:,} bases at most",
    )
    yield "held out", ", ".join(run.record["held_out"]) or "nothing"
    yield "fingerprint of the data", run.record["genome_fingerprint"]
    yield "versions", ", ".join(f"{name} {number}" for name, number in run.record.get("versions", {}).items())


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
    )
