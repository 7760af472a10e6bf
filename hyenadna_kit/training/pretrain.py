"""Pretraining from a genome: regions, stream, model, trainer, and a model folder in the end."""

import logging
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning import Trainer, seed_everything
from lightning.pytorch.utilities.exceptions import SIGTERMException

from hyenadna_kit.config import to_mapping
from hyenadna_kit.devices import computes_in_bfloat16, pick_device
from hyenadna_kit.errors import InputError
from hyenadna_kit.files import locked
from hyenadna_kit.genome.interval import Interval, subtract
from hyenadna_kit.io.genome import Genome, open_genome
from hyenadna_kit.io.regions import parse_regions, refuse_overlap, whole_genome
from hyenadna_kit.training.callbacks import LastCheckpoint, MetricsLog, ProgressReport
from hyenadna_kit.training.checkpoint_io import AtomicCheckpointIO
from hyenadna_kit.training.datamodule import PretrainingData
from hyenadna_kit.training.module import TrainingModule
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.training.run_folder import RunFolder
from hyenadna_kit.windows.layout import spread_windows
from hyenadna_kit.windows.stream import CounterStream

_SIGNALLED = 128  # a shell adds the number of the signal
_ORPHANS_SECONDS, _POLL_SECONDS = 8.0, 0.1


@dataclass(frozen=True)
class Regions:
    """The parts of a genome in one run."""

    train: list[Interval]
    """Where windows are drawn."""
    validation: list[Interval]
    """The end of the training range, never drawn from."""
    held_out: list[Interval]
    """Never seen."""


@dataclass(frozen=True)
class PretrainResult:
    """What a run came to."""

    folder: Path
    """The run, which is a model folder."""
    steps: int
    """Steps taken in all."""
    validation_bits_per_base: float
    """On the validation part, after the last step."""
    was_finished: bool
    """The folder held the trained model before: nothing was done."""


def pretrain(config: PretrainConfig) -> PretrainResult:
    """Train, or go on training, until ``max_steps``; then write the model into the run folder.

    Raises:
        InputError: The genome is too short, regions overlap, or the folder holds another run.
        CheckpointError: The checkpoint of the run is damaged.
        SystemExit: The process was sent SIGTERM; the status is 143, and the run can go on.
    """
    genome = open_genome(config.genome)
    regions = choose_regions(config, genome)
    stream = CounterStream(
        regions.train,
        config.lengths,
        batch_size=config.batch_size * config.accumulate_batches,
        seed=config.seed,
        reverse_fraction=config.reverse_fraction,
    )
    folder = RunFolder(Path(config.out))
    folder.refuse_foreign()
    with _alone_in(folder):
        folder.start(to_mapping(config), _record(genome, regions))
        bits = folder.validation_at(config.max_steps)
        if bits is not None and folder.has_model():
            return PretrainResult(folder.path, config.max_steps, bits, was_finished=True)
        seed_everything(config.seed, verbose=False)
        module = TrainingModule(
            config.model.build(), config.optimizer, max_steps=config.max_steps, seed=config.seed
        )
        validation = spread_windows(regions.validation, config.lengths.final, config.validation_bases)
        data = PretrainingData(
            genome, stream, validation, batch_size=config.batch_size, num_workers=config.num_workers
        )
        _fit(_trainer(config, folder), module, data, folder)
        module.model.save_pretrained(folder.path)
        bits = folder.validation_at(config.max_steps)
        assert bits is not None
    return PretrainResult(folder.path, config.max_steps, bits, was_finished=False)


def choose_regions(config: PretrainConfig, genome: Genome) -> Regions:
    """Divide the genome as the options say.

    Raises:
        InputError: A training region covers a held-out base, or nothing is left to train on.
    """
    held_out = parse_regions(config.held_out, genome)
    if config.train_regions:
        train = parse_regions(config.train_regions, genome)
        for index, region in enumerate(train):
            refuse_overlap([region], train[index + 1 :], "train_regions must be apart from each other")
        refuse_overlap(train, held_out, "train_regions and held_out must be apart")
    else:
        train = [part for contig in whole_genome(genome) for part in subtract(contig, held_out)]
    num_bases = sum(region.length for region in train)
    num_kept = round(num_bases * (1 - config.validation_fraction))
    kept: list[Interval] = []
    validation: list[Interval] = []
    for region in train:
        border = min(region.end, region.start + num_kept)
        num_kept -= border - region.start
        kept += [Interval(region.contig, region.start, border)] if border > region.start else []
        validation += [Interval(region.contig, border, region.end)] if border < region.end else []
    if not kept or not validation:
        raise InputError(
            f"{num_bases} bp of {genome.path} with validation_fraction {config.validation_fraction} "
            "leave nothing to train on or nothing to validate on; keep more of the genome, and a fraction "
            "between 0 and 1"
        )
    return Regions(kept, validation, held_out)


def _record(genome: Genome, regions: Regions) -> dict[str, Any]:
    return {
        "genome_fingerprint": genome.fingerprint,
        "train": [region.region for region in regions.train],
        "validation": [region.region for region in regions.validation],
        "held_out": [region.region for region in regions.held_out],
    }


def _trainer(config: PretrainConfig, folder: RunFolder) -> Trainer:
    device = pick_device("auto")
    bfloat16 = config.precision == "bfloat16" or (config.precision == "auto" and computes_in_bfloat16(device))
    # Its notes on hardware and tips are not for our users.
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return Trainer(
        accelerator=device.type,
        devices=1,
        precision="bf16-mixed" if bfloat16 else "32-true",
        max_steps=config.max_steps,
        max_epochs=-1,
        accumulate_grad_batches=config.accumulate_batches,
        gradient_clip_val=config.optimizer.gradient_clip,
        # Counted in batches over the whole run, which is one epoch without end.
        val_check_interval=config.validate_every * config.accumulate_batches,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        plugins=[AtomicCheckpointIO()],
        callbacks=[
            MetricsLog(folder.metrics, config.log_every),
            ProgressReport(),
            LastCheckpoint(
                folder.checkpoint, every=config.checkpoint_every, validate_every=config.validate_every
            ),
        ],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder.path,
    )


def _fit(trainer: Trainer, module: TrainingModule, data: PretrainingData, folder: RunFolder) -> None:
    with warnings.catch_warnings():
        # Windows are read from memory: more workers are a choice, not a remedy.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # Lightning's own use of PyTorch, nothing that a user could change.
        warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated.*")
        checkpoint = str(folder.checkpoint) if folder.checkpoint.exists() else None
        with _exit_statuses():
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
            if folder.validation_at(trainer.max_steps) is None:
                trainer.validate(module, datamodule=data, verbose=False)


@contextmanager
def _exit_statuses() -> Iterator[None]:
    """End with the status that a signal asks for; Lightning ends with 0 or 1."""
    try:
        yield
    except SIGTERMException:
        raise SystemExit(_SIGNALLED + signal.SIGTERM) from None
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


@contextmanager
def _alone_in(folder: RunFolder) -> Iterator[None]:
    """Hold the lock of a run.

    The loader's workers of a run that was killed hold its lock too, until they notice, within 5 s.

    Raises:
        InputError: Another process still trains in the folder after that time.
    """

    def refuse() -> None:
        """Say that the folder is in use."""
        raise InputError(f"another process is training in {folder.path}")

    deadline = time.monotonic() + _ORPHANS_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(locked(folder.path.resolve(), on_wait=refuse))
                break
            except InputError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
        yield
