"""``hyenadna-kit convert``: a model in any format in, a model folder of this toolkit or an -hf one out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

POSITIONAL = ("model",)


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """Write a model in another format: our own, or the one that published code reads.

    Reads the original format (config.json and weights.ckpt), the -hf format (config.json and
    model.safetensors) and our own. Nothing that a checkpoint names is imported or run.
    """

    model: str
    """Model folder or name, as LongSafari/hyenadna-tiny-1k-seqlen."""
    out: str
    """Folder of the new model; it must not hold a model yet."""
    layout: Literal["own", "hf"] = "own"
    """Our own format, or that of the published -hf repositories."""
    weights: Literal["float32", "float16", "bfloat16"] = "float32"
    """Number format of the weights in the file; what reads them computes in float32 all the same."""


def run(options: ConvertOptions) -> int:
    """Convert and say what was written.

    Raises:
        CheckpointError: The checkpoint is damaged, unsafe or of an unknown format.
        InputError: ``out`` holds a model already, or the layout has no such model.
    """
    import torch

    from hyenadna_kit.checkpoint import CONFIG_NAME
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.model import HyenaDNA

    if (Path(options.out) / CONFIG_NAME).exists():
        raise InputError(f"--out {options.out} holds a model already; choose another folder")
    model = HyenaDNA.from_pretrained(options.model)
    try:
        model.save_pretrained(options.out, dtype=getattr(torch, options.weights), layout=options.layout)
    except InputError as error:
        raise InputError(f"--layout {options.layout}: {error}") from None
    except ValueError as error:
        raise InputError(f"--weights {options.weights}: {error}; choose another format") from None
    written = HyenaDNA.from_pretrained(options.out)
    print(f"{options.out}: {written.num_parameters:,} parameters, sha256 {written.fingerprint()}")
    return 0
