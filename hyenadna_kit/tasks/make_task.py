"""From a genome and its annotation to examples on their sides.

In: what to make. Out: windows with a class and a side each, such that the sides do not leak into each
other, in the order of the genome.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hyenadna_kit.config import nearest
from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import Annotation
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.tasks.examples import Example, Found
from hyenadna_kit.tasks.registry import TASKS
from hyenadna_kit.tasks.sides import Sides, assign_sides, side_fractions
from hyenadna_kit.tasks.source import TaskSource

_SITE_LENGTH = 2


@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """What to make."""

    task: str
    """Name in ``TASKS``."""
    length: int
    """Bases of a window."""
    upstream: int | None = None
    """Bases of a window before the site that it is placed at; None is about half of it."""
    max_per_class: int | None = None
    """Most examples of a class; None takes as many as the smallest class has."""
    validation_fraction: float = 0.1
    """Part of the examples for validation; 0 makes no such side."""
    test_fraction: float = 0.1
    """Part of the examples for the test; 0 makes no such side."""
    seed: int = 0
    """Of every draw."""

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise InputError(f"unknown task {self.task!r}{nearest(self.task, list(TASKS))}")
        most = self.length - _SITE_LENGTH
        if most < 0:
            raise InputError(f"windows must have at least {_SITE_LENGTH} bp, got length {self.length}")
        if self.upstream is not None and not 0 <= self.upstream <= most:
            raise InputError(
                f"upstream must lie in 0..{most} for windows of {self.length} bp, got {self.upstream}"
            )
        for name, lowest in (("max_per_class", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise InputError(f"{name} must be at least {lowest}, got {value}")
        side_fractions(self.validation_fraction, self.test_fraction)

    @property
    def fractions(self) -> dict[str, float]:
        """Part of the examples on each side that there is."""
        return side_fractions(self.validation_fraction, self.test_fraction)


class MadeTask(NamedTuple):
    """Examples in the order of the genome, and the side of each."""

    found: Found
    sides: Sides


def make_task(
    genome: Genome,
    annotation: Annotation,
    request: TaskRequest,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> MadeTask:
    """Find the examples of a task and put each on a side; the same for the same arguments.

    Args:
        genome: The bases.
        annotation: Genes under the contig names of ``genome``, as ``place_annotation`` gives them.
        request: What to make.
        on_progress: Called with the windows compared and all windows.

    Raises:
        InputError: A class has no window, more than half of the windows are connected by overlap or
            similarity, or a side stays empty.
    """
    source = TaskSource(
        genome=genome,
        annotation=annotation,
        length=request.length,
        upstream=request.upstream,
        max_per_class=request.max_per_class,
    )
    found = TASKS[request.task](source, np.random.default_rng(request.seed))
    order = {contig: number for number, contig in enumerate(genome.contigs)}

    def place(example: Example) -> tuple[int, int, str]:
        """Return what examples are sorted by."""
        window = example.window
        return order[window.contig], window.start, window.strand.value

    found = found._replace(examples=sorted(found.examples, key=place))
    sides = assign_sides(
        genome, found.examples, request.fractions, seed=request.seed, on_progress=on_progress
    )
    return MadeTask(found, sides)
