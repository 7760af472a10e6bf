"""The folder of a training run: what it was started with, how far it is, what it measured.

config.resolved.yaml    every option; running from this file gives the same run
run.json                versions, fingerprint of the genome, regions
metrics.jsonl           one line every few steps
timing.jsonl            as many lines: how long training took, on what
tensorboard/            the metrics once more, where that was asked for
checkpoints/last.ckpt   state of training
reads/                  read store, where reads were given as BAM or CRAM
config.json, model.safetensors, tokenizer.json    the model, once trained
report.html, report.json    what came of it
"""

import json
import platform
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from hyenadna_kit.errors import InputError, TrainingError
from hyenadna_kit.files import NO_ROOM, atomic_file
from hyenadna_kit.strict_yaml import load_yaml

CONFIG_NAME = "config.resolved.yaml"
RECORD_NAME = "run.json"
METRICS_NAME = "metrics.jsonl"
TIMING_NAME = "timing.jsonl"
TENSORBOARD_NAME = "tensorboard"
CHECKPOINT_NAME = "checkpoints/last.ckpt"
READS_NAME = "reads"

RECORD_KEYS = ("genome_fingerprint", "train", "validation", "held_out")
"""What the record of a pretraining run holds beside the versions."""
SEEN_BEFORE = "seen_before"
"""Key of what the model was trained on before, where the run began with a trained one."""

_MODEL_NAMES = ("config.json", "model.safetensors", "tokenizer.json")
_TEMPORARIES = ".*.tmp.*"
_LEFT_BY_A_KILL = (RECORD_NAME, READS_NAME, f".{READS_NAME}.lock")

_PACKAGES = ("hyenadna_kit", "torch", "lightning", "numpy")

FREE_OPTIONS = frozenset({"genome", "reads", "out", "num_workers", "start_from", "tensorboard"})
"""Options of pretraining that say where things lie and how they are read, not what is computed."""


class RunFolder:
    """One run on disk."""

    def __init__(
        self,
        path: Path,
        *,
        record_keys: Sequence[str] = RECORD_KEYS,
        free_options: Collection[str] = FREE_OPTIONS,
    ) -> None:
        """Take the folder.

        Args:
            path: Where it is, or will be.
            record_keys: What its record holds beside the versions.
            free_options: Options that may change from one start of the run to the next.
        """
        self.path = path
        self._record_keys = record_keys
        self._free_options = free_options

    @property
    def checkpoint(self) -> Path:
        """The training state."""
        return self.path / CHECKPOINT_NAME

    @property
    def metrics(self) -> Path:
        """The log of measurements."""
        return self.path / METRICS_NAME

    @property
    def timing(self) -> Path:
        """The log of how long training took."""
        return self.path / TIMING_NAME

    @property
    def tensorboard(self) -> Path:
        """Event files of TensorBoard."""
        return self.path / TENSORBOARD_NAME

    @property
    def reads(self) -> Path:
        """The read store of a run on a BAM or CRAM."""
        return self.path / READS_NAME

    def validation_at(self, step: int) -> float | None:
        """Return the last bits per base measured on the validation part after ``step``, or None."""
        name = "validation_bits_per_base"
        rows = read_metrics(self.metrics)
        return next((row[name] for row in reversed(rows) if row["step"] == step and name in row), None)

    def final_bits(self, max_steps: int) -> float | None:
        """Return the bits per base of a run that is finished; None where there is something to do."""
        return self.validation_at(max_steps) if self.has_model() else None

    def has_model(self) -> bool:
        """Say whether the trained model lies here, which is the last thing a run writes."""
        return all((self.path / name).exists() for name in _MODEL_NAMES)

    def refuse_foreign(self) -> None:
        """Refuse a folder with files that are no run; what a run killed at its start left is none.

        Raises:
            InputError: There are such files, or no folder can be there.
        """
        for place in (self.path, *self.path.parents):
            if place.exists() and not place.is_dir():
                raise InputError(f"--out {self.path}: {place} is no folder; choose another one")
        if not self.path.exists() or (self.path / CONFIG_NAME).exists():
            return
        left = [path for path in self.path.iterdir() if path.name not in _LEFT_BY_A_KILL]
        if any(not path.match(_TEMPORARIES) for path in left):
            raise InputError(f"--out {self.path} holds files but no run; choose another folder")

    def refuse_other(self, config: dict[str, Any], record: dict[str, Any]) -> None:
        """Refuse a folder that holds another run than this one, or files that are no run.

        Args:
            config: Every option, as plain data.
            record: What else decides the result: fingerprints and regions.

        Raises:
            InputError: It does.
        """
        self.refuse_foreign()
        if (self.path / CONFIG_NAME).exists():
            self._refuse_difference(load_yaml(self.path / CONFIG_NAME), config)
            self._refuse_difference(read_record(self.path, self._record_keys), record)

    def start(self, config: dict[str, Any], record: dict[str, Any]) -> None:
        """Write down what the run is, or check that it is the run that lies here.

        The caller holds the lock of the folder: temporaries in it are those of a run that was killed.

        Args:
            config: Every option, as plain data.
            record: What else decides the result: fingerprints and regions.

        Raises:
            InputError: The folder holds another run, or files that are no run.
        """
        self.refuse_other(config, record)
        for path in list(self.path.rglob(_TEMPORARIES)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        _cut_to_whole_lines(self.metrics)
        if not (self.path / CONFIG_NAME).exists():
            with atomic_file(self.path / RECORD_NAME) as path:
                versions = {"python": platform.python_version()}
                versions |= {package: version(package) for package in _PACKAGES}
                path.write_text(json.dumps(record | {"versions": versions}, indent=2) + "\n")
            with atomic_file(self.path / CONFIG_NAME) as path:
                path.write_text(yaml.safe_dump(config, sort_keys=False))

    def _refuse_difference(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        old, new = _flat(before), _flat(now)
        for key in new:
            if key.partition(".")[0] not in self._free_options and old.get(key) != new[key]:
                raise InputError(
                    f"{self.path} holds a run with {key}={old.get(key)!r}, not {new[key]!r}; "
                    "choose another --out, or run with the former value to continue"
                )


def read_record(folder: Path, keys: Sequence[str] = RECORD_KEYS) -> dict[str, Any]:
    """Read ``run.json`` of a run folder, which must hold these keys.

    Raises:
        InputError: The file is missing or damaged.
    """
    path = folder / RECORD_NAME
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    missing = [key for key in keys if not isinstance(record, dict) or key not in record]
    if missing:
        raise InputError(f"{path} is no record of a run: it lacks {', '.join(missing)}")
    return dict(record)


class SeenRanges(NamedTuple):
    """What of a genome a model was trained on, its validation part included."""

    genome_fingerprint: str
    """Which genome."""
    ranges: tuple[str, ...]
    """``CONTIG:START-END``, 1-based, inclusive."""

    def as_plain_data(self) -> dict[str, Any]:
        """Return what a record of a later run holds."""
        return {"genome_fingerprint": self.genome_fingerprint, "ranges": list(self.ranges)}


def seen_ranges(folder: Path) -> list[SeenRanges]:
    """Return what the model of a folder was trained on, in its run and before it.

    A folder without ``run.json`` says nothing.

    Raises:
        InputError: The record is damaged.
    """
    if not (folder / RECORD_NAME).exists():
        return []
    record = read_record(folder)
    own = SeenRanges(record["genome_fingerprint"], (*record["train"], *record["validation"]))
    earlier = record.get(SEEN_BEFORE, [])
    return [own, *(SeenRanges(each["genome_fingerprint"], tuple(each["ranges"])) for each in earlier)]


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a metrics file, but for a last line that a kill or a full disk cut.

    Raises:
        InputError: A line is no row of measurements.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    return [_row(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]


def _row(line: bytes, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict) or "step" not in row:
        raise InputError(f"{place} is no row of measurements, got {line[:40]!r}; remove this line")
    return row


def _cut_to_whole_lines(path: Path) -> None:
    """Remove a last line that was cut short: another would be written behind it."""
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with atomic_file(path) as temporary:
            temporary.write_bytes(whole)


@contextmanager
def telling_how_to_go_on() -> Iterator[None]:
    """Say of a full disk that the run can go on once there is room.

    Raises:
        TrainingError: The disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise TrainingError(
            f"{error.filename}: {error.strerror}; make room there, and the same command continues the run"
        ) from None


def _flat(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
