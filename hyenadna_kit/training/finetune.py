"""Fine-tuning: one seed after the other, each a run that continues where it was stopped.

RUN/seeds/0/            the run of seed 0: a run folder, and a model folder in the end
RUN/config.resolved.yaml, run.json    what all of them were started with
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from lightning import seed_everything
from numpy.typing import NDArray

from hyenadna_kit.backbone.memory import in_words
from hyenadna_kit.config import to_mapping
from hyenadna_kit.devices import Precision, pick_device, products_in
from hyenadna_kit.errors import InputError, TrainingError
from hyenadna_kit.files import locked
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.planning import check_training
from hyenadna_kit.training.callbacks import announce
from hyenadna_kit.training.checkpoint_io import has_checkpoint
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.finetune_data import (
    TRAIN,
    VALIDATION,
    FinetuneData,
    LabelledData,
    read_finetune_data,
)
from hyenadna_kit.training.finetune_module import FinetuneModule, Score, measures_of
from hyenadna_kit.training.low_rank import adapt
from hyenadna_kit.training.optim import OptimizerConfig
from hyenadna_kit.training.predictions import predict_examples
from hyenadna_kit.training.processes import Processes
from hyenadna_kit.training.run_folder import RunFolder, telling_how_to_go_on
from hyenadna_kit.training.trainer import build_trainer, fit

_RECORD_KEYS = ("train_fingerprint", "validation_fingerprint", "start_fingerprint")
_FREE_OPTIONS = frozenset(
    {
        *("model", "train", "validation", "test", "data", "genome", "labels", "track", "out"),
        *("num_workers", "baselines", "control", "part"),
    }
)
_BEST = "checkpoints/best"


class Selection(NamedTuple):
    """What chooses among the epochs of a run."""

    name: str
    """As it is written down, ``mcc``."""
    score: Score
    """Best at its highest."""


@dataclass(frozen=True)
class FinetuneTask:
    """What all seeds have in common."""

    config: FinetuneConfig
    """The options."""
    start: HyenaDNA
    """The pretrained model."""
    data: FinetuneData
    """The tables."""

    @property
    def model(self) -> HyenaDNAConfig:
        """The model that is trained."""
        start, config = self.start.config, self.config
        backbone = start.backbone
        dropout = backbone.embed_dropout if config.embed_dropout is None else config.embed_dropout
        resid_dropout = backbone.resid_dropout if config.resid_dropout is None else config.resid_dropout
        return HyenaDNAConfig(
            backbone=replace(backbone, embed_dropout=dropout, resid_dropout=resid_dropout),
            head=self.data.head,
            tokenizer=start.tokenizer,
            both_strands=start.both_strands,
        )


@dataclass(frozen=True)
class SeedRun:
    """One seed, trained."""

    seed: int
    """Of weights, order, strands and dropout."""
    folder: Path
    """The run, which is a model folder: of the best epoch."""
    predictions: dict[str, NDArray[np.float32]]
    """Those for the tables of validation and test, one row an example."""


@dataclass(frozen=True, kw_only=True)
class _TrainerOptions:
    """What the trainer of one seed is built from."""

    precision: Precision
    optimizer: OptimizerConfig
    max_steps: int
    validate_every: int
    checkpoint_every: int
    log_every: int
    batches_per_step: int = 1
    tensorboard: bool = False


def prepare_finetuning(config: FinetuneConfig) -> FinetuneTask:
    """Read all that a fine-tuning begins with.

    Raises:
        InputError: A table is no use, or a layer is asked for that the model does not have.
        CheckpointError: The model folder is damaged.
        MemoryLimitError: A step needs more memory than there is.
    """
    start = HyenaDNA.from_pretrained(config.model)
    if (config.length or 0) > start.context_length:
        start = start.with_context_length(config.length or 0)
    layers = start.config.backbone.num_layers
    if config.trained_layers is not None and config.trained_layers > layers:
        raise InputError(f"trained_layers is {config.trained_layers}, and {config.model} has {layers} layers")
    data = read_finetune_data(config, start.tokenizer, start.context_length)
    task = FinetuneTask(config, start, data)
    _check_memory(task)
    return task


def _check_memory(task: FinetuneTask) -> None:
    """Say what a step of the longest examples takes."""
    device = pick_device("auto")
    tables = task.data.examples.values()
    rows = min(task.config.batch_size, max(map(len, tables))) * task.data.examples[TRAIN].num_sequences
    size = task.model.pass_size(rows, max(max(examples.pieces.lengths) for examples in tables))
    needed = check_training(task.model, size, device, task.config.precision, recompute=False)
    announce(f"a step takes {in_words(needed.tensors)} on {device}")


def finetune(task: FinetuneTask, selection: Selection) -> Iterator[SeedRun]:
    """Train every seed, or go on training, and yield each as it is finished.

    Raises:
        InputError: The folder of a seed holds another run.
        TrainingError: The loss is no number, or the disk is full.
        SystemExit: The process was sent SIGTERM; the status is 143, and the same call continues.
    """
    record = task.data.record | {"start_fingerprint": task.start.fingerprint()}
    for seed in task.config.seeds:
        place = Path(task.config.out) / "seeds" / str(seed)
        folder = RunFolder(place, record_keys=_RECORD_KEYS, free_options=_FREE_OPTIONS)
        folder.refuse_foreign()
        waiting = partial(announce, f"another process trains in {place}; waiting for it to end")
        with locked(place.resolve(), on_wait=waiting), telling_how_to_go_on():
            folder.start(to_mapping(task.config) | {"seeds": [seed]}, record)
            if not folder.has_model():
                _train(task, selection, folder, seed)
            yield SeedRun(seed, place, _predict(task, place))


def _train(task: FinetuneTask, selection: Selection, folder: RunFolder, seed: int) -> None:
    """Train one seed, and write the model of its best epoch."""
    config = task.config
    announce(f"seed {seed}")
    seed_everything(seed, verbose=False)
    model = _model_to_train(task)
    data = LabelledData(task.data, config, seed=seed)
    steps = data.sampler.steps_per_epoch
    options = _TrainerOptions(
        precision=config.precision,
        optimizer=config.optimizer,
        max_steps=config.epochs * steps,
        validate_every=steps,
        checkpoint_every=steps,
        log_every=config.log_every,
    )
    measures = measures_of(selection.name)
    best = folder.path / _BEST
    module = FinetuneModule(
        model,
        config,
        seed=seed,
        max_steps=options.max_steps,
        validation=task.data.examples[VALIDATION],
        score=selection.score,
        measures=measures,
        best=best,
    )
    trainer = build_trainer(options, measures, folder, Processes())
    fit(trainer, module, data, folder, goes_on=has_checkpoint(folder.checkpoint))
    if not module.has_score:
        raise TrainingError(
            f"no validation of {folder.path} defines {selection.name}: predictions or labels are all alike; "
            "take another learning rate and --out, or a larger validation table"
        )
    HyenaDNA.from_pretrained(best).save_pretrained(folder.path)


def _model_to_train(task: FinetuneTask) -> HyenaDNA:
    """Return the model before its first step; what is new in it is drawn."""
    config = task.config
    model = task.model.build()
    if not config.fresh_weights:
        model.backbone.load_state_dict(task.start.backbone.state_dict())
    if config.lora_rank:
        adapt(model, rank=config.lora_rank, scale=config.lora_scale)
    return model


def _predict(task: FinetuneTask, folder: Path) -> dict[str, NDArray[np.float32]]:
    device = pick_device("auto")
    model = HyenaDNA.from_pretrained(folder).to(device)
    with products_in(device, task.config.precision):
        return {
            side: predict_examples(
                model,
                examples,
                batch_size=task.config.batch_size,
                both_strands=task.config.reads_both_strands,
            )
            for side, examples in task.data.examples.items()
            if side != TRAIN
        }
