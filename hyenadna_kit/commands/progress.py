"""How far a command is: a bar on a terminal, else a plain line every half minute and at the end."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

OnProgress = Callable[[int, int | None], None]
"""``on_progress(done, total)``; the total is None where nobody knows it."""

_SECONDS_BETWEEN_LINES = 30.0


def show_progress(unit: str) -> AbstractContextManager[OnProgress]:
    """Return a context whose value is called with how many of ``unit`` are done, and of how many."""
    return _bar(unit) if sys.stderr.isatty() else _lines(unit)


@contextmanager
def _bar(unit: str) -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(unit, total=None)

        def on_progress(done: int, total: int | None) -> None:
            text = _describe(unit, done, total, time.monotonic() - started)
            progress.update(task, completed=done, total=total, description=text)

        yield on_progress


@contextmanager
def _lines(unit: str) -> Iterator[OnProgress]:
    started = last = time.monotonic()
    latest: tuple[int, int | None] | None = None

    def on_progress(done: int, total: int | None) -> None:
        nonlocal last, latest
        latest, now = (done, total), time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            print(_describe(unit, done, total, now - started), file=sys.stderr, flush=True)

    yield on_progress
    if latest is not None:
        print(_describe(unit, *latest, time.monotonic() - started), file=sys.stderr, flush=True)


def _describe(unit: str, done: int, total: int | None, seconds: float) -> str:
    rate = done / max(seconds, 1e-9)
    of_total = "" if total is None else f" of {total:,}"
    return f"{done:,}{of_total} {unit} in {seconds:,.1f} s ({rate:,.0f} {unit}/s)"
