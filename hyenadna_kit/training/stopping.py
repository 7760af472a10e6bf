"""SIGTERM to one process of a run or to all: they end after the same batch, with the same checkpoint."""

import signal
from types import FrameType
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer


class StopTogether(Callback):
    """Tells all processes after every batch that one of them was sent SIGTERM.

    Lightning's own handler communicates inside of the signal, in the midst of whatever else is under way.
    It must come before callbacks that look whether the run ends.
    """

    def __init__(self) -> None:
        self._was_asked = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signal from Lightning."""
        del trainer, pl_module
        signal.signal(signal.SIGTERM, self._note)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signal where a run only validates."""
        self.on_train_start(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Agree after a batch of training."""
        del pl_module, outputs, batch, batch_idx
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
        """Agree after a batch of validation; all processes have as many."""
        del pl_module, outputs, batch, batch_idx, dataloader_idx
        self._agree(trainer)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._was_asked = True

    def _agree(self, trainer: Trainer) -> None:
        asked = torch.tensor(self._was_asked, dtype=torch.int32, device=trainer.strategy.root_device)
        torch.distributed.all_reduce(asked, op=torch.distributed.ReduceOp.MAX)
        if asked.item():
            # What its property of the same name reads; there is no public way to set it.
            trainer._signal_connector.received_sigterm = True  # noqa: SLF001
