"""Gradients of the implicit filter: hidden values are made again, block by block of positions.

Only the arguments are kept from the forward pass. With da = f (dh . cos(a)) for a layer
a = f (x W^T + b), h = sin(a), every gradient of W, b and f follows from the sums

    S = sum_l cos(a_l) dh_l x_l^T        s = sum_l cos(a_l) dh_l
    dW = f S        db = f s        df = sum_k W_k S_k + b s
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from hyenadna_kit.ops.implicit_filter.network import Decay, HiddenLayer, block_size, hidden_layers, slices
from hyenadna_kit.ops.implicit_filter.precision import exact_products


def empty_filters(
    features: Tensor, _layers: object, _frequency: object, last: Tensor, _decay: object, _shift: object
) -> Tensor:
    """Return filters without values, for tracers and the meta device."""
    return features.new_empty(len(last), len(features))


def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001 - torch's
    """Keep the arguments of the operator, and nothing that has been computed from them."""
    features, layers, frequency, last, decay, ctx.shift = inputs
    ctx.num_layers = len(layers)
    ctx.save_for_backward(features, frequency, last, *layers, *decay)


def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    """Return the gradients of the operator's arguments, in their order."""
    features, frequency, last, *others = ctx.saved_tensors
    layers, decay = others[: ctx.num_layers], others[ctx.num_layers :]
    wanted = [ctx.needs_input_grad[0], any(ctx.needs_input_grad[4])]
    of_features, of_frequency, of_last, *of_others = filter_gradients(
        gradient, features, layers, frequency, last, decay, ctx.shift, wanted
    )
    of_decay = of_others[ctx.num_layers :] if wanted[1] else [None] * len(decay)
    return (
        of_features if wanted[0] else None,
        of_others[: ctx.num_layers],
        of_frequency,
        of_last,
        of_decay,
        None,
    )


@torch.library.custom_op("hyenadna_kit::implicit_filter_gradients", mutates_args=())
def filter_gradients(
    gradient: Tensor,
    features: Tensor,
    layers: Sequence[Tensor],
    frequency: Tensor,
    last: Tensor,
    decay: Sequence[Tensor],
    shift: float,
    wanted: Sequence[bool],
) -> list[Tensor]:
    """Return the gradients of features, frequency, last, every layer tensor, times and rates.

    Args:
        gradient: That of the filters, channels x length.
        features: One row a position.
        layers: Weight, bias, weight, bias, ... of the hidden layers.
        frequency: One a hidden unit.
        last: Weights of the last layer.
        decay: Times and rates, or nothing.
        shift: Added to the decay.
        wanted: Whether the gradients of the features, and those of times and rates, are needed; they
            are zero where not.
    """
    network = hidden_layers(layers, frequency)
    of_features = torch.zeros_like(features)
    of_decay = [torch.zeros_like(each) for each in decay]
    sums = [HiddenLayer(torch.zeros_like(each.weight), torch.zeros_like(each.bias)) for each in network]
    with exact_products(features.device):
        size = block_size(features.device)
        through_last = _ThroughLast(gradient, last, Decay(decay[0], decay[1], shift, size) if decay else None)
        for block in slices(len(features), size.positions):
            sines, cosines = _activations(features[block], network)
            of_hidden = through_last(sines[-1], block)
            if decay and wanted[1]:
                _through_decay(gradient[:, block], sines[-1] @ last.T, decay, block, of_decay)
            _through_hidden(of_hidden, [features[block], *sines], cosines, network, sums)
            if wanted[0]:
                torch.mm(cosines[0], network[0].weight, out=of_features[block])
    of_frequency, of_layers = _unfold(sums, layers, frequency)
    return [of_features, of_frequency, through_last.of_last, *of_layers, *of_decay]


@filter_gradients.register_fake
def _(
    _gradient: object,
    features: Tensor,
    layers: Sequence[Tensor],
    frequency: Tensor,
    last: Tensor,
    decay: Sequence[Tensor],
    _shift: object,
    _wanted: object,
) -> list[Tensor]:
    return [torch.empty_like(each) for each in (features, frequency, last, *layers, *decay)]


def _activations(features: Tensor, network: Sequence[HiddenLayer]) -> tuple[list[Tensor], list[Tensor]]:
    """Return sine and cosine of what every layer gives for a block of positions."""
    sines, cosines, hidden = [], [], features
    for layer in network:
        angles = torch.addmm(layer.bias, hidden, layer.weight.T)
        hidden = torch.sin(angles)
        sines.append(hidden)
        cosines.append(angles.cos_())
    return sines, cosines


class _ThroughLast:
    """Sums up the gradient of the last layer, and gives that of its input."""

    def __init__(self, gradient: Tensor, last: Tensor, decay: Decay | None) -> None:
        self._gradient, self._last, self._decay = gradient, last, decay
        self.of_last = torch.zeros_like(last)

    def __call__(self, hidden: Tensor, block: slice) -> Tensor:
        """Add the positions of ``block``; ``hidden`` is the input there."""
        of_hidden = torch.zeros_like(hidden)
        for rows in slices(len(self._last), block_size(hidden.device).channels):
            of_raw = self._gradient[rows, block]
            if self._decay is not None:
                of_raw = self._decay(rows, block).mul_(of_raw)
            self.of_last[rows].addmm_(of_raw, hidden)
            of_hidden.addmm_(of_raw.T, self._last[rows])
        return of_hidden


def _through_decay(
    gradient: Tensor, raw: Tensor, decay: Sequence[Tensor], block: slice, of_decay: Sequence[Tensor]
) -> None:
    """Add the positions of ``block`` to the gradients of times and rates."""
    times, rates = decay[0][block], decay[1]
    of_exponent = torch.exp(-rates[:, None] * times).mul_(gradient).mul_(raw.T)
    of_decay[0][block].addmv_(of_exponent.T, rates, alpha=-1)
    of_decay[1].addmv_(of_exponent, times, alpha=-1)


def _through_hidden(
    of_hidden: Tensor,
    inputs: Sequence[Tensor],
    cosines: Sequence[Tensor],
    network: Sequence[HiddenLayer],
    sums: Sequence[HiddenLayer],
) -> None:
    """Add to the sums of every hidden layer; turn each cosine into the gradient of its angle."""
    for index in reversed(range(len(network))):
        of_angles = cosines[index].mul_(of_hidden)
        sums[index].weight.addmm_(of_angles.T, inputs[index])
        sums[index].bias.add_(of_angles.sum(0))
        if index:
            of_hidden = of_angles @ network[index].weight


def _unfold(
    sums: Sequence[HiddenLayer], layers: Sequence[Tensor], frequency: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Return the gradients of the frequencies and of the layers from the sums."""
    of_frequency, of_layers = torch.zeros_like(frequency), []
    for (weights, biases), weight, bias in zip(sums, layers[::2], layers[1::2], strict=True):
        of_frequency += (weights * weight).sum(1) + biases * bias
        of_layers += [frequency[:, None] * weights, frequency * biases]
    return of_frequency, of_layers
