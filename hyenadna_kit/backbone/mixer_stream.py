"""What every mixer keeps of sequences that grow token by token: see ``backbone.streaming``."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from hyenadna_kit.backbone.inference import InferencePlan, Tile
from hyenadna_kit.config import check_least


@dataclass(frozen=True, kw_only=True)
class StreamSize:
    """For what a stream makes room."""

    batch: int
    """Sequences."""
    num_steps: int | None
    """Most steps; None is any number, where all filters end."""
    step: int = 1
    """Tokens of a step."""
    prompt_length: int = 0
    """Tokens that are read at once before the first step."""

    def __post_init__(self) -> None:
        check_least(self, dict.fromkeys(("batch", "num_steps", "step"), 1) | {"prompt_length": 0})

    @property
    def span(self) -> int | None:
        """Most tokens of all steps."""
        return None if self.num_steps is None else self.num_steps * self.step

    @property
    def num_tokens(self) -> int | None:
        """Most tokens of a sequence."""
        return None if self.span is None else self.prompt_length + self.span


class MixerStream(ABC):
    """What one mixer keeps of sequences."""

    @abstractmethod
    def read_prompt(
        self, residual: Float[Tensor, "batch length d_model"], norm: nn.LayerNorm, plan: InferencePlan
    ) -> Iterator[Tile]:
        """Mix a prompt as :meth:`Mixer.advance` does, and keep what comes after it needs."""

    @abstractmethod
    def step(self, states: Float[Tensor, "batch step d_model"]) -> Float[Tensor, "batch step d_model"]:
        """Return the mixed states of the next tokens."""
