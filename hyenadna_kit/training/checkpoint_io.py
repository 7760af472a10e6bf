"""Training checkpoints that survive a kill at any moment and run no code when read."""

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from hyenadna_kit.errors import CheckpointError
from hyenadna_kit.files import atomic_file


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, syncs and renames; Lightning's own writer is not atomic."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` whole, or leave the file as it was."""
        del storage_options
        with atomic_file(Path(path)) as temporary:
            torch.save(checkpoint, temporary)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> Any:
        """Read tensors and plain values alone, from a local file."""
        del map_location, weights_only
        try:
            return torch.load(Path(path), map_location="cpu", weights_only=True)
        except (RuntimeError, OSError, EOFError, ValueError) as error:
            first_line = str(error).splitlines()[0]
            raise CheckpointError(f"training checkpoint {path} cannot be read: {first_line}") from None
