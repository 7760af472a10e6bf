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
    between = [gap for contig in source.contigs for gap in source.genes.subtract_from(contig)]
    coding = _in_order(source, _fill(segments, CODING, source.length, rng=rng, left_out=screen.left_out))
    intergenic = _fill(between, INTERGENIC, source.length, rng=rng, left_out=screen.left_out)
    examples = [example for example in _apart(coding, screen.left_out) if screen.admits(example)]
    examples += [
        example
        for example in (each._replace(window=_on_random_strand(each.window, rng)) for each in intergenic)
        if screen.admits(example)
    ]
    drawn = balanced(examples, (CODING, INTERGENIC), source.max_per_class, rng=rng, left_out=screen.left_out)
    return Found(drawn, (CODING, INTERGENIC), screen.left_out, {})


def _fill(
    stretches: Iterable[Interval], label: str, length: int, *, rng: np.random.Generator, left_out: LeftOut
) -> Iterator[Example]:
    """Yield as many windows side by side as each stretch has room for, from a random base on."""
    for stretch in stretches:
        spare = stretch.length % length
        if stretch.length < length:
            left_out[label, TOO_SHORT] += 1
            continue
        first = stretch.start + int(rng.integers(spare, endpoint=True))
        for window in tile(replace(stretch, start=first), length, partial="drop"):
            yield Example(window, label)


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


def _on_random_strand(window: Interval, rng: np.random.Generator) -> Interval:
    return replace(window, strand=Strand.REVERSE if rng.integers(2) else Strand.FORWARD)
