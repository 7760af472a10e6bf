"""SIGTERM to one process of a run or to all: they end after the same batch, with the same checkpoint."""

import signal
import threading
from types import FrameType
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

TERMINATED = 128 + signal.SIGTERM
"""Status of a process that SIGTERM ended, as a shell counts them; the same command continues its run."""


class StopTogether(Callback):
    """Tells all processes, between two batches, that one of them was sent SIGTERM.

    A validation in the course of training is finished first: its step is saved after it. It must come before
    callbacks that look whether the run ends: a signal that arrives once it has looked counts after the next
    batch, so that no run ends between a checkpoint that is due and its end.
    """

    def __init__(self) -> None:
        self._signals = _Signals()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the place of Lightning's handlers; it takes them up again for every stage."""
        del pl_module, stage
        # There is no public way; what the trainer's property of the same name reads is received_sigterm.
        trainer._signal_connector = self._signals  # type: ignore[assignment]  # noqa: SLF001

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Agree after a batch that no validation follows."""
        del pl_module, outputs, batch
        assert trainer.val_check_batch is not None  # the loop that trains has set it
        if (batch_idx + 1) % trainer.val_check_batch:
            self._agree(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Agree after a validation."""
        del pl_module
        self._agree(trainer)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Agree after a batch where a run only validates; all processes have as many."""
        del pl_module, outputs, batch, batch_idx, dataloader_idx
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._agree(trainer)

    def _agree(self, trainer: Trainer) -> None:
        asked = torch.tensor(self._signals.was_asked, dtype=torch.int32, device=trainer.strategy.root_device)
        if trainer.world_size > 1:
            torch.distributed.all_reduce(asked, op=torch.distributed.ReduceOp.MAX)
        self._signals.received_sigterm = bool(asked.item())


class _Signals:
    """What Lightning's trainer asks of its handlers of signals.

    Its own communicate inside of the signal, in the midst of whatever else is under way.
    """

    def __init__(self) -> None:
        self.was_asked = False
        self.received_sigterm = False
        self._former: dict[int, Any] = {}

    def register_signal_handlers(self) -> None:
        """Take SIGTERM; Python lets the main thread alone do that."""
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
            signal.signal(signal.SIGTERM, self._note)

    def teardown(self) -> None:
        """Give back SIGTERM, and SIGINT, which Lightning ignores after the first."""
        while self._former:
            signal.signal(*self._former.popitem())

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.was_asked = True
