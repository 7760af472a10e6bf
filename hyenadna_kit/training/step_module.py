"""What every training has in common: its optimiser, its reproducible steps, and the words for its losses."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from hyenadna_kit.errors import TrainingError
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.training.optim import OptimizerConfig, build_optimizer, build_schedule


@dataclass(frozen=True)
class Measure:
    """A number that is written to metrics.jsonl and told to a person."""

    name: str
    """Key of the file."""
    words: str
    """What stands behind the number."""
    factor: float = 1.0
    """The number of a loss of 1 nat."""

    def told(self, value: float) -> str:
        """Return the number in words."""
        return f"{value:.4f} {self.words}"


@dataclass(frozen=True)
class Measures:
    """What a training tells of itself."""

    training: Measure
    """The loss of a step."""
    validation: Measure
    """What a validation finds."""


class StepModule(LightningModule):
    """Trains a model by steps of one loss.

    Dropout of a batch is drawn from (seed, rank, step, batch of the step), so that a resumed run draws
    what an unbroken one would.
    """

    def __init__(self, model: HyenaDNA, optimizer: OptimizerConfig, *, max_steps: int, seed: int) -> None:
        super().__init__()
        self.model = model
        self.optimizer_config = optimizer
        self.max_steps = max_steps
        self.seed = seed

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed what is drawn for this batch."""
        del batch
        within_step = batch_idx % self.trainer.accumulate_grad_batches
        torch.manual_seed(hash((self.seed, self.global_rank, self.trainer.global_step, within_step)))

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of one batch, in nats.

        Raises:
            TrainingError: The loss is no number: training has diverged.
        """
        del batch_idx
        loss = self.loss_of(batch)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss of step {self.trainer.global_step + 1} is {loss.item()}: training has diverged; "
                "lower --optimizer.learning_rate and choose another --out"
            )
        return loss

    @abstractmethod
    def loss_of(self, batch: Any) -> Tensor:
        """Return the mean loss of the labels of a batch."""

    def share_of(self, name: str) -> float:
        """Return the learning rate of a parameter of the model as a share of that of its kind."""
        del name
        return 1.0

    def configure_optimizers(self) -> Any:
        """Return the optimiser and the schedule, which advances every step."""
        optimizer = build_optimizer(self.model, self.optimizer_config, self.share_of)
        schedule = build_schedule(optimizer, self.optimizer_config, self.max_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
