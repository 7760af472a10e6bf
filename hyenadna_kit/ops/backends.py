"""Choose among the implementations of one operator.

Every operator lists its ``BACKENDS`` in order of preference. ``"auto"`` takes the first that can run
and that is the fastest for such input; a backend that is named runs or raises, and never changes
silently.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from hyenadna_kit.errors import BackendUnavailableError

AUTO = "auto"
"""The name that stands for the first backend that can run."""


class Problem(NamedTuple):
    """What an operator is asked to compute."""

    device: torch.device
    """Where the tensors are."""
    dtype: torch.dtype = torch.float32
    """Number format of the signal."""
    length: int = 1
    """Positions of the signal."""


def runs_anywhere(_: Problem) -> str | None:
    """Give no reason against running on any problem."""
    return None


def always(_: Problem) -> bool:
    """Say that a backend is a good choice wherever it runs."""
    return True


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One implementation of an operator."""

    name: str
    """Name by which a user picks it."""
    function: Callable[..., Tensor]
    """The implementation; its arguments are those of the operator."""
    why_not: Callable[[Problem], str | None] = runs_anywhere
    """Reason why it cannot run on a problem, or None where it can."""
    preferred: Callable[[Problem], bool] = always
    """Whether ``"auto"`` may take it for a problem on which it can run."""


def choose(backends: Sequence[Backend], name: str, problem: Problem) -> Backend:
    """Return the backend called ``name``; of ``"auto"``, the first that runs and is preferred.

    Raises:
        BackendUnavailableError: No backend has the name, or the named one cannot run on ``problem``.
    """
    if name == AUTO:
        return next(each for each in backends if each.why_not(problem) is None and each.preferred(problem))
    for backend in backends:
        if backend.name == name:
            if reason := backend.why_not(problem):
                raise BackendUnavailableError(f"backend {name!r} cannot run on {problem.device}: {reason}")
            return backend
    known = ", ".join([AUTO, *(backend.name for backend in backends)])
    raise BackendUnavailableError(f"unknown backend {name!r}; known: {known}")
