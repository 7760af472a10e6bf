"""The options of fine-tuning: one schema for Python, YAML and the command line."""

from dataclasses import dataclass, field
from typing import Any, Literal

from hyenadna_kit.config import check_least, check_shares
from hyenadna_kit.heads.objectives import Objective
from hyenadna_kit.heads.pooling import Pooling
from hyenadna_kit.heads.variant_effect import Combination
from hyenadna_kit.training.optim import OptimizerConfig

_LEAST_FOLDS = 3

BaselineName = Literal["kmer", "position", "cnn", "scratch"]
"""What a fine-tuned model is compared with."""

_LEAST = {
    "epochs": 1,
    "batch_size": 1,
    "bin_size": 1,
    "validation_seed": 0,
    "patience": 1,
    "log_every": 1,
    "num_workers": 0,
    "lora_rank": 0,
}


_DECIDE_EXAMPLES = (
    *("task", "label_columns", "labels_of", "bin_size", "window", "length"),
    *("validation_share", "validation_seed", "folds", "group_column", "duplicates"),
)


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """Train a classifier or a regression on labelled sequences, from a pretrained model.

    Every seed is trained, its best epoch chosen on the validation table, and measured on the test table once.
    """

    model: str
    """Model folder to begin with, or the name of a model that comes with the package."""
    train: str | None = None
    """What is learnt: a table, FASTA, BED, VCF or BCF of sequences, places on --genome or variants of it,
    with their labels."""
    validation: str | None = None
    """The same for the choice of the best epoch. Where there is none, --validation_share of the training."""
    test: str | None = None
    """The same for what is measured in the end, and nothing is chosen on."""
    data: str | None = None
    """Folder of a task, in place of --train, --validation and --test: train, dev and test files, folders of
    classes (train/CLASS/*.txt), or what make-task writes."""
    validation_share: float = 0.1
    """Share of the training examples that is set aside where there is no validation file; equal sequences
    stay together."""
    validation_seed: int = 0
    """Of the draw of that share, and of parts."""
    folds: int = 0
    """Divide the training rows into so many parts, 3 at least: each is measured by models that were trained
    on the others but one, which chooses the epoch. 0: no parts."""
    group_column: str | None = None
    """Column of what belongs together, as a gene or a locus: rows of one value are set aside together, and
    intervals are found by drawing values, and not rows, anew."""
    genome: str | None = None
    """Genome store or FASTA, where the files hold places or variants."""
    labels: str | None = None
    """Table of the labels of all files: a row a record, by the column name (or else its first), of variants
    also by chrom, pos, ref and alt. Of --labels_of base also FASTA with a character a base."""
    track: tuple[str, ...] = ()
    """bigWig or BAM files: what is predicted is their values along each sequence, the coverage of a BAM. The
    task is regression."""
    bin_size: int = 1
    """Of tracks, bases that are predicted as their mean."""
    labels_of: Literal["sequence", "base"] = "sequence"
    """base: the label is a text with one character for the class of each base, as 00111200."""
    window: int | None = None
    """Of variants, bases around each that are read; null takes the model's context length."""
    combine: Combination = "difference"
    """Of variants, what is read: the difference of ALT and REF, or both (concatenation)."""
    out: str
    """Run folder. A run that was stopped continues from it, exactly."""
    task: Objective = "binary"
    """What is predicted: binary or multiclass (one class a row), multilabel (columns of 0 and 1) or
    regression (columns of numbers)."""
    label_columns: tuple[str, ...] = ("label",)
    """Columns (or INFO keys, or keys of a FASTA header) that are predicted; of binary and multiclass one.
    Patterns (y_*) and runs of columns (first..last) stand for many."""
    pooling: Pooling = "mean"
    """How one vector is made of all positions: mean, max, last, first, centre, attention, or positions (one
    behind the other, where each has a meaning of its own)."""
    dropout: float = 0.1
    """Dropout before the last layer."""
    embed_dropout: float | None = None
    """Dropout of the embeddings; null takes the pretrained model's."""
    resid_dropout: float | None = None
    """Dropout of what each mixer and each MLP adds; null takes the pretrained model's."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: every class counts alike in the loss, however rare."""
    length: int | None = None
    """Longest sequence in tokens; null takes the model's context length. A longer one is refused."""
    fresh_weights: bool = False
    """Begin with weights drawn anew, to see what pretraining is worth."""
    trained_layers: int | None = None
    """Train the last so many layers and the head: 0 the head alone. Null trains everything."""
    lora_rank: int = 0
    """Low-rank adaptation: the backbone stays as it is, and products of matrices of this rank are added to
    its weights. 0: none."""
    lora_scale: float = 2.0
    """Factor of these products."""
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
    baselines: tuple[BaselineName, ...] = ("kmer", "position", "cnn")
    """What is fitted beside the model, on the same tables: kmer and position (linear models), cnn (a small
    convolutional network) and scratch (the model itself from weights drawn anew, all of it trained, with the
    same seeds). An empty list leaves all out."""
    duplicates: Literal["keep", "drop"] = "keep"
    """drop removes from training and validation the rows whose sequence, or one that resembles it, is in the
    test table. They are counted in any case."""
    control: Literal["none", "shuffled"] = "none"
    """shuffled trains the first seed once more on labels that have changed their rows, which nothing can be
    learnt from: what is above chance then is a mistake."""
    part: Literal["all", "seeds", "baselines", "control"] = "all"
    """What is done: all, up to the report, or one part of it. Parts may be processes beside each other; all
    finds what they have done, and measures."""

    @property
    def decides_examples(self) -> dict[str, Any]:
        """The options that, beside the bytes of the files, decide the examples of each side."""
        return {name: getattr(self, name) for name in _DECIDE_EXAMPLES}

    def __post_init__(self) -> None:
        for name in ("model", "out"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name a file or a folder, got {getattr(self, name)!r}")
        self._check_inputs()
        check_least(self, _LEAST)
        check_shares(self, "dropout", "reverse_fraction")
        self._check_dropout_and_rank()
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay must be above 0 and at most 1, got {self.layer_decay}")
        if self.trained_layers is not None and self.trained_layers < 0:
            raise ValueError(f"trained_layers must be at least 0, got {self.trained_layers}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds must name at least one, each once, none below 0, got {self.seeds}")
        if len(set(self.baselines)) < len(self.baselines):
            raise ValueError(f"baselines must name each once, got {', '.join(self.baselines)}")
        self._check_columns()
        self._check_part()

    def _check_folds(self) -> None:
        if not self.folds:
            return
        if self.folds < _LEAST_FOLDS:
            raise ValueError(f"folds must be 0, or {_LEAST_FOLDS} at least, got {self.folds}")
        if self.validation or self.test:
            raise ValueError(
                "folds divides the rows of --train, without --validation and --test; leave these out"
            )
        if self.control != "none":
            raise ValueError("control is of one division into tables; leave it or folds out")

    def _check_inputs(self) -> None:
        files = [name for name in ("train", "validation", "test") if getattr(self, name) is not None]
        if (self.data is None) == (self.train is None) or (self.data is not None and files):
            given = ", ".join(f"--{name}" for name in (*files, *(["data"] if self.data else [])))
            raise ValueError(
                f"name the files by --train (and more), or a folder by --data; got {given or 'none'}"
            )
        self._check_folds()
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share must lie between 0 and 1, got {self.validation_share}")
        if self.track and (self.task != "regression" or self.labels or self.labels_of == "base"):
            raise ValueError(
                "track is what is predicted: take --task regression, and no --labels or --labels_of"
            )
        if self.bin_size > 1 and not self.track:
            raise ValueError(f"bin_size is of tracks, got {self.bin_size} and no --track; leave it out")
        if self.labels_of == "base" and self.task not in ("binary", "multiclass"):
            raise ValueError(f"labels_of base is of binary and multiclass, the task is {self.task}")

    def _check_dropout_and_rank(self) -> None:
        check_shares(
            self, *(name for name in ("embed_dropout", "resid_dropout") if getattr(self, name) is not None)
        )
        if self.lora_rank and (self.fresh_weights or self.trained_layers is not None):
            raise ValueError(
                "lora_rank adapts pretrained layers, which stay as they are; leave fresh_weights and "
                "trained_layers out"
            )
        if self.lora_scale <= 0:
            raise ValueError(f"lora_scale must be above 0, got {self.lora_scale}")

    def _check_columns(self) -> None:
        columns = self.label_columns
        if not columns or len(set(columns)) < len(columns):
            raise ValueError(f"label_columns must name at least one column, each once, got {columns}")
        if self.task in ("binary", "multiclass") and len(columns) > 1:
            raise ValueError(f"a {self.task} task has one label column, got {', '.join(columns)}")
        if self.class_weights == "balanced" and self.task == "regression":
            raise ValueError("class_weights balanced is for classes, the task is regression; leave it out")

    def _check_part(self) -> None:
        if self.part != "all" and self.folds:
            raise ValueError(f"part {self.part} is of runs without folds, got folds {self.folds}")
        if self.part == "control" and self.control == "none":
            raise ValueError("part control trains the control; name one, --control shuffled")

    @property
    def predicts_positions(self) -> bool:
        """Whether labels are of positions or bins rather than of whole sequences."""
        return bool(self.track) or self.labels_of == "base"

    @property
    def reads_both_strands(self) -> bool:
        """Whether predictions are means over both strands."""
        return self.average_strands and self.reverse_fraction > 0
