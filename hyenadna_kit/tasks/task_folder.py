"""A task on disk: a table for each side, and how they were made.

In: examples on their sides. Out: a folder of ``train``, ``validation`` and ``test`` tables and of
``task.json``, all of it or nothing.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hyenadna_kit.files import atomic_folder
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.label_columns import LABEL
from hyenadna_kit.io.tables import LabelledTable, write_labelled_table
from hyenadna_kit.tasks.examples import Example, LeftOut
from hyenadna_kit.tasks.make_task import MadeTask
from hyenadna_kit.tokenizers.nucleotide import C, G
from hyenadna_kit.windows.splits import SIDES

TableFormat = Literal["csv", "tsv", "parquet"]
TableColumns = Literal["coordinates", "sequence", "both"]

REPORT_FILE = "task.json"

_FORMAT = "hyenadna_kit.task/1"
_TABLE_FORMATS: tuple[TableFormat, ...] = ("csv", "tsv", "parquet")
TASK_FILES = frozenset({REPORT_FILE, *(f"{side}.{suffix}" for side in SIDES for suffix in _TABLE_FORMATS)})
"""Names of the files that a task may hold."""


def write_task(
    folder: Path,
    genome: Genome,
    made: MadeTask,
    *,
    table_format: TableFormat,
    columns: TableColumns,
    origin: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the folder, in place of one that has the name, and return its ``task.json``.

    Args:
        folder: Folder to write; what is there already is replaced.
        genome: Where the examples lie.
        made: What to write.
        table_format: Of the tables.
        columns: Whether a row is a place on the genome (contig, start, end, strand), its bases, or both.
        origin: What the task was made of, as plain data for the report.
    """
    report = {"format": _FORMAT, **origin, **_summary(genome, made)}
    # A link is followed: the folder that it points to is replaced, not the link.
    with atomic_folder(folder.resolve()) as temporary:
        for side in report["sides"]:
            examples = [
                example
                for example, of in zip(made.found.examples, made.sides.of_example, strict=True)
                if of == side
            ]
            write_labelled_table(temporary / f"{side}.{table_format}", _table(genome, examples, columns))
        (temporary / REPORT_FILE).write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    return report


def _table(genome: Genome, examples: Sequence[Example], columns: TableColumns) -> LabelledTable:
    windows = tuple(example.window for example in examples)
    return LabelledTable(
        sequences=None if columns == "coordinates" else tuple(map(genome.fetch, windows)),
        intervals=None if columns == "sequence" else windows,
        columns={LABEL: tuple(example.label for example in examples)},
    )


def _summary(genome: Genome, made: MadeTask) -> dict[str, Any]:
    found, sides = made
    labels = [example.label for example in found.examples]
    counts = Counter(zip(sides.of_example, labels, strict=True))
    return {
        "sides": {
            side: {label: counts[side, label] for label in found.classes}
            for side in SIDES
            if side in sides.of_example
        },
        "left_out": {label: _reasons(found.left_out, label) for label in found.classes},
        "gc_fraction": {
            label: _gc(genome, [example for example in found.examples if example.label == label])
            for label in found.classes
        },
        "facts": found.facts,
        "similarity": None if sides.similarity is None else sides.similarity._asdict(),
    }


def _reasons(left_out: LeftOut, label: str) -> dict[str, int]:
    return {reason: count for (of, reason), count in left_out.items() if of == label and count}


def _gc(genome: Genome, examples: Sequence[Example]) -> dict[str, float]:
    """Return the mean and the standard deviation of the GC content."""
    fractions = []
    for example in examples:
        tokens = genome.tokens(example.window)
        fractions.append(float(((tokens == C) | (tokens == G)).mean()))
    return {"mean": round(float(np.mean(fractions)), 6), "std": round(float(np.std(fractions)), 6)}
