"""What can run where: the backends of every operator, and what ``"auto"`` chooses among them.

In: a device. Out: for each operator why a backend cannot run there, and which one is taken at a few
lengths and number formats. Nothing is computed and no kernel is compiled.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

import hyenadna_kit.ops
from hyenadna_kit.ops.backends import AUTO, Backend, Problem, choose

LENGTHS = (1_024, 8_192, 131_072, 1_000_000)
"""Positions at which ``"auto"`` is asked."""

DTYPES = (torch.float32, torch.bfloat16)
"""Number formats of the signal with which ``"auto"`` is asked."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What ``"auto"`` takes for one problem."""

    dtype: str
    """Number format of the signal: ``"float32"``."""
    length: int
    """Positions of the signal."""
    backend: str
    """Name of the backend that is taken."""
    passed_over: Mapping[str, str]
    """Why not those that come before it in the order of preference, by name."""


@dataclass(frozen=True, kw_only=True)
class OperatorOnDevice:
    """One operator on one device."""

    operator: str
    """Name of its package: ``"long_conv"``."""
    device: str
    """``"cpu"``, ``"cuda:0"``."""
    obstacles: Mapping[str, str | None]
    """Why a backend cannot run there, by name; None where it runs at every length and format."""
    choices: tuple[Choice, ...]
    """One for each of ``DTYPES`` and ``LENGTHS``."""


def operators() -> dict[str, Sequence[Backend]]:
    """Return the backends of every operator, in order of preference, by the operator's name."""
    found = {}
    for module in pkgutil.iter_modules(hyenadna_kit.ops.__path__):
        if module.ispkg:
            found[module.name] = importlib.import_module(f"hyenadna_kit.ops.{module.name}").BACKENDS
    return found


def inspect_operator(operator: str, backends: Sequence[Backend], device: torch.device) -> OperatorOnDevice:
    """Say what of one operator can run on ``device``, and what ``"auto"`` takes there."""
    problems = [Problem(device, dtype, length) for dtype in DTYPES for length in LENGTHS]
    return OperatorOnDevice(
        operator=operator,
        device=str(device),
        obstacles={backend.name: _obstacle(backend, problems) for backend in backends},
        choices=tuple(_choice(backends, problem) for problem in problems),
    )


def _obstacle(backend: Backend, problems: Sequence[Problem]) -> str | None:
    """Return the reasons against a backend, each with where it holds unless it holds everywhere."""
    where: dict[str, list[Problem]] = {}
    for problem in problems:
        if reason := backend.why_not(problem):
            where.setdefault(reason, []).append(problem)
    reasons = [
        reason if len(held) == len(problems) else f"{_places(held)}: {reason}"
        for reason, held in where.items()
    ]
    return "; ".join(reasons) or None


def _places(problems: Sequence[Problem]) -> str:
    by_dtype: dict[str, list[str]] = {}
    for problem in problems:
        by_dtype.setdefault(dtype_name(problem.dtype), []).append(f"{problem.length:,}")
    return " and ".join(f"{dtype} at {', '.join(lengths)}" for dtype, lengths in by_dtype.items())


def _choice(backends: Sequence[Backend], problem: Problem) -> Choice:
    taken = choose(backends, AUTO, problem).name
    names = [backend.name for backend in backends]
    return Choice(
        dtype=dtype_name(problem.dtype),
        length=problem.length,
        backend=taken,
        passed_over={
            backend.name: backend.why_not(problem) or "it is slower here"
            for backend in backends[: names.index(taken)]
        },
    )


def dtype_name(dtype: torch.dtype) -> str:
    """Return the name of a number format without its module: ``"bfloat16"``."""
    return str(dtype).removeprefix("torch.")
