"""The one LightningModule: a model with its head's loss, its optimiser and its reproducible steps."""

import math
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from hyenadna_kit.batch import IGNORED_LABEL, Batch
from hyenadna_kit.errors import TrainingError
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.training.global_loss import mean_over_processes
from hyenadna_kit.training.optim import OptimizerConfig, build_optimizer, build_schedule


class TrainingModule(LightningModule):
    """Trains a model with the loss of its head.

    Dropout of a batch is drawn from (seed, rank, step, batch of the step), so that a resumed run draws
    what an unbroken one would.
    """

    def __init__(self, model: HyenaDNA, optimizer: OptimizerConfig, *, max_steps: int, seed: int) -> None:
        super().__init__()
        self.model = model
        self.optimizer_config = optimizer
        self.max_steps = max_steps
        self.seed = seed

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed what is drawn for this batch."""
        del batch
        within_step = batch_idx % self.trainer.accumulate_grad_batches
        torch.manual_seed(hash((self.seed, self.global_rank, self.trainer.global_step, within_step)))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch, in nats a base, each base with its weight.

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

    def loss_of(self, batch: Batch) -> Tensor:
        """Return the mean loss of the labels of a batch."""
        return self.model.head.loss(self.model(batch.input_ids).logits, batch.labels, batch.weights)

    def on_validation_epoch_start(self) -> None:
        """Start the sums of the bases and of their bits."""
        self._validation = torch.zeros(2, dtype=torch.float64, device=self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add the nats of the bases of one batch that count."""
        del batch_idx
        counted = (batch.labels >= 0).sum()
        loss = self.model.head.loss(self.model(batch.input_ids).logits, batch.labels)
        self._validation += torch.stack([loss.double() * counted, counted.double()])

    def on_validation_epoch_end(self) -> None:
        """Log the mean over all processes as ``validation_bits_per_base``."""
        nats, counted = self.trainer.strategy.reduce(self._validation, reduce_op="sum").tolist()
        self.log("validation_bits_per_base", nats / max(1.0, counted) / math.log(2))

    def configure_optimizers(self) -> Any:
        """Return the optimiser and the schedule, which advances every step."""
        optimizer = build_optimizer(self.model, self.optimizer_config)
        schedule = build_schedule(optimizer, self.optimizer_config, self.max_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class JointTrainingModule(TrainingModule):
    """The same in one of several processes: what is trained on are the labels of all of them."""

    def loss_of(self, batch: Batch) -> Tensor:
        """Return the mean loss of the labels of all processes; its gradient is the part of this one."""
        counted = batch.labels != IGNORED_LABEL
        weight = counted.sum() if batch.weights is None else (batch.weights * counted).sum()
        return mean_over_processes(super().loss_of(batch), weight)
