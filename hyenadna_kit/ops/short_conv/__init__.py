"""The short causal convolution: a few taps a channel, right before the gates.

output[b, d, l] = bias[d] + sum_t taps[d, t] * signal[b, d, l - (num_taps - 1) + t]
"""

from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.backends import AUTO, Backend, Problem, choose
from hyenadna_kit.ops.short_conv.eager import depthwise_convolution
from hyenadna_kit.ops.short_conv.reference import shifted_sum

BACKENDS = (
    Backend(name="eager", function=depthwise_convolution),
    Backend(name="reference", function=shifted_sum),
)
"""In order of preference."""


def short_conv(
    signal: Float[Tensor, "batch channels length"],
    taps: Float[Tensor, "channels num_taps"],
    bias: Float[Tensor, "channels"],
    *,
    backend: str = AUTO,
) -> Float[Tensor, "batch channels length"]:
    """Convolve every channel causally with its few taps and add its bias.

        output[b, d, l] = bias[d] + sum_t taps[d, t] signal[b, d, l - (num_taps - 1) + t]

    Args:
        signal: One row per channel; positions before the first count as zero.
        taps: The *last* tap weighs the position itself, the first the one furthest upstream.
        bias: Added to every position.
        backend: ``"auto"`` or the name of one entry of ``BACKENDS``.

    Returns:
        The convolved signal, in the dtype of ``signal``.

    Raises:
        ValueError: ``signal``, ``taps`` and ``bias`` differ in channels.
        BackendUnavailableError: The named backend cannot run here.
    """
    channels = signal.shape[1]
    if not taps.shape[0] == bias.shape[0] == channels:
        raise ValueError(
            f"signal, taps and bias must have the same channels, "
            f"got {channels}, {taps.shape[0]} and {bias.shape[0]}"
        )
    return choose(BACKENDS, backend, Problem(signal.device, signal.dtype, signal.shape[2])).function(signal, taps, bias)
