"""What every mixer has in common."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hyenadna_kit.backbone.filters import BeyondContext
from hyenadna_kit.backbone.inference import InferencePlan, Tile, normed, tiles
from hyenadna_kit.backbone.mixer_stream import MixerStream, StreamSize
from hyenadna_kit.backbone.suffixes import Suffixes, SuffixMixing
from hyenadna_kit.config import ModuleConfig
from hyenadna_kit.ops.online_conv import OnlineConvolution


@dataclass(frozen=True, kw_only=True)
class MixerSize:
    """The sizes that a mixer takes from its backbone."""

    d_model: int
    """Width of the hidden states."""
    context_length: int
    """Most tokens the model is trained on."""


@dataclass(frozen=True, kw_only=True)
class MixerMemory:
    """How much memory a mixer takes in a pass; a mixer that takes more than this gives its own."""

    batch: int
    """Sequences."""
    length: int
    """Tokens of each."""
    d_model: int
    """Width of the hidden states."""

    @property
    def numbers(self) -> int:
        """Numbers in the residual stream."""
        return self.batch * self.length * self.d_model

    @property
    def stream_bytes(self) -> int:
        """Bytes of the residual stream."""
        return 4 * self.numbers

    @property
    def reusable_bytes(self) -> int:
        """Bytes that a pass without gradients may keep for the next one."""
        return 0

    @property
    def most_fft_rows(self) -> int:
        """Most rows that are worth convolving at a time."""
        return 1

    def inference_bytes(self, plan: InferencePlan, tile_bytes: int) -> int:  # noqa: ARG002 - runs in one piece
        """Return the most bytes beside the residual stream in a pass without gradients.

        Args:
            plan: In what pieces it runs.
            tile_bytes: What the tiles take that come out of it, which the rest of the block works on.
        """
        return max(2 * self.stream_bytes, tile_bytes)

    def training_bytes(self, product_bytes: int) -> int:
        """Return the bytes that wait for the backward pass.

        Args:
            product_bytes: Bytes of a number in matrix products.
        """
        return 4 * self.numbers * product_bytes

    @property
    def backward_bytes(self) -> int:
        """Bytes that the backward pass takes for a while, beside gradients of the residual stream."""
        return 0


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

    def stream_filters(self, size: StreamSize) -> Float[Tensor, "rows taps"]:  # noqa: ARG002 - none here
        """Return the filters of its long convolutions, as far as steps are apart; none here."""
        return self.out_proj.weight.new_zeros(0, 0)

    def stream(self, size: StreamSize, convolution: OnlineConvolution | None, first_row: int) -> MixerStream:
        """Return what the mixer keeps of sequences that grow.

        For mixers whose configuration says ``keeps_prefixes``.

        Args:
            size: Room for them.
            convolution: The long convolutions of all mixers; None where no mixer has any.
            first_row: The first row in it of those that :meth:`stream_filters` returned.
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
        """Whether the first outputs do not depend on what follows, nor on how long it is."""
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

    @property
    def beyond_context(self) -> BeyondContext | None:
        """What its filters do beyond the trained length; None where it has none."""
        return None

    def check_width(self, d_model: int) -> None:
        """Do nothing where the mixer can be built that wide.

        Raises:
            ValueError: It cannot.
        """

    def check_device(self, device: torch.device) -> None:
        """Do nothing where the mixer can run on a device.

        Raises:
            BackendUnavailableError: A backend is named that cannot.
        """

    def memory(self, size: MixerSize, *, batch: int, length: int) -> MixerMemory:
        """Return how much memory a pass over ``batch x length`` tokens takes."""
        return MixerMemory(batch=batch, length=length, d_model=size.d_model)

    def build(self, size: MixerSize) -> Mixer:
        """Return a mixer of the given size."""
        raise NotImplementedError
