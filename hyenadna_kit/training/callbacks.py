"""What happens beside the steps: measurements to disk, progress to a person, checkpoints."""

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hyenadna_kit.files import atomic_file

_SECONDS_BETWEEN_LINES = 30.0


class MetricsLog(Callback):
    """Appends one JSON line every few steps; a resumed run first drops lines past its checkpoint."""

    def __init__(self, path: Path, every: int) -> None:
        self._path = path
        self._every = every

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the lines up to the step from which the run goes on."""
        del pl_module
        if not trainer.is_global_zero:
            return
        kept = [row for row in read_metrics(self._path) if row["step"] <= trainer.global_step]
        with atomic_file(self._path) as path:
            path.write_text("".join(json.dumps(row) + "\n" for row in kept))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the loss of a step."""
        del pl_module, batch, batch_idx
        if trainer.global_step % self._every == 0 and trainer.is_global_zero:
            rate = max(group["lr"] for group in trainer.optimizers[0].param_groups)
            loss = float(outputs["loss"]) * trainer.accumulate_grad_batches
            self._append(step=trainer.global_step, bits_per_base=loss / math.log(2), learning_rate=rate)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the bits per base of a validation."""
        del pl_module
        if trainer.is_global_zero:
            bits = float(trainer.callback_metrics["validation_bits_per_base"])
            self._append(step=trainer.global_step, validation_bits_per_base=bits)

    def _append(self, **row: float) -> None:
        with self._path.open("a") as handle:
            handle.write(json.dumps(row) + "\n")


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Return the rows of a metrics file; a last line that a kill cut short is left out."""
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


class LastCheckpoint(Callback):
    """Saves the training state every few steps and at the end, always under the same name."""

    def __init__(self, path: Path, every: int) -> None:
        self._path = path
        self._every = every

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where it is time to."""
        del pl_module, outputs, batch
        step = trainer.global_step
        whole_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if whole_step and (step % self._every == 0 or step == trainer.max_steps):
            trainer.save_checkpoint(self._path)


class ProgressReport(Callback):
    """A bar on a terminal, else one plain line every half minute: step, loss, bases a second, ETA."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._bases = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        del pl_module
        self._first_step, self._start = trainer.global_step, time.monotonic()
        self._last_line = self._start
        if sys.stderr.isatty() and trainer.is_global_zero:
            columns = (
                MofNCompleteColumn(),
                BarColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console)
            self._task = self._bar.add_task(
                "starting", total=trainer.max_steps, completed=trainer.global_step
            )
            self._bar.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show where the run is, no more often than someone reads it."""
        del pl_module, batch_idx
        self._bases += batch.input_ids.numel() * trainer.world_size
        now = time.monotonic()
        wait = 1.0 if self._bar else _SECONDS_BETWEEN_LINES
        if not trainer.is_global_zero or now - self._last_line < wait:
            return
        self._last_line = now
        bits = float(outputs["loss"]) * trainer.accumulate_grad_batches / math.log(2)
        text = f"{bits:.4f} bits per base, {_rate(self._bases, now - self._start)}"
        if self._bar:
            self._bar.update(self._task, completed=trainer.global_step, description=text)
            return
        steps = trainer.global_step - self._first_step
        remaining = (trainer.max_steps - trainer.global_step) * (now - self._start) / max(1, steps)
        self._say(
            f"step {trainer.global_step} of {trainer.max_steps}: {text}, {remaining / 60:.1f} min to go"
        )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what the validation found."""
        del pl_module
        if trainer.is_global_zero:
            bits = float(trainer.callback_metrics["validation_bits_per_base"])
            self._say(f"step {trainer.global_step}: validation {bits:.4f} bits per base")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the bar away, also after an error."""
        del trainer, pl_module, stage
        if self._bar:
            self._bar.stop()

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)


def _rate(bases: int, seconds: float) -> str:
    return f"{bases / max(seconds, 1e-9) / 1000:,.1f} kb/s"
