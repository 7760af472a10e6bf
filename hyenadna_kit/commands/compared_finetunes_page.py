"""Fine-tunings beside each other as one HTML page, and the same as plain data.

In: what :func:`~hyenadna_kit.commands.compared_finetunes.read_finetunes` returns. Out: the text of the page,
with pictures in it and links to the page of each run; mappings for JSON.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from hyenadna_kit.commands.compared_finetunes import ComparedTask, FinetunedRun
from hyenadna_kit.commands.finetune_words import contestant_words, metric_words, value_words, verdict
from hyenadna_kit.evaluation.chance import CHANCE
from hyenadna_kit.report.forest import ForestRow, forest
from hyenadna_kit.report.page import address, figure, html_table, render_page, text_table

_TITLE = "Fine-tunings compared"
_REPORT_NAME = "report.html"
_CSS = (
    "line.c0{stroke-width:1.5}.headline{font-size:1.25rem;max-width:52rem}figcaption{max-width:34rem}"
    ".warning{border-left:4px solid var(--c1);padding-left:.7rem}.texts td{vertical-align:top}"
)
_OF_RUNS = (
    "Each number is the mean over the seeds of a run, with its 95 % interval where the rows of the table are "
    "drawn anew; the deviation is that between seeds. Runs of a task are in the order of the validation "
    "table, on which the first one is the best: a choice by the test table would flatter."
)
_OF_DIFFERENCES = (
    "Model and baseline are measured on the same rows of each draw. Better and worse are said where the "
    "whole interval lies on one side of 0. Among many comparisons some come out so by chance: one in twenty "
    "where there is no difference."
)
_OF_TRUST = (
    "Measured rows that are in another table of the task, equal or similar, may be remembered rather than "
    "predicted. A control is a run on shuffled labels, which must be no better than chance."
)


def render_finetunes(tasks: Sequence[ComparedTask], out: Path) -> str:
    """Return the page.

    Args:
        tasks: Each with its runs.
        out: Folder of the page: links are relative to it.
    """
    return render_page(_TITLE, _sections(tasks, out), style=_CSS)


def figures_of(tasks: Sequence[ComparedTask]) -> dict[str, Any]:
    """Return all of it as plain data, with None for what is not defined."""
    return {
        "tasks": [
            {
                "task": task.name,
                "objective": task.runs[0].objective,
                "metric": task.runs[0].metric,
                "measured": task.runs[0].measured,
                "rows": task.runs[0].num_rows,
                "chosen": None if math.isnan(task.runs[0].chosen_on.mean) else task.runs[0].name,
                "runs": [_figures_of_run(run) for run in task.runs],
            }
            for task in tasks
        ]
    }


def summary_of(tasks: Sequence[ComparedTask]) -> str:
    """Return in a sentence or two how often the runs are better than each baseline."""
    runs = _runs(tasks)
    counted = f"{_counted(len(runs), 'run')} of {_counted(len(tasks), 'task')}"
    baselines = _baselines(runs)
    if not baselines:
        return f"{counted}; no baseline stands beside them."
    words = "; ".join(_often(name, runs) for name in baselines)
    return f"{counted}. Better than {words}."


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _often(name: str, runs: Sequence[FinetunedRun]) -> str:
    verdicts = [verdict(run.baselines[name].difference) for run in runs if name in run.baselines]
    worse = f", worse in {verdicts.count('worse')}" if "worse" in verdicts else ""
    return f"the {contestant_words(name)} in {verdicts.count('better')} of {len(verdicts)}{worse}"


def _runs(tasks: Iterable[ComparedTask]) -> list[FinetunedRun]:
    return [run for task in tasks for run in task.runs]


def _baselines(runs: Iterable[FinetunedRun]) -> list[str]:
    """Return the baselines that stand beside at least one run."""
    return list(dict.fromkeys(name for run in runs for name in run.baselines))


def _figures_of_run(run: FinetunedRun) -> dict[str, Any]:
    return {
        "run": run.name,
        "folder": str(run.folder),
        "model": run.start,
        **_defined(asdict(run.model)),
        "seeds": _defined(run.of_seed),
        "validation": _defined(asdict(run.chosen_on)),
        "baselines": {
            name: _defined(asdict(beside.metric))
            | {"model_minus_baseline": _defined(beside.difference._asdict())}
            | {"the_model_is": verdict(beside.difference)}
            for name, beside in run.baselines.items()
        },
        "baselines_left_out": dict(run.left_out),
        "shared": [shared._asdict() for shared in run.shared],
        "dropped": dict(run.dropped),
        "control_above_chance": run.control_above_chance,
    }


def _defined(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(number) else number for name, number in numbers.items()}


def _sections(tasks: Sequence[ComparedTask], out: Path) -> Iterator[str]:
    runs = _runs(tasks)
    yield f'<p class="headline">{escape(summary_of(tasks))}</p>'
    yield from (f'<p class="warning">{escape(words)}</p>' for words in _warnings(runs))
    yield f"<h2>Runs</h2>\n<p>{_OF_RUNS}</p>"
    yield _table_of_runs(tasks, out)
    yield from _figures_of_metrics(runs)
    if _baselines(runs):
        yield f"<h2>Model minus baseline</h2>\n<p>{_OF_DIFFERENCES}</p>"
        yield _table_of_differences(tasks)
        yield from _figures_of_differences(runs)
    yield f"<h2>Duplicates and controls</h2>\n<p>{_OF_TRUST}</p>"
    yield _table_of_trust(runs)


def _warnings(runs: Sequence[FinetunedRun]) -> Iterator[str]:
    """Yield what a reader has to know before believing the numbers."""
    if leaking := [_path(run) for run in runs if run.control_above_chance]:
        yield f"Above chance after training on shuffled labels: {', '.join(leaking)}."
    if untested := {run.task: None for run in runs if run.measured == "validation"}:
        yield (
            f"Without a test table: {', '.join(untested)}. There the best epochs were chosen on the very "
            "rows that are measured, and the numbers flatter."
        )
    if single := [_path(run) for run in runs if len(run.of_seed) == 1]:
        yield f"Of a single seed, so that nothing is known of others: {', '.join(single)}."


def _path(run: FinetunedRun) -> str:
    return f"{run.task}/{run.name}"


def _table_of_runs(tasks: Sequence[ComparedTask], out: Path) -> str:
    baselines = _baselines(_runs(tasks))
    head = ("task", "run", "metric", "validation", "model", "deviation", "seeds")
    return html_table(
        (*head, *map(contestant_words, baselines)),
        (_row_of_run(run, baselines, out) for run in _runs(tasks)),
        style="texts",
    )


def _row_of_run(run: FinetunedRun, baselines: Sequence[str], out: Path) -> tuple[str, ...]:
    page = run.folder / _REPORT_NAME
    name = escape(run.name)
    return (
        escape(run.task),
        f'<a href="{address(page, out)}">{name}</a>' if page.exists() else name,
        escape(metric_words(run.metric)),
        _digits(run.chosen_on.mean),
        value_words(run.model),
        _digits(run.model.std),
        str(len(run.of_seed)),
        *(_digits(run.baselines[each].metric.mean) if each in run.baselines else "" for each in baselines),
    )


def _digits(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.3f}"


def _table_of_differences(tasks: Sequence[ComparedTask]) -> str:
    runs = _runs(tasks)
    baselines = _baselines(runs)
    return text_table(
        ("task", "run", *(f"minus {contestant_words(name)}" for name in baselines)),
        ((run.task, run.name, *(_difference(run, name) for name in baselines)) for run in runs),
        style="texts",
    )


def _difference(run: FinetunedRun, name: str) -> str:
    if name not in run.baselines:
        return ""
    found = run.baselines[name].difference
    if math.isnan(found.value):
        return value_words(found)
    return f"{value_words(found)}, {verdict(found)}"


def _table_of_trust(runs: Sequence[FinetunedRun]) -> str:
    head = ("task", "run", "rows", "in other tables: equal, similar", "left out", "control", "no baseline")
    return text_table(head, map(_row_of_trust, runs), style="texts")


def _row_of_trust(run: FinetunedRun) -> tuple[str, ...]:
    shared = (f"{each.other}: {each.num_equal:,}, {each.num_similar:,}" for each in run.shared)
    dropped = (f"{count:,} of {side}" for side, count in run.dropped.items())
    controls = {None: "none", False: "at chance", True: "above chance"}
    return (
        run.task,
        run.name,
        f"{run.num_rows:,} of {run.measured}",
        "; ".join(shared) or "not counted",
        ", ".join(dropped),
        controls[run.control_above_chance],
        "; ".join(f"{contestant_words(name)}: {reason}" for name, reason in run.left_out.items()),
    )


def _figures_of_metrics(runs: Sequence[FinetunedRun]) -> Iterator[str]:
    """Yield the runs of each metric, and their baselines below them."""
    for metric in dict.fromkeys(run.metric for run in runs):
        rows = [row for run in runs if run.metric == metric for row in _rows_of(run)]
        caption = f"{escape(metric_words(metric))} of models and baselines; dashed: chance"
        yield from _figure(rows, caption, middle=CHANCE[metric])


def _rows_of(run: FinetunedRun) -> Iterator[ForestRow]:
    yield ForestRow(_path(run), run.model.mean, run.model.low, run.model.high)
    for name, beside in run.baselines.items():
        yield ForestRow(contestant_words(name), beside.metric.mean, beside.metric.low, beside.metric.high)


def _figures_of_differences(runs: Sequence[FinetunedRun]) -> Iterator[str]:
    """Yield how far the runs are above each baseline."""
    for name in _baselines(runs):
        rows = [
            ForestRow(_path(run), *run.baselines[name].difference) for run in runs if name in run.baselines
        ]
        caption = (
            f"Model minus {escape(contestant_words(name))}; right of the dashed line the model is better"
        )
        yield from _figure(rows, caption, middle=0.0)


def _figure(rows: Sequence[ForestRow], caption: str, *, middle: float) -> Iterator[str]:
    """Yield the picture of the numbers that are defined, if there are some."""
    defined = [row for row in rows if math.isfinite(row.value)]
    if defined:
        yield figure(forest(defined, middle=middle), caption)
