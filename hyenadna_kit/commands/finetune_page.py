"""The report of a fine-tuning as a page: is the model any good, beside what, and can the numbers be trusted.

In: results. Out: HTML with pictures in it.
"""

from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np
import yaml

from hyenadna_kit.commands.finetune import PAGE_NAME
from hyenadna_kit.commands.finetune_baselines import WORDS
from hyenadna_kit.commands.finetune_charts import CSS, interval_figures, training_figures
from hyenadna_kit.commands.finetune_curves import class_rankings, prediction_figures
from hyenadna_kit.commands.finetune_data_card import data_card
from hyenadna_kit.commands.finetune_results import FinetuneResults
from hyenadna_kit.commands.finetune_words import (
    contestant_words,
    headline,
    interval_words,
    metric_words,
    value_words,
    verdict,
    warnings,
)
from hyenadna_kit.config import to_mapping
from hyenadna_kit.evaluation.chance import CHANCE
from hyenadna_kit.evaluation.duplicates import NEAR_DUPLICATES
from hyenadna_kit.heads.objectives import Objective
from hyenadna_kit.report.page import format_number, html_table, render_page, text_table
from hyenadna_kit.training.finetune_folds import FOLDER_NAME as FOLDS_NAME
from hyenadna_kit.training.run_folder import read_record

_MOST_CLASSES = 40
_SHOWN_ENDS = 5
_DIFFERENCES: dict[Objective, tuple[str, ...]] = {
    "binary": ("mcc", "auroc", "auprc", "accuracy"),
    "multiclass": ("mcc", "auroc", "accuracy"),
    "multilabel": ("auroc", "auprc", "mcc"),
    "regression": ("spearman", "pearson", "r2"),
}
_OF_INTERVALS = (
    "Intervals are 95 % percentiles of a bootstrap over the rows of the table; of differences, model and "
    "baseline are measured on the same rows of each draw. They say how sure a number is for rows like these, "
    "and nothing of rows of another kind, nor of another seed: the deviation between seeds is below."
)
_OF_GROUPS = "Rows of one {column} are drawn together: they do not stand for as many."
_OF_CURVES = "Where one run stands for several seeds, it is the one whose {metric} is the median."
_OF_DUPLICATES = (
    "Equal: the same bases, on either strand. Similar: {share:.0%} of the k-mers of the shorter sequence are "
    "in the longer one; equal ones are counted too. Asked for a sequence that it has seen in training, a "
    "model tells what it remembers."
)
_OF_PARTS = (
    "The rows were divided into parts. Each was predicted by models that saw none of it: the next part chose "
    "their epoch, and they were trained on the rest. All other figures of this page are of all rows together."
)
_OF_CONTROL = (
    "Seed {seed} was trained once more on labels that had changed their rows in the training table. On the "
    "true labels of the {side} table it comes to {metric} {value}; chance is {chance:g}. {meaning}"
)


def render_finetuning(results: FinetuneResults) -> str:
    """Return the page."""
    return render_page(f"Fine-tuning in {results.task.config.out}", _sections(results), style=CSS)


def _sections(results: FinetuneResults) -> Iterator[str]:
    yield f'<p class="headline">{escape(headline(results))}</p>'
    yield from (f'<p class="warning">{escape(words)}</p>' for words in warnings(results))
    yield from interval_figures(results)
    yield "<h2>Model and baselines</h2>"
    yield from _contest(results)
    yield "<h2>Predictions</h2>"
    yield f"<p>{_OF_CURVES.format(metric=escape(metric_words(results.selected_by)))}</p>"
    yield from prediction_figures(results)
    if len(results.task.data.head.labels) > 2 and results.task.config.task != "regression":
        yield _class_table(results)
    yield "<h2>Seeds</h2>"
    yield _seed_table(results)
    if results.folds:
        yield "<h2>Parts</h2>"
        yield from _parts(results)
    else:
        yield from training_figures(results)
    if results.control is not None:
        yield "<h2>Control: shuffled labels</h2>"
        yield f"<p>{escape(_of_control(results))}</p>"
    yield "<h2>Duplicates</h2>"
    yield from _duplicates(results)
    yield "<h2>Data</h2>"
    yield from data_card(results.task)
    yield "<h2>How it was made</h2>"
    yield from _making(results)


def _contest(results: FinetuneResults) -> Iterator[str]:
    """Yield the metrics of all contestants, and the differences."""
    contestants = results.comparison.contestants
    yield html_table(
        ("metric", *map(contestant_words, contestants)),
        (
            (
                escape(metric_words(metric)),
                *(escape(value_words(each.over_seeds[metric])) for each in contestants.values()),
            )
            for metric in results.comparison.model.over_seeds
        ),
    )
    if results.comparison.differences:
        metrics = _DIFFERENCES[results.task.config.task]
        yield text_table(
            ("model minus", *map(metric_words, metrics), "the model is"),
            (
                (
                    contestant_words(name),
                    *(value_words(each[metric]) for metric in metrics),
                    verdict(each[results.selected_by]),
                )
                for name, each in results.comparison.differences.items()
            ),
        )
    yield f"<p>{_OF_INTERVALS}</p>"
    if results.task.config.group_column is not None:
        yield f"<p>{escape(_OF_GROUPS.format(column=results.task.config.group_column))}</p>"
    yield "".join(f"<p>{escape(words)}</p>" for words in _of_baselines(results))


def _of_baselines(results: FinetuneResults) -> Iterator[str]:
    """Yield what each baseline is, and why others are missing."""
    baselines = results.baselines
    for name in baselines.runs:
        note = f"; {baselines.notes[name]}" if name in baselines.notes else ""
        yield f"{_capital(contestant_words(name))}: {WORDS[name]}{note}."
    for name, reason in baselines.left_out.items():
        yield f"{_capital(contestant_words(name))}: left out; {reason}."


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def _class_table(results: FinetuneResults) -> str:
    """Return AUROC and average precision of each class or column, of many those at both ends."""
    rows = sorted(class_rankings(results), key=lambda row: (np.isnan(row[2]), -row[2]))
    cells = [
        (name, f"{count:,}", format_number(auroc), format_number(auprc)) for name, count, auroc, auprc in rows
    ]
    if len(cells) > _MOST_CLASSES:
        left = f"... {len(cells) - 2 * _SHOWN_ENDS} more ..."
        cells = [*cells[:_SHOWN_ENDS], (left, "", "", ""), *cells[-_SHOWN_ENDS:]]
    return text_table(("class or column", f"rows of {results.measured}", "AUROC", "AUPRC"), cells)


def _seed_table(results: FinetuneResults) -> str:
    own = results.comparison.model
    head = (
        "metric",
        *(f"seed {seed}" for seed in own.of_seed),
        "mean",
        "deviation",
        "95 % interval of the mean",
    )
    rows = (
        (
            metric_words(metric),
            *(format_number(of_seed[metric]) for of_seed in own.of_seed.values()),
            format_number(over.mean),
            format_number(over.std),
            interval_words(over.low, over.high),
        )
        for metric, over in own.over_seeds.items()
    )
    return text_table(head, rows)


def _parts(results: FinetuneResults) -> Iterator[str]:
    """Yield what each part came to, with the way to its report."""
    metric = results.selected_by
    names = tuple(results.comparison.contestants)
    yield f"<p>{_OF_PARTS}</p>"
    rows = []
    for number, fold in enumerate(results.folds):
        found = fold.comparison.contestants
        values = (value_words(found[name].over_seeds[metric]) if name in found else "" for name in names)
        link = f'<a href="{FOLDS_NAME}/{number}/{PAGE_NAME}">part {number + 1}</a>'
        rows.append((link, f"{len(fold.task.data.examples[fold.measured]):,}", *map(escape, values)))
    heads = (f"{metric_words(metric)} of the {contestant_words(name)}" for name in names)
    yield html_table(("", "rows", *heads), rows)


def _of_control(results: FinetuneResults) -> str:
    control = results.control
    assert control is not None
    (seed,) = control.metrics.of_seed
    metric = results.selected_by
    meaning = (
        "It is above chance: something other than the sequence tells the label."
        if control.is_above_chance
        else "It is no better than chance, as it should be."
    )
    return _OF_CONTROL.format(
        seed=seed,
        side=results.measured,
        metric=metric_words(metric),
        value=value_words(control.metrics.over_seeds[metric]),
        chance=CHANCE[metric],
        meaning=meaning,
    )


def _duplicates(results: FinetuneResults) -> Iterator[str]:
    found = results.duplicates
    if found.left_out:
        yield f"<p>Not counted: {escape(found.left_out)}.</p>"
        return
    yield text_table(
        ("rows of", "also in", "rows", "equal", "similar", "too short to compare"),
        ((each.side, each.other, *(f"{number:,}" for number in each[2:])) for each in found.shared),
    )
    yield f"<p>{_OF_DUPLICATES.format(share=NEAR_DUPLICATES.min_containment)}</p>"
    repeated = ", ".join(f"{side} {count:,}" for side, count in found.repeated.items())
    yield f"<p>Rows that equal an earlier one of the same table: {repeated}.</p>"
    if found.dropped:
        dropped = ", ".join(f"{count:,} of the {side} table" for side, count in found.dropped.items())
        yield (
            f"<p>Left out before training, because the {results.measured} table has them or similar ones: "
            f"{dropped}. The counts above are those before.</p>"
        )
    elif results.task.config.duplicates == "keep":
        yield "<p>All were kept; --duplicates drop leaves those of training and validation out.</p>"


def _making(results: FinetuneResults) -> Iterator[str]:
    config = results.task.config
    record = read_record(results.runs[0].folder, ())
    versions = ", ".join(f"{name} {number}" for name, number in record.pop("versions", {}).items())
    yield text_table(
        ("", ""),
        (
            ("versions", versions),
            (
                "model",
                f"{config.model}, {sum(1 for _ in results.runs)} seeds in {results.runs[0].folder.parent}",
            ),
            ("best epochs chosen by", f"{metric_words(results.selected_by)} on the validation table"),
            *((name.replace("_", " "), _as_words(value)) for name, value in record.items() if value),
        ),
        style="texts",
    )
    written = yaml.safe_dump(to_mapping(config), sort_keys=False)
    yield f"<details><summary>Options</summary><pre>{escape(written)}</pre></details>"


def _as_words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
