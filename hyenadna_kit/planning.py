"""How much memory and time a pass of a model takes, told before it is run.

In: a model's configuration and the size of the input. Out: bytes, counted as the implementation uses
them, and seconds.
"""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from hyenadna_kit.backbone.memory import (
    PassSize,
    in_words,
    inference_bytes,
    plan_inference,
    training_bytes,
)
from hyenadna_kit.devices import Precision, available_memory, format_of_products
from hyenadna_kit.errors import MemoryLimitError
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.pass_time import one_layer, pass_seconds

_ADAMW_COPIES = 3  # gradients and two moments
_SHARE_KEPT_FREE = 0.4
"""Activations are recomputed where keeping them would leave less of the memory than this."""


@dataclass(frozen=True, kw_only=True)
class PassPlan:
    """What a pass will take, in each process where several take one at the same time."""

    size: PassSize
    """The pass."""
    processes: int = 1
    """How many take such a pass in the same memory."""
    weights: int
    """Bytes of the weights, and in training of their gradients and moments."""
    activations: int
    """Most bytes beside them at a time."""
    process: int
    """Bytes of this process with PyTorch loaded; 0 on a GPU."""
    room: int | None
    """Bytes that each may take beside the weights."""
    seconds: float | None
    """Time on this machine; None for a device that is not here."""
    remedy: str = "take fewer or shorter sequences"
    """What to do where it does not fit."""

    @property
    def peak(self) -> int:
        """Bytes at the highest point: on a CPU of all processes, on a GPU of its memory."""
        return self.processes * (self.weights + self.activations + self.process)

    def check(self) -> None:
        """Do nothing where there is room for it.

        Raises:
            MemoryLimitError: There is not.
        """
        if self.room is not None and self.activations > self.room:
            raise MemoryLimitError(
                f"it does not fit: activations take {in_words(self.activations)}, beside the weights "
                f"there is room for {in_words(max(0, self.room))}; {self.remedy}"
            )


class StepMemory(NamedTuple):
    """What a training step takes of the memory of a device."""

    tensors: int
    """Bytes of weights, gradients, moments and activations, in all processes."""
    others: int
    """Bytes that the processes beside this one take for themselves, with PyTorch loaded."""


def recomputes(
    choice: str, size: PassSize, device: torch.device, precision: Precision, *, processes: int = 1
) -> bool:
    """Say whether to recompute activations: as the choice says, or where memory is short.

    Args:
        choice: ``always``, ``never`` or ``auto``.
        size: The training step.
        device: Where it runs.
        precision: Number format of its products.
        processes: How many take such a step in the memory of the device at the same time.
    """
    if choice != "auto":
        return choice == "always"
    room = _free(device)
    keeping = processes * _training_bytes(size, device, precision, recompute=False)
    return room is not None and keeping > (1 - _SHARE_KEPT_FREE) * room


def check_training(
    config: HyenaDNAConfig,
    size: PassSize,
    device: torch.device,
    precision: Precision,
    *,
    recompute: bool,
    processes: int = 1,
) -> StepMemory:
    """Return the bytes that a training step takes, weights and optimiser included.

    Args:
        config: The model.
        size: The step of one process.
        device: Where it runs.
        precision: Number format of its products.
        recompute: Whether activations are computed again.
        processes: How many take such a step in the memory of the device at the same time; what each of
            them takes that is as this one counts, too.

    Raises:
        MemoryLimitError: The device has less.
    """
    activations = _training_bytes(size, device, precision, recompute=recompute)
    tensors = processes * (_weight_bytes(config) * (1 + _ADAMW_COPIES) + activations)
    needed = StepMemory(tensors, others=(processes - 1) * _process_bytes(device))
    room = _free(device)
    if room is not None and sum(needed) > room:
        each = f" in each of {processes} processes" if processes > 1 else ""
        beside = f", PyTorch itself {in_words(needed.others)} beside" if needed.others else ""
        remedy = "take fewer or shorter windows"
        remedy += ", or fewer processes" if processes > 1 else ""
        remedy += "" if recompute else ", or recompute activations"
        raise MemoryLimitError(
            f"a training step on {size.batch} x {size.length:,} tokens{each} takes {in_words(tensors)} of "
            f"memory{beside}, there is room for {in_words(room)} on {device}; {remedy}"
        )
    return needed


def plan_pass(
    config: HyenaDNAConfig,
    size: PassSize,
    device: torch.device,
    *,
    precision: Precision = "fp32",
    train: bool = False,
    recompute: bool = False,
    processes: int = 1,
    max_memory: int | None = None,
) -> PassPlan:
    """Return what a pass takes; nothing of its size is allocated.

    Args:
        config: The model.
        size: Batch and length, as ``config.pass_size`` gives them.
        device: Where it runs; a GPU that is not here is planned without a time.
        precision: Number format of matrix products.
        train: A training step with AdamW rather than a pass without gradients.
        recompute: In training, compute activations again instead of keeping them.
        processes: How many take such a pass in the memory of the device at the same time.
        max_memory: Bytes that it may take beside the weights; None: what is free.

    Raises:
        MemoryLimitError: A pass without gradients cannot be cut into pieces so small.
    """
    weights = _weight_bytes(config) * (1 + _ADAMW_COPIES if train else 1)
    free, loaded = _free(device), _process_bytes(device)
    beside = None if free is None else (free - (processes - 1) * loaded) // processes - weights
    room = min((each for each in (beside, max_memory) if each is not None), default=None)
    if train:
        activations = _training_bytes(size, device, precision, recompute=recompute)
    else:
        activations = inference_bytes(size, plan_inference(size, room))
    return PassPlan(
        size=size,
        processes=processes,
        weights=weights,
        activations=activations,
        process=loaded,
        room=room,
        seconds=pass_seconds(config, size, device, precision, train=train, recompute=recompute)
        if _is_here(device)
        else None,
        remedy="take fewer or shorter sequences" + (", or --recompute" if train and not recompute else ""),
    )


def _training_bytes(size: PassSize, device: torch.device, precision: Precision, *, recompute: bool) -> int:
    return training_bytes(
        size,
        product_bytes=2 if format_of_products(device, precision) == "bf16" else 4,
        recompute=recompute,
        keeps_inner=device.type == "cuda",
    )


def _weight_bytes(config: HyenaDNAConfig) -> int:
    """Return the bytes of the weights, from one layer of each kind: a deep model takes long to build."""
    beside = of_layers = 0
    for mixer, count in Counter(config.backbone.mixers).items():
        with torch.device("meta"):
            model = one_layer(config, mixer, config.backbone.context_length)
        layer = sum(parameter.numel() for parameter in model.backbone.layers.parameters())
        beside = model.num_parameters - layer
        of_layers += count * layer
    return 4 * (beside + of_layers)


def _is_here(device: torch.device) -> bool:
    return device.type == "cpu" or torch.cuda.is_available()


def _free(device: torch.device) -> int | None:
    """Return the bytes that are free on a device; None where it is not here, or nobody says."""
    return available_memory(device) if _is_here(device) else None


def _process_bytes(device: torch.device) -> int:
    """Return the bytes that a process takes with PyTorch loaded, as this one does; 0 on a GPU."""
    statm = Path("/proc/self/statm")
    if device.type != "cpu" or not statm.exists():
        return 0
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
