"""How long training took, on what, and how much was read: ``timing.jsonl`` of a run folder.

A row has the step, the seconds of training up to it and the bases read by then, added up over all times that
the run was started. What was done twice, because a killed run goes on from its checkpoint, counts once. The
first row of each start names the device and the number format of matrix products.
"""

import time
from typing import Any

from lightning import Callback, LightningModule, Trainer

from hyenadna_kit.devices import device_words
from hyenadna_kit.training.step_rows import StepRows


class RunClock(Callback):
    """Writes a row every few steps, and for every checkpoint."""

    def __init__(self, rows: StepRows, every: int) -> None:
        self._rows = rows
        self._every = every
        self._step, self._bases, self._bases_since = 0, 0, 0
        self._start = 0.0
        self._is_writing = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on from the row of the step at which training begins."""
        self._is_writing = trainer.is_global_zero
        if not self._is_writing:
            return
        kept = self._rows.keep(trainer.global_step)
        seconds, bases = (kept[-1]["seconds"], kept[-1]["bases"]) if kept else (0.0, 0)
        self._start = time.monotonic() - seconds
        self._step, self._bases, self._bases_since = trainer.global_step, bases, 0
        products = "bf16" if trainer.precision == "bf16-mixed" else "fp32"
        device = device_words(pl_module.device)
        self._write(device=device, processes=trainer.world_size, products=products)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count what was read; a step counts once it is taken."""
        del pl_module, outputs
        self._bases_since += batch.input_ids.numel() * trainer.world_size
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0:
            self._step, self._bases, self._bases_since = (
                trainer.global_step,
                self._bases + self._bases_since,
                0,
            )
            if self._step % self._every == 0:
                self._write()

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write the time up to the step that is saved, on disk before the checkpoint is."""
        del trainer, pl_module, checkpoint
        if self._is_writing:
            self._write()
            self._rows.sync()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the time of all of it."""
        del trainer, pl_module
        self._write()

    def _write(self, **more: Any) -> None:
        if self._is_writing:
            seconds = round(time.monotonic() - self._start, 3)
            self._rows.add(step=self._step, seconds=seconds, bases=self._bases, **more)
