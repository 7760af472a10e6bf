"""The LightningModule of fine-tuning: a labelled head's loss, and the best epoch by its validation."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hyenadna_kit.batch import LabelledBatch
from hyenadna_kit.heads.objectives import LabelledHead
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.low_rank import merged
from hyenadna_kit.training.predictions import in_table_order, predict_batch, rows_of_batch
from hyenadna_kit.training.step_module import Measure, Measures, StepModule
from hyenadna_kit.windows.examples import Examples

Score = Callable[[NDArray[Any], NDArray[np.float32]], float]
"""``score(labels, predictions)``: what is best at its highest."""

_EMBEDDINGS, _LAYERS = "backbone.embeddings.", "backbone.layers."


def measures_of(score_name: str) -> Measures:
    """Return what a fine-tuning tells of itself; its validations find a score, as ``mcc``."""
    return Measures(Measure("loss", "loss"), Measure(f"validation_{score_name}", score_name))


class FinetuneModule(StepModule):
    """Trains a model with a labelled head, and keeps its weights after the best validation.

    The best score, and how many validations ago it was, are part of a checkpoint.
    """

    def __init__(
        self,
        model: HyenaDNA,
        config: FinetuneConfig,
        *,
        seed: int,
        max_steps: int,
        validation: Examples,
        score: Score,
        measures: Measures,
        best: Path,
    ) -> None:
        """Take the model.

        Args:
            model: What is trained.
            config: How.
            seed: Of dropout.
            max_steps: Steps of the whole schedule.
            validation: Examples of the validations.
            score: What chooses among epochs.
            measures: The names of loss and score.
            best: Folder of the model after the best validation.
        """
        super().__init__(model, config.optimizer, max_steps=max_steps, seed=seed)
        self.config = config
        self.validation, self.score, self.measures = validation, score, measures
        self.best = best
        self.best_score, self.validations_since = -math.inf, 0
        freeze(model, config.trained_layers)

    def loss_of(self, batch: LabelledBatch) -> Tensor:
        """Return the mean loss of the labels of a batch."""
        return self.model.head.loss(self.model(batch.input_ids, batch.attention_mask).logits, batch.labels)

    def on_train_start(self) -> None:
        """End at once a run that was stopped between its last validation and its end."""
        self.trainer.should_stop = self.is_over

    def on_validation_epoch_start(self) -> None:
        """Begin to collect."""
        self._logits: list[Tensor] = []

    def validation_step(self, batch: LabelledBatch, batch_idx: int) -> None:
        """Collect the logits of one batch."""
        del batch_idx
        logits = predict_batch(self.model, batch, both_strands=self.config.reads_both_strands)
        self._logits.append(rows_of_batch(logits, batch, self.model).float().cpu())

    def on_validation_epoch_end(self) -> None:
        """Score all of them, keep the weights where they are the best, and end where patience has."""
        head = self.model.head
        assert isinstance(head, LabelledHead)
        rows = head.predictions(torch.cat(self._logits))
        predictions = in_table_order(rows, self.validation, self.config.batch_size)
        score = self.score(self.validation.labels, predictions)
        self.log(self.measures.validation.name, score)
        self.validations_since += 1
        if score > self.best_score:
            self.best_score, self.validations_since = score, 0
            model = merged(self.model) if self.config.lora_rank else self.model
            model.save_pretrained(self.best)
        self.trainer.should_stop = self.is_over

    @property
    def has_score(self) -> bool:
        """Whether some validation had a score that is a number."""
        return self.best_score > -math.inf

    @property
    def is_over(self) -> bool:
        """Whether patience has ended."""
        return self.validations_since >= self.config.patience

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note the best score."""
        checkpoint["best"] = {"score": self.best_score, "validations_since": self.validations_since}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Know the best score again."""
        self.best_score = checkpoint["best"]["score"]
        self.validations_since = checkpoint["best"]["validations_since"]

    def share_of(self, name: str) -> float:
        """Return the learning rate of a parameter of the model as a share of the highest."""
        return self.config.layer_decay ** _depth(name, self.model.config.backbone.num_layers)


def freeze(model: HyenaDNA, trained_layers: int | None) -> None:
    """Leave to training the last layers, the final norm and the head; None: everything."""
    if trained_layers is None:
        return
    num_layers = model.config.backbone.num_layers
    for name, parameter in model.named_parameters():
        depth = _depth(name, num_layers)
        parameter.requires_grad = depth == 0 or depth <= trained_layers


def _depth(name: str, num_layers: int) -> int:
    """Return how far below the head a parameter lies: 0 the head and the final norm, 1 the last layer."""
    if name.startswith(_EMBEDDINGS):
        return num_layers + 1
    if name.startswith(_LAYERS):
        return num_layers - int(name.removeprefix(_LAYERS).partition(".")[0])
    return 0
