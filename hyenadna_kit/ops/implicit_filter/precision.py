"""Products of matrices in float32 proper, whatever the process allows elsewhere.

``torch.set_float32_matmul_precision("medium")`` turns float32 products on a CPU with AMX, and those of
``"high"`` on a GPU, into bfloat16 or TF32: neighbouring distances then round to the same number, and the
filters are wrong by several per cent.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from hyenadna_kit.ops.precision import without_autocast

_FULL = ("none", "ieee")


@contextmanager
def exact_products(device: torch.device) -> Iterator[None]:
    """Switch off autocast and every shortened float32 product inside the ``with`` block.

    Args:
        device: Where the products are computed; the meta device has no autocast.
    """
    with without_autocast(device.type):
        switches: Any = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]  # set at run time
        before = [switch.fp32_precision for switch in switches]
        if all(precision in _FULL for precision in before):
            yield
            return
        legacy = _legacy_precision()
        if legacy is not None:
            torch.set_float32_matmul_precision("highest")
        try:
            for switch in switches:
                switch.fp32_precision = "ieee"
            yield
        finally:
            if legacy is not None:
                torch.set_float32_matmul_precision(legacy)
            for switch, precision in zip(switches, before, strict=True):
                switch.fp32_precision = precision


def _legacy_precision() -> str | None:
    # PyTorch refuses to read the older of its two settings once a process has used the newer one;
    # where the older was used, the two must change together.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.get_float32_matmul_precision()
        except RuntimeError:
            return None
