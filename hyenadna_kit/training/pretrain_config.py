"""The options of a pretraining run: one schema for Python, YAML and the command line."""

from dataclasses import dataclass, field
from typing import Literal

from hyenadna_kit.config import check_least, check_shares
from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.objectives import LabelledHeadConfig
from hyenadna_kit.io.read_filter import ReadFilter
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.training.optim import OptimizerConfig
from hyenadna_kit.windows.sampling import SamplingConfig
from hyenadna_kit.windows.stream import LengthSchedule

_NUM_SEEDS = 1 << 32  # what NumPy's global generator takes

_LEAST = {
    "validate_every": 1,
    "batch_size": 1,
    "accumulate_batches": 1,
    "max_steps": 1,
    "log_every": 1,
    "checkpoint_every": 1,
    "validation_bases": 1,
    "num_workers": 0,
    "context_parallel": 1,
    "devices": 1,
    "num_nodes": 1,
}


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """Train a language model on a genome, or on reads: each base from those before it."""

    out: str
    """Run folder. A run that was stopped continues from it, exactly."""
    genome: str | None = None
    """Genome store or FASTA; with reads, the FASTA that a CRAM was written against."""
    reads: str | None = None
    """Sequencing reads to train on in place of a genome: BAM, CRAM or read store."""
    model: HyenaDNAConfig = field(default_factory=HyenaDNAConfig)
    """The model."""
    start_from: str | None = None
    """Model folder whose weights the run begins with, at --length where that is longer: filters go on
    measuring distance by the length that they were first trained on."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """The optimiser."""
    train_regions: tuple[str, ...] = ()
    """Where to train: contigs or CONTIG:START-END (1-based, inclusive). Default: all but held_out."""
    held_out: tuple[str, ...] = ()
    """What is never trained on: contigs or CONTIG:START-END."""
    validation_fraction: float = 0.1
    """Share of the training range, its end, that is kept for validation; above 0 and below 1."""
    validation_bases: int = 200_000
    """Bases on which each validation is made, spread evenly over the validation part."""
    validate_every: int = 500
    """Steps between validations."""
    length: int | None = None
    """Window length in tokens; null takes the model's context length."""
    initial_length: int | None = None
    """Window length at the first step, doubled every steps_per_length steps: length halved a few times, as
    1024 of 32768. While windows are short, a batch has as many more of them, so that every step has as many
    tokens."""
    steps_per_length: int = 1000
    """Steps after which a window length that is still short doubles."""
    batch_size: int = 16
    """Windows that one process takes at a time, once they have their last length."""
    accumulate_batches: int = 1
    """Batches that make up a step."""
    tokens_per_step: int | None = None
    """Tokens of a step in one process, in place of accumulate_batches: so many batches as hold them."""
    max_steps: int = 1000
    """Steps of the whole run."""
    reverse_fraction: float = 0.5
    """Share of windows that are read on the reverse strand."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    """Which windows of the genome are drawn."""
    soft_mask_weight: float = 1.0
    """Weight in the loss, 0 to 1, of bases that are lower case in the FASTA (repeats)."""
    read_filter: ReadFilter = field(default_factory=ReadFilter)
    """Which reads of a BAM or CRAM are trained on."""
    quality_weights: bool = True
    """Weigh each base of a read by the probability that it was read right, as its quality says."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format of matrix products; auto takes bf16 where the device computes in it. Filters,
    convolutions, residuals and the loss are float32 always."""
    recompute: Literal["auto", "always", "never"] = "auto"
    """Compute activations again in the backward pass instead of keeping them: a fraction of the memory
    for one more forward pass, the same gradients. auto does it where memory would be short."""
    devices: int | None = None
    """Processes on each node, one a device (a GPU, or a share of the CPU), which train together; null takes
    those that torchrun or srun started, else 1. A step has the batches of all of them."""
    num_nodes: int | None = None
    """Nodes; null takes those on which torchrun or srun started processes."""
    context_parallel: int = 1
    """Processes over which each window is spread, a part of its tokens each, to save memory. They count as
    one in the size of a step. They must divide d_model, every window length and all processes."""
    num_workers: int = 0
    """Processes that read windows beside the training process."""
    seed: int = 0
    """Seed of weights, windows and dropout."""
    log_every: int = 10
    """Steps between lines of metrics.jsonl."""
    tensorboard: bool = False
    """Write what is in metrics.jsonl for TensorBoard as well, into the folder tensorboard of the run."""
    checkpoint_every: int = 250
    """Steps between checkpoints."""

    def __post_init__(self) -> None:
        self._refuse_data()
        self._refuse_labels()
        check_least(self, _LEAST)
        if not 0 <= self.seed < _NUM_SEEDS:
            raise ValueError(f"seed must lie in 0 to {_NUM_SEEDS - 1}, got {self.seed}")
        check_shares(self, "reverse_fraction", "soft_mask_weight")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction must be above 0 and below 1, got {self.validation_fraction}"
            )
        if self.tokens_per_step is not None and self.accumulate_batches != 1:
            raise ValueError("tokens_per_step and accumulate_batches say the same; leave one of them out")
        if self.start_from is None or self.length is not None:
            self.check_lengths()

    def check_lengths(self) -> None:
        """Do nothing where the lengths go together; ask once the model of the run is known.

        Raises:
            InputError: They do not.
        """
        lengths, is_last_known = self.lengths, self.reads is None or self.length is not None
        starts = sorted((lengths.final, *lengths.halves), key=lambda start: abs(start - lengths.first))
        if is_last_known and starts[0] != lengths.first:
            raise InputError(
                f"initial_length must be length = {lengths.final} halved a few times, such as "
                f"{' or '.join(map(str, starts[:2]))}, got {lengths.first}"
            )
        if self.tokens_per_step is None:
            return
        if self.tokens_per_step < 1 or self.tokens_per_step % self._tokens_of_batch:
            raise InputError(
                f"tokens_per_step must be a multiple of batch_size * length = {self._tokens_of_batch:,}, "
                f"got {self.tokens_per_step:,}"
            )

    def _refuse_data(self) -> None:
        if not self.out:
            raise ValueError(f"out must name a folder, got {self.out!r}")
        if self.genome is None and self.reads is None:
            raise ValueError("name the data to train on by --genome or by --reads")
        of_genome = {"train_regions": (), "sampling": SamplingConfig(), "soft_mask_weight": 1.0}
        for name, usual in of_genome.items() if self.reads is not None else ():
            if getattr(self, name) != usual:
                raise ValueError(f"{name} is for a genome, got {getattr(self, name)} together with reads")

    def _refuse_labels(self) -> None:
        if isinstance(self.model.head, LabelledHeadConfig):
            raise InputError(
                f"pretraining predicts tokens, {type(self.model.head).__name__} predicts labels; take "
                "LanguageModelHeadConfig or MaskedLanguageModelHeadConfig"
            )

    @property
    def batches_per_step(self) -> int:
        """Batches of one process that make up a step."""
        if self.tokens_per_step is None:
            return self.accumulate_batches
        return self.tokens_per_step // self._tokens_of_batch

    @property
    def windows_per_step(self) -> int:
        """Windows of a step in all processes, once they have their last length."""
        processes = (self.devices or 1) * (self.num_nodes or 1)
        return self.batch_size * self.batches_per_step * (processes // self.context_parallel)

    @property
    def _tokens_of_batch(self) -> int:
        return self.batch_size * self.lengths.final

    @property
    def lengths(self) -> LengthSchedule:
        """Window length as a function of the step."""
        return LengthSchedule(
            final=self.model.backbone.context_length if self.length is None else self.length,
            initial=self.initial_length,
            steps_per_length=self.steps_per_length,
        )
