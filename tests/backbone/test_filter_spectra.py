"""Convolution with spectra in float32: exact where a sequence begins, too."""

import pytest
import torch

from hyenadna_kit.backbone.filters import FilterConfig, ImplicitFilter
from hyenadna_kit.backbone.mixers.filter_spectra import (
    Spectra,
    SpectrumMaker,
    convolve,
    spectrum_lengths,
)
from hyenadna_kit.ops.fft_length import fast_fft_length
from hyenadna_kit.ops.long_conv.eager import filter_spectra

LENGTH = 70_000


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (1, [1]),
        (2047, [2047]),
        (2048, [2048, 64]),
        (70_000, [70_000, 2187, 68]),
        (1 << 20, [1 << 20, 1 << 15, 1 << 10]),
    ],
)
def test_heads_are_a_32nd_each(length, expected):
    assert spectrum_lengths(length) == expected
    assert spectrum_lengths(length, causal=False) == [length]


@pytest.mark.parametrize("context", [LENGTH, 1000], ids=["taps everywhere", "few taps"])
@pytest.mark.parametrize("directions", [1, 2])
def test_float64_equals_one_transform(directions, context):
    signal, filters = draw(directions, context)
    spectra = SpectrumMaker(filters, LENGTH)(slice(1, 3))
    torch.testing.assert_close(convolve(signal, spectra), convolve(signal, spectra[:1]), rtol=0, atol=1e-9)


def test_float32_errs_no_more_where_the_convolution_is_small():
    signal, _ = draw()
    decay = torch.linspace(1, 5, 2, dtype=torch.float64)[:, None]
    times = torch.linspace(0, 1, LENGTH, dtype=torch.float64)
    taps = torch.exp(-decay * times) * torch.sin(3 + 20 * times)
    exact = convolve(signal, spectra_of(taps))
    found = convolve(signal.float(), spectra_of(taps.float()))
    once = convolve(signal.float(), spectra_of(taps.float())[:1])
    for begin, end in ((0, 60), (100, 2000), (3000, LENGTH)):
        there = (..., slice(begin, end))
        assert relative_rms(found[there], exact[there]) < 1e-6
    assert relative_rms(once[..., :60], exact[..., :60]) > 1e-5


def spectra_of(taps):
    """Return the spectra of filters that are given as taps."""
    sizes = [(length, fast_fft_length(2 * length)) for length in spectrum_lengths(LENGTH)]
    return [Spectra(length, size, filter_spectra(taps[:, :length], size)) for length, size in sizes]


def draw(directions=1, context=LENGTH):
    """Return a signal that is nearly constant, as gated ones are, and filters in float64."""
    torch.manual_seed(0)
    config = FilterConfig(filter_order=8, beyond_context="truncate")
    filters = ImplicitFilter(config, 4, context, directions=directions).double().requires_grad_(False)
    return 1 + 0.1 * torch.randn(1, 2, LENGTH, dtype=torch.float64), filters


def relative_rms(found, exact):
    return (found - exact).square().mean().sqrt() / exact.square().mean().sqrt()
