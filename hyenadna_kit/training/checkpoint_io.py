"""Training checkpoints that survive a kill at any moment and run no code when read."""

from pathlib import Path
from typing import Any, BinaryIO

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from hyenadna_kit.errors import CheckpointError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.restricted_pickle import read_checkpoint_file

_PARTS = ("loops", "lr_schedulers", "optimizer_states", "state_dict")


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, syncs and renames; Lightning's own writer is not atomic."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` whole, or leave the file as it was."""
        del storage_options
        with atomic_file(Path(path)) as temporary, temporary.open("wb") as file:
            _save(checkpoint, file)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> Any:
        """Read tensors and plain values alone, from a local file.

        Raises:
            CheckpointError: The file is damaged, holds code or is no state of training.
        """
        del map_location, weights_only
        try:
            checkpoint = read_checkpoint_file(Path(path))
        except CheckpointError as error:
            raise CheckpointError(f"{error}; remove this file to start anew") from None
        missing = [part for part in _PARTS if not isinstance(checkpoint, dict) or part not in checkpoint]
        if missing:
            raise CheckpointError(
                f"{path} is no state of training: it lacks {', '.join(missing)}; remove this file to start "
                "anew"
            )
        return checkpoint


def has_checkpoint(path: Path) -> bool:
    """Say whether a run can go on from ``path``; it is read whole.

    Raises:
        CheckpointError: There is such a file, and no run can go on from it.
    """
    return path.exists() and bool(AtomicCheckpointIO().load_checkpoint(path))


def saved_step(path: Path) -> int | None:
    """Return the step from which a run goes on; None where there is no checkpoint.

    Raises:
        CheckpointError: The file is damaged.
    """
    return AtomicCheckpointIO().load_checkpoint(path)["global_step"] if path.exists() else None


def _save(checkpoint: dict[str, Any], file: BinaryIO) -> None:
    try:
        torch.save(checkpoint, file)
    except RuntimeError as error:
        # PyTorch closes its archive and complains of that, not of the file that could not be written.
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise
