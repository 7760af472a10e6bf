"""The optimiser of the published recipe, and its schedule.

AdamW in groups: the filters' networks without weight decay, trained position features at a rate of
their own, and everything else, biases and norms included, with weight decay.

Source: the published training configurations; Nguyen et al. 2023, arXiv:2306.15794, appendix A.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from hyenadna_kit.config import check_shares

_FILTER = ".implicit_filter."
_FEATURES = ".pos_emb.z"
_KINDS = ("filters", "features", "rest")

_BELOW = {
    **dict.fromkeys(
        ("learning_rate", "filter_learning_rate", "features_learning_rate", "weight_decay"), math.inf
    ),
    **dict.fromkeys(("beta1", "beta2"), 1),
}


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW with warm-up and cosine decay."""

    learning_rate: float = 6e-4
    """Highest learning rate."""
    filter_learning_rate: float | None = None
    """The same of the filters' networks; null takes ``learning_rate``."""
    features_learning_rate: float = 1e-5
    """The same of trained position features."""
    weight_decay: float = 0.1
    """Of everything but the filters' networks and the position features."""
    beta1: float = 0.9
    """Decay rate of the gradient's average."""
    beta2: float = 0.999
    """Decay rate of the squared gradient's average."""
    warmup_fraction: float = 0.01
    """Share of the steps in which the rate rises from zero."""
    final_fraction: float = 0.1
    """The last learning rate as a share of the highest."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient."""

    def __post_init__(self) -> None:
        for name, limit in _BELOW.items():
            value = getattr(self, name)
            if value is not None and not 0 <= value < limit:
                raise ValueError(f"{name} must be at least 0 and below {limit}, got {value}")
        check_shares(self, "warmup_fraction", "final_fraction")
        if not self.gradient_clip > 0:
            raise ValueError(f"gradient_clip must be above 0, got {self.gradient_clip}")


def build_optimizer(
    model: nn.Module, config: OptimizerConfig, share_of: Callable[[str], float] = lambda _: 1.0
) -> AdamW:
    """Return AdamW over the parameter groups of ``model`` that are trained.

    Args:
        model: What is trained.
        config: Rates and decay.
        share_of: Learning rate of a parameter, by its name, as a share of that of its kind.
    """
    groups: dict[tuple[str, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            kind = "filters" if _FILTER in name else "features" if name.endswith(_FEATURES) else "rest"
            groups.setdefault((kind, share_of(name)), []).append(parameter)
    rate = config.learning_rate
    rates = {
        "filters": rate if config.filter_learning_rate is None else config.filter_learning_rate,
        "features": config.features_learning_rate,
        "rest": rate,
    }
    described: list[dict[str, Any]] = [
        {
            "name": kind,
            "params": parameters,
            "lr": rates[kind] * share,
            "weight_decay": config.weight_decay if kind == "rest" else 0.0,
        }
        for (kind, share), parameters in sorted(groups.items(), key=_place)
    ]
    return AdamW(described, betas=(config.beta1, config.beta2))


def _place(group: tuple[tuple[str, float], list[nn.Parameter]]) -> tuple[int, float]:
    """Return where a group stands: checkpoints know parameters by their order."""
    (kind, share), _ = group
    return _KINDS.index(kind), -share


def build_schedule(optimizer: AdamW, config: OptimizerConfig, max_steps: int) -> LambdaLR:
    """Return the schedule: a linear rise, then half a cosine down until ``max_steps``."""
    warmup = max(1, round(config.warmup_fraction * max_steps))

    def share(step: int) -> float:
        """Return the rate of ``step`` as a share of the highest."""
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, max_steps - warmup))
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        return config.final_fraction + (1 - config.final_fraction) * cosine

    return LambdaLR(optimizer, share)
