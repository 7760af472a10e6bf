"""A synthetic genome with the truth of what was planted in it.

In: a seed. Out: contigs, and the intervals of genes, promoters, terminators and repeats. Only the
codon usage is measured on an organism.
"""

import gzip
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.genome.alphabet import BASES, reverse_complement
from hyenadna_kit.genome.interval import Interval, Strand

TOY_LENGTH = 400_000
"""Length of the toy genome, bp."""
MIN_TOY_LENGTH = 10_000
"""Below this the smallest contig would hardly hold a gene, bp."""
_UNIFORM, _AT_RICH = (0.25, 0.25, 0.25, 0.25), (0.31, 0.19, 0.19, 0.31)
_INTERGENIC_LENGTHS, _LEADER_LENGTHS, _TRAILER_LENGTHS = (30, 150), (20, 40), (0, 40)
_MINUS_35, _MINUS_10, _SHINE_DALGARNO = "TTGACA", "TATAAT", "AGGAGG"
_PROMOTER_SPACER, _START_SPACER = 17, 7
_START, _STOPS, _CODONS_PER_GENE = "ATG", ("TAA", "TAG", "TGA"), (80, 400)
_STEM_LENGTH, _LOOP, _TERMINATOR_TAIL, _NUM_N = 10, "TTCG", "TTTTTTT", 500
_FAMILY_LENGTHS, _TANDEM_UNITS, _TANDEM_COPIES = (300, 700, 1300), (8, 60), (8, 25)
_MOTIF_DIVERGENCE, _REPEAT_DIVERGENCE = 0.1, 0.05
_GENES_PER_REPEAT, _GENES_PER_TANDEM_REPEAT, _REVERSE_PROBABILITY = 12, 16, 0.5
_KINDS = ("genes", "promoters", "terminators", "repeats", "tandem_repeats")
_CODON_BIAS = 2.0
# Codons AAA to TTT in a thousand, over the 4,295 genes of one segment of E. coli K-12 (NC_000913.3).
_CODON_USAGE = (
    *(33.7, 21.5, 10.2, 17.4, 6.9, 23.5, 14.4, 8.8, 1.9, 16.0, 1.1, 8.6, 4.1, 25.3, 27.9, 30.5),
    *(15.4, 9.7, 29.0, 12.9, 8.4, 5.4, 23.4, 7.0, 3.5, 22.2, 5.3, 21.2, 3.9, 11.2, 53.3, 11.0),
    *(39.8, 19.1, 17.8, 32.0, 20.2, 25.7, 34.0, 15.2, 7.8, 29.8, 11.0, 24.7, 10.9, 15.3, 26.4, 18.3),
    *(2.1, 12.2, 0.2, 16.0, 7.0, 8.6, 8.9, 8.4, 0.9, 6.5, 15.2, 5.1, 13.8, 16.6, 13.7, 22.3),
)
_CODONS = tuple(map("".join, itertools.product(BASES, repeat=3)))
_BIASED_USAGE = dict(zip(_CODONS, np.power(_CODON_USAGE, _CODON_BIAS), strict=True))
_SENSE_CODONS = tuple(codon for codon in _BIASED_USAGE if codon not in _STOPS)
_FASTA_ROW, _WITH_NEWLINE = re.compile(".{1,80}"), r"\g<0>\n"


@dataclass(frozen=True)
class ToyGenome:
    """A synthetic genome and where everything in it was planted, in the order of the contigs."""

    contigs: dict[str, str]
    """Bases of every contig; repeats are in lower case."""
    genes: tuple[Interval, ...]
    """Open reading frames, from ATG to the stop codon inclusive, on their strand."""
    promoters: tuple[Interval, ...]
    """From the first base of the -35 box to the last of the -10 box, one before each gene."""
    terminators: tuple[Interval, ...]
    """Stem, loop, stem and the Ts after them, one after each gene."""
    repeats: tuple[Interval, ...]
    """Copies of the dispersed families; copies of equal length are of one family."""
    tandem_repeats: tuple[Interval, ...]
    """Arrays of one unit each."""


class _Mark(NamedTuple):
    """What lies where in a piece; the kind is a field of :class:`ToyGenome`."""

    kind: str
    start: int
    end: int
    strand: Strand


class _Piece(NamedTuple):
    """Bases, and what is planted in them."""

    sequence: str
    marks: tuple[_Mark, ...] = ()


def toy_genome(seed: int = 0, length: int = TOY_LENGTH) -> ToyGenome:
    """Return a synthetic, bacterium-like genome, the same for the same arguments.

    Contigs toy1, toy2 and toy3 take 60, 30 and 10 % of ``length``; 500 N lie in the middle of toy1.
    The rest is a row of genes with 30 to 150 intergenic bp (independent, 62 % A and T) before
    each. After every 12th gene comes a dispersed repeat and after every 16th a tandem repeat, with
    intergenic bases before them too. Each lies on a random strand.

    - Gene: -35 box TTGACA, 17 bp, -10 box TATAAT, a leader of 20 to 40 bp, Shine-Dalgarno AGGAGG,
      7 bp, ATG, 80 to 400 sense codons, a stop codon, 0 to 40 bp, terminator (stem of 10 bp, TTCG,
      the stem's reverse complement, TTTTTTT). The bases of the three boxes are substituted with
      probability 0.1. Codons are independent, as frequent as the square of their share in E. coli.
      Learnt from the reading frame and the strand, which the last hundred bases tell; the second
      half of a stem from the first, 24 bp at most.
    - Dispersed repeat, in lower case: a copy of a family of 300, 700 or 1,300 bp in turn, its
      bases substituted with probability 0.05. Learnt from the other copies, on every contig.
    - Tandem repeat, in lower case: 8 to 25 copies of a unit of 8 to 60 bp that occurs nowhere else,
      substituted alike. Learnt from the copies before, within one window.

    Args:
        seed: Seed of everything.
        length: Bases of all contigs together, bp.

    Raises:
        InputError: ``length`` is below 10,000 bp.
    """
    if length < MIN_TOY_LENGTH:
        raise InputError(f"a toy genome has at least {MIN_TOY_LENGTH} bp, got length={length}")
    rng = np.random.default_rng(seed)
    fill = partial(_fill, rng, _pieces(rng))
    tenth = length // 10
    contigs = {
        "toy1": _join([fill(3 * tenth), _Piece("N" * _NUM_N), fill(length - 7 * tenth - _NUM_N)]),
        "toy2": fill(3 * tenth),
        "toy3": fill(tenth),
    }
    sequences = {name: contig.sequence for name, contig in contigs.items()}
    return ToyGenome(sequences, **{kind: _intervals(contigs, kind) for kind in _KINDS})


def write_toy_genome(path: str | Path, seed: int = 0, *, length: int = TOY_LENGTH) -> Path:
    """Write the toy genome as FASTA with 80 columns and return its path.

    A name that ends in ``.gz`` is compressed (gzip). For the truth, call :func:`toy_genome` with
    the same arguments.
    """
    path = Path(path)
    contigs = toy_genome(seed, length).contigs.items()
    text = "".join(f">{name}\n{_FASTA_ROW.sub(_WITH_NEWLINE, bases)}" for name, bases in contigs).encode()
    with atomic_file(path) as temporary:
        # Without the time in its header the file is the same on every call.
        temporary.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path


def _pieces(rng: Generator) -> Iterator[_Piece]:
    """Yield genes and repeats, each after some intergenic bases, without end."""
    families = [random_bases(rng, length) for length in _FAMILY_LENGTHS]
    for number in itertools.count(1):
        planted = [_gene(rng)]
        if number % _GENES_PER_REPEAT == 0:
            family = families[number // _GENES_PER_REPEAT % len(families)]
            planted.append(_mark("repeats", _diverge(rng, family, _REPEAT_DIVERGENCE).lower()))
        if number % _GENES_PER_TANDEM_REPEAT == 0:
            array = random_bases(rng, draw_between(rng, _TANDEM_UNITS)) * draw_between(rng, _TANDEM_COPIES)
            planted.append(_mark("tandem_repeats", _diverge(rng, array, _REPEAT_DIVERGENCE).lower()))
        for piece in planted:
            intergenic = _Piece(_flank(rng, _INTERGENIC_LENGTHS))
            yield _join([intergenic, _flip(piece) if rng.random() < _REVERSE_PROBABILITY else piece])


def _gene(rng: Generator) -> _Piece:
    box_35, box_10, ribosome_site = (
        _diverge(rng, motif, _MOTIF_DIVERGENCE) for motif in (_MINUS_35, _MINUS_10, _SHINE_DALGARNO)
    )
    spacer, before_start = (
        random_bases(rng, length, _AT_RICH) for length in (_PROMOTER_SPACER, _START_SPACER)
    )
    leader, trailer = (_flank(rng, lengths) for lengths in (_LEADER_LENGTHS, _TRAILER_LENGTHS))
    codons = _codons(rng, _SENSE_CODONS, draw_between(rng, _CODONS_PER_GENE))
    stem = random_bases(rng, _STEM_LENGTH)
    return _join(
        [
            _mark("promoters", box_35 + spacer + box_10),
            _Piece(leader + ribosome_site + before_start),
            _mark("genes", "".join([_START, *codons, *_codons(rng, _STOPS, 1)])),
            _Piece(trailer),
            _mark("terminators", stem + _LOOP + reverse_complement(stem) + _TERMINATOR_TAIL),
        ]
    )


def _codons(rng: Generator, choices: Sequence[str], number: int) -> list[str]:
    usage = np.array([_BIASED_USAGE[codon] for codon in choices])
    return [choices[index] for index in rng.choice(len(choices), size=number, p=usage / usage.sum())]


def _flank(rng: Generator, lengths: tuple[int, int]) -> str:
    return random_bases(rng, draw_between(rng, lengths), _AT_RICH)


def random_bases(rng: Generator, length: int, probabilities: Sequence[float] = _UNIFORM) -> str:
    """Draw bases, A, C, G and T with the given probabilities."""
    return "".join(BASES[code] for code in rng.choice(len(BASES), size=length, p=probabilities))


def draw_between(rng: Generator, limits: tuple[int, int]) -> int:
    """Draw a whole number from the first limit to the last, both included."""
    return int(rng.integers(*limits, endpoint=True))


def _diverge(rng: Generator, sequence: str, rate: float) -> str:
    """Substitute each base with probability ``rate`` by one of the other three."""
    codes = np.array([BASES.index(base) for base in sequence])
    codes += (rng.random(codes.size) < rate) * rng.integers(1, len(BASES), size=codes.size)
    return "".join(BASES[code % len(BASES)] for code in codes)


def _mark(kind: str, sequence: str) -> _Piece:
    return _Piece(sequence, (_Mark(kind, 0, len(sequence), Strand.FORWARD),))


def _join(pieces: Iterable[_Piece]) -> _Piece:
    sequences: list[str] = []
    marks: list[_Mark] = []
    offset = 0
    for piece in pieces:
        sequences.append(piece.sequence)
        marks += [m._replace(start=m.start + offset, end=m.end + offset) for m in piece.marks]
        offset += len(piece.sequence)
    return _Piece("".join(sequences), tuple(marks))


def _flip(piece: _Piece) -> _Piece:
    length = len(piece.sequence)
    marks = (_Mark(m.kind, length - m.end, length - m.start, m.strand.opposite) for m in piece.marks)
    return _Piece(reverse_complement(piece.sequence), tuple(marks))


def _fill(rng: Generator, pieces: Iterator[_Piece], length: int) -> _Piece:
    """Join ``pieces`` as long as they fit into ``length`` bases; the rest is intergenic."""
    chosen, room = [], length
    while len((piece := next(pieces)).sequence) <= room:
        chosen.append(piece)
        room -= len(piece.sequence)
    return _join([*chosen, _Piece(random_bases(rng, room, _AT_RICH))])


def _intervals(contigs: Mapping[str, _Piece], kind: str) -> tuple[Interval, ...]:
    return tuple(
        Interval(name, mark.start, mark.end, mark.strand)
        for name, contig in contigs.items()
        for mark in contig.marks
        if mark.kind == kind
    )
