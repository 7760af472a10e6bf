"""The LightningModules of pretraining: a language model with its head's loss."""

import math

import torch
from torch import Tensor

from hyenadna_kit.batch import IGNORED_LABEL, Batch
from hyenadna_kit.training.global_loss import mean_over_processes
from hyenadna_kit.training.step_module import Measure, Measures, StepModule

BITS_PER_BASE = Measures(
    Measure("bits_per_base", "bits per base", 1 / math.log(2)),
    Measure("validation_bits_per_base", "bits per base", 1 / math.log(2)),
)
"""What pretraining tells of itself."""


class TrainingModule(StepModule):
    """Trains a language model; the loss is in nats a base, each base with its weight."""

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
        measure = BITS_PER_BASE.validation
        self.log(measure.name, nats / max(1.0, counted) * measure.factor)


class JointTrainingModule(TrainingModule):
    """The same in one of several processes: what is trained on are the labels of all of them."""

    def loss_of(self, batch: Batch) -> Tensor:
        """Return the mean loss of the labels of all processes; its gradient is the part of this one."""
        counted = batch.labels != IGNORED_LABEL
        weight = counted.sum() if batch.weights is None else (batch.weights * counted).sum()
        return mean_over_processes(super().loss_of(batch), weight)
