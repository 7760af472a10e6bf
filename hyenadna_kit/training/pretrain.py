"""Pretraining: data, model, trainer, and a model folder in the end."""

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lightning import Trainer, seed_everything
from lightning.pytorch.utilities.exceptions import SIGTERMException

from hyenadna_kit.config import to_mapping
from hyenadna_kit.devices import computes_in_bfloat16, pick_device
from hyenadna_kit.errors import InputError
from hyenadna_kit.files import locked
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.planning import check_training, recomputes
from hyenadna_kit.training.callbacks import LastCheckpoint, MetricsLog, ProgressReport
from hyenadna_kit.training.checkpoint_io import AtomicCheckpointIO
from hyenadna_kit.training.datamodule import PretrainingData
from hyenadna_kit.training.module import TrainingModule
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.training.pretrain_data import plan_data
from hyenadna_kit.training.run_folder import RunFolder
from hyenadna_kit.training.start import Start, prepare_start

_SIGNALLED = 128  # a shell adds the number of the signal


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
        CheckpointError: The checkpoint of the run is damaged, or the model that it starts from.
        MemoryLimitError: A step needs more memory than there is.
        SystemExit: The process was sent SIGTERM; the status is 143, and the run can go on.
    """
    folder = RunFolder(Path(config.out))
    folder.refuse_foreign()
    start = prepare_start(config)
    config = start.config
    with _alone_in(folder):
        plan = plan_data(config, folder)
        folder.start(to_mapping(config), plan.record | start.record)
        bits = folder.validation_at(config.max_steps)
        if bits is not None and folder.has_model():
            return PretrainResult(folder.path, config.max_steps, bits, was_finished=True)
        seed_everything(config.seed, verbose=False)
        model = _fitting_model(start)
        module = TrainingModule(model, config.optimizer, max_steps=config.max_steps, seed=config.seed)
        data = PretrainingData(plan, batch_size=config.batch_size, num_workers=config.num_workers)
        with _quiet():
            _fit(_trainer(config, folder), module, data, folder)
        module.model.save_pretrained(folder.path)
        bits = folder.validation_at(config.max_steps)
        assert bits is not None
    return PretrainResult(folder.path, config.max_steps, bits, was_finished=False)


def _fitting_model(start: Start) -> HyenaDNA:
    """Return a model that keeps or recomputes activations; refuse what does not fit into memory."""
    config, device = start.config, pick_device("auto")
    size = config.model.backbone.pass_size(config.batch_size, config.lengths.final)
    recompute = recomputes(config.recompute, size, device, config.precision)
    check_training(config.model, size, device, config.precision, recompute=recompute)
    model = start.fresh_model()
    model.backbone.recompute_activations(enabled=recompute)
    return model


def _trainer(config: PretrainConfig, folder: RunFolder) -> Trainer:
    device = pick_device("auto")
    bfloat16 = config.precision == "bf16" or (config.precision == "auto" and computes_in_bfloat16(device))
    # Its notes on hardware and tips are not for our users.
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return Trainer(
        accelerator=device.type,
        devices=1,
        precision="bf16-mixed" if bfloat16 else "32-true",
        max_steps=config.max_steps,
        max_epochs=-1,
        accumulate_grad_batches=config.batches_per_step,
        gradient_clip_val=config.optimizer.gradient_clip,
        # Counted in batches over the whole run, which is one epoch without end.
        val_check_interval=config.validate_every * config.batches_per_step,
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what Lightning and PyTorch say of choices that were made, or that no user can change."""
    with warnings.catch_warnings():
        # Windows are read from memory: more workers are a choice, not a remedy.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # Lightning's own use of PyTorch.
        warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated.*")
        # On a cluster one process needs no srun.
        warnings.filterwarnings("ignore", message="The `srun` command is available")
        yield


def _fit(trainer: Trainer, module: TrainingModule, data: PretrainingData, folder: RunFolder) -> None:
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


def _alone_in(folder: RunFolder) -> AbstractContextManager[None]:
    """Hold the lock of a run, or raise InputError where another process trains in the folder."""

    def refuse() -> None:
        """Say that the folder is in use."""
        raise InputError(f"another process is training in {folder.path}")

    return locked(folder.path.resolve(), on_wait=refuse)
