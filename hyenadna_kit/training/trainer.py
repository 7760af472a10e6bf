"""Lightning's trainer as every run of pretraining uses it, and the statuses with which it ends."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lightning import Callback, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

from hyenadna_kit.devices import computes_in_bfloat16, pick_device
from hyenadna_kit.errors import TrainingError
from hyenadna_kit.training.callbacks import LastCheckpoint, MetricsLog, ProgressReport
from hyenadna_kit.training.checkpoint_io import AtomicCheckpointIO
from hyenadna_kit.training.datamodule import PretrainingData
from hyenadna_kit.training.module import TrainingModule
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.training.processes import Processes
from hyenadna_kit.training.run_clock import RunClock
from hyenadna_kit.training.run_folder import RunFolder
from hyenadna_kit.training.step_rows import StepRows
from hyenadna_kit.training.stopping import TERMINATED, StopTogether
from hyenadna_kit.training.strategy import KnownProcesses, choose_strategy
from hyenadna_kit.training.tensorboard_rows import TensorBoardRows


def build_trainer(config: PretrainConfig, folder: RunFolder, processes: Processes) -> Trainer:
    """Return the trainer of a run in this process."""
    device = pick_device("auto")
    bfloat16 = config.precision == "bf16" or (config.precision == "auto" and computes_in_bfloat16(device))
    # Its notes on hardware and tips are not for our users.
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return Trainer(
        accelerator=device.type,
        devices=processes.per_node,
        num_nodes=processes.num_nodes,
        strategy=choose_strategy(processes),
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
        plugins=[AtomicCheckpointIO(), KnownProcesses(processes)],
        callbacks=[StopTogether(), *_reporting(config, folder)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder.path,
    )


def _reporting(config: PretrainConfig, folder: RunFolder) -> list[Callback]:
    copies = [TensorBoardRows(folder.tensorboard)] if config.tensorboard else []
    return [
        MetricsLog(StepRows(folder.metrics, copies), config.log_every),
        RunClock(StepRows(folder.timing), config.log_every),
        ProgressReport(),
        LastCheckpoint(
            folder.checkpoint, every=config.checkpoint_every, validate_every=config.validate_every
        ),
    ]


def fit(
    trainer: Trainer, module: TrainingModule, data: PretrainingData, folder: RunFolder, *, goes_on: bool
) -> None:
    """Train until the last step, and measure after it.

    Args:
        trainer: Of this process.
        module: What is trained.
        data: What it is trained on.
        folder: Where the checkpoint lies.
        goes_on: Whether to go on from it.

    Raises:
        SystemExit: The process was sent SIGTERM; the status is 143.
        TrainingError: A process that reads windows has ended.
    """
    with _quiet(), _exit_statuses(), _lost_workers_are_told():
        trainer.fit(module, datamodule=data, ckpt_path=str(folder.checkpoint) if goes_on else None)
        # The first process alone knows what was measured, and all take part in measuring.
        if trainer.strategy.broadcast(folder.validation_at(trainer.max_steps) is None):
            trainer.validate(module, datamodule=data, verbose=False)


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
        # What is logged are sums over all processes.
        warnings.filterwarnings("ignore", message=".*sync_dist=True.*")
        yield


@contextmanager
def _exit_statuses() -> Iterator[None]:
    """End with the status that a signal asks for; Lightning ends with 0 or 1."""
    try:
        yield
    except SIGTERMException:
        raise SystemExit(TERMINATED) from None
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


@contextmanager
def _lost_workers_are_told() -> Iterator[None]:
    """Turn what PyTorch says of a process that was killed beside this one into a line with a remedy."""
    try:
        yield
    except RuntimeError as error:
        # It raises nothing more special.
        if not str(error).startswith("DataLoader worker"):
            raise
        raise TrainingError(
            "a process that reads windows was killed, for lack of memory maybe; the same command continues "
            "the run, and --num_workers 0 needs no such process"
        ) from None
