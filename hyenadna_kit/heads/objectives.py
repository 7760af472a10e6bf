"""What heads of fine-tuning predict: classes, labels or values, with their loss and their predictions.

In: hidden states that a head has pooled or laid out, and labels as they stand in a table. Out: logits, the
loss on them, and probabilities or values in the units of the labels.

| objective  | a label                                  | logits             | loss                          |
|------------|------------------------------------------|--------------------|-------------------------------|
| binary     | 0 or 1                                   | 1                  | binary cross-entropy          |
| multiclass | number of the class, from 0              | 1 for each class   | cross-entropy                 |
| multilabel | 0 or 1 in each column                    | 1 for each column  | binary cross-entropy          |
| regression | a number in each column                  | 1 for each column  | square of (y - mean) / std    |

``IGNORED_LABEL`` and NaN stand for no label; in a regression NaN alone, where -100 is a number.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.config import check_shares
from hyenadna_kit.heads.base import Head, HeadConfig
from hyenadna_kit.ops.precision import without_autocast
from hyenadna_kit.strict_yaml import shown

Objective = Literal["binary", "multiclass", "multilabel", "regression"]
"""What is predicted, see :mod:`hyenadna_kit.heads.objectives`."""

_INITIALIZER_RANGE = 0.02
_NUM_LABELS: dict[Objective, tuple[int, float, str]] = {
    "binary": (2, 2, "two classes, the negative one first"),
    "multiclass": (2, math.inf, "at least two classes"),
    "multilabel": (1, math.inf, "at least one column"),
    "regression": (1, math.inf, "at least one column"),
}
_OF_CLASSES: tuple[Objective, ...] = ("binary", "multiclass", "multilabel")
_OF_VALUES: tuple[Objective, ...] = ("regression",)


@dataclass(frozen=True, kw_only=True)
class LabelledHeadConfig(HeadConfig, ABC):
    """What all heads of fine-tuning have in common."""

    objective: Objective
    """binary (two classes), multiclass (one of several), multilabel (several columns of yes or no) or
    regression (columns of numbers)."""
    labels: tuple[str, ...]
    """Names of the classes, of two the negative one first; for multilabel and regression, names of the
    columns."""
    dropout: float = 0.0
    """Dropout of what the last layer reads."""
    class_weights: tuple[float, ...] = ()
    """What each class counts in the loss; of multilabel, what a positive label of each column counts beside
    a negative one. Left out, 1 everywhere."""
    target_mean: tuple[float, ...] = ()
    """Of regression, the mean of each column, which is taken off its labels. Left out, 0 everywhere."""
    target_std: tuple[float, ...] = ()
    """Of regression, the standard deviation of each column, which its labels are divided by. Left out, 1
    everywhere."""

    def __post_init__(self) -> None:
        if self.objective not in get_args(Objective):
            raise ValueError(
                f"objective must be one of {', '.join(get_args(Objective))}, got {self.objective!r}"
            )
        self._check_labels()
        self._check_numbers("class_weights", _OF_CLASSES, above=0.0)
        self._check_numbers("target_mean", _OF_VALUES, above=-math.inf)
        self._check_numbers("target_std", _OF_VALUES, above=0.0)
        check_shares(self, "dropout")

    @property
    def num_outputs(self) -> int:
        """Logits of a sequence or a position."""
        return 1 if self.objective == "binary" else len(self.labels)

    @abstractmethod
    def build(self, backbone: BackboneConfig) -> "LabelledHead":
        """Return a head for hidden states of that backbone."""

    def _check_labels(self) -> None:
        least, most, what = _NUM_LABELS[self.objective]
        if not least <= len(self.labels) <= most or not all(self.labels):
            raise ValueError(f"labels of a {self.objective} head must name {what}, got {shown(self.labels)}")
        twice = [label for label, count in Counter(self.labels).items() if count > 1]
        if twice:
            raise ValueError(f"labels must differ from each other, got {twice[0]!r} more than once")

    def _check_numbers(self, name: str, objectives: Sequence[Objective], *, above: float) -> None:
        """Refuse numbers, one for each label, that are at odds with the rest or out of range."""
        numbers: tuple[float, ...] = getattr(self, name)
        if not numbers:
            return
        if self.objective not in objectives:
            raise ValueError(
                f"{name} is for {', '.join(objectives)}, this head is {self.objective}; leave it out"
            )
        if len(numbers) != len(self.labels):
            wanted = f"a number for each of the {len(self.labels)} labels"
            raise ValueError(f"{name} must have {wanted}, got {len(numbers)}")
        for label, number in zip(self.labels, numbers, strict=True):
            if not (math.isfinite(number) and number > above):
                least = "" if above == -math.inf else f" and above {above:g}"
                raise ValueError(f"{name} must be finite{least}, got {number} for {label!r}")


class LabelledHead(Head):
    """A linear layer with dropout before it, and the loss of an objective on what it gives."""

    def __init__(self, config: LabelledHeadConfig, width: int) -> None:
        super().__init__()
        self.config = config
        self.dropout = nn.Dropout(config.dropout)
        self.linear = nn.Linear(width, config.num_outputs)
        nn.init.normal_(self.linear.weight, std=_INITIALIZER_RANGE)
        nn.init.zeros_(self.linear.bias)

    def read(self, states: Float[Tensor, "*shape width"]) -> Float[Tensor, "*shape outputs"]:
        """Return the logits of states, not rounded by autocast."""
        with without_autocast(states.device.type):
            logits: Tensor = self.linear(self.dropout(states.to(self.linear.weight.dtype)))
        return logits

    def loss(
        self,
        logits: Float[Tensor, "..."],
        labels: Real[Tensor, "..."],
        weights: Float[Tensor, "..."] | None = None,
    ) -> Float[Tensor, ""]:
        """Return ``sum(weight * error) / sum(weight)`` over the labels that count.

        A batch in which none counts has loss 0 and zero gradients.

        Args:
            logits: ``... outputs``.
            labels: ``...`` of classes, ``... outputs`` of columns; a single column may lack its axis.
            weights: Like the labels, or one for all columns of a row: ``...``. None is 1 everywhere.

        Raises:
            ValueError: The shape of the labels or of the weights is another one.
        """
        logits = logits.to(_wide(logits))
        labels = self._shaped_labels(labels, logits)
        weight = self.label_weights(labels, weights).to(logits.dtype)
        errors = self._errors(logits, labels.where(self._counted(labels), 0))
        total = weight.sum()
        # Weights may add up to less than 1: only a total of 0 must not divide.
        return (errors * weight).sum() / total.where(total > 0, 1)

    def label_weights(
        self, labels: Real[Tensor, "..."], weights: Float[Tensor, "..."] | None = None
    ) -> Float[Tensor, "..."]:
        """Return what each label counts in the loss: its weight times that of its class.

        Where there is no label that is 0. The loss of several batches is the mean of their losses, each with
        the sum of these.

        Raises:
            ValueError: The weights are neither like the labels nor like all but their last axis.
        """
        counted = self._counted(labels)
        weight = counted * self._class_weights(labels.where(counted, 0))
        if weights is None:
            return weight
        if weights.shape == labels.shape[:-1]:
            weights = weights[..., None]
        elif weights.shape != labels.shape:
            shapes = f"{tuple(labels.shape)}, got {tuple(weights.shape)}"
            raise ValueError(f"weights must have the shape of the labels, {shapes}")
        return weight * weights

    def predictions(self, logits: Float[Tensor, "*shape outputs"]) -> Float[Tensor, "*shape outputs"]:
        """Return what the logits say, in float32 at least.

        That is the probability of the second class (binary), of each class (multiclass) or of each column
        (multilabel), or values in the units of the labels (regression).
        """
        logits = logits.to(_wide(logits))
        if self.config.objective == "regression":
            mean, std = self._scale(logits)
            return logits * std + mean
        return logits.softmax(-1) if self.config.objective == "multiclass" else logits.sigmoid()

    def _shaped_labels(self, labels: Tensor, logits: Tensor) -> Tensor:
        """Return the labels with an axis of their columns, or refuse them."""
        of_classes = self.config.objective == "multiclass"
        shape = logits.shape[:-1] if of_classes else logits.shape
        if not of_classes and logits.shape[-1] == 1 and labels.shape == logits.shape[:-1]:
            return labels[..., None]
        if labels.shape != shape:
            raise ValueError(
                f"labels of a {self.config.objective} head must have the shape {tuple(shape)} for logits of "
                f"shape {tuple(logits.shape)}, got {tuple(labels.shape)}"
            )
        return labels

    def _counted(self, labels: Tensor) -> Bool[Tensor, "..."]:
        """Say of each label whether there is one."""
        is_number = ~labels.isnan()
        if self.config.objective == "regression":
            return is_number
        # Among uint8, -100 would be taken for 156.
        signed = labels.to(torch.promote_types(labels.dtype, torch.int16))
        return is_number & (signed != IGNORED_LABEL)

    def _class_weights(self, labels: Tensor) -> Float[Tensor, "..."]:
        """Return the weights of the classes of labels, all of which count."""
        ones = torch.ones(labels.shape, device=labels.device)
        if not self.config.class_weights:
            return ones
        of_columns = self.config.objective == "multilabel"
        weights = self._numbers("class_weights", 1.0, ones)
        return weights.where(labels == 1, ones) if of_columns else weights[labels.long()]

    def _errors(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the error of every label, all of which count."""
        if self.config.objective == "multiclass":
            flat = cross_entropy(logits.flatten(0, -2), labels.flatten().long(), reduction="none")
            return flat.view(labels.shape)
        if self.config.objective == "regression":
            mean, std = self._scale(logits)
            return (logits - ((labels - mean) / std).to(logits.dtype)).square()
        return binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")

    def _scale(self, like: Tensor) -> tuple[Float[Tensor, " labels"], Float[Tensor, " labels"]]:
        """Return mean and standard deviation of each column."""
        return self._numbers("target_mean", 0.0, like), self._numbers("target_std", 1.0, like)

    def _numbers(self, name: str, usual: float, like: Tensor) -> Float[Tensor, " labels"]:
        """Return the numbers of the labels from the configuration, where and in the format of a tensor."""
        numbers = getattr(self.config, name) or (usual,) * len(self.config.labels)
        return torch.tensor(numbers, dtype=like.dtype, device=like.device)


def _wide(logits: Tensor) -> torch.dtype:
    return torch.promote_types(logits.dtype, torch.float32)
