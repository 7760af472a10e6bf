"""What every mixer has in common."""

from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from hyenadna_kit.backbone.inference import InferencePlan, Tile, normed, tiles
from hyenadna_kit.backbone.suffixes import Suffixes, SuffixMixing
from hyenadna_kit.config import ModuleConfig


@dataclass(frozen=True, kw_only=True)
class MixerSize:
    """The sizes that a mixer takes from its backbone."""

    d_model: int
    """Width of the hidden states."""
    context_length: int
    """Most tokens the model is trained on."""


class Mixer(nn.Module):
    """Mixes hidden states along the sequence."""

    out_proj: nn.Linear
    """The last layer; its initial weights shrink with the depth of the backbone."""

    @property
    def kept_bytes(self) -> int:
        """Bytes that it holds from the pass before, which the next one may use or free."""
        return 0

    def forward(
        self,
        hidden_states: Float[Tensor, "batch length d_model"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length d_model"]:
        """Return the mixed states; positions where the mask is False count as absent."""
        raise NotImplementedError

    def advance(
        self,
        residual: Float[Tensor, "batch length d_model"],
        norm: nn.LayerNorm,
        attention_mask: Bool[Tensor, "batch length"] | None,
        plan: InferencePlan,
        suffixes: SuffixMixing | None = None,
    ) -> Iterator[Tile]:
        """Add the mixed states of the normed residual to it in place; yield every finished tile.

        For use without gradients. A mixer that can do with less memory than this gives its own.
        ``suffixes`` is what :meth:`mix_suffixes` returned.
        """
        assert suffixes is None
        residual += self(normed(norm, residual), attention_mask)
        batch, length, _ = residual.shape
        yield from tiles(batch, length, plan.tile_tokens, first_position=plan.read_from)

    def mix_suffixes(
        self,
        suffixes: Suffixes,
        residual: Float[Tensor, "batch length d_model"],
        norm: nn.LayerNorm,
        plan: InferencePlan,
    ) -> SuffixMixing:
        """Begin a pass over suffixes, before the residual of their sequences goes through the mixer.

        For mixers whose configuration says ``shares_prefixes``.
        """
        raise NotImplementedError


class MixerConfig(ModuleConfig):
    """Base of the mixers' configurations."""

    @property
    def causal(self) -> bool:
        """Whether a position depends on itself and those before it alone."""
        return True

    @property
    def keeps_prefixes(self) -> bool:
        """Whether the outputs at the first positions do not depend on what follows, nor on how long it is."""
        return self.causal

    @property
    def runs_in_place(self) -> bool:
        """Whether passes without gradients may take :meth:`Mixer.advance`."""
        return True

    @property
    def shares_prefixes(self) -> bool:
        """Whether the mixer can compute changed ends of a sequence beside it."""
        return False

    @property
    def suffix_context(self) -> int:
        """Fewest positions that must lie before such an end."""
        return 0

    def build(self, size: MixerSize) -> Mixer:
        """Return a mixer of the given size."""
        raise NotImplementedError
