"""How much memory a pass takes, and in what pieces it runs so that it fits.

In: the sizes of a backbone and of its input. Out: bytes beside the weights. The counts are those of
the implementation; tests hold them against measured peaks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from hyenadna_kit.backbone.inference import InferencePlan
from hyenadna_kit.backbone.mixers.filter_spectra import spectrum_lengths
from hyenadna_kit.errors import MemoryLimitError
from hyenadna_kit.ops.fft_length import fast_fft_length
from hyenadna_kit.ops.long_conv.eager import rows_at_a_time

_FLOAT32 = 4
_MOST_KEPT_BYTES = 5 << 28
"""Spectra are kept for the next pass while those of the whole model take no more than this."""
_TILE_TOKENS = (2048, 256)
_FEWER_FFT_ROWS = (8, 4, 2, 1)
_SUFFIX_STREAMS = 4  # states, the signal, and while they are read the sequences' own and a copy
_BACKWARD_BYTES = 18
"""Bytes of gradients for each number of the residual stream that are alive at a time; measured."""


@dataclass(frozen=True, kw_only=True)
class PassSize:
    """What decides how much memory a pass takes."""

    batch: int
    """Sequences."""
    length: int
    """Tokens of each."""
    num_layers: int
    """Blocks."""
    d_model: int
    """Width of the hidden states."""
    d_inner: int
    """Width inside the MLP."""
    vocab_size: int
    """Columns of the logits."""
    order: int = 1
    """Order of the Hyena operator; 1 stands for another mixer."""
    taps: int = 0
    """Taps of its filters."""
    filter_width: int = 0
    """Width of the network that makes them."""
    directions: int = 1
    """2 where filters look downstream, too."""

    @property
    def stream_bytes(self) -> int:
        """Bytes of the residual stream."""
        return self.batch * self.length * self.d_model * _FLOAT32

    @property
    def spectra_bytes(self) -> int:
        """Bytes of the spectra of one layer's filters."""
        lengths = spectrum_lengths(self.length)
        points = sum(fast_fft_length(length + min(length, self.taps)) for length in lengths)
        return (self.order - 1) * self.d_model * points * _FLOAT32


def plan_inference(size: PassSize, max_memory: int | None = None) -> list[InferencePlan]:
    """Return in what pieces each layer is computed without gradients.

    Args:
        size: The pass.
        max_memory: Bytes that it may take beside the weights; None sets no limit.

    Raises:
        MemoryLimitError: No choice of pieces takes so little.
    """
    needed = 0
    for plans in _choices(size):
        needed = inference_bytes(size, plans)
        if max_memory is None or needed <= max_memory:
            return plans
    assert max_memory is not None
    raise MemoryLimitError(
        f"a pass over {size.batch} x {size.length:,} tokens takes {in_words(needed)} of memory at least, "
        f"there is room for {in_words(max_memory)}; take fewer sequences at a time, or shorter ones"
    )


def _choices(size: PassSize) -> Iterator[list[InferencePlan]]:
    """Yield plans from the fastest to the smallest."""
    most_rows = rows_at_a_time(fast_fft_length(size.length + size.taps))
    most = _MOST_KEPT_BYTES // size.spectra_bytes if size.order > 1 else 0
    for kept in sorted({min(most, size.num_layers), 0}, reverse=True):
        for rows, tokens in product(sorted({most_rows, *_FEWER_FFT_ROWS}, reverse=True), _TILE_TOKENS):
            plan = InferencePlan(tile_tokens=tokens, fft_rows=rows)
            yield [replace(plan, keep_spectra=index < kept) for index in range(size.num_layers)]


def inference_bytes(size: PassSize, plans: Sequence[InferencePlan]) -> int:
    """Return the most bytes that a pass without gradients holds at a time, beside the weights."""
    plan = plans[0]
    kept = sum(plan.keep_spectra for plan in plans) * size.spectra_bytes
    tile = min(plan.tile_tokens, size.batch * size.length) * (size.d_inner + 8 * size.d_model) * _FLOAT32
    mixing = size.stream_bytes + _convolution_bytes(size, plan) + tile
    logits = size.batch * size.length * size.vocab_size * _FLOAT32
    return size.stream_bytes + kept + max(mixing, logits)


def suffix_bytes(num_tokens: int, d_model: int) -> int:
    """Return the bytes that suffixes of so many tokens together hold; see ``backbone.suffixes``."""
    return num_tokens * d_model * _SUFFIX_STREAMS * _FLOAT32


def training_bytes(
    size: PassSize, *, product_bytes: int = _FLOAT32, recompute: bool = False, keeps_inner: bool = False
) -> int:
    """Return the most bytes that a training step holds, but for weights and moments.

    Args:
        size: The pass.
        product_bytes: Bytes of a number in matrix products: 4 for float32, 2 for bfloat16.
        recompute: Keep the inputs of each mixer, and of an MLP that keeps more, alone.
        keeps_inner: The MLP keeps its inner states, as it does on a GPU.
    """
    tokens = size.batch * size.length
    state = tokens * size.d_model
    streams = 3 * size.order + 1  # the normed input, projections, gated streams and gated outputs
    filters = (size.order - 1) * size.d_model * size.taps * size.directions * _FLOAT32
    mixing = state * streams * product_bytes + filters
    inner = 2 * tokens * size.d_inner * product_bytes if keeps_inner else 0
    kept = state * (2 * _FLOAT32 + product_bytes)  # both residual sums, and what the MLP reads
    layers = size.num_layers * (kept if recompute else kept + mixing + inner)
    transforms = 8 * max(8 * fast_fft_length(size.length + size.taps), 1 << 20) * _FLOAT32
    logits = 3 * tokens * size.vocab_size * _FLOAT32
    once = max(mixing, inner) if recompute else 0
    return layers + once + _BACKWARD_BYTES * state + transforms + logits


def _convolution_bytes(size: PassSize, plan: InferencePlan) -> int:
    if size.order == 1:
        return 0
    points = fast_fft_length(size.length + size.taps)
    rows = min(plan.fft_rows, size.batch * size.d_model)
    channels = max(1, min(size.d_model, plan.fft_rows // size.batch))
    # Padded rows, their spectra, the products turned back, and a copy that the transform makes.
    return (size.taps * size.filter_width + (4 * rows + channels) * points) * _FLOAT32


def in_words(count: int) -> str:
    """Return a number of bytes for a reader."""
    if count >= 2**30:
        return f"{count / 2**30:.2f} GiB"
    return f"{count / 2**20:.0f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"
