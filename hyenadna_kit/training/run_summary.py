"""A run folder as a reader wants it: what was asked for, what was measured, how long it took.

In: the folder of a run, finished or under way. Out: values for a report, and the model as it is by now.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hyenadna_kit.config import from_mapping
from hyenadna_kit.errors import InputError
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.strict_yaml import load_yaml
from hyenadna_kit.training.checkpoint_io import AtomicCheckpointIO
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.training.run_folder import CONFIG_NAME, RunFolder, read_metrics, read_record

_OF_MODEL = "model."


class Measured(NamedTuple):
    """One measurement."""

    step: int
    """Steps taken before it."""
    bits_per_base: float
    """What was found."""


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a run folder says."""

    folder: Path
    """Where it lies."""
    options: dict[str, Any]
    """Every option, as it was written down."""
    config: PretrainConfig
    """The same."""
    record: dict[str, Any]
    """Versions, fingerprint and parts of the data."""
    is_finished: bool
    """Whether the run took all its steps and wrote its model."""
    losses: tuple[Measured, ...]
    """In training, each of one step."""
    validations: tuple[Measured, ...]
    """On the validation part."""
    seconds: float | None
    """Time of training that counts; None where it was not measured."""
    bases: int | None
    """Bases that were read in it."""
    bases_per_step: float
    """Bases that a step reads in all processes; what the options say where it was not measured."""
    devices: tuple[str, ...]
    """On what it was trained, each once."""
    products: tuple[str, ...]
    """In which number formats matrix products were computed, each once; empty where it was not recorded."""

    @property
    def step(self) -> int:
        """Steps that were measured last."""
        return max((row.step for row in (*self.losses, *self.validations)), default=0)

    @property
    def bases_per_second(self) -> float | None:
        """Bases read in a second; None where that was not measured."""
        return self.bases / self.seconds if self.bases and self.seconds else None


def read_run(folder: Path) -> RunSummary:
    """Read the folder of a run, which may be going on.

    Raises:
        InputError: There is no run in the folder, or a file of it is damaged.
        ConfigError: Its options are not those of this version.
    """
    path, run = folder / CONFIG_NAME, RunFolder(folder)
    if not path.is_file():
        raise InputError(f"{folder} is no run: there is no {CONFIG_NAME} in it; give what pretrain wrote")
    options = load_yaml(path)
    config = from_mapping(PretrainConfig, options, str(path))
    rows, timing = read_metrics(run.metrics), read_metrics(run.timing)
    last = timing[-1] if timing else {}
    expected = config.windows_per_step * config.lengths.final
    return RunSummary(
        folder=folder,
        options=options,
        config=config,
        record=read_record(folder),
        is_finished=run.final_bits(config.max_steps) is not None,
        losses=_measured(rows, "bits_per_base"),
        validations=_measured(rows, "validation_bits_per_base"),
        seconds=last.get("seconds"),
        bases=last.get("bases"),
        bases_per_step=last["bases"] / last["step"] if last.get("step") else float(expected),
        devices=tuple(dict.fromkeys(_device(row) for row in timing if "device" in row)),
        products=tuple(dict.fromkeys(row["products"] for row in timing if "products" in row)),
    )


def model_of_run(run: RunSummary) -> HyenaDNA | None:
    """Return the model of a run: the trained one, else that of its last checkpoint, else None.

    Raises:
        CheckpointError: A file of it is damaged.
    """
    folder = RunFolder(run.folder)
    if folder.has_model():
        return HyenaDNA.from_pretrained(run.folder)
    if not folder.checkpoint.exists():
        return None
    model = run.config.model.build()
    state = AtomicCheckpointIO().load_checkpoint(folder.checkpoint)["state_dict"]
    own = {name: state.get(_OF_MODEL + name) for name, _ in model.named_parameters()}
    tensors = {name: tensor for name, tensor in own.items() if tensor is not None}
    model.load_tensors(tensors, source=str(folder.checkpoint))
    return model.eval()


def _measured(rows: list[dict[str, Any]], name: str) -> tuple[Measured, ...]:
    return tuple(Measured(row["step"], row[name]) for row in rows if name in row)


def _device(row: dict[str, Any]) -> str:
    processes = row.get("processes", 1)
    return row["device"] if processes == 1 else f"{processes} x {row['device']}"
