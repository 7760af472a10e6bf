"""The implicit filter on a GPU: one kernel forward; backward the products of PyTorch, block by block."""

from collections.abc import Sequence
from typing import Any

import torch
import triton
from torch import Tensor

from hyenadna_kit.ops.compile_case import KernelCase
from hyenadna_kit.ops.implicit_filter.gradients import backward, empty_filters, setup_context
from hyenadna_kit.ops.implicit_filter.network import hidden_layers
from hyenadna_kit.ops.implicit_filter.triton_kernels import write_filters
from hyenadna_kit.ops.triton_support import is_interpreted

_BLOCK_C, _NUM_WARPS, _NUM_STAGES = 32, 8, 1
_PRECISION = "ieee" if is_interpreted() else "bf16x6"
_PROGRAMS = 512
"""With fewer blocks of positions, the channels are split among programs."""


@torch.library.custom_op("hyenadna_kit::implicit_filter", mutates_args=())
def filters_by_kernel(
    features: Tensor,
    layers: Sequence[Tensor],
    frequency: Tensor,
    last: Tensor,
    decay: Sequence[Tensor],
    shift: float,
) -> Tensor:
    """Return the filters; arguments as in :func:`~.reference.filters_by_formula`, in float32."""
    (first, *inner), width = hidden_layers(layers, frequency), len(frequency)
    filters = features.new_empty(len(last), len(features))
    weights = torch.stack([layer.weight for layer in inner]) if inner else first.weight
    biases = torch.stack([layer.bias for layer in inner]) if inner else first.bias
    times, rates = [tensor.contiguous() for tensor in decay] if decay else (None, None)
    blocks = triton.cdiv(len(features), _positions(width))
    group = _group(blocks, len(last))
    write_filters[(blocks, triton.cdiv(len(last), group))](
        features.contiguous(),
        times,
        first.weight.contiguous(),
        first.bias,
        weights.contiguous(),
        biases,
        last.contiguous(),
        rates,
        filters,
        len(features),
        width,
        len(last),
        shift,
        **_constants(features.shape[1], width, len(inner), group),
        num_warps=_NUM_WARPS,
        num_stages=_NUM_STAGES,
    )
    return filters


filters_by_kernel.register_fake(empty_filters)
filters_by_kernel.register_autograd(backward, setup_context=setup_context)


def _positions(width: int) -> int:
    """Return positions of one block; the interpreter is faster with few large ones."""
    if is_interpreted():
        return 256
    return 64 if width <= 64 else 32


def _group(blocks: int, channels: int) -> int:
    """Return channels of one program: as many as keep the GPU busy, a power of two."""
    programs = triton.cdiv(_PROGRAMS, blocks)
    return max(_BLOCK_C, triton.next_power_of_2(triton.cdiv(channels, programs)))


def _constants(emb_dim: int, width: int, num_inner: int, group: int) -> dict[str, Any]:
    return {
        "E": emb_dim,
        "INNER": num_inner,
        "BLOCK_W": max(16, triton.next_power_of_2(width)),
        "BLOCK_L": _positions(width),
        "BLOCK_C": _BLOCK_C,
        "GROUP_C": group,
        "PRECISION": _PRECISION,
    }


def compile_cases() -> list[KernelCase]:
    """Return the launches to compile offline: a narrow, the published and the widest network."""
    return [
        _case("filters_16", emb_dim=3, width=16, num_inner=0, group=64),
        _case("filters_64", emb_dim=5, width=64, num_inner=2, group=256),
        _case("filters_64_no_decay", emb_dim=5, width=64, num_inner=2, group=256, decays=False),
        _case("filters_128", emb_dim=33, width=128, num_inner=2, group=256),
    ]


def _case(
    name: str, *, emb_dim: int, width: int, num_inner: int, group: int, decays: bool = True
) -> KernelCase:
    pointers = ["features", "first_weight", "first_bias", "inner_weights", "inner_biases", "last", "filters"]
    constants: dict[str, Any] = _constants(emb_dim, width, num_inner, group)
    if decays:
        pointers += ["times", "rates"]
    else:
        constants |= {"times": None, "rates": None}
    signature = dict.fromkeys(pointers, "*fp32")
    signature |= dict.fromkeys(("length", "width", "channels"), "i32") | {"shift": "fp32"}
    return KernelCase(
        name=name,
        kernel=write_filters,
        signature=signature,
        constexprs=constants,
        num_warps=_NUM_WARPS,
        num_stages=_NUM_STAGES,
    )
