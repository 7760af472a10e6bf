"""What of a model's distribution over the next base is drawn from."""

from dataclasses import dataclass

from hyenadna_kit.config import check_least


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """What of the model's distribution is drawn from."""

    temperature: float = 1.0
    """Divides the logits: below 1 likely bases become likelier; 0 takes the likeliest."""
    top_k: int | None = None
    """Draw among so many likeliest bases; null takes all."""
    top_p: float | None = None
    """Draw among the fewest likeliest bases that have this probability together; null takes all."""
    alphabet: str = "ACGT"
    """Bases that may be drawn; lower case is read as upper case."""
    seed: int = 0
    """Of the random numbers."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "alphabet", self.alphabet.upper())
        check_least(self, {"top_k": 1, "seed": 0})
        if not self.temperature >= 0:
            raise ValueError(f"temperature must be at least 0, got {self.temperature}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, got {self.top_p}")
        if not self.alphabet or not set(self.alphabet) <= set("ACGTN"):
            raise ValueError(f"alphabet must hold letters of ACGTN, got {self.alphabet!r}")
