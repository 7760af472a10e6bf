"""A genome with the variants of a haplotype or a consensus in it, as FASTA.

In: a genome and a variant file. Out: a FASTA file with all contigs in the order of the genome, whole
or not at all. Beside the genome memory holds a few MB, whatever the sizes of both are.
"""

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pysam

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.genome.haplotype import pieces
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.haplotype_rules import HaplotypeRules
from hyenadna_kit.io.haplotypes import HaplotypeReport, applied_variants
from hyenadna_kit.io.reference_blocks import ReferenceBlocks
from hyenadna_kit.io.vcf import read_variants

LINE_WIDTH = 60
"""Bases a line of the FASTA."""

_SUFFIXES = (".fa", ".fasta", ".fna")
_LINE_END = ord("\n")
_PIECE = 1 << 18
_WRITTEN_AT_ONCE = 1 << 20

OnProgress = Callable[[int, int], None]
"""``on_progress(done, total)`` in bases of the reference."""


def write_haplotype(
    genome: Genome,
    vcf: str | Path,
    out: Path,
    rules: HaplotypeRules,
    *,
    on_progress: OnProgress | None = None,
) -> HaplotypeReport:
    """Write the genome with the variants that ``rules`` choose.

    Bases keep the soft mask of the genome, and an ALT has the case of the base that it replaces or
    follows. A contig without variants is written as it is; IUPAC codes of the genome are N.

    Args:
        genome: Reference of the variants.
        vcf: VCF, VCF.gz or BCF, sorted; ``-`` reads standard input.
        out: ``.fa``, ``.fasta`` or ``.fna``, with ``.gz`` behind it bgzipped.
        rules: What is applied.
        on_progress: Is told how far it is.

    Raises:
        InputError: ``out`` has another suffix or is one of the inputs, a contig has no bases left, or
            see :func:`hyenadna_kit.io.haplotypes.applied_variants`.
    """
    _check_target(out, genome.path, Path(vcf))
    report = HaplotypeReport()
    with read_variants(vcf) as reader, atomic_file(out) as temporary:
        changed = applied_variants(reader, genome, rules, report)
        contigs = _Contigs(genome, on_progress)
        # The contigs of the file may come in another order than those of the genome.
        with tempfile.TemporaryFile(dir=temporary.parent) as spool:
            spans: dict[str, tuple[int, int]] = {}
            for contig, variants in groupby(changed, key=lambda variant: variant.contig):
                start = spool.tell()
                spool.writelines(contigs.lines(contig, variants))
                spans[contig] = start, spool.tell()
            with _open(temporary) as handle:
                for contig in genome.contigs:
                    handle.write(f">{contig}\n".encode())
                    is_changed = contig in spans
                    for lines in _read(spool, *spans[contig]) if is_changed else contigs.lines(contig, ()):
                        handle.write(lines)
    return report


class _Contigs:
    """The contigs of a genome as lines of FASTA."""

    def __init__(self, genome: Genome, on_progress: OnProgress | None) -> None:
        self._genome = genome
        self._reference = ReferenceBlocks(genome)
        self._on_progress = on_progress
        self._num_done, self._total = 0, sum(genome.contigs.values())

    def lines(self, contig: str, variants: Iterable[Variant]) -> Iterator[bytes]:
        """Yield the lines of a contig with ``variants`` in it, about a MB at a time."""
        waiting: list[str] = []
        num_waiting = num_written = 0
        for bases in self._bases(contig, variants):
            waiting.append(bases)
            num_waiting += len(bases)
            if num_waiting >= _WRITTEN_AT_ONCE:
                text = "".join(waiting)
                num_whole = num_waiting - num_waiting % LINE_WIDTH
                yield _broken(text[:num_whole])
                waiting, num_waiting = [text[num_whole:]], num_waiting - num_whole
                num_written += num_whole
        if not num_written + num_waiting:
            raise InputError(f"the variants delete all of contig {contig!r}: a FASTA has no empty contigs")
        yield _broken("".join(waiting))

    def _bases(self, contig: str, variants: Iterable[Variant]) -> Iterator[str]:
        for piece in pieces(variants, self._genome.contigs[contig]):
            if piece.alt is None:
                for start in range(piece.start, piece.end, _PIECE):
                    yield self._reference.fetch(contig, start, min(start + _PIECE, piece.end))
            elif piece.alt:
                # An insertion lies behind the base that VCF anchors it to.
                at = piece.start if piece.start < piece.end else max(piece.start - 1, 0)
                is_lower = self._reference.fetch(contig, at, at + 1).islower()
                yield piece.alt.lower() if is_lower else piece.alt
            self._report(piece.end - piece.start)

    def _report(self, num_bases: int) -> None:
        self._num_done += num_bases
        if self._on_progress is not None:
            self._on_progress(self._num_done, self._total)


def _broken(text: str) -> bytes:
    """Return ``text`` in lines, the last one of what is left."""
    bases = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    num_lines = len(bases) // LINE_WIDTH
    lines = np.full((num_lines, LINE_WIDTH + 1), _LINE_END, dtype=np.uint8)
    lines[:, :LINE_WIDTH] = bases[: num_lines * LINE_WIDTH].reshape(num_lines, LINE_WIDTH)
    rest = bases[num_lines * LINE_WIDTH :].tobytes()
    return lines.tobytes() + (rest + b"\n" if rest else b"")


def _read(spool: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    spool.seek(start)
    while start < end:
        block = spool.read(min(_WRITTEN_AT_ONCE, end - start))
        start += len(block)
        yield block


def _open(path: Path) -> AbstractContextManager[io.BufferedWriter | pysam.BGZFile]:
    return pysam.BGZFile(str(path), "wb", None) if path.suffix == ".gz" else path.open("wb")


def _check_target(out: Path, *inputs: Path) -> None:
    if not out.name.removesuffix(".gz").endswith(_SUFFIXES):
        raise InputError(f"output {out} must end in {', '.join(_SUFFIXES)}, with or without .gz")
    if out.is_dir():
        raise InputError(f"output {out} is a folder; name a file in it")
    if out.resolve() in [path.resolve() for path in inputs]:
        raise InputError(f"output {out} is one of the inputs; choose another name")
