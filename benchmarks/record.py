"""Write a measurement down: what was measured, on which machine, when and with which versions."""

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("hyenadna_kit", "torch", "triton", "numpy", "lightning")


def device_name() -> str:
    """Return the name of the GPU, or of the CPU with the number of threads."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else cpu_name()


def cpu_name() -> str:
    """Return the name of the CPU with the number of threads and the instructions for bfloat16."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in flags.splitlines() if "model name" in line), "")
    features = [name for name in ("amx_bf16", "avx512_bf16") if name in flags]
    return f"{model or platform.processor()}, {torch.get_num_threads()} threads {' '.join(features)}".strip()


def record(
    name: str,
    command: str,
    figures: dict[str, Any],
    *,
    folder: Path = RESULTS,
    device: str | None = None,
) -> Path:
    """Write ``figures`` to ``folder/DATE_NAME.json`` and return the file; None is :func:`device_name`."""
    now = datetime.now(UTC)
    content = {
        "name": name,
        "command": command,
        "date": now.isoformat(timespec="seconds"),
        "device": device or device_name(),
        "python": platform.python_version(),
        "versions": {package: found for package in _PACKAGES if (found := _version(package))},
        "figures": figures,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y-%m-%d}_{name}.json"
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path


def _version(package: str) -> str | None:
    """Return the version of an installed package; a checkout on the path alone has none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
