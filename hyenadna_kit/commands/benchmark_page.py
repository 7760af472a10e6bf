"""The benchmark of variant effects as files: a page, plain data, a table of metrics, the variants.

In: what was measured. Out: ``report.html``, ``metrics.json``, ``metrics.tsv`` and ``variants.tsv.gz``.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from hyenadna_kit.commands.benchmark_rows import Benchmark
from hyenadna_kit.evaluation.bootstrap import Estimate
from hyenadna_kit.evaluation.variant_benchmark import CLASS_ALONE, Line, Part
from hyenadna_kit.files import atomic_file
from hyenadna_kit.io.tables_text import write_text_table
from hyenadna_kit.report.forest import ForestRow, forest
from hyenadna_kit.report.page import figure, render_page, text_table

PAGE_NAME, OTHER_NAMES = "report.html", ("metrics.json", "metrics.tsv", "variants.tsv.gz")
"""Files of the folder."""

_FIGURES_NAME, _METRICS_NAME, _ROWS_NAME = OTHER_NAMES

_METRICS_HEAD = (
    *("part", "kind", "predictor", "minus", "metric", "variants", "units"),
    *("value", "low", "high"),
)
_TITLES = {
    "spearman": "Spearman",
    "pearson": "Pearson",
    "auroc": "AUROC",
    "auprc": "AUPRC",
}
_CHANCE = {"auroc": 0.5}
_STYLE = ".classes td:nth-child(2),.classes th:nth-child(2){text-align:left}"
_OF_SIGNS = (
    "Predictors are taken as they are: where one falls as the effect rises, Spearman is below 0 and AUROC "
    "below 0.5. The name of one that is taken with the other sign begins with a minus."
)
_OF_DIFFERENCES = (
    "Score of the model minus the other predictor, on the variants that have both and in the same draws: an "
    "interval that holds 0 tells no difference."
)
_OF_WITHIN = (
    "Metrics within each group, then the mean over groups; those that share positions are averaged first and "
    "count as one. What differs between groups, and not between the variants of one, does not help here."
)


_OF_OTHER_LOCI = (
    "in the other loci. Where classes tell nothing it is below chance rather than at it, for a locus of high "
    "effects leaves lower ones to the others: a score that is above it has then shown little."
)
_OF_ALL_VARIANTS = "over all variants of it, itself among them, which flatters it a little."


def write_benchmark(found: Benchmark, folder: Path) -> None:
    """Write the four files, each whole or not at all.

    Raises:
        InputError: A cell of the table cannot be written as text.
    """
    texts = {
        PAGE_NAME: render_page(
            f"Variant effects in {found.options.variants}", _sections(found), style=_STYLE
        ),
        _FIGURES_NAME: json.dumps(plain(found), indent=1, allow_nan=False) + "\n",
    }
    names = (*found.table.names, *found.added)
    rows = ((*row, *more) for row, more in zip(found.table.rows, _added_by_row(found), strict=True))
    cells = (["." if cell is None else cell for cell in row] for row in rows)
    write_text_table(folder / _ROWS_NAME, names, cells, separator="\t")
    write_text_table(folder / _METRICS_NAME, _METRICS_HEAD, _metric_rows(found.parts), separator="\t")
    for name, text in texts.items():
        with atomic_file(folder / name) as temporary:
            temporary.write_text(text)


def plain(found: Benchmark) -> dict[str, Any]:
    """Return the benchmark as plain data; what is not defined is None."""
    return {
        "variants": found.options.variants,
        "effect": found.effect_name,
        "effect_kind": found.effects.kind,
        "counts": found.counts,
        "statuses": dict(found.statuses.most_common()),
        "class_alone": found.effects.classes is not None,
        "parts": [
            {"name": part.name, "kind": part.kind, "lines": [_plain_line(line) for line in part.lines]}
            for part in found.parts
        ],
        "provenance": list(found.provenance),
        "options": asdict(found.options),
    }


def estimate_text(estimate: Estimate) -> str:
    """Return a number with its interval, ``0.312 [0.281, 0.340]``; nothing where it is NaN."""
    if math.isnan(estimate.value):
        return ""
    if math.isnan(estimate.low):
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _plain_line(line: Line) -> dict[str, Any]:
    return {
        "predictor": line.predictor,
        "minus": line.minus,
        "variants": line.num_rows,
        "units": line.num_units,
        "metrics": {
            name: {key: None if math.isnan(value) else value for key, value in each._asdict().items()}
            for name, each in line.metrics.items()
        },
    }


def _metric_rows(parts: Sequence[Part]) -> Iterator[tuple[str | int | float, ...]]:
    for part in parts:
        for line in part.lines:
            for name, estimate in line.metrics.items():
                numbers = ("." if math.isnan(each) else each for each in estimate)
                minus = "." if line.minus is None else line.minus
                about = (part.name, part.kind, line.predictor, minus, name, line.num_rows, line.num_units)
                yield *about, *numbers


def _added_by_row(found: Benchmark) -> Iterator[Sequence[Any]]:
    if not found.added:
        return iter([()] * len(found.table.rows))
    return iter(zip(*found.added.values(), strict=True))


def _sections(found: Benchmark) -> Iterator[str]:
    whole, *others = found.parts
    yield from (f"<p>{escape(words)}</p>" for words in _facts(found))
    yield "<h2>All variants</h2>"
    yield from _tables(found, whole)
    for part in others:
        if part.kind == "within":
            yield "<h2>Within groups</h2>"
            yield f"<p>{_OF_WITHIN}</p>"
            yield from _tables(found, part)
    classes = [part for part in others if part.kind == "class"]
    if classes:
        yield f"<h2>By {escape(_class_column(found))}</h2>"
        yield _class_table(found, classes)
    if found.statuses:
        yield "<h2>Status</h2>"
        yield "<p>What became of the variants in scoring; PASS and EDGE_PADDED carry scores.</p>"
        statuses = ((name, f"{number:,}") for name, number in found.statuses.most_common())
        yield text_table(("status", "variants"), statuses)
        yield "<h2>Where the scores come from</h2>"
        yield from (f"<p><code>{escape(line)}</code></p>" for line in found.provenance)


def _facts(found: Benchmark) -> Iterator[str]:
    """Yield what was measured and how, in sentences."""
    counts, options = found.counts, found.options
    left_out = f" ({counts['left_out']:,} others are left out by a condition)" if counts["left_out"] else ""
    scored = f", {counts['scored']:,} a score of the model {options.model}" if "scored" in counts else ""
    measured = "two classes" if found.effects.kind == "class" else "numbers"
    yield (
        f"{counts['rows']:,} rows{left_out}; {counts['with_effect']:,} have the effect {found.effect_name} "
        f"({measured}){scored}."
    )
    drawn = (
        f"{counts['loci']:,} loci: the {counts['groups']:,} values of {options.group}, joined where they "
        "share positions"
        if "loci" in counts
        else "single variants; neighbours are not independent, and a column of groups makes honest intervals"
    )
    yield f"In brackets: 95 % intervals from {options.num_resamples:,} draws of {drawn}."
    yield _OF_SIGNS
    yield _of_classes(found)


def _of_classes(found: Benchmark) -> str:
    if found.effects.classes is None:
        return "There is no baseline from classes: the table names none, and no annotation was given."
    name = f"{CLASS_ALONE}: the mean effect of the variant's {_class_column(found)}"
    return f"{name} {_OF_OTHER_LOCI if found.effects.loci is not None else _OF_ALL_VARIANTS}"


def _class_column(found: Benchmark) -> str:
    return found.options.stratify or "consequence"


def _tables(found: Benchmark, part: Part) -> Iterator[str]:
    """Yield a picture and the tables of a part: predictors, then differences."""
    predictors = [line for line in part.lines if line.minus is None]
    differences = [line for line in part.lines if line.minus is not None]
    yield _table(found, predictors)
    yield _picture(found, predictors, chance=_CHANCE.get(found.metric_names[0], 0.0))
    if differences:
        yield f"<p>{_OF_DIFFERENCES}</p>"
        yield _table(found, differences)
        yield _picture(found, differences, chance=0.0)


def _table(found: Benchmark, lines: Sequence[Line]) -> str:
    return text_table(_head(found), (_row(found, line) for line in lines))


def _head(found: Benchmark) -> tuple[str, ...]:
    units = () if found.effects.loci is None else ("loci",)
    return ("predictor", "variants", *units, *(_TITLES[name] for name in found.metric_names))


def _row(found: Benchmark, line: Line) -> tuple[str, ...]:
    units = () if found.effects.loci is None else (f"{line.num_units:,}",)
    estimates = (estimate_text(line.metrics[name]) for name in found.metric_names)
    return _called(line), f"{line.num_rows:,}", *units, *estimates


def _picture(found: Benchmark, lines: Sequence[Line], *, chance: float) -> str:
    name = found.metric_names[0]
    rows = [
        ForestRow(_called(line), *line.metrics[name])
        for line in lines
        if not math.isnan(line.metrics[name].value)
    ]
    return figure(forest(rows, middle=chance), f"{_TITLES[name]} and 95 % interval") if rows else ""


def _class_table(found: Benchmark, parts: Sequence[Part]) -> str:
    """Return the metrics of every predictor in every class; the name of a class stands once."""
    head = (_class_column(found), *_head(found))
    rows = []
    for part in parts:
        lines = [line for line in part.lines if line.minus is None]
        names = [part.name] + [""] * (len(lines) - 1)
        rows += [(name, *_row(found, line)) for name, line in zip(names, lines, strict=True)]
    return text_table(head, rows, style="classes")


def _called(line: Line) -> str:
    return line.predictor if line.minus is None else f"{line.predictor} minus {line.minus}"
