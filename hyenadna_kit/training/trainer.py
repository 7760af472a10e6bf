"""Lightning's trainer as every run uses it, and the statuses with which it ends."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from lightning import Callback, LightningDataModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

from hyenadna_kit.devices import Precision, format_of_products, pick_device
from hyenadna_kit.errors import TrainingError
from hyenadna_kit.training.callbacks import LastCheckpoint, MetricsLog, ProgressReport
from hyenadna_kit.training.checkpoint_io import AtomicCheckpointIO
from hyenadna_kit.training.optim import OptimizerConfig
from hyenadna_kit.training.processes import Processes
from hyenadna_kit.training.run_clock import RunClock
from hyenadna_kit.training.run_folder import RunFolder
from hyenadna_kit.training.step_module import Measures, StepModule
from hyenadna_kit.training.step_rows import StepRows
from hyenadna_kit.training.stopping import TERMINATED, StopTogether
from hyenadna_kit.training.strategy import KnownProcesses, choose_strategy
from hyenadna_kit.training.tensorboard_rows import TensorBoardRows


@runtime_checkable
class TrainerOptions(Protocol):
    """The options of a run that its trainer is built from."""

    @property
    def precision(self) -> Precision:
        """Number format of matrix products."""

    @property
    def max_steps(self) -> int:
        """Steps of the whole run."""

    @property
    def batches_per_step(self) -> int:
        """Batches of one process that make up a step."""

    @property
    def optimizer(self) -> OptimizerConfig:
        """The optimiser."""

    @property
    def validate_every(self) -> int:
        """Steps between validations."""

    @property
    def log_every(self) -> int:
        """Steps between lines of metrics.jsonl."""

    @property
    def checkpoint_every(self) -> int:
        """Steps between checkpoints."""

    @property
    def tensorboard(self) -> bool:
        """Write for TensorBoard as well."""


def build_trainer(
    config: TrainerOptions, measures: Measures, folder: RunFolder, processes: Processes
) -> Trainer:
    """Return the trainer of a run in this process."""
    device = pick_device("auto")
    # Its notes on hardware and tips are not for our users.
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return Trainer(
        accelerator=device.type,
        devices=processes.per_node,
        num_nodes=processes.num_nodes,
        strategy=choose_strategy(processes),
        precision="bf16-mixed" if format_of_products(device, config.precision) == "bf16" else "32-true",
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
        callbacks=[StopTogether(), *_reporting(config, measures, folder)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder.path,
    )


def _reporting(config: TrainerOptions, measures: Measures, folder: RunFolder) -> list[Callback]:
    copies = [TensorBoardRows(folder.tensorboard)] if config.tensorboard else []
    return [
        MetricsLog(StepRows(folder.metrics, copies), measures, every=config.log_every),
        RunClock(StepRows(folder.timing), config.log_every),
        ProgressReport(measures, folder.checkpoint),
        LastCheckpoint(
            folder.checkpoint, every=config.checkpoint_every, validate_every=config.validate_every
        ),
    ]


def fit(
    trainer: Trainer, module: StepModule, data: LightningDataModule, folder: RunFolder, *, goes_on: bool
) -> None:
    """Train until the last step, or until the module stops.

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


def validate(trainer: Trainer, module: StepModule, data: LightningDataModule) -> None:
    """Measure the model as it is.

    Raises:
        SystemExit: The process was sent SIGTERM; the status is 143.
    """
    with _quiet(), _exit_statuses(), _lost_workers_are_told():
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
