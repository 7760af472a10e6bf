"""The data card of a fine-tuning: files, rows, lengths and labels of each table.

In: a task. Out: tables of HTML.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.heads.objectives import Objective
from hyenadna_kit.report.page import text_table
from hyenadna_kit.training.finetune import FinetuneTask
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.windows.examples import Examples

_MOST_CLASSES = 40


def data_card(task: FinetuneTask) -> Iterator[str]:
    """Yield what is in the tables, and which labels."""
    config, data = task.config, task.data
    yield text_table(
        ("table", "file", "rows", "bases: least, median, most", "fingerprint (SHA-256)"),
        (
            (
                side,
                _source(config, side),
                f"{len(examples):,}",
                _lengths(examples),
                str(data.record.get(f"{side}_fingerprint", ""))[:16],
            )
            for side, examples in data.examples.items()
        ),
        style="texts",
    )
    labels = data.head.labels
    if len(labels) <= _MOST_CLASSES:
        head = (
            ("value", *data.examples) if config.task == "regression" else ("class or column", *data.examples)
        )
        yield text_table(head, _label_rows(config.task, labels, data.examples))
    else:
        yield f"<p>{len(labels):,} classes or columns.</p>"


def _source(config: FinetuneConfig, side: str) -> str:
    """Return where the rows of a table come from."""
    if config.folds:
        return f"of {config.train or config.data}"
    given = getattr(config, side) or config.data
    if given or config.train is None:
        return given or ""
    return f"{config.validation_share:.0%} of {config.train}"


def _lengths(examples: Examples) -> str:
    lengths = np.asarray(examples.pieces.lengths)
    return f"{lengths.min():,}, {np.median(lengths):,.0f}, {lengths.max():,}"


def _label_rows(
    objective: Objective, names: tuple[str, ...], examples: dict[str, Examples]
) -> Iterator[tuple[str, ...]]:
    """Yield how often each class is in each table, or mean and deviation of each column."""
    if objective in ("binary", "multiclass"):
        counts = {side: Counter(np.ravel(each.labels).tolist()) for side, each in examples.items()}
        for number, name in enumerate(names):
            yield name, *(f"{of_side[number]:,}" for of_side in counts.values())
        return
    for number, name in enumerate(names):
        columns = (each.labels.reshape(-1, len(names))[:, number] for each in examples.values())
        yield name, *(_column_words(objective, column) for column in columns)


def _column_words(objective: Objective, column: NDArray[np.generic]) -> str:
    numbers = column.astype(np.float64)
    known = numbers[np.isfinite(numbers)]
    missing = f"; {numbers.size - known.size:,} without" if known.size < numbers.size else ""
    if objective == "multilabel":
        return f"{int((known == 1).sum()):,} of {known.size:,}{missing}"
    return f"{known.mean():.4g} ± {known.std():.4g}{missing}"
