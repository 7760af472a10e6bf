"""The long convolution: every channel with its own filter, as long as the signal, then a gate.

output[b, d, l] = gate[b, d, l] (   sum_{k >= 0} filters[d, k] signal[b, d, l - k]
                                  + sum_{k >= 1} reverse_filters[d, k] signal[b, d, l + k]
                                  + skip[d] signal[b, d, l] )
"""

from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.ops.backends import AUTO, Backend, Problem, choose
from hyenadna_kit.ops.long_conv.choice import preferred, why_not
from hyenadna_kit.ops.long_conv.eager import fft_convolution
from hyenadna_kit.ops.long_conv.reference import direct_convolution


def _triton(
    signal: Tensor, filters: Tensor, skip: Tensor, gate: Tensor | None, reverse_filters: Tensor | None
) -> Tensor:
    from hyenadna_kit.ops.long_conv.triton_op import convolve  # only where Triton is there

    output: Tensor = convolve(signal, filters, skip, gate, reverse_filters)
    return output


BACKENDS = (
    Backend(name="triton", function=_triton, why_not=why_not, preferred=preferred),
    Backend(name="eager", function=fft_convolution),
    Backend(name="reference", function=direct_convolution),
)
"""In order of preference."""


def long_conv(
    signal: Float[Tensor, "batch channels length"],
    filters: Float[Tensor, "channels taps"],
    skip: Float[Tensor, " channels"],
    *,
    gate: Float[Tensor, "batch channels length"] | None = None,
    reverse_filters: Float[Tensor, "channels taps"] | None = None,
    backend: str = AUTO,
) -> Float[Tensor, "batch channels length"]:
    """Convolve every channel with its own filter, add the scaled signal, apply the gate.

        output[b, d, l] = gate[b, d, l] (   sum_{k >= 0} filters[d, k] signal[b, d, l - k]
                                          + sum_{k >= 1} reverse_filters[d, k] signal[b, d, l + k]
                                          + skip[d] signal[b, d, l] )

    Args:
        signal: One row per channel; positions outside it count as zero.
        filters: ``filters[d, k]`` weighs the position ``k`` bp upstream. Taps that are not given
            count as zero; those beyond the length have no effect.
        skip: Weight of the signal itself, one a channel.
        gate: Factor of every output; None stands for 1.
        reverse_filters: ``reverse_filters[d, k]`` weighs the position ``k`` bp downstream, which costs
            no second convolution; entry 0 has no effect. None makes the convolution causal.
        backend: ``"auto"`` or the name of one entry of ``BACKENDS``.

    Returns:
        The convolved signal, in the dtype of ``signal``; computed at least in that of ``filters``.

    Raises:
        ValueError: The tensors differ in channels, the filters of the two directions in taps, or there is
            no tap.
        BackendUnavailableError: The named backend cannot run here.

    Source: Poli et al. 2023, Hyena Hierarchy, arXiv:2302.10866; the second direction is ours.
    """
    length = signal.shape[2]
    _check_shapes(signal, filters, skip, gate, reverse_filters)
    if not signal.numel():
        return signal.clone()
    chosen = choose(BACKENDS, backend, Problem(signal.device, signal.dtype, length))
    reverse = None if reverse_filters is None else reverse_filters[:, :length]
    return chosen.function(signal, filters[:, :length], skip, gate, reverse)


def _check_shapes(
    signal: Tensor, filters: Tensor, skip: Tensor, gate: Tensor | None, reverse_filters: Tensor | None
) -> None:
    channels = signal.shape[1]
    if filters.shape[1] < 1:
        raise ValueError(f"filters must have at least one tap, got {filters.shape[1]}")
    if not filters.shape[0] == skip.shape[0] == channels:
        raise ValueError(
            f"signal, filters and skip must have the same channels, "
            f"got {channels}, {filters.shape[0]} and {skip.shape[0]}"
        )
    if gate is not None and gate.shape != signal.shape:
        raise ValueError(f"gate must have the shape {tuple(signal.shape)} of signal, got {tuple(gate.shape)}")
    if reverse_filters is not None and reverse_filters.shape != filters.shape:
        raise ValueError(
            f"reverse_filters must have the shape {tuple(filters.shape)} of filters, "
            f"got {tuple(reverse_filters.shape)}"
        )
