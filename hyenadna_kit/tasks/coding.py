"""Coding or intergenic: does a window translate?

``coding``: wholly inside one CDS segment (of no pseudogene), on its strand. ``intergenic``: touches no
gene, on either strand; lies on a random one. Windows do not overlap each other. Contigs without any gene
are left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.tasks.examples import (
    NOT_DRAWN,
    OVERLAPS,
    TOO_SHORT,
    Example,
    Found,
    LeftOut,
    Screen,
    balanced,
)
from hyenadna_kit.tasks.source import TaskSource
from hyenadna_kit.windows.layout import tile

CODING, INTERGENIC = "coding", "intergenic"


def find_coding(source: TaskSource, rng: np.random.Generator) -> Found:
    """Return equally many windows inside CDS segments and outside genes.

    Windows lie side by side in a segment or between two genes, from a random base on, so that they do
    not all begin with a start codon.

    Raises:
        InputError: A class has no window, or an upstream length was given.
    """
    if source.upstream is not None:
        raise InputError(
            f"coding windows have no site, so that upstream {source.upstream} means nothing; leave it out"
        )
    screen = Screen(source.genome)
    segments = dict.fromkeys(part for each in source.functional.transcripts for part in each.cds)
    rows = _rows(segments, CODING, source.length, rng=rng, left_out=screen.left_out)
    windows = (Example(window, CODING) for row in rows for window in tile(row, source.length))
    examples = [
        example for example in _apart(_in_order(source, windows), screen.left_out) if screen.admits(example)
    ]
    most = min(len(examples), source.max_per_class or len(examples))
    examples += _draw_between_genes(source, most, screen=screen, rng=rng)
    classes = (CODING, INTERGENIC)
    drawn = balanced(examples, classes, most, rng=rng, left_out=screen.left_out)
    return Found(drawn, classes, screen.left_out, {})


def _rows(
    stretches: Iterable[Interval], label: str, length: int, *, rng: np.random.Generator, left_out: LeftOut
) -> list[Interval]:
    """Cut each stretch to the windows side by side that fit into it, from a random base on."""
    rows = []
    for stretch in stretches:
        if stretch.length < length:
            left_out[label, TOO_SHORT] += 1
            continue
        spare = stretch.length % length
        first = stretch.start + int(rng.integers(spare, endpoint=True))
        rows.append(replace(stretch, start=first, end=first + stretch.length - spare))
    return rows


def _in_order(source: TaskSource, examples: Iterable[Example]) -> list[Example]:
    order = {contig: number for number, contig in enumerate(source.genome.contigs)}
    return sorted(examples, key=lambda example: (order[example.window.contig], example.window.start))


def _apart(examples: Iterable[Example], left_out: LeftOut) -> Iterator[Example]:
    """Yield, of examples in order, those that do not overlap the last one that was yielded."""
    contig, end = "", 0
    for example in examples:
        window = example.window
        if window.contig == contig and window.start < end:
            left_out[example.label, OVERLAPS] += 1
            continue
        contig, end = window.contig, window.end
        yield example


def _draw_between_genes(
    source: TaskSource, number: int, *, screen: Screen, rng: np.random.Generator
) -> list[Example]:
    """Draw windows side by side between genes, ``number`` of them or all, on either strand.

    Most of a large genome lies between genes: no more windows are looked at than are wanted.
    """
    gaps = [gap for contig in source.contigs for gap in source.genes.subtract_from(contig)]
    rows = _rows(gaps, INTERGENIC, source.length, rng=rng, left_out=screen.left_out)
    firsts = np.cumsum([0, *(row.length // source.length for row in rows)])
    drawn: list[Example] = []
    places = rng.permutation(firsts[-1])
    for num_seen, place in enumerate(places.tolist()):
        if len(drawn) == number:
            screen.left_out[INTERGENIC, NOT_DRAWN] += places.size - num_seen
            break
        row = int(firsts.searchsorted(place, side="right")) - 1
        start = rows[row].start + (place - int(firsts[row])) * source.length
        strand = Strand.REVERSE if rng.integers(2) else Strand.FORWARD
        example = Example(Interval(rows[row].contig, start, start + source.length, strand), INTERGENIC)
        if screen.admits(example):
            drawn.append(example)
    return drawn
