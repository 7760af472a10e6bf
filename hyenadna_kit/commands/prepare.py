"""``hyenadna-kit prepare``: FASTA files in, a genome store out."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

_UP_TO_DATE = "the store is up to date: nothing was read"


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """Build a genome store: tokens, N and soft-masked runs of a genome, ready for random access."""

    genome: tuple[str, ...]
    """One or more FASTA files, plain, gzip or bgzip; their contigs follow each other in this order."""
    out: str
    """Folder of the store. A store of the same files that is there already is kept."""
    overwrite: bool = False
    """Build anew, even where ``out`` is a store already."""


def run(options: PrepareOptions) -> int:
    """Build the store and print what it holds.

    Raises:
        InputError: A file is no FASTA, or a contig occurs twice.
        GenomeStoreError: ``out`` is a store of other files, is no store, or cannot be written.
    """
    from hyenadna_kit.io.genome_store import build_store

    paths = [Path(name) for name in options.genome]
    with _progress() as on_progress:
        store = build_store(paths, Path(options.out), overwrite=options.overwrite, on_progress=on_progress)
    contigs, bases = len(store.contigs), sum(store.contigs.values())
    print(
        f"{store.path}: {contigs:,} contig{'' if contigs == 1 else 's'}, {bases:,} bases, "
        f"{store.n_fraction:.2%} N, {store.soft_masked_fraction:.2%} soft-masked"
    )
    return 0


def _progress() -> AbstractContextManager[Callable[[int, int], None]]:
    return _bar() if sys.stderr.isatty() else _last_line()


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """Show bytes, rate and time left on the terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("reading"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("reading", visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)
    if not progress.tasks[0].completed:
        print(_UP_TO_DATE, file=sys.stderr)


@contextmanager
def _last_line() -> Iterator[Callable[[int, int], None]]:
    """Say at the end what was read: a log file is no place for a moving bar."""
    started, read = time.perf_counter(), 0

    def on_progress(done: int, _total: int) -> None:
        nonlocal read
        read = done

    yield on_progress
    seconds = time.perf_counter() - started
    if read:
        print(
            f"read {read / 1e6:,.1f} MB in {seconds:.1f} s ({read / 1e6 / seconds:,.0f} MB/s)",
            file=sys.stderr,
        )
    else:
        print(_UP_TO_DATE, file=sys.stderr)
