"""FASTA files, plain, gzip or bgzip.

In: a file. Out: blocks of bases and tokens in the order of the file (:func:`read_fasta`), or a genome
whose intervals can be fetched (:class:`Fasta`). Nothing is written beside the file.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import AMBIGUOUS, BASES
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.interval_set import IntervalSet
from hyenadna_kit.io.fasta_text import WHITESPACE, Header, read_lines, require_file
from hyenadna_kit.io.runs import borders_of
from hyenadna_kit.io.token_genome import TokenGenome
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

_TOKENIZER = NucleotideTokenizer()
_LETTERS = f"{BASES}U{AMBIGUOUS}"
_VALID = (_LETTERS + _LETTERS.lower()).encode()


class FastaBlock(NamedTuple):
    """A stretch of one contig, never empty; a contig begins at the block whose start is 0."""

    contig: str
    """First word of the header."""
    start: int
    """Position of the first base on the contig, from 0."""
    bases: bytes
    """The bases as they are written, in their case, without white space."""
    tokens: NDArray[np.uint8]
    """Their token ids; read-only."""


def read_fasta(path: Path, *, on_read: Callable[[bytes], None] | None = None) -> Iterator[FastaBlock]:
    """Read a FASTA file in blocks of a few MiB, in bounded memory.

    Windows line ends, blank lines, lower case and IUPAC codes are read; the format is told by the
    first bytes, not by the name.

    Args:
        path: Plain, gzip (of any number of members) or bgzip file.
        on_read: Called with each piece of the file as it lies on disk, in order.

    Raises:
        InputError: The file cannot be read, is truncated or is no FASTA; a contig has no name, no
            bases or the name of another; a character is no IUPAC nucleotide code.
    """
    contig, length = "", 0
    seen: set[str] = set()
    for text in read_lines(path, on_read):
        if isinstance(text, Header):
            _require_bases(path, contig, length)
            contig, length = _contig_name(path, text.line, seen), 0
            continue
        bases = text.translate(None, WHITESPACE)
        if bases:
            yield FastaBlock(contig, length, bases, _encode(path, contig, length, bases))
            length += len(bases)
    _require_bases(path, contig, length)


class GenomeFingerprint:
    """SHA-256 of a genome as FASTA with one line a contig and no descriptions.

    It covers names, order, bases and their case (the soft mask), and does not depend on line width or
    compression: a FASTA, its gzip and the store built from either have one fingerprint, and it
    is taken in the pass that reads the file.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._line_end = b""

    def add(self, block: FastaBlock) -> None:
        """Take the next block of the genome."""
        if block.start == 0:
            self._digest.update(self._line_end + f">{block.contig}\n".encode())
            self._line_end = b"\n"
        self._digest.update(block.bases)

    def hexdigest(self) -> str:
        """Return the fingerprint of all blocks, in hexadecimal."""
        digest = self._digest.copy()
        digest.update(self._line_end)
        return digest.hexdigest()


class _Loaded(NamedTuple):
    tokens: dict[str, NDArray[np.uint8]]
    lengths: dict[str, int]
    soft_mask: IntervalSet
    fingerprint: str


class Fasta(TokenGenome):
    """A genome read from a FASTA file, plain, gzip or bgzip.

    The whole file is read into memory, one byte a base, when it is first asked for anything. That
    suits a bacterium or a chromosome; for big genomes prepare a :class:`GenomeStore` once. Forked workers
    share the memory; a pickled ``Fasta`` is its path alone, and is read again where it arrives.
    """

    def __init__(self, path: Path | str) -> None:
        """Take the ``path`` of the file; its contents are read later.

        Raises:
            InputError: There is no such file.
        """
        self.path = Path(path)
        self._fingerprint: str | None = None
        self._genome: _Loaded | None = None
        require_file(self.path)

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length of each contig in bp, in the order of the file."""
        return MappingProxyType(self._load().lengths)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the contig names and bases; see :class:`GenomeFingerprint`."""
        return self._load().fingerprint

    def masked(self, interval: Interval) -> NDArray[np.int64]:
        """Return the soft-masked runs in ``interval``, cut to it; see :meth:`GenomeStore.masked`.

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """
        contig = self.names.resolve(interval.contig, str(self.path))
        return self._load().soft_mask.runs_in(replace(interval, contig=contig))

    def _slice(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        return self._load().tokens[contig][start:end]

    def _load(self) -> _Loaded:
        if self._genome is None:
            genome = _load(self.path)
            if self._fingerprint not in (None, genome.fingerprint):
                raise InputError(f"{self.path} has changed since it was opened; start again with one version")
            self._genome, self._fingerprint = genome, genome.fingerprint
        return self._genome

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_fingerprint": self._fingerprint, "_genome": None}


def _load(path: Path) -> _Loaded:
    fingerprint = GenomeFingerprint()
    blocks: dict[str, list[NDArray[np.uint8]]] = {}
    masked: dict[str, list[NDArray[np.int64]]] = {}
    for block in read_fasta(path):
        fingerprint.add(block)
        blocks.setdefault(block.contig, []).append(block.tokens)
        runs = borders_of(soft_masked(block.bases)).reshape(-1, 2) + block.start
        masked.setdefault(block.contig, []).append(runs)
    # Popped one by one, so that no more than one contig is ever in memory twice.
    tokens = {contig: np.concatenate(blocks.pop(contig)) for contig in list(blocks)}
    lengths = {contig: array.size for contig, array in tokens.items()}
    soft_mask = IntervalSet(runs={contig: np.concatenate(runs) for contig, runs in masked.items()})
    return _Loaded(tokens, lengths, soft_mask, fingerprint.hexdigest())


def soft_masked(bases: bytes) -> NDArray[np.bool_]:
    """Return whether each base, as a FASTA spells it, is lower case."""
    return np.frombuffer(bases, dtype=np.uint8) >= ord("a")


def _contig_name(path: Path, header: bytes, seen: set[str]) -> str:
    words = header.split(maxsplit=1)
    name = words[0].decode(errors="replace") if words else ""
    if not name:
        raise InputError(f"{path}: record {len(seen) + 1} has no name after '>'; give every contig one")
    if not name.isprintable() or "\ufffd" in name:
        raise InputError(f"{path}: the name {words[0][:40]!r} of record {len(seen) + 1} is not text")
    if name in seen:
        raise InputError(f"{path}: contig {name!r} occurs twice; rename or remove one of the two")
    seen.add(name)
    return name


def _require_bases(path: Path, contig: str, length: int) -> None:
    if contig and not length:
        raise InputError(f"{path}: contig {contig!r} has no bases; remove its header")


def _encode(path: Path, contig: str, start: int, bases: bytes) -> NDArray[np.uint8]:
    try:
        return _TOKENIZER.encode(bases)
    except InputError:
        position = len(bases) - len(bases.lstrip(_VALID))
        raise InputError(
            f"{path}: character {chr(bases[position])!r} at base {start + position + 1} of contig {contig!r} "
            f"is not a nucleotide code; a genome has IUPAC letters alone ({_LETTERS} in either case)"
        ) from None
