"""Linear floors of classification tasks, and what their tables share.

    python benchmarks/linear_floors.py FOLDER TASK [TASK ...]

FOLDER/TASK holds train.csv.gz, dev.csv.gz and test.csv.gz with the columns sequence and label, 0 or 1; the
strength of the penalty is chosen on dev. Prints and records MCC and AUROC on test, seconds of each fit,
and how many rows of dev and test are equal or similar to one of train.
"""

import sys
import time
from pathlib import Path
from typing import Any, get_args

import numpy as np
from record import record

from hyenadna_kit.evaluation.duplicates import Duplicates, Likeness
from hyenadna_kit.evaluation.linear_floors import FloorName, LabelledSequences, fit_floor
from hyenadna_kit.evaluation.metrics import evaluate_predictions
from hyenadna_kit.io.tables import read_labelled_table
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

SIDES = ("train", "dev", "test")


def main(folder: str, *tasks: str) -> None:
    """Fit both floors of every task, count what its tables share, and record it."""
    found = {task: figures(Path(folder) / task) for task in tasks}
    command = f"python benchmarks/linear_floors.py {Path(folder).name} {' '.join(tasks)}"
    print(record("linear_floors", command, found).read_text())


def figures(folder: Path) -> dict[str, Any]:
    """Return the figures of one task."""
    tables = {side: read(folder / f"{side}.csv.gz") for side in SIDES}
    shared = Duplicates({side: table.sequences for side, table in tables.items()})
    counts = {
        side: {
            likeness: int(shared.held_by(side, ["train"], likeness).sum()) for likeness in get_args(Likeness)
        }
        for side in SIDES[1:]
    }
    floors = {name: floor(name, *tables.values()) for name in get_args(FloorName)}
    return floors | {"rows": shared.sizes, "held_by_train": counts}


def floor(
    name: FloorName, train: LabelledSequences, dev: LabelledSequences, test: LabelledSequences
) -> dict[str, float]:
    """Return the figures of one floor."""
    begun = time.perf_counter()
    predictions = fit_floor(name, "binary", train, validation=dev).predict(test.sequences)
    seconds = time.perf_counter() - begun
    metrics = evaluate_predictions("binary", test.labels, predictions)
    return {key: round(metrics[key], 4) for key in ("mcc", "auroc")} | {"seconds": round(seconds, 1)}


def read(path: Path) -> LabelledSequences:
    """Return the sequences of a table with their labels."""
    table = read_labelled_table(path)
    encode = NucleotideTokenizer().encode
    return LabelledSequences([encode(each) for each in table.sequences or ()], np.asarray(table.labels))


if __name__ == "__main__":
    main(*sys.argv[1:])
