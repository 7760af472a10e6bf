"""Where the contigs of a FASTA lie on chromosomes, as its headers say.

In: a FASTA whose contigs are pieces, ``>LDLR chr19:11089231-11089548``. Out: the place of each.
"""

from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.fasta_text import Header, read_lines


def read_fasta_places(path: Path) -> dict[str, Interval]:
    """Return the place of each contig, ``CONTIG:START-END`` (1-based) behind its name.

    Args:
        path: Plain, gzip or bgzip file.

    Raises:
        InputError: The file is no FASTA, or a header names no place or one of another length.
    """
    places: dict[str, Interval] = {}
    lengths: dict[str, int] = {}
    contig = ""
    for text in read_lines(path):
        if isinstance(text, Header):
            contig, place = _place(path, text.line)
            places[contig], lengths[contig] = place, 0
        else:
            lengths[contig] += len(b"".join(text.split()))
    for name, place in places.items():
        if place.length != lengths[name]:
            raise InputError(
                f"{path}: contig {name!r} has {lengths[name]:,} bases and its header says {place.region}, "
                f"which are {place.length:,}; mend the header"
            )
    return places


def _place(path: Path, header: bytes) -> tuple[str, Interval]:
    words = header.decode(errors="replace").split(maxsplit=2)
    try:
        return words[0], Interval.from_region(words[1])
    except (IndexError, InputError):
        shown = " ".join(words)[:80]
        raise InputError(
            f"{path}: the header {shown!r} names no place behind the contig, as in >LDLR "
            "chr19:11089231-11089548; write it there, or give the chromosomes as genome"
        ) from None
