"""The options of fine-tuning: one schema for Python, YAML and the command line."""

from dataclasses import dataclass, field
from typing import Literal

from hyenadna_kit.config import check_least, check_shares
from hyenadna_kit.heads.objectives import Objective
from hyenadna_kit.heads.pooling import Pooling
from hyenadna_kit.training.optim import OptimizerConfig

_LEAST = {"epochs": 1, "batch_size": 1, "patience": 1, "log_every": 1, "num_workers": 0}


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """Train a classifier or a regression on labelled sequences, from a pretrained model.

    Every seed is trained, its best epoch chosen on the validation table, and measured on the test table once.
    """

    model: str
    """Model folder to begin with, or the name of a model that comes with the package."""
    train: str
    """Labelled table: sequences, or places on --genome, with their labels."""
    validation: str
    """Table on which the best epoch is chosen."""
    test: str | None = None
    """Table that is measured in the end, and nothing is chosen on."""
    genome: str | None = None
    """Genome store or FASTA, where the tables hold places."""
    out: str
    """Run folder. A run that was stopped continues from it, exactly."""
    task: Objective = "binary"
    """What is predicted: binary or multiclass (one class a row), multilabel (columns of 0 and 1) or
    regression (columns of numbers)."""
    label_columns: tuple[str, ...] = ("label",)
    """Columns that are predicted; of binary and multiclass one."""
    pooling: Pooling = "mean"
    """How one vector is made of all positions: mean, max, last, first, centre or attention."""
    dropout: float = 0.1
    """Dropout before the last layer."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: every class counts alike in the loss, however rare."""
    length: int | None = None
    """Longest sequence in tokens; null takes the model's context length. A longer one is refused."""
    fresh_weights: bool = False
    """Begin with weights drawn anew, to see what pretraining is worth."""
    trained_layers: int | None = None
    """Train the last so many layers and the head: 0 the head alone. Null trains everything."""
    layer_decay: float = 1.0
    """Learning rate of each layer as a share of that of the layer above."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """The optimiser."""
    epochs: int = 10
    """Most passes over the training table; the schedule of the learning rate ends with them."""
    patience: int = 3
    """Epochs without a better validation after which a run ends."""
    batch_size: int = 32
    """Examples of a step."""
    reverse_fraction: float = 0.5
    """Share of the training examples that are read on their other strand; 0 where strand matters."""
    average_strands: bool = True
    """Predict the mean of both strands, where the training read both."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Every seed is a run of its own: of new weights, order, strands and dropout."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format of matrix products; auto takes bf16 where the device computes in it."""
    num_workers: int = 0
    """Processes that read examples beside the training process."""
    log_every: int = 10
    """Steps between lines of metrics.jsonl."""

    def __post_init__(self) -> None:
        for name in ("model", "train", "validation", "out"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name a file or a folder, got {getattr(self, name)!r}")
        check_least(self, _LEAST)
        check_shares(self, "dropout", "reverse_fraction")
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay must be above 0 and at most 1, got {self.layer_decay}")
        if self.trained_layers is not None and self.trained_layers < 0:
            raise ValueError(f"trained_layers must be at least 0, got {self.trained_layers}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds must name at least one, each once, none below 0, got {self.seeds}")
        self._check_columns()

    def _check_columns(self) -> None:
        columns = self.label_columns
        if not columns or len(set(columns)) < len(columns):
            raise ValueError(f"label_columns must name at least one column, each once, got {columns}")
        if self.task in ("binary", "multiclass") and len(columns) > 1:
            raise ValueError(f"a {self.task} task has one label column, got {', '.join(columns)}")
        if self.class_weights == "balanced" and self.task == "regression":
            raise ValueError("class_weights balanced is for classes, the task is regression; leave it out")

    @property
    def reads_both_strands(self) -> bool:
        """Whether predictions are means over both strands."""
        return self.average_strands and self.reverse_fraction > 0
