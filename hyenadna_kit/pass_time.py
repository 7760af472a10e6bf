"""How long a pass of a model takes, extrapolated from a short pass of one layer on this machine.

In: a model's configuration and the size of the input. Out: seconds.
"""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import torch

from hyenadna_kit.backbone.memory import PassSize
from hyenadna_kit.backbone.mixers.base import MixerConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.devices import Precision, products_in
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.ops.fft_length import fast_fft_length

_PROBED_TOKENS = 8192
_FFT_ROWS = 8
_MOST_PROBED_POINTS = 1 << 21


def pass_seconds(
    config: HyenaDNAConfig,
    size: PassSize,
    device: torch.device,
    precision: Precision,
    *,
    train: bool,
    recompute: bool,
) -> float:
    """Return the seconds of a pass, from layers at a short length, one of each kind.

    Args:
        config: The model.
        size: The pass.
        device: Where it runs.
        precision: Number format of matrix products.
        train: A training step rather than a pass without gradients.
        recompute: In training, whether activations are computed again.
    """
    seconds = 0.0
    for mixer, count in Counter(config.backbone.mixers).items():

        def seconds_at(length: int, mixer: MixerConfig = mixer) -> float:
            """Return the seconds of one layer of that kind."""
            model = one_layer(config, mixer, length).to(device).train(train)
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


def one_layer(config: HyenaDNAConfig, mixer: MixerConfig, length: int) -> HyenaDNA:
    """Return a model with one of its layers alone, the one of that mixer, at another length."""
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
