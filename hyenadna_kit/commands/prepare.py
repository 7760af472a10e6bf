"""``hyenadna-kit prepare``: FASTA files in, a genome store out."""

import sys
from dataclasses import dataclass
from pathlib import Path

_UP_TO_DATE = "the store is up to date: nothing was read"


POSITIONAL = ("genome",)


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
    from hyenadna_kit.commands.progress import Unit, show_progress
    from hyenadna_kit.io.genome_store import build_store

    paths, was_read = [Path(name) for name in options.genome], False
    with show_progress(Unit("MB", 1_000_000, 1, "reading", "read")) as show:

        def on_progress(done: int, total: int) -> None:
            """Show that a file is being read, and how far."""
            nonlocal was_read
            was_read = True
            show(done, total)

        store = build_store(paths, Path(options.out), overwrite=options.overwrite, on_progress=on_progress)
    if not was_read:
        print(_UP_TO_DATE, file=sys.stderr)
    contigs, bases = len(store.contigs), sum(store.contigs.values())
    print(
        f"{store.path}: {contigs:,} contig{'' if contigs == 1 else 's'}, {bases:,} bases, "
        f"{store.n_fraction:.2%} N, {store.soft_masked_fraction:.2%} soft-masked"
    )
    return 0
