"""Promoter or background: does transcription start in a window?

``promoter``: around a transcription start site, which is base number ``upstream`` (from 0) of the window
as it is read. ``background``: touches no such window, lies on a random strand, and is matched one to
one to a promoter by GC content, so that GC alone tells nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import Annotation
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.interval_set import IntervalSet
from hyenadna_kit.tasks.examples import NOT_DRAWN, Example, Found, Screen, anchored_window
from hyenadna_kit.tasks.source import TaskSource
from hyenadna_kit.tokenizers.nucleotide import C, G
from hyenadna_kit.windows.places import DrawRules, Places

PROMOTER, BACKGROUND = "promoter", "background"

GC_BINS = 50
"""Of equal width between no G or C and nothing else: 2 % each."""

NO_MATCH = "has no background of like GC"

_DRAWS_PER_PROMOTER = 100


def find_promoters(source: TaskSource, rng: np.random.Generator) -> Found:
    """Return a window around every start site, and to each a window of background with like GC.

    Start sites that several transcripts share count once. A promoter that no background matches is left
    out.

    Raises:
        InputError: There is no start site, or no place or no match for background.
    """
    upstream = source.length // 2 if source.upstream is None else source.upstream
    screen = Screen(source.genome)
    windows = _around_start_sites(source.functional, source.length, upstream)
    promoters = [example for example in windows if screen.admits(example)]
    if source.max_per_class is not None and source.max_per_class < len(promoters):
        kept = rng.choice(len(promoters), size=source.max_per_class, replace=False)
        screen.left_out[PROMOTER, NOT_DRAWN] += len(promoters) - source.max_per_class
        promoters = [promoters[number] for number in sorted(kept.tolist())]
    of_all = _around_start_sites(source.annotation, source.length, upstream)
    near = IntervalSet(example.window for example in of_all)
    background = _matched(source, promoters, near, screen=screen, rng=rng)
    screen.left_out[PROMOTER, NO_MATCH] += len(promoters) - len(background)
    if not background:
        raise InputError(
            f"none of {len(windows):,} start sites has a window of {source.length} bp and background of like "
            "GC; try another length, or another annotation"
        )
    examples = [promoters[number] for number in sorted(background)]
    examples += [background[number] for number in sorted(background)]
    facts = {"upstream": upstream, "gc_bin_width": 1 / GC_BINS}
    return Found(examples, (PROMOTER, BACKGROUND), screen.left_out, facts)


def gc_bin(source: TaskSource, window: Interval) -> int:
    """Return the bin of the GC content of ``window``, from 0 to ``GC_BINS``."""
    tokens = source.genome.tokens(window)
    return int(((tokens == C) | (tokens == G)).sum()) * GC_BINS // window.length


def _around_start_sites(annotation: Annotation, length: int, upstream: int) -> list[Example]:
    sites = dict.fromkeys(
        Interval(each.interval.contig, each.tss, each.tss + 1, each.strand) for each in annotation.transcripts
    )
    return [Example(anchored_window(site, length, upstream), PROMOTER) for site in sites]


def _matched(
    source: TaskSource,
    promoters: Sequence[Example],
    near: IntervalSet,
    *,
    screen: Screen,
    rng: np.random.Generator,
) -> dict[int, Example]:
    """Return background by the number of the promoter that it matches, as far as there is any."""
    wanted: defaultdict[int, list[int]] = defaultdict(list)
    for number in rng.permutation(len(promoters)).tolist():
        wanted[gc_bin(source, promoters[number].window)].append(number)
    taken = _Taken()
    matched: dict[int, Example] = {}
    for window in _draw_outside(source, near, _DRAWS_PER_PROMOTER * len(promoters), rng):
        if len(matched) == len(promoters):
            break
        numbers = wanted[gc_bin(source, window)]
        if numbers and not taken.overlaps(window) and screen.objection(window) is None:
            taken.add(window)
            matched[numbers.pop()] = Example(window, BACKGROUND)
    return matched


def _draw_outside(
    source: TaskSource, near: IntervalSet, number: int, rng: np.random.Generator
) -> Iterator[Interval]:
    """Draw windows that touch nothing in ``near``, each place and strand as likely as others."""
    stretches = [
        replace(stretch, strand=strand)
        for contig in source.contigs
        for stretch in near.subtract_from(contig)
        for strand in Strand
        if stretch.length >= source.length
    ]
    if stretches:
        places = Places(stretches, source.length, DrawRules())
        for _ in range(number):
            yield places.draw(rng)


class _Taken:
    """Windows of one length that do not overlap: at most one begins in a stretch of that length."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, int], Interval] = {}

    def add(self, window: Interval) -> None:
        """Remember ``window``."""
        self._windows[window.contig, window.start // window.length] = window

    def overlaps(self, window: Interval) -> bool:
        """Say whether ``window`` overlaps one of those remembered."""
        middle = window.start // window.length
        neighbours = (self._windows.get((window.contig, middle + step)) for step in (-1, 0, 1))
        return any(other is not None and other.overlaps(window) for other in neighbours)
