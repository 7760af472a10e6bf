"""``hyenadna-kit plan``: a model and a length in, memory and time out, before anything runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from hyenadna_kit.model import HyenaDNAConfig
    from hyenadna_kit.planning import PassPlan

POSITIONAL = ("model",)
_YAML = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """Say how much memory and time a pass of a model takes, without running it.

    Memory is counted as the implementation uses it; the time is extrapolated from a short pass of one
    layer on this machine. Exit status 1 tells that it does not fit.
    """

    model: str
    """Model folder, or a YAML file of pretrain (its model is taken)."""
    length: int | None = None
    """Tokens of each sequence; default: the context length of the model."""
    batch_size: int | None = None
    """Sequences at a time; default: 1, or what a YAML file of pretrain says."""
    train: bool = False
    """Plan a training step rather than a pass without gradients."""
    recompute: bool = False
    """With --train, compute activations again instead of keeping them."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it is to run; for a GPU that is not here, memory alone is told."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """Number format of matrix products."""
    max_memory: str | None = None
    """Memory that the pass may take, as 4G or 512M; default: what is free."""


def run(options: PlanOptions) -> int:
    """Print one line a fact.

    Raises:
        InputError: An option is out of range.
        CheckpointError: The model folder is damaged.
        ConfigError: The configuration has an unknown key.
        MemoryLimitError: The pass does not fit.
    """
    import torch

    from hyenadna_kit.commands.computing import parse_bytes
    from hyenadna_kit.devices import pick_device
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.model import HyenaDNAConfig
    from hyenadna_kit.planning import plan_pass

    if options.recompute and not options.train:
        raise InputError("--recompute is for a training step; add --train")
    run = _training_run(options.model)
    config = _config(options.model) if run is None else run.get("model", HyenaDNAConfig())
    length, batch_size = _sizes(options, run or {}, config.backbone.context_length)
    device = torch.device("cuda") if options.device == "cuda" else pick_device(options.device)
    plan = plan_pass(
        config,
        config.pass_size(batch_size, length),
        device,
        precision=options.precision,
        train=options.train,
        recompute=options.recompute,
        max_memory=None if options.max_memory is None else parse_bytes(options.max_memory, "--max_memory"),
    )
    for name, fact in _facts(plan, device.type, options):
        print(f"{name:<44}  {fact}")
    plan.check()
    return 0


def _training_run(path: str) -> dict[str, Any] | None:
    """Return the options in a YAML file of pretrain; None for a model folder."""
    from hyenadna_kit.config import decode_fields
    from hyenadna_kit.strict_yaml import load_yaml
    from hyenadna_kit.training.pretrain_config import PretrainConfig

    if Path(path).suffix not in _YAML:
        return None
    return decode_fields(PretrainConfig, load_yaml(Path(path)), path)


def _sizes(options: PlanOptions, run: dict[str, Any], context_length: int) -> tuple[int, int]:
    """Return the length and the batch size: the flags', else those of the run, else the model's and 1."""
    from hyenadna_kit.errors import InputError

    length = options.length if options.length is not None else run.get("length")
    batch_size = options.batch_size if options.batch_size is not None else run.get("batch_size", 1)
    length = context_length if length is None else length
    for name, value in (("length", length), ("batch_size", batch_size)):
        if value < 1:
            raise InputError(f"--{name} must be at least 1, got {value}")
    return length, batch_size


def _config(folder: str) -> "HyenaDNAConfig":
    from hyenadna_kit.checkpoint import CONFIG_NAME
    from hyenadna_kit.config import from_mapping
    from hyenadna_kit.model import HyenaDNAConfig
    from hyenadna_kit.pretrained import load_pretrained
    from hyenadna_kit.shipped import model_folder

    path = model_folder(folder)
    return from_mapping(HyenaDNAConfig, load_pretrained(path).config, str(path / CONFIG_NAME))


def _facts(plan: "PassPlan", device: str, options: PlanOptions) -> Iterator[tuple[str, str]]:
    from hyenadna_kit.backbone.memory import in_words

    size = plan.size
    what = "training step" if options.train else "pass without gradients"
    yield what, f"{size.batch} x {size.length:,} tokens on {device}, products in {options.precision}"
    yield "weights" + (", gradients and moments" if options.train else ""), in_words(plan.weights)
    yield "activations at most", in_words(plan.activations)
    if plan.process:
        yield "PyTorch itself", in_words(plan.process)
    yield "peak", in_words(plan.peak)
    if plan.room is not None:
        yield "room beside the weights", in_words(max(0, plan.room))
    if plan.seconds is not None:
        rate = size.batch * size.length / plan.seconds
        yield "time (extrapolated)", f"{plan.seconds:.3g} s, {rate:,.0f} tokens/s"
