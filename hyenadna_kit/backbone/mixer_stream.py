"""What every mixer keeps of sequences that grow token by token: see ``backbone.streaming``."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from hyenadna_kit.backbone.inference import InferencePlan, Tile


@dataclass(frozen=True, kw_only=True)
class StreamSize:
    """For what a stream makes room."""

    batch: int
    """Sequences."""
    num_steps: int
    """Most steps."""
    step: int = 1
    """Tokens of a step."""
    prompt_length: int = 0
    """Tokens that are read at once before the first step."""

    def __post_init__(self) -> None:
        for name in ("batch", "num_steps", "step"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def num_tokens(self) -> int:
        """Most tokens of a sequence."""
        return self.prompt_length + self.num_steps * self.step


class MixerStream(ABC):
    """What one mixer keeps of sequences."""

    @abstractmethod
    def read_prompt(
        self, residual: Float[Tensor, "batch length d_model"], norm: nn.LayerNorm, plan: InferencePlan
    ) -> Iterator[Tile]:
        """Take a prompt through the mixer as :meth:`Mixer.advance` does, and keep what comes after needs."""

    @abstractmethod
    def step(self, states: Float[Tensor, "batch step d_model"]) -> Float[Tensor, "batch step d_model"]:
        """Return the mixed states of the next tokens."""
