"""Choose among the implementations of one operator.

Every operator lists its ``BACKENDS`` in order of preference. ``"auto"`` takes the first that can run
on the device of the tensors; a backend that is named runs or raises, and never changes silently.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hyenadna_kit.errors import BackendUnavailableError

AUTO = "auto"
"""The name that stands for the first backend that can run."""


def runs_anywhere(_: torch.device) -> str | None:
    """Give no reason against running on any device."""
    return None


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One implementation of an operator."""

    name: str
    """Name by which a user picks it."""
    function: Callable[..., Tensor]
    """The implementation; its arguments are those of the operator."""
    why_not: Callable[[torch.device], str | None] = runs_anywhere
    """Reason why it cannot run on a device, or None where it can."""


def choose(backends: Sequence[Backend], name: str, device: torch.device) -> Backend:
    """Return the backend called ``name``, or for ``"auto"`` the first that can run.

    Raises:
        BackendUnavailableError: No backend has the name, or the named one cannot run on ``device``.
    """
    if name == AUTO:
        return next(backend for backend in backends if backend.why_not(device) is None)
    for backend in backends:
        if backend.name == name:
            if reason := backend.why_not(device):
                raise BackendUnavailableError(f"backend {name!r} cannot run on {device}: {reason}")
            return backend
    known = ", ".join([AUTO, *(backend.name for backend in backends)])
    raise BackendUnavailableError(f"unknown backend {name!r}; known: {known}")
