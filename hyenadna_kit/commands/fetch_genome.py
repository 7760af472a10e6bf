"""``hyenadna-kit fetch-genome``: the name of a public genome in, its FASTA out, verified."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyenadna_kit.io.checksums import Checksum
    from hyenadna_kit.io.http import Patience
    from hyenadna_kit.io.known_genomes import KnownGenome

POSITIONAL = ("name",)

_FASTA_ENDINGS = (".gz", ".fa", ".fna", ".fasta")


@dataclass(frozen=True, kw_only=True)
class FetchGenomeOptions:
    """Download a public genome, and verify it against the checksum that its server publishes.

    A download that was broken off goes on where it stopped when the same command is run again.
    """

    name: str = ""
    """Which genome: a name or an accession of the table that --list prints."""
    out: str = ""
    """File to write; default: NAME.fa.gz here, or the file's own name with --url."""
    md5: str = ""
    """MD5 that the file must have, 32 hexadecimal digits; default: what its server's list says."""
    url: str = ""
    """Another address of the file: a mirror, or a genome that is not in the table."""
    unverified: bool = False
    """Take a file for which no checksum can be found; its MD5 is printed."""
    timeout: float = 60.0
    """Seconds without an answer after which a connection counts as lost."""
    attempts: int = 6
    """Connections to make before it is given up; one that comes further than all before begins anew."""
    list: bool = False
    """Print the table of known genomes and end."""


def run(options: FetchGenomeOptions) -> int:
    """Fetch the genome and say what to do with it, or print the table.

    Raises:
        InputError: The name is not known, the server has no such file or cannot be reached any more, or
            what arrived has another checksum.
    """
    from hyenadna_kit.commands.progress import Unit, show_progress
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.io.download import download
    from hyenadna_kit.io.http import Patience

    if options.list:
        _print_table()
        return 0
    genome = _known(options)
    url, out = _address(options, genome)
    if out.is_dir():
        raise InputError(f"--out {out} is a folder; name the file in it")
    patience = Patience(
        timeout=options.timeout, attempts=options.attempts, plain_http=bool(options.md5 or options.unverified)
    )
    checksum = _checksum(options, genome, url, patience)
    with show_progress(Unit("MB", 1_000_000, 1, "fetching", "fetched")) as on_progress:
        fetched = download(
            url, out, checksum=checksum, patience=patience, on_progress=on_progress, on_retry=_say
        )
    if not fetched.is_new:
        _say(f"{out} was there already: nothing was fetched")
    verdict = f"as {checksum.source} says" if checksum else "not verified: compare it with a source you trust"
    print(f"{out}: {fetched.size:,} bytes from {url}, MD5 {fetched.md5}, {verdict}")
    print(f"next: hyenadna-kit prepare {shlex.quote(str(out))} --out {shlex.quote(_stem(out))}")
    return 0


def _known(options: FetchGenomeOptions) -> "KnownGenome | None":
    from hyenadna_kit.config import nearest
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.io.known_genomes import KNOWN_GENOMES, find_genome

    if options.timeout <= 0 or options.attempts < 1:
        raise InputError("--timeout must be above 0 and --attempts 1 or more")
    if not options.name and not options.url:
        raise InputError(f"name a genome: {', '.join(KNOWN_GENOMES)} (--list tells more), or give --url")
    genome = find_genome(options.name)
    if genome is None and not options.url:
        hint = nearest(options.name, list(KNOWN_GENOMES))
        raise InputError(f"genome {options.name!r} is not in the table of --list, and has no --url{hint}")
    return genome


def _address(options: FetchGenomeOptions, genome: "KnownGenome | None") -> tuple[str, Path]:
    """Return where the file is and where it goes."""
    from hyenadna_kit.io.checksums import file_name

    url = options.url or (genome.url if genome else "")
    default = file_name(url) if genome is None else f"{genome.name}.fa.gz"
    return url, Path(options.out or default)


def _checksum(
    options: FetchGenomeOptions, genome: "KnownGenome | None", url: str, patience: "Patience"
) -> "Checksum | None":
    """Return what the file must be: by ``--md5``, else by the server's own list.

    The list of a mirror is the one beside the mirror's file.
    """
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.io.checksums import CHECKSUM_FILES, Checksum, find_checksum, parse_md5

    if options.md5:
        return Checksum(parse_md5(options.md5), "--md5")
    lists = CHECKSUM_FILES if options.url or genome is None else (genome.checksums_url,)
    checksum = find_checksum(url, lists, patience=patience, on_retry=_say)
    if checksum is None and not options.unverified:
        raise InputError(
            f"{url} has no list of checksums beside it ({' or '.join(lists)}); give --md5, "
            "or take it --unverified"
        )
    return checksum


def _print_table() -> None:
    from hyenadna_kit.io.known_genomes import KNOWN_GENOMES

    rows = [("name", "bases", "contigs", "accession", "organism")]
    rows += [(g.name, g.num_bases, g.contigs, g.accession, g.organism) for g in KNOWN_GENOMES.values()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _stem(path: Path) -> str:
    """Return the name of a store for a FASTA file: its name without the endings of FASTA."""
    name = path.name
    for ending in _FASTA_ENDINGS:
        name = name.removesuffix(ending)
    return name if name and name != path.name else f"{path.name}.store"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
