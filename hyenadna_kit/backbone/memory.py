"""How much memory a pass takes, and in what pieces it runs so that it fits.

In: the sizes of a backbone and of its input. Out: bytes beside the weights. The counts are those of
the implementation; tests hold them against measured peaks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from hyenadna_kit.backbone.inference import InferencePlan
from hyenadna_kit.backbone.mixers.base import MixerMemory
from hyenadna_kit.errors import MemoryLimitError

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
    d_model: int
    """Width of the hidden states."""
    d_inner: int
    """Width inside the MLP."""
    vocab_size: int
    """Columns of the logits."""
    mixers: tuple[MixerMemory, ...]
    """The mixer of each layer."""
    rows_per_sequence: int = 1
    """Rows of the batch that a sequence takes: 2 where both of its strands are read."""

    @property
    def tokens(self) -> int:
        """Tokens in all rows of the batch."""
        return self.batch * self.rows_per_sequence * self.length

    @property
    def num_layers(self) -> int:
        """Blocks."""
        return len(self.mixers)

    @property
    def stream_bytes(self) -> int:
        """Bytes of the residual stream."""
        return self.tokens * self.d_model * _FLOAT32


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
    most_rows = max(mixer.most_fft_rows for mixer in size.mixers)
    rows_at_a_time = sorted({most_rows, *_FEWER_FFT_ROWS}, reverse=True)
    for kept in (_kept_layers(size), [False] * size.num_layers):
        for rows, tokens in product(rows_at_a_time, _TILE_TOKENS):
            yield [InferencePlan(tile_tokens=tokens, fft_rows=rows, keep_spectra=keep) for keep in kept]


def _kept_layers(size: PassSize) -> list[bool]:
    """Say of each layer whether what it may keep for the next pass is little enough."""
    room, kept = _MOST_KEPT_BYTES, []
    for mixer in size.mixers:
        kept.append(mixer.reusable_bytes <= room)
        room -= kept[-1] * mixer.reusable_bytes
    return kept


def inference_bytes(size: PassSize, plans: Sequence[InferencePlan]) -> int:
    """Return the most bytes that a pass without gradients holds at a time, beside the weights."""
    plan = plans[0]
    kept = sum(
        each.keep_spectra * mixer.reusable_bytes for mixer, each in zip(size.mixers, plans, strict=True)
    )
    tile = min(plan.tile_tokens, size.tokens) * (size.d_inner + 8 * size.d_model) * _FLOAT32
    mixing = max(mixer.inference_bytes(plan, tile) for mixer in size.mixers)
    logits = size.tokens * size.vocab_size * _FLOAT32
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
    state = size.tokens * size.d_model
    inner = 2 * size.tokens * size.d_inner * product_bytes if keeps_inner else 0
    kept = highest = 0
    for mixer in size.mixers:  # the backward pass frees layers from the last one on
        mixing = mixer.training_bytes(product_bytes)
        kept += state * (2 * _FLOAT32 + product_bytes)  # both residual sums, and what the MLP reads
        kept += 0 if recompute else mixing + inner
        once = max(mixing, inner) if recompute else 0
        highest = max(highest, kept + once + mixer.backward_bytes)
    logits = 3 * size.tokens * size.vocab_size * _FLOAT32
    return highest + _BACKWARD_BYTES * state + logits


def in_words(count: int) -> str:
    """Return a number of bytes for a reader."""
    if count >= 2**30:
        return f"{count / 2**30:.2f} GiB"
    return f"{count / 2**20:.0f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"
