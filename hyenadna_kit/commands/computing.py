"""What the commands that run a model have in common: where, how exactly, and in how much memory."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    from hyenadna_kit.model import HyenaDNA

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def load_model(folder: str, device: Literal["auto", "cpu", "cuda"], max_memory: str | None) -> "HyenaDNA":
    """Return the model of a folder on a device, bound to so much memory.

    Args:
        folder: Model folder.
        device: Where to compute.
        max_memory: Bytes that a pass may take beside the weights, as ``4G`` or ``512M``; None: what is
            free.

    Raises:
        InputError: ``max_memory`` is no size, or a GPU was named and there is none.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.devices import pick_device
    from hyenadna_kit.model import HyenaDNA

    limit = None if max_memory is None else parse_bytes(max_memory, "--max_memory")
    model = HyenaDNA.from_pretrained(folder).to(pick_device(device))
    if limit is not None and next(model.parameters()).device.type != "cpu":
        raise InputError(f"--max_memory {max_memory} bounds passes on a CPU; take smaller batches on a GPU")
    model.backbone.max_memory = limit
    return model


def with_length(model: "HyenaDNA", length: int | None) -> "HyenaDNA":
    """Return a model that reads at least so many tokens, bound to the same memory.

    Args:
        model: The model of a folder.
        length: Tokens; None, or fewer than the context has, leaves the model as it is.
    """
    if length is None or length <= model.context_length:
        return model
    longer = model.with_context_length(length)
    longer.backbone.max_memory = model.backbone.max_memory
    return longer


@contextmanager
def computing(model: "HyenaDNA", precision: Literal["auto", "fp32", "bf16"]) -> Iterator[None]:
    """Compute the matrix products of a model inside the ``with`` block in a number format."""
    from hyenadna_kit.devices import products_in

    with products_in(next(model.parameters()).device, precision):
        yield


def parse_bytes(text: str, option: str) -> int:
    """Return the bytes that ``text`` names: ``4G``, ``1.5G``, ``512M``, ``1000000``; K is 1,024.

    Raises:
        InputError: It names no positive size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    size = float(found[1]) * _UNITS[found[2].upper()] if found else 0.0
    if not 1 <= size < math.inf:
        raise InputError(f"{option} must be a size such as 4G or 512M, got {text!r}")
    return int(size)
