"""``hyenadna-kit finetune``: a pretrained model and labelled tables in, classifiers and their metrics out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hyenadna_kit.training.finetune_config import FinetuneConfig

if TYPE_CHECKING:
    from hyenadna_kit.commands.finetune_results import FinetuneResults
    from hyenadna_kit.training.finetune import FinetuneTask, SeedRun, Selection

METRICS_NAME, PAGE_NAME = "metrics.json", "report.html"


def run(options: FinetuneConfig) -> int:
    """Train every seed, or go on where training was stopped, and measure all on the test table.

    Raises:
        InputError: A table is no use, or the folder holds another run.
        CheckpointError: The model folder is damaged.
        TrainingError: The loss is no number, or the disk is full.
    """
    from hyenadna_kit.commands.finetune_words import terminal_table
    from hyenadna_kit.training.finetune import prepare_finetuning

    task, selection = prepare_finetuning(options), _selection(options)
    if options.part != "all":
        _do_part(task, selection)
        return 0
    results = _of_all_parts(task, selection) if options.folds else _of_one_division(task, selection)
    print(terminal_table(results))
    models = Path(options.out) / ("folds" if options.folds else "seeds")
    print(f"{Path(options.out) / f'{METRICS_NAME}, {PAGE_NAME}'}; a model of each seed in {models}")
    return 0


def _do_part(task: "FinetuneTask", selection: "Selection") -> None:
    """Do what the options name of a task, and leave the rest to other processes."""
    from hyenadna_kit.commands.finetune_baselines import fit_baselines
    from hyenadna_kit.commands.finetune_duplicates import settle_duplicates
    from hyenadna_kit.training.finetune import finetune

    if task.config.duplicates == "drop":
        task, _ = settle_duplicates(task)
    if task.config.part == "seeds":
        tuple(finetune(task, selection))
    elif task.config.part == "baselines":
        fit_baselines(task, selection)
    else:
        _control(task, selection)


def _of_one_division(task: "FinetuneTask", selection: "Selection") -> "FinetuneResults":
    """Train and measure a task with its tables, and leave the report."""
    from hyenadna_kit.commands.finetune_baselines import fit_baselines
    from hyenadna_kit.commands.finetune_duplicates import settle_duplicates
    from hyenadna_kit.commands.finetune_results import measure
    from hyenadna_kit.training.finetune import finetune

    task, duplicates = settle_duplicates(task)
    runs = tuple(finetune(task, selection))
    control = _control(task, selection) if task.config.control == "shuffled" else None
    baselines = fit_baselines(task, selection)
    results = measure(task, runs, baselines, duplicates=duplicates, control=control)
    _write(results, Path(task.config.out))
    return results


def _of_all_parts(task: "FinetuneTask", selection: "Selection") -> "FinetuneResults":
    """Do so for every part of the rows, and leave a report of all."""
    from hyenadna_kit.commands.finetune_folds import join_folds
    from hyenadna_kit.training.callbacks import announce
    from hyenadna_kit.training.finetune_folds import fold_tasks

    found = []
    for number, part in enumerate(fold_tasks(task), start=1):
        announce(f"part {number} of {task.config.folds}")
        found.append(_of_one_division(part, selection))
    results = join_folds(task, found)
    _write(results, Path(task.config.out))
    return results


def _selection(options: FinetuneConfig) -> "Selection":
    """Return what chooses among epochs."""
    from hyenadna_kit.commands.finetune_results import SELECTED_BY
    from hyenadna_kit.evaluation.metrics import evaluate_predictions
    from hyenadna_kit.training.finetune import Selection

    metric = SELECTED_BY[options.task]
    return Selection(
        metric, lambda labels, predictions: evaluate_predictions(options.task, labels, predictions)[metric]
    )


def _control(task: "FinetuneTask", selection: "Selection") -> "SeedRun":
    """Return the run on shuffled labels."""
    from hyenadna_kit.training.finetune import finetune
    from hyenadna_kit.training.finetune_variations import with_shuffled_labels

    (run,) = finetune(with_shuffled_labels(task), selection)
    return run


def _write(results: "FinetuneResults", folder: Path) -> None:
    """Leave metrics and page in the run folder."""
    from hyenadna_kit.commands.finetune_page import render_finetuning
    from hyenadna_kit.files import atomic_file

    metrics = json.dumps(results.as_plain_data(), indent=2, allow_nan=False) + "\n"
    for name, text in {METRICS_NAME: metrics, PAGE_NAME: render_finetuning(results)}.items():
        with atomic_file(folder / name) as temporary:
            temporary.write_text(text)
