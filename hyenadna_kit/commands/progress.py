"""How far a command is: a bar on a terminal, else a plain line every half minute and at the end."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

OnProgress = Callable[[int, int | None], None]
"""``on_progress(done, total)``; the total is None where nobody knows it."""

_SECONDS_BETWEEN_LINES = 30.0


class Unit(NamedTuple):
    """What is counted, and how it is told."""

    name: str
    """Of what is shown."""
    size: int = 1
    """How many are one of what is shown."""
    digits: int = 0
    """Digits after the point."""
    doing: str = ""
    """What is being done with them, before the numbers."""
    done: str = ""
    """The same at the end."""


def show_progress(unit: str | Unit) -> AbstractContextManager[OnProgress]:
    """Return a context whose value is told how many of ``unit`` are done, and of how many.

    Nothing is shown before the first call, nor at the end where there was none.
    """
    counted = unit if isinstance(unit, Unit) else Unit(unit)
    return _bar(counted) if sys.stderr.isatty() else _lines(counted)


@contextmanager
def _bar(unit: Unit) -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(unit.name, total=None, visible=False)

        def on_progress(done: int, total: int | None) -> None:
            """Show how much is done."""
            text = f"{unit.doing} {_describe(unit, done, total, time.monotonic() - started)}".lstrip()
            progress.update(task, completed=done, total=total, description=text, visible=True)

        yield on_progress


@contextmanager
def _lines(unit: Unit) -> Iterator[OnProgress]:
    started = last = time.monotonic()
    latest: int | None = None

    def on_progress(done: int, total: int | None) -> None:
        """Show how much is done."""
        nonlocal last, latest
        latest, now = done, time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            _say(unit.doing, _describe(unit, done, total, now - started) + _left(done, total, now - started))

    yield on_progress
    if latest is not None:
        _say(unit.done, _describe(unit, latest, None, time.monotonic() - started))


def _say(verb: str, text: str) -> None:
    print(f"{verb} {text}".lstrip(), file=sys.stderr, flush=True)


def _left(done: int, total: int | None, seconds: float) -> str:
    """Return how long the rest takes if it goes on like this."""
    if not total or not 0 < done < total:
        return ""
    left = seconds * (total - done) / done
    for size, unit, digits in ((3600, "h", 1), (60, "min", 0)):
        if left >= 1.5 * size:
            return f", about {left / size:.{digits}f} {unit} left"
    return f", about {left:.0f} s left"


def _describe(unit: Unit, done: int, total: int | None, seconds: float) -> str:
    amount, rate = done / unit.size, done / unit.size / max(seconds, 1e-9)
    of_total = "" if total is None else f" of {total / unit.size:,.{unit.digits}f}"
    return f"{amount:,.{unit.digits}f}{of_total} {unit.name} in {seconds:,.1f} s ({rate:,.0f} {unit.name}/s)"
