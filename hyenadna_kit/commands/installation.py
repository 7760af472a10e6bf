"""What is installed: versions, extras of this package, and programs that are of use beside it.

In: the environment. Out: plain values. The table of extras is here and nowhere else; a test holds it
against pyproject.toml.
"""

import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import NamedTuple

NAME = "hyenadna_kit"

_PACKAGES = ("torch", "numpy", "lightning", "triton")
_ABSENT = "not installed"


class _Extra(NamedTuple):
    modules: tuple[str, ...]
    adds: str


EXTRAS = {
    "gpu": _Extra(("triton",), "the kernels for NVIDIA GPUs (Linux)"),
    "bigwig": _Extra(("pybigtools",), "reading tracks from bigWig files"),
    "hf": _Extra(("accelerate", "transformers"), "models in transformers' Auto classes, and its Trainer"),
    "lora": _Extra(("peft",), "adapters of PEFT"),
    "log": _Extra(("tensorboard",), "measurements of training for TensorBoard (pretrain --tensorboard)"),
    "plot": _Extra(("logomaker", "matplotlib"), "figures in reports"),
    "pipelines": _Extra(
        ("snakemake", "snakemake_executor_plugin_slurm"),
        "scoring in shards and sweeps of recipes, here or on SLURM",
    ),
    "test": _Extra(("pytest", "hypothesis", "beartype", "pyfaidx", "xdist"), "running the tests"),
    "dev": _Extra(("ruff", "mypy", "importlinter", "pre_commit"), "running the checks of a change"),
    "fuzz": _Extra(("atheris",), "fuzzing the parsers guided by coverage"),
}
"""The modules that each extra brings, and what they are for."""

PROGRAMS = {
    "samtools": "indexes FASTA, BAM and CRAM files",
    "bcftools": "sorts, normalises and filters VCF files",
    "tabix": "fetches regions of a bgzip-compressed VCF or BED file",
}
"""Programs that users of this package want beside it, and what for; the package itself runs none."""


@dataclass(frozen=True, kw_only=True)
class Extra:
    """One optional part of this package."""

    name: str
    """As in ``pip install 'hyenadna_kit[NAME]'``."""
    adds: str
    """What it is for."""
    missing: tuple[str, ...]
    """Modules of it that are not installed; empty where it is whole."""

    @property
    def remedy(self) -> str:
        """The command that installs it."""
        return f"pip install '{NAME}[{self.name}]'"


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program that is no part of this package."""

    name: str
    """As it is called."""
    use: str
    """What it is for."""
    path: str | None
    """Where it lies, or None where it is not installed."""


def versions() -> dict[str, str]:
    """Return the versions of this package, of Python and of what it computes with."""
    computing = {package: _version(package) for package in _PACKAGES}
    return {NAME: version(NAME), "python": platform.python_version()} | computing


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return _ABSENT


def extras() -> Sequence[Extra]:
    """Return which optional parts are installed."""
    return [
        Extra(
            name=name,
            adds=extra.adds,
            missing=tuple(module for module in extra.modules if find_spec(module) is None),
        )
        for name, extra in EXTRAS.items()
    ]


def programs() -> Sequence[Program]:
    """Return which programs are installed."""
    return [Program(name=name, use=use, path=shutil.which(name)) for name, use in PROGRAMS.items()]
