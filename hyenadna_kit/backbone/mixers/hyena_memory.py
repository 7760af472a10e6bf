"""How much memory the Hyena operator takes in a pass."""

from dataclasses import dataclass

from hyenadna_kit.backbone.inference import InferencePlan
from hyenadna_kit.backbone.mixers.base import MixerMemory
from hyenadna_kit.backbone.mixers.filter_spectra import spectrum_lengths
from hyenadna_kit.ops.fft_length import fast_fft_length
from hyenadna_kit.ops.long_conv.eager import rows_at_a_time

_FLOAT32 = 4


@dataclass(frozen=True, kw_only=True)
class HyenaMemory(MixerMemory):
    """What the operator takes; spectra may be kept for the next pass."""

    order: int
    """Order of the operator."""
    taps: int
    """Taps of its filters."""
    filter_width: int
    """Width of the network that makes them."""
    directions: int = 1
    """2 where filters look downstream, too."""

    @property
    def reusable_bytes(self) -> int:
        """Bytes of the spectra of the filters."""
        lengths = spectrum_lengths(self.length)
        points = sum(fast_fft_length(length + min(length, self.taps)) for length in lengths)
        return (self.order - 1) * self.d_model * points * _FLOAT32

    @property
    def most_fft_rows(self) -> int:
        """Most rows that are worth convolving at a time."""
        return rows_at_a_time(self._points)

    def inference_bytes(self, plan: InferencePlan, tile_bytes: int) -> int:
        """Return the bytes of the signal, of a convolution and of the tiles that come out of it."""
        rows = min(plan.fft_rows, self.batch * self.d_model)
        channels = max(1, min(self.d_model, plan.fft_rows // self.batch))
        # Padded rows, their spectra, the products turned back, and a copy that the transform makes.
        numbers = self.taps * self.filter_width + (4 * rows + channels) * self._points
        return self.stream_bytes + numbers * _FLOAT32 + tile_bytes

    def training_bytes(self, product_bytes: int) -> int:
        """Return the bytes that wait for the backward pass."""
        streams = 3 * self.order + 1  # the normed input, projections, gated streams and gated outputs
        filters = (self.order - 1) * self.d_model * self.taps * self.directions * _FLOAT32
        return streams * self.numbers * product_bytes + filters

    @property
    def backward_bytes(self) -> int:
        """Bytes of the transforms of a convolution backwards."""
        return 8 * max(8 * self._points, 1 << 20) * _FLOAT32

    @property
    def _points(self) -> int:
        return fast_fft_length(self.length + self.taps)
