"""``hyenadna-kit finetune``: a pretrained model and labelled tables in, classifiers and their metrics out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hyenadna_kit.training.finetune_config import FinetuneConfig

if TYPE_CHECKING:
    from hyenadna_kit.evaluation.seeds import SeedMetrics

METRICS_NAME = "metrics.json"

_SELECTED_BY = {"binary": "mcc", "multiclass": "mcc", "multilabel": "auroc", "regression": "spearman"}
"""Metric by which the best epoch is chosen."""


def run(options: FinetuneConfig) -> int:
    """Train every seed, or go on where training was stopped, and measure all on the test table.

    Raises:
        InputError: A table is no use, or the folder holds another run.
        CheckpointError: The model folder is damaged.
        TrainingError: The loss is no number, or the disk is full.
    """
    from hyenadna_kit.evaluation.metrics import evaluate_predictions
    from hyenadna_kit.evaluation.seeds import metrics_over_seeds
    from hyenadna_kit.files import atomic_file
    from hyenadna_kit.training.finetune import Selection, finetune, prepare_finetuning

    metric = _SELECTED_BY[options.task]
    task = prepare_finetuning(options)
    selection = Selection(
        metric, lambda labels, predictions: evaluate_predictions(options.task, labels, predictions)[metric]
    )
    runs = list(finetune(task, selection))
    found = {
        side: metrics_over_seeds(
            options.task,
            task.data.examples[side].labels,
            {run.seed: run.predictions[side] for run in runs},
        )
        for side in runs[0].predictions
    }
    path = Path(options.out) / METRICS_NAME
    with atomic_file(path) as temporary:
        of_task = {"task": options.task, "selected_by": metric, "labels": task.data.head.labels}
        figures = of_task | {side: each.as_plain_data() for side, each in found.items()}
        temporary.write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n")
    print(_table(found[list(found)[-1]], list(found)[-1], len(runs)))
    print(f"{path}; a model of each seed in {Path(options.out) / 'seeds'}")
    return 0


def _table(found: "SeedMetrics", side: str, num_runs: int) -> str:
    """Return the metrics in lines."""
    head = f"{side}, mean of {num_runs} seeds and 95 % interval" if num_runs > 1 else f"{side}, 95 % interval"
    lines = [
        f"{name:<18}{each.mean:8.4f}  ({each.low:.4f} to {each.high:.4f})"
        for name, each in found.over_seeds.items()
    ]
    return "\n".join([head, *lines])
