"""The measurements of a run for TensorBoard, the same as in its metrics file.

In: rows. Out: event files. Lightning's logger would only add to them, so that steps which a resumed run takes
again were in them twice; here they are written anew from the rows that count.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hyenadna_kit.errors import InputError
from hyenadna_kit.training.step_rows import Row

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_EVENTS = "events.out.tfevents.*"


def require_tensorboard() -> None:
    """Refuse to go on where event files could not be written; for before any work starts.

    Raises:
        InputError: The package is not installed.
    """
    if find_spec("tensorboard") is None:
        raise InputError(
            "--tensorboard true needs the package tensorboard, which is not installed: "
            "pip install 'hyenadna_kit[log]'"
        )


class TensorBoardRows:
    """Event files that hold a scalar for each number of each row."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def restart(self, rows: Sequence[Row]) -> None:
        """Replace the event files by one that holds these rows."""
        self.close()
        for path in self._folder.glob(_EVENTS):
            path.unlink()
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Write the numbers of a row at its step."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._folder))
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(name, value, row["step"], new_style=True, double_precision=True)

    def close(self) -> None:
        """Write what is still in memory; the next row begins another file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
