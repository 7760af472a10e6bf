"""How much memory and time a pass of a model takes, told before it is run.

In: a model's configuration and the size of the input. Out: bytes, counted as the implementation uses
them, and seconds, extrapolated from a short pass of one layer on this machine.
"""

import math
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from hyenadna_kit.backbone.memory import (
    PassSize,
    in_words,
    inference_bytes,
    plan_inference,
    training_bytes,
)
from hyenadna_kit.backbone.mixers.base import MixerConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.devices import Precision, available_memory, computes_in_bfloat16, products_in
from hyenadna_kit.errors import MemoryLimitError
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.ops.fft_length import fast_fft_length

_PROBED_TOKENS = 8192
_ADAMW_COPIES = 3  # gradients and two moments
_FFT_ROWS = 8
_MOST_PROBED_POINTS = 1 << 21
_SHARE_KEPT_FREE = 0.4
"""Activations are recomputed where keeping them would leave less of the memory than this."""


@dataclass(frozen=True, kw_only=True)
class PassPlan:
    """What a pass will take."""

    size: PassSize
    """The pass."""
    weights: int
    """Bytes of the weights, and in training of their gradients and moments."""
    activations: int
    """Most bytes beside them at a time."""
    process: int
    """Bytes of this process with PyTorch loaded; 0 on a GPU."""
    room: int | None
    """Bytes that may be taken beside the weights."""
    seconds: float | None
    """Time on this machine; None for a device that is not here."""
    remedy: str = "take fewer or shorter sequences"
    """What to do where it does not fit."""

    @property
    def peak(self) -> int:
        """Bytes at the highest point: on a CPU of the process, on a GPU of its memory."""
        return self.weights + self.activations + self.process

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
    room = available_memory(device)
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
) -> int:
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
    needed = processes * (_weight_bytes(config) * (1 + _ADAMW_COPIES) + activations)
    needed += (processes - 1) * _resident_bytes()
    room = available_memory(device)
    if room is not None and needed > room:
        each = f" in each of {processes} processes" if processes > 1 else ""
        remedy = "take fewer or shorter windows"
        remedy += ", or fewer processes" if processes > 1 else ""
        remedy += "" if recompute else ", or recompute activations"
        raise MemoryLimitError(
            f"a training step on {size.batch} x {size.length:,} tokens{each} takes {in_words(needed)} of "
            f"memory, there is room for {in_words(room)} on {device}; {remedy}"
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
        max_memory: Bytes that it may take beside the weights; None: what is free.

    Raises:
        MemoryLimitError: A pass without gradients cannot be cut into pieces so small.
    """
    is_here = device.type == "cpu" or torch.cuda.is_available()
    weights = _weight_bytes(config) * (1 + _ADAMW_COPIES if train else 1)
    free = available_memory(device) if is_here else None
    beside = None if free is None else free - weights
    room = min((each for each in (beside, max_memory) if each is not None), default=None)
    if train:
        activations = _training_bytes(size, device, precision, recompute=recompute)
    else:
        activations = inference_bytes(size, plan_inference(size, room))
    return PassPlan(
        size=size,
        weights=weights,
        activations=activations,
        process=_resident_bytes() if device.type == "cpu" else 0,
        room=room,
        seconds=_seconds(config, size, device, precision, train=train, recompute=recompute)
        if is_here
        else None,
        remedy="take fewer or shorter sequences" + (", or --recompute" if train and not recompute else ""),
    )


def _training_bytes(size: PassSize, device: torch.device, precision: Precision, *, recompute: bool) -> int:
    bfloat16 = precision == "bf16" or (precision == "auto" and computes_in_bfloat16(device))
    return training_bytes(
        size,
        product_bytes=2 if bfloat16 else 4,
        recompute=recompute,
        keeps_inner=device.type == "cuda",
    )


def _weight_bytes(config: HyenaDNAConfig) -> int:
    """Return the bytes of the weights, from one layer of each kind: a deep model takes long to build."""
    beside = of_layers = 0
    for mixer, count in Counter(config.backbone.mixers).items():
        with torch.device("meta"):
            model = _one_layer(config, mixer, config.backbone.context_length)
        layer = sum(parameter.numel() for parameter in model.backbone.layers.parameters())
        beside = model.num_parameters - layer
        of_layers += count * layer
    return 4 * (beside + of_layers)


def _resident_bytes() -> int:
    """Return the bytes of this process in memory; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def _seconds(
    config: HyenaDNAConfig,
    size: PassSize,
    device: torch.device,
    precision: Precision,
    *,
    train: bool,
    recompute: bool,
) -> float:
    """Extrapolate from layers at a short length, one of each kind."""
    seconds = 0.0
    for mixer, count in Counter(config.backbone.mixers).items():

        def seconds_at(length: int, mixer: MixerConfig = mixer) -> float:
            """Return the seconds of one layer of that kind."""
            model = _one_layer(config, mixer, length).to(device).train(train)
            model.backbone.recompute_activations(enabled=recompute)
            return _seconds_of(model, length, device, precision)

        if isinstance(mixer, HyenaConfig):
            transforms = size.d_model * ((12 if recompute else 9) if train else 3)
            seconds += count * _with_transforms(seconds_at, size.length, transforms, device)
        else:
            seconds += count * _with_pairs(seconds_at, size.length)
    return size.batch * seconds


def _with_transforms(
    seconds_at: Callable[[int], float], length: int, transforms: int, device: torch.device
) -> float:
    """Return the seconds of a longer layer: products grow with it, transforms a little faster."""
    probed = min(length, _PROBED_TOKENS)
    short, full = (_transform_seconds(each, device) * transforms for each in (probed, length))
    return max(0.0, seconds_at(probed) - short) / probed * length + full


def _with_pairs(seconds_at: Callable[[int], float], length: int) -> float:
    """Return the seconds of a longer layer that computes something of every two positions."""
    probed = min(length, _PROBED_TOKENS)
    whole, half = seconds_at(probed), seconds_at(max(1, probed // 2))
    of_pairs = min(whole, max(0.0, 2 * (whole - 2 * half)))  # a n + b n^2, twice
    return (whole - of_pairs) * (length / probed) + of_pairs * (length / probed) ** 2


def _one_layer(config: HyenaDNAConfig, mixer: MixerConfig, length: int) -> HyenaDNA:
    backbone = replace(
        config.backbone,
        num_layers=1,
        mixer=mixer,
        other_mixer=None,
        other_layers=(),
        context_length=max(2, length),
    )
    return replace(config, backbone=backbone).build()


def _seconds_of(model: HyenaDNA, length: int, device: torch.device, precision: Precision) -> float:
    """Return the seconds of a pass, with gradients where the model is in training."""
    input_ids = torch.randint(7, 11, (1, length), device=device)

    def probe() -> None:
        """Run the model."""
        with products_in(device, precision), torch.set_grad_enabled(model.training):
            logits = model(input_ids).logits
        if model.training:
            logits.float().logsumexp(2).sum().backward()

    _pass_of(model, probe)
    return min(_pass_of(model, probe) for _ in range(3))


def _pass_of(model: HyenaDNA, probe: Callable[[], None]) -> float:
    model.zero_grad()
    begin = time.perf_counter()
    probe()
    if next(model.parameters()).device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def _transform_seconds(length: int, device: torch.device) -> float:
    """Return the seconds of one real transform of a row twice as long, among others."""
    points = fast_fft_length(2 * length)
    probed = min(points, _MOST_PROBED_POINTS)
    rows = torch.randn(_FFT_ROWS, probed, device=device)
    torch.fft.rfft(rows)
    begin = time.perf_counter()
    torch.fft.rfft(rows)
    if device.type == "cuda":
        torch.cuda.synchronize()
    longer = points * math.log2(points) / (probed * math.log2(probed))
    return longer * (time.perf_counter() - begin) / _FFT_ROWS
