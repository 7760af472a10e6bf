"""A file of one JSON line each few steps, that a resumed run continues as if it had not been stopped."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from hyenadna_kit.files import atomic_file, sync, writing
from hyenadna_kit.training.run_folder import read_metrics

Row = dict[str, Any]
"""``step``, and what belongs to it."""


@runtime_checkable
class RowsCopy(Protocol):
    """Another place where the rows of a file are written."""

    def restart(self, rows: Sequence[Row]) -> None:
        """Hold these rows and no other."""

    def add(self, row: Row) -> None:
        """Hold one more row."""

    def close(self) -> None:
        """Let go of what is open; more rows may follow."""


class StepRows:
    """The file, and copies that always hold the same rows."""

    def __init__(self, path: Path, copies: Sequence[RowsCopy] = ()) -> None:
        self.path = path
        self._copies = copies

    def keep(self, last_step: int) -> list[Row]:
        """Drop what was written of later steps, and return what is left."""
        kept = [row for row in read_metrics(self.path) if row["step"] <= last_step]
        with atomic_file(self.path) as path:
            path.write_text("".join(json.dumps(row) + "\n" for row in kept))
        for copy in self._copies:
            copy.restart(kept)
        return kept

    def add(self, **row: Any) -> None:
        """Write one more row."""
        with writing(self.path), self.path.open("a") as handle:
            handle.write(json.dumps(row) + "\n")
        for copy in self._copies:
            copy.add(row)

    def sync(self) -> None:
        """Wait until all rows are on disk."""
        sync(self.path)

    def close(self) -> None:
        """Let the copies go."""
        for copy in self._copies:
            copy.close()
