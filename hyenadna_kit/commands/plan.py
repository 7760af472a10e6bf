"""``hyenadna-kit plan``: a model and a length in, memory and time out, before anything runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

    from hyenadna_kit.backbone.memory import PassSize
    from hyenadna_kit.devices import Precision
    from hyenadna_kit.model import HyenaDNAConfig
    from hyenadna_kit.planning import PassPlan
    from hyenadna_kit.training.pretrain_config import PretrainConfig

POSITIONAL = ("model",)
_YAML = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """Say how much memory and time a pass of a model takes, without running it.

    Memory is counted as the implementation uses it; the time is extrapolated from a short pass of one
    layer on this machine. What no flag says is as in a YAML file of pretrain, where one is given. Exit
    status 1 tells that it does not fit.
    """

    model: str
    """Model folder, or a YAML file of pretrain (its model is taken)."""
    length: int | None = None
    """Tokens of each sequence; default: what a YAML file says, else the context length of the model."""
    batch_size: int | None = None
    """Sequences at a time; default: what a YAML file says, else 1."""
    train: bool = False
    """Plan a training step rather than a pass without gradients; of a YAML file count devices and
    context_parallel, too."""
    recompute: bool | None = None
    """With --train, compute activations again instead of keeping them; default: what a YAML file says,
    where auto does it if memory is short, else no."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it is to run; for a GPU that is not here, memory alone is told."""
    precision: Literal["fp32", "bf16", "auto"] | None = None
    """Number format of matrix products; default: with --train what a YAML file says, else fp32."""
    max_memory: str | None = None
    """Memory that the pass may take, as 4G or 512M; default: what is free."""


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """The pass that is planned, by the flags and the file."""

    config: "HyenaDNAConfig"
    """The model."""
    size: "PassSize"
    """What one process takes at a time."""
    device: "torch.device"
    """Where it runs."""
    precision: "Precision"
    """Number format of matrix products."""
    train: bool
    """Whether it is a training step."""
    recompute: bool
    """Whether activations are computed again."""
    processes: int
    """How many take as much of the same memory."""


def run(options: PlanOptions) -> int:
    """Print one line a fact.

    Raises:
        InputError: An option is out of range.
        CheckpointError: The model folder is damaged.
        ConfigError: The configuration has an unknown key.
        MemoryLimitError: The pass does not fit.
    """
    from hyenadna_kit.commands.computing import parse_bytes
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.planning import plan_pass

    if options.recompute and not options.train:
        raise InputError("--recompute is for a training step; add --train")
    run = _training_run(options.model)
    planned = _planned(options, run)
    plan = plan_pass(
        planned.config,
        planned.size,
        planned.device,
        precision=planned.precision,
        train=planned.train,
        recompute=planned.recompute,
        processes=planned.processes,
        max_memory=None if options.max_memory is None else parse_bytes(options.max_memory, "--max_memory"),
    )
    for name, fact in [*_facts(plan, planned), *(_of_run(run) if run and options.train else ())]:
        print(f"{name:<44}  {fact}")
    plan.check()
    return 0


def _training_run(path: str) -> "PretrainConfig | None":
    """Return the options in a YAML file of pretrain; None for a model folder."""
    from hyenadna_kit.config import from_mapping
    from hyenadna_kit.strict_yaml import load_yaml
    from hyenadna_kit.training.pretrain_config import PretrainConfig

    if Path(path).suffix not in _YAML:
        return None
    # What is trained on, and where to, may be left to the command line.
    return from_mapping(PretrainConfig, {"genome": "genome", "out": "run"} | load_yaml(Path(path)), path)


def _planned(options: PlanOptions, run: "PretrainConfig | None") -> _Planned:
    import torch

    from hyenadna_kit.devices import pick_device
    from hyenadna_kit.planning import recomputes

    config = _config(options.model) if run is None else run.model
    device = torch.device("cuda") if options.device == "cuda" else pick_device(options.device)
    of_run = run if options.train else None
    spread = 1 if of_run is None else of_run.context_parallel
    length, batch_size = _sizes(options, run, config.backbone.context_length)
    size = config.pass_size(batch_size, max(1, length // spread))
    # The processes of a machine share its memory, unless each has that of a GPU.
    processes = 1 if of_run is None or device.type != "cpu" else of_run.devices or spread
    precision = options.precision or ("fp32" if of_run is None else of_run.precision)
    recompute = options.recompute
    if recompute is None:
        choice = "never" if of_run is None else of_run.recompute
        recompute = recomputes(choice, size, device, precision, processes=processes)
    return _Planned(
        config=config,
        size=size,
        device=device,
        precision=precision,
        train=options.train,
        recompute=recompute,
        processes=processes,
    )


def _sizes(options: PlanOptions, run: "PretrainConfig | None", context_length: int) -> tuple[int, int]:
    """Return the length and the batch size: the flags', else those of the run, else the model's and 1."""
    from hyenadna_kit.errors import InputError

    length, batch_size = (context_length, 1) if run is None else (run.lengths.final, run.batch_size)
    length = length if options.length is None else options.length
    batch_size = batch_size if options.batch_size is None else options.batch_size
    for name, value in (("length", length), ("batch_size", batch_size)):
        if value < 1:
            raise InputError(f"--{name} must be at least 1, got {value}")
    return length, batch_size


def _config(folder: str) -> "HyenaDNAConfig":
    from hyenadna_kit.checkpoint import CONFIG_NAME
    from hyenadna_kit.config import from_mapping
    from hyenadna_kit.model import HyenaDNAConfig
    from hyenadna_kit.pretrained.hub import model_folder
    from hyenadna_kit.pretrained.reading import load_pretrained

    path = model_folder(folder)
    return from_mapping(HyenaDNAConfig, load_pretrained(path).config, str(path / CONFIG_NAME))


def _facts(plan: "PassPlan", planned: _Planned) -> Iterator[tuple[str, str]]:
    from hyenadna_kit.backbone.memory import in_words
    from hyenadna_kit.devices import format_of_products

    size, device = plan.size, planned.device
    each = f" in each of {plan.processes} processes" if plan.processes > 1 else ""
    products = format_of_products(device, planned.precision)
    what = "training step" if planned.train else "pass without gradients"
    yield what, f"{size.batch} x {size.length:,} tokens{each} on {device.type}, products in {products}"
    yield "weights" + (", gradients and moments" if planned.train else ""), in_words(plan.weights)
    again = ", computed again in the backward pass" if planned.recompute else ""
    yield "activations at most", in_words(plan.activations) + again
    if plan.process:
        yield "PyTorch itself", in_words(plan.process)
    yield "peak" + (f" of {plan.processes} processes" if plan.processes > 1 else ""), in_words(plan.peak)
    if plan.room is not None:
        yield "room beside the weights", in_words(max(0, plan.room))
    if plan.seconds is not None:
        rate = size.batch * size.length / plan.seconds
        yield "time (extrapolated)", f"{plan.seconds:.3g} s, {rate:,.0f} tokens/s"


def _of_run(run: "PretrainConfig") -> Iterator[tuple[str, str]]:
    """Yield what else the file says of its steps."""
    if run.context_parallel > 1:
        yield "windows", f"each spread over {run.context_parallel} processes; this is the part of one"
    if run.lengths.first < run.lengths.final:
        yield "growing windows", f"from {run.lengths.first:,} tokens; as many tokens, in as much memory"
    if run.batches_per_step > 1:
        yield "batches of a step", f"{run.batches_per_step:,}, one after the other"
