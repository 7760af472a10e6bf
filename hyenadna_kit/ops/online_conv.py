"""Causal convolutions whose inputs come one after the other, each after the output before it is known.

A sum over all inputs so far would take as many products a step as there are inputs. Instead the contribution
of past inputs to future outputs is added up in blocks. After step number ``i``, with ``u`` the largest power
of two that divides ``i``, the inputs of the last ``u`` steps meet the outputs of the next ``u``:

    pending[i + j]  +=  sum_s  inputs[s] taps[i + j - s]        i - u <= s < i,   0 <= j < u

Every pair of an input and a later output meets exactly once. Long blocks go by FFT: ``L`` steps take
O(L log^2 L) operations. No pair lies further apart than the filters reach, so no block need be longer, and
inputs and outputs live in rings of that length.

Source: van der Hoeven 2002, doi:10.1016/S0747-7171(02)00080-0 (relaxed multiplication); for language models
Oncescu et al. 2024, arXiv:2410.12982.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from hyenadna_kit.ops.fft_length import fast_fft_length
from hyenadna_kit.ops.long_conv.eager import convolve_with_spectra, filter_spectra, rows_at_a_time

_LONGEST_DIRECT = 8
"""Positions of a block whose products take less time than two FFTs."""
_FEWEST_USES = 4
"""Uses of a block for which its spectra are kept."""


class OnlineConvolution:
    """The convolutions of many rows, step by step: a position, or some that are known together.

    for inputs in steps:
        outputs = convolution.outputs(slice(None), inputs)
        convolution.advance()
    """

    def __init__(
        self, taps: Float[Tensor, "rows num_taps"], *, batch: int, num_steps: int | None, step: int = 1
    ) -> None:
        """Make room for the steps.

        Args:
            taps: The filters; what a skip connection adds is part of the first tap.
            batch: Sequences.
            num_steps: Most steps that will come; None is any number. More than the filters reach take no
                more memory.
            step: Positions of a step.
        """
        reach = -(-(taps.shape[1] - 1) // step)
        self.step = step
        self.num_steps = num_steps
        self.num_done = 0
        """Steps so far."""
        self._ring_steps = _power_of_two(max(1, reach if num_steps is None else min(reach, num_steps)))
        self._taps = taps
        self._inputs = taps.new_zeros(batch, len(taps), self._ring_steps * step)
        self._pending = torch.zeros_like(self._inputs)
        self._matrices: dict[int, Tensor] = {}
        self._spectra: dict[int, Tensor] = {}
        self._within = filter_spectra(taps[:, :step], fast_fft_length(2 * step)) if step > 1 else None

    @property
    def num_pending(self) -> int:
        """Positions ahead for which sums are kept."""
        return self._pending.shape[2]

    @property
    def num_bytes(self) -> int:
        """Bytes of the rings, which the number of steps does not change once it is above the reach."""
        return 2 * self._inputs.numel() * self._inputs.element_size()

    def begin_behind(self, pending: Float[Tensor, "batch some_rows span"], rows: slice) -> None:
        """Take what earlier inputs add to the outputs of some rows, see :func:`sums_ahead`."""
        self._pending[:, rows, : pending.shape[2]] += pending

    def outputs(
        self, inputs: Float[Tensor, "batch some_rows step"], rows: slice
    ) -> Float[Tensor, "batch some_rows step"]:
        """Take the inputs of some rows and return their outputs; each row once a step.

        Raises:
            ValueError: There is no room for another step.
        """
        if self.num_done == self.num_steps:
            raise ValueError(f"there is room for {self.num_steps} steps, and this is one more")
        place = self._place(self.num_done, 1)
        self._inputs[:, rows, place] = inputs
        pending = self._pending[:, rows, place]
        if self._within is None:
            return torch.addcmul(pending, inputs, self._taps[rows, :1])
        return pending + convolve_with_spectra(inputs, self._within[rows], fast_fft_length(2 * self.step))

    def advance(self) -> None:
        """Let inputs meet outputs that are still to come, once all rows have had a step."""
        self._pending[..., self._place(self.num_done, 1)] = 0
        self.num_done += 1
        if self.num_done == self.num_steps:
            return
        steps = min(self.num_done & -self.num_done, self._ring_steps)
        inputs = self._inputs[..., self._place(self.num_done - steps, steps)]
        ahead = self._pending[..., self._place(self.num_done, steps)]
        if inputs.shape[2] <= _LONGEST_DIRECT:
            ahead += (self._matrix(inputs.shape[2]) * inputs[:, :, None]).sum(3)
            return
        for rows in self._row_blocks(2 * inputs.shape[2]):
            ahead[:, rows] += self._sums(inputs[:, rows], rows, steps)

    def _place(self, first_step: int, steps: int) -> slice:
        first = first_step % self._ring_steps * self.step
        return slice(first, first + steps * self.step)

    def _matrix(self, length: int) -> Float[Tensor, "rows length length"]:
        """Return ``taps[length + j - s]`` for outputs j and inputs s of a block."""
        if length not in self._matrices:
            outputs, inputs = (torch.arange(length, device=self._taps.device) for _ in range(2))
            lags = length + outputs[:, None] - inputs
            taps = torch.nn.functional.pad(self._taps, (0, max(0, 2 * length - self._taps.shape[1])))
            self._matrices[length] = taps[:, lags]
        return self._matrices[length]

    def _sums(self, inputs: Tensor, rows: slice, steps: int) -> Tensor:
        """Return what the inputs of a block add to as many outputs behind it, for a few rows."""
        length = inputs.shape[2]
        fft_length = fast_fft_length(2 * length)  # what wraps around lands before the outputs
        spectra = self._spectra_of(steps, rows, fft_length)
        return convolve_with_spectra(_padded(inputs, 2 * length), spectra, fft_length)[..., length:]

    def _spectra_of(self, steps: int, rows: slice, fft_length: int) -> Complex[Tensor, "rows frequencies"]:
        length = 2 * steps * self.step
        if self.num_steps is not None and _FEWEST_USES * 2 * steps > self.num_steps:
            return filter_spectra(self._taps[rows, :length], fft_length)
        if steps not in self._spectra:
            self._spectra[steps] = filter_spectra(self._taps[:, :length], fft_length)
        return self._spectra[steps][rows]

    def _row_blocks(self, fft_length: int) -> Iterator[slice]:
        size = rows_at_a_time(fft_length)
        for first in range(0, len(self._taps), size):
            yield slice(first, min(first + size, len(self._taps)))


def sums_ahead(
    inputs: Float[Tensor, "batch rows length"], taps: Float[Tensor, "rows num_taps"], *, span: int
) -> Float[Tensor, "batch rows span"]:
    """Return what inputs add to the outputs of the ``span`` positions behind them.

    sums[j] = sum_s inputs[s] taps[length + j - s]
    """
    inputs = inputs[..., max(0, inputs.shape[2] - taps.shape[1] + 1) :]
    length = inputs.shape[2]
    span = min(span, taps.shape[1] - 1)
    fft_length = fast_fft_length(length + span)  # what wraps around lands on the inputs' own outputs
    spectra = filter_spectra(taps[:, : length + span], fft_length)
    return convolve_with_spectra(_padded(inputs, length + span), spectra, fft_length)[..., length:]


def _padded(signal: Tensor, length: int) -> Tensor:
    return torch.nn.functional.pad(signal, (0, length - signal.shape[2]))


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
