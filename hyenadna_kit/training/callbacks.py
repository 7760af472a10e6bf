"""What happens beside the steps: measurements to disk, progress to a person, checkpoints."""

import sys
import time
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from hyenadna_kit.training.checkpoint_io import saved_step
from hyenadna_kit.training.step_module import Measures
from hyenadna_kit.training.step_rows import StepRows

_SECONDS_BETWEEN_LINES = 30.0


class MetricsLog(Callback):
    """Appends a JSON line every few steps; a resumed run drops lines past its checkpoint."""

    def __init__(self, rows: StepRows, measures: Measures, *, every: int) -> None:
        self._rows = rows
        self._measures = measures
        self._every = every
        self._loss: Tensor | float = 0.0
        self._rate = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the lines up to the step from which the run goes on."""
        del pl_module
        if trainer.is_global_zero:
            self._rows.keep(trainer.global_step)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the learning rate: at the end of a step it is that of the next one."""
        del pl_module, batch
        if batch_idx % trainer.accumulate_grad_batches == 0:
            self._loss = 0.0
            self._rate = max(group["lr"] for group in trainer.optimizers[0].param_groups)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the loss of a step; Lightning divided that of each of its batches by their number."""
        del pl_module, batch
        self._loss = self._loss + outputs["loss"]
        due = _ends_step(trainer, batch_idx) and trainer.global_step % self._every == 0
        if due and trainer.is_global_zero:
            measure = self._measures.training
            loss = {measure.name: float(self._loss) * measure.factor}
            self._rows.add(step=trainer.global_step, **loss, learning_rate=self._rate)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what a validation found."""
        del pl_module
        if trainer.is_global_zero:
            name = self._measures.validation.name
            self._rows.add(step=trainer.global_step, **{name: float(trainer.callback_metrics[name])})

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Have the lines on disk before the checkpoint: what follows it measures them no more."""
        del pl_module, checkpoint
        if trainer.is_global_zero:
            self._rows.sync()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Close what is open, also after an error."""
        del trainer, pl_module, stage
        self._rows.close()


class LastCheckpoint(Callback):
    """Saves the training state every few steps, at the end and before SIGTERM ends the run.

    A step that a validation follows is saved after it: what is resumed from it has measured already. In the
    midst of a step the one before is saved: its weights are still those of the model, and the batches since
    are taken again.
    """

    def __init__(self, path: Path, *, every: int, validate_every: int) -> None:
        self._path = path
        self._every = every
        self._validate_every = validate_every
        self._progress: dict[str, Any] = {}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save a step that no validation follows, or the one before where a run ends within one."""
        del pl_module, outputs, batch
        if not _ends_step(trainer, batch_idx):
            if trainer.received_sigterm and self._progress:
                trainer.save_checkpoint(self._path)
        elif trainer.global_step % self._validate_every:
            self._save_where_due(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save a step that was validated in the course of training."""
        del pl_module
        if trainer.state.fn == TrainerFn.FITTING:
            self._save_where_due(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Leave out the batches of a step that has not been taken."""
        del trainer, pl_module
        checkpoint["loops"]["fit_loop"] = self._progress

    def _save_where_due(self, trainer: Trainer) -> None:
        step, self._progress = trainer.global_step, trainer.fit_loop.state_dict()
        if step % self._every == 0 or step == trainer.max_steps or trainer.received_sigterm:
            trainer.save_checkpoint(self._path)


class ProgressReport(Callback):
    """A bar on a terminal, else a plain line every half minute: step, loss, rate, ETA."""

    def __init__(self, measures: Measures, checkpoint: Path) -> None:
        self._measures = measures
        self._checkpoint = checkpoint
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
        measure = self._measures.training
        loss = float(outputs["loss"]) * trainer.accumulate_grad_batches * measure.factor
        text = f"{measure.told(loss)}, {_rate(self._bases, now - self._start)}"
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
            measure = self._measures.validation
            found = measure.told(float(trainer.callback_metrics[measure.name]))
            self._say(f"step {trainer.global_step}: validation {found}")

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say where a run was stopped, and from where it goes on."""
        del pl_module
        if not isinstance(exception, KeyboardInterrupt | SIGTERMException) or not trainer.is_global_zero:
            return
        # Not what was asked to be saved, but what is there: a signal may come in the midst of saving.
        saved, text = saved_step(self._checkpoint), f"stopped after step {trainer.global_step}"
        if saved is None:
            self._say(f"{text}, before the first checkpoint: the same command begins the run anew")
        else:
            earlier = "" if saved == trainer.global_step else f" from step {saved}"
            self._say(f"{text}: the same command continues the run{earlier}")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the bar away, also after an error."""
        del trainer, pl_module, stage
        if self._bar:
            self._bar.stop()

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)


def announce(text: str) -> None:
    """Say something to the person at the run, before training begins."""
    Console(stderr=True).print(text, highlight=False, soft_wrap=True)


def _ends_step(trainer: Trainer, batch_idx: int) -> bool:
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0


def _rate(bases: int, seconds: float) -> str:
    return f"{bases / max(seconds, 1e-9) / 1000:,.1f} kb/s"
