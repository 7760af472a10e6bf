"""``hyenadna-kit prepare``: FASTA files in, a genome store out; a BAM or CRAM in, a read store out."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.read_filter import ReadFilter

_UP_TO_DATE = "the store is up to date: nothing was read"
_BAM, _CRAM = b"BAM\x01", b"CRAM"


POSITIONAL = ("genome",)


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """Build a genome store: tokens, N and soft-masked runs of a genome, ready for random access.

    From a BAM or CRAM it builds a read store: its reads as tokens and qualities, for ``pretrain --reads``.
    """

    genome: tuple[str, ...]
    """One or more FASTA files, plain, gzip or bgzip; their contigs follow each other in this order. Or
    one BAM or CRAM."""
    out: str
    """Folder of the store. A store of the same files that is there already is kept."""
    species: tuple[str, ...] = ()
    """Label of each FASTA file, or one label for all. Where there are several species, contigs are named
    after them: human.chr1."""
    aliases: str | None = None
    """Further names of contigs: a table of other name, tab, name in the genome; kept in the store."""
    reference: str | None = None
    """With a CRAM: the FASTA that it was written with, indexed."""
    read_filter: ReadFilter = field(default_factory=ReadFilter)
    """With a BAM or CRAM: which reads are kept."""
    overwrite: bool = False
    """Build anew, even where ``out`` is a store already."""


def run(options: PrepareOptions) -> int:
    """Build the store and print what it holds.

    Raises:
        InputError: A file cannot be read, a contig occurs twice, or an option does not go with the files.
        GenomeStoreError: ``out`` is a store of other files, is no store, or cannot be written.
    """
    from hyenadna_kit.commands.progress import Unit, show_progress

    reads = [name for name in options.genome if _holds_reads(Path(name))]
    prepare = _prepare_reads if reads else _prepare_genome
    _refuse_strangers(options, reads)
    was_read = False
    with show_progress(Unit("MB", 1_000_000, 1, "reading", "read")) as show:

        def on_progress(done: int, total: int) -> None:
            """Show that a file is being read, and how far."""
            nonlocal was_read
            was_read = True
            show(done, total)

        summary = prepare(options, on_progress)
    if not was_read:
        print(_UP_TO_DATE, file=sys.stderr)
    print(f"{options.out}: {summary}")
    return 0


def _prepare_genome(options: PrepareOptions, on_progress: Callable[[int, int], None]) -> str:
    from hyenadna_kit.io.genome_store import build_store

    store = build_store(
        [Path(name) for name in options.genome],
        Path(options.out),
        species=options.species,
        aliases=None if options.aliases is None else Path(options.aliases),
        overwrite=options.overwrite,
        on_progress=on_progress,
    )
    contigs, bases = len(store.contigs), sum(store.contigs.values())
    species = len(set(store.species.values()))
    return (
        f"{f'{species} species, ' if species > 1 else ''}"
        f"{contigs:,} contig{'' if contigs == 1 else 's'}, {bases:,} bases, "
        f"{store.n_fraction:.2%} N, {store.soft_masked_fraction:.2%} soft-masked"
    )


def _prepare_reads(options: PrepareOptions, on_progress: Callable[[int, int], None]) -> str:
    from hyenadna_kit.io.read_store import build_read_store

    store = build_read_store(
        Path(options.genome[0]),
        Path(options.out),
        read_filter=options.read_filter,
        reference=None if options.reference is None else Path(options.reference),
        overwrite=options.overwrite,
        on_progress=on_progress,
    )
    return f"{store.report.describe()}, {store.num_bases:,} bases"


def _refuse_strangers(options: PrepareOptions, reads: list[str]) -> None:
    """Refuse options and files that would be passed over in silence."""
    if reads and len(options.genome) > 1:
        raise InputError(
            f"{reads[0]} holds reads, and a read store is built from one BAM or CRAM alone, "
            f"got {len(options.genome)} files; prepare each into a store of its own"
        )
    for_genomes = {"species": options.species, "aliases": options.aliases}
    for_reads = {"reference": options.reference, "read_filter": options.read_filter != ReadFilter()}
    if reads and options.reference is not None and _magic(Path(reads[0])) == _BAM:
        raise InputError(
            f"--reference is for a CRAM; {reads[0]} is a BAM, which holds its bases: leave it out"
        )
    strange = [name for name, given in (for_genomes if reads else for_reads).items() if given]
    if strange:
        files, kind = ", ".join(options.genome), "a BAM or CRAM" if reads else "FASTA"
        raise InputError(f"--{strange[0]} does not go with {files}, which is {kind}; leave it out")


def _holds_reads(path: Path) -> bool:
    return _magic(path) in (_BAM, _CRAM)


def _magic(path: Path) -> bytes:
    """Return the first bytes of what a file holds; none where it cannot be read, as its reader will say."""
    from hyenadna_kit.io.compressed import DAMAGE, UncompressedStream

    if not path.is_file():
        return b""
    with path.open("rb") as handle:
        try:
            return UncompressedStream(handle).read(len(_BAM))
        except DAMAGE:
            return b""
