"""Associative recall: Hyena of order 2 and of order 3 against a hybrid of as many weights.

    python benchmarks/associative_recall.py         # about five minutes of one core

Two layers each; the hybrid's second one is attention. All learn the same sequences for the same number
of steps, see ``hyenadna_kit.testing.recall``. ``most frequent base`` answers with that of the pairs.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from measure import table
from record import RESULTS, cpu_name, record

import hyenadna_kit as hk
from hyenadna_kit.testing.recall import RecallTask, counting_accuracy, learn_recall, recall_accuracy

KINDS = {
    "order 2": {"d_inner": 128, "mixer": hk.HyenaConfig(order=2)},
    "order 3": {"d_inner": 64, "mixer": hk.HyenaConfig(order=3)},
    "hybrid": {"d_inner": 180, "other_mixer": hk.AttentionConfig(num_heads=2), "other_layers": (1,)},
}
"""What differs between the sides; the widths inside the MLPs make up for what mixers weigh."""
COUNTING = "most frequent base"


def main(options: argparse.Namespace) -> None:
    """Train and test every side at every number of pairs, print the table and write it down."""
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    for num_pairs in options.pairs:
        task = RecallTask(num_pairs=num_pairs)
        rows.append({"pairs": num_pairs, "side": COUNTING, "accuracy": counting_accuracy(task)})
        for side in KINDS:
            rows.append(row_of(side, task, options.steps))
            print(table(rows[-1:]), flush=True)
    print(table(rows))
    command = f"python benchmarks/associative_recall.py --pairs {','.join(map(str, options.pairs))}"
    figures = {"steps": options.steps, "batch_size": 32, "chance": 0.25, "table": rows}
    command += f" --steps {options.steps}"
    path = record("associative_recall", command, figures, folder=options.out, device=cpu_name())
    print("written to", path)


def config_of(side: str, task: RecallTask) -> hk.HyenaDNAConfig:
    """Return the model of a side, for sequences of the task."""
    backbone = hk.BackboneConfig(
        d_model=64, num_layers=2, context_length=task.length, embed_dropout=0.0, **KINDS[side]
    )
    return hk.HyenaDNAConfig(backbone=backbone)


def row_of(side: str, task: RecallTask, steps: int) -> dict[str, object]:
    """Train one side and return what it recalls."""
    begin = time.process_time()
    model = learn_recall(config_of(side, task), task, num_steps=steps)
    return {
        "pairs": task.num_pairs,
        "side": side,
        "accuracy": recall_accuracy(model, task),
        "weights": model.num_parameters,
        "tokens": task.length,
        "cpu_seconds": round(time.process_time() - begin, 1),
    }


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=numbers, default=[4, 8, 16], help="pairs of a sequence, with commas")
    parser.add_argument("--steps", type=int, default=500, help="training steps of each model")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    return parser.parse_args(words)


def numbers(text: str) -> list[int]:
    """Parse whole numbers with commas between them."""
    return [int(word) for word in text.split(",")]


if __name__ == "__main__":
    main(parse())
