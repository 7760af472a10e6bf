"""Where the window of a variant lies: a function of its own position and of the options alone.

In: a position. Out: the first base of its window. Variants that share a window never move each
other, so that a score does not depend on what else is in the file.
"""

from dataclasses import dataclass
from typing import Literal

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand

_DEFAULT_HORIZON = 512
_SHORTEST_CENTRED = 3
_WINDOWS_A_BLOCK = 16


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Windows on a grid, or centred on each variant.

    On the grid, window k covers ``[k S - min_left_context, k S - min_left_context + window)`` with
    the stride S = window - min_left_context - horizon, and a variant at p belongs to k = p // S: it
    always has ``min_left_context`` bases before it and ``horizon`` bases from it on.
    """

    window: int
    """Bases that the model reads."""
    horizon: int
    """Bases, from the variant on, whose likelihoods are summed."""
    min_left_context: int
    """Fewest bases before a variant."""
    kind: Literal["grid", "centred"] = "grid"
    """``centred`` puts the variant at ``window // 2`` on the forward strand."""

    def __post_init__(self) -> None:
        if self.min_left_context < 1 or self.horizon < 1:
            raise InputError(
                f"min_left_context and horizon must be at least 1, "
                f"got {self.min_left_context} and {self.horizon}"
            )
        if self.kind == "grid" and self.stride < 1:
            raise InputError(
                f"min_left_context {self.min_left_context} and horizon {self.horizon} must together be "
                f"less than the window of {self.window} bp"
            )
        if self.kind == "centred":
            self._check_centred()

    @classmethod
    def for_window(
        cls,
        window: int,
        *,
        horizon: int | None = None,
        min_left_context: int | None = None,
        kind: Literal["grid", "centred"] = "grid",
    ) -> "Placement":
        """Return a placement whose open options suit the window.

        The default horizon is 512 bp but a quarter of the window at most, the default left context
        half a window.
        """
        return cls(
            window=window,
            horizon=min(_DEFAULT_HORIZON, max(1, window // 4)) if horizon is None else horizon,
            min_left_context=max(1, window // 2) if min_left_context is None else min_left_context,
            kind=kind,
        )

    def _check_centred(self) -> None:
        # In a shorter window nothing lies before the variant on the reverse strand.
        if self.window < _SHORTEST_CENTRED:
            raise InputError(f"a centred window has at least {_SHORTEST_CENTRED} bp, got {self.window}")
        if max(self.horizon, self.min_left_context) > self.window // 2:
            raise InputError(
                f"a centred window of {self.window} bp has no horizon and no left context beyond "
                f"{self.window // 2}, got {self.horizon} and {self.min_left_context}"
            )

    @property
    def stride(self) -> int:
        """Distance between neighbouring windows of the grid."""
        return self.window - self.min_left_context - self.horizon

    def block(self, position: int) -> int:
        """Return the number of the stretch of the genome whose variants may be computed together.

        A stretch holds a few whole windows of the grid.
        """
        step = self.stride if self.kind == "grid" else self.window
        return position // (_WINDOWS_A_BLOCK * step)

    def window_start(self, position: int, strand: Strand) -> int:
        """Return the first base of the window of a variant at ``position``, both along ``strand``.

        Placement(window=16, horizon=4, min_left_context=8).window_start(9, FORWARD)  ==  0
        """
        if self.kind == "grid":
            return position // self.stride * self.stride - self.min_left_context
        # Both strands read the same bases: the middle of an even window is not its own mirror image.
        middle = self.window // 2
        return position - (middle if strand is Strand.FORWARD else self.window - 1 - middle)
