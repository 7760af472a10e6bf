"""The mixers of a whole backbone, and what they promise together."""

from collections.abc import Sequence
from typing import Self

from hyenadna_kit.backbone.filters import BeyondContext
from hyenadna_kit.backbone.mixers.base import MixerConfig
from hyenadna_kit.errors import InputError


class MixerStack(tuple[MixerConfig, ...]):
    """The mixer of each layer, in order."""

    __slots__ = ()

    @classmethod
    def of(
        cls, mixer: MixerConfig, num_layers: int, *, other: MixerConfig | None, others: Sequence[int]
    ) -> Self:
        """Return a stack of one mixer, or of two.

        Args:
            mixer: The mixer of every layer that is not named.
            num_layers: Layers in all.
            other: The mixer of those that are; None where there are none.
            others: Those layers; the first of all is 0.

        Raises:
            ValueError: There is another mixer and no layer for it or the other way round, or there is no
                such layer.
        """
        named = list(others)
        if (other is None) != (not named):
            name = "none" if other is None else type(other).__name__
            raise ValueError(
                f"other_layers are the layers of other_mixer: give both or neither, got {named} and {name}"
            )
        if len(set(named)) < len(named) or not all(0 <= layer < num_layers for layer in named):
            raise ValueError(f"other_layers must be some of 0 to {num_layers - 1}, each once, got {named}")
        return cls(mixer if other is None or layer not in named else other for layer in range(num_layers))

    @property
    def causal(self) -> bool:
        """Whether a position depends on itself and those before it alone."""
        return all(mixer.causal for mixer in self)

    @property
    def keeps_prefixes(self) -> bool:
        """Whether the first outputs do not depend on what follows, nor on how long it is."""
        return all(mixer.keeps_prefixes for mixer in self)

    @property
    def runs_in_place(self) -> bool:
        """Whether passes without gradients may change the residual stream in place."""
        return all(mixer.runs_in_place for mixer in self)

    @property
    def without_suffixes(self) -> MixerConfig | None:
        """The first mixer that cannot compute changed ends of a sequence beside it; None: all can."""
        return next((mixer for mixer in self if not mixer.shares_prefixes), None)

    @property
    def filter_modes(self) -> tuple[BeyondContext | None, ...]:
        """By layer, what its filters do beyond the trained length; None where it has none."""
        return tuple(mixer.beyond_context for mixer in self)

    @property
    def stretches(self) -> bool:
        """Whether some filters beyond the trained length are as long as the input, padding included."""
        return "interpolate" in self.filter_modes

    def check_streams(self) -> None:
        """Refuse mixers that cannot go on from what they have seen.

        Raises:
            InputError: One of them cannot.
        """
        for mixer in self:
            if not mixer.keeps_prefixes:
                raise InputError(
                    f"{type(mixer).__name__} sees what follows, or has filters that change with the length "
                    "(beyond_context 'interpolate'): its outputs are not known before the sequence ends; "
                    "take another model"
                )

    @property
    def suffix_context(self) -> int:
        """Fewest positions that must lie before such an end."""
        return max(mixer.suffix_context for mixer in self)
