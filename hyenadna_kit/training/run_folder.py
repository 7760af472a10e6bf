"""The folder of a training run: what it was started with, how far it is, what it measured.

config.resolved.yaml    every option; running from this file gives the same run
run.json                versions, fingerprint of the genome, regions
metrics.jsonl           one line every few steps
checkpoints/last.ckpt   state of training
config.json, model.safetensors, tokenizer.json    the model, once trained
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.strict_yaml import load_yaml

CONFIG_NAME = "config.resolved.yaml"
RECORD_NAME = "run.json"
METRICS_NAME = "metrics.jsonl"
CHECKPOINT_NAME = "checkpoints/last.ckpt"

_PACKAGES = ("hyenadna_kit", "torch", "lightning", "numpy")

# These say where things lie and how they are read, not what is computed.
_FREE_OPTIONS = frozenset({"genome", "out", "num_workers"})


class RunFolder:
    """One run on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def checkpoint(self) -> Path:
        """The training state."""
        return self.path / CHECKPOINT_NAME

    @property
    def metrics(self) -> Path:
        """The log of measurements."""
        return self.path / METRICS_NAME

    def start(self, config: dict[str, Any], record: dict[str, Any]) -> None:
        """Write down what the run is, or check that it is the run that lies here.

        Args:
            config: Every option, as plain data.
            record: What else decides the result: fingerprints and regions.

        Raises:
            InputError: The folder holds another run, or files that are no run.
        """
        if not (self.path / CONFIG_NAME).exists():
            if self.path.exists() and any(self.path.iterdir()):
                raise InputError(f"--out {self.path} holds files but no run; choose another folder")
            with atomic_file(self.path / RECORD_NAME) as path:
                versions = {package: version(package) for package in _PACKAGES}
                path.write_text(json.dumps(record | {"versions": versions}, indent=2) + "\n")
            with atomic_file(self.path / CONFIG_NAME) as path:
                path.write_text(yaml.safe_dump(config, sort_keys=False))
            return
        self._refuse_difference(load_yaml(self.path / CONFIG_NAME), config)
        self._refuse_difference(read_record(self.path), record)

    def _refuse_difference(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        old, new = _flat(before), _flat(now)
        for key in new:
            if key.partition(".")[0] not in _FREE_OPTIONS and old.get(key) != new[key]:
                raise InputError(
                    f"{self.path} holds a run with {key}={old.get(key)!r}, not {new[key]!r}; "
                    "choose another --out, or run with the former value to continue"
                )


def read_record(folder: Path) -> dict[str, Any]:
    """Read ``run.json`` of a run folder.

    Raises:
        InputError: The file is missing or damaged.
    """
    try:
        record = json.loads((folder / RECORD_NAME).read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / RECORD_NAME} cannot be read: {error}") from None
    if not isinstance(record, dict):
        raise InputError(f"{folder / RECORD_NAME} must hold a JSON object, got {record!r}")
    return record


def _flat(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
