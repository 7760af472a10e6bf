"""The long causal convolution: every channel with its own filter, as long as the signal.

output[b, d, l] = sum_{k <= l} filters[d, k] * signal[b, d, l - k]  +  skip[d] * signal[b, d, l]
"""

from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.backends import AUTO, Backend, Problem, choose
from hyenadna_kit.ops.long_conv.eager import fft_convolution
from hyenadna_kit.ops.long_conv.reference import direct_convolution

BACKENDS = (
    Backend(name="eager", function=fft_convolution),
    Backend(name="reference", function=direct_convolution),
)
"""In order of preference."""


def long_conv(
    signal: Float[Tensor, "batch channels length"],
    filters: Float[Tensor, "channels taps"],
    skip: Float[Tensor, "channels"],
    *,
    backend: str = AUTO,
) -> Float[Tensor, "batch channels length"]:
    """Convolve every channel causally with its own filter and add the scaled signal.

        output[b, d, l] = sum_{k <= l} filters[d, k] signal[b, d, l - k] + skip[d] signal[b, d, l]

    Args:
        signal: One row per channel; positions before the first count as zero.
        filters: ``filters[d, k]`` weighs the position ``k`` bp upstream. Taps that are not given
            count as zero; those beyond the length have no effect.
        skip: Weight of the signal itself, one a channel.
        backend: ``"auto"`` or the name of one entry of ``BACKENDS``.

    Returns:
        The convolved signal, in the dtype of ``signal``; computed at least in that of ``filters``.

    Raises:
        ValueError: ``signal``, ``filters`` and ``skip`` differ in channels.
        BackendUnavailableError: The named backend cannot run here.

    Source: Poli et al. 2023, Hyena Hierarchy, arXiv:2302.10866.
    """
    channels = signal.shape[1]
    if not filters.shape[0] == skip.shape[0] == channels:
        raise ValueError(
            f"signal, filters and skip must have the same channels, "
            f"got {channels}, {filters.shape[0]} and {skip.shape[0]}"
        )
    chosen = choose(BACKENDS, backend, Problem(signal.device, signal.dtype, signal.shape[2]))
    return chosen.function(signal, filters[:, : signal.shape[2]], skip)
