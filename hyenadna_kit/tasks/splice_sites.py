"""Donor, acceptor or decoy: does an intron begin or end in the middle of a window?

``donor``: the first two bases of an annotated intron (mostly GT) are bases number ``upstream`` and
``upstream + 1`` (from 0) of the window as it is read. ``acceptor``: the same for the last two (mostly AG).
``decoy``: the same for a GT or AG, half of them each, inside a gene and on its strand, at which no
annotated intron begins or ends.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hyenadna_kit.genome.annotation import Annotation
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.tasks.examples import Example, Found, Screen, anchored_window, balanced
from hyenadna_kit.tasks.source import TaskSource
from hyenadna_kit.windows.places import DrawRules, Places

DONOR, ACCEPTOR, DECOY = "donor", "acceptor", "decoy"
CANONICAL = {DONOR: "GT", ACCEPTOR: "AG"}
"""The two bases that nearly all introns begin and end with."""

SHORT_INTRON = "is of an intron of less than 4 bp"

_SITE_LENGTH = 2
_DRAWS_PER_DECOY = 1000


def find_splice_sites(source: TaskSource, rng: np.random.Generator) -> Found:
    """Return equally many windows around donors, acceptors and decoys.

    Introns that several transcripts share count once. Sites that are not GT or AG are kept; the
    share of those that are is among the facts.

    Raises:
        InputError: A class has no window.
    """
    upstream = (source.length - _SITE_LENGTH) // 2 if source.upstream is None else source.upstream
    screen = Screen(source.genome)
    introns = [intron for intron in _introns(source.functional) if _has_room(intron, screen)]
    sites = dict.fromkeys(site for intron in introns for site in _ends(intron))
    real = [site for site in sites if screen.admits(_around(site, source.length, upstream))]
    counts = Counter(site.label for site in real)
    most = min(counts[DONOR], counts[ACCEPTOR], source.max_per_class or len(real))
    examples = [_around(site, source.length, upstream) for site in real]
    examples += _draw_decoys(source, most, upstream, screen=screen, rng=rng)
    classes = (DONOR, ACCEPTOR, DECOY)
    drawn = balanced(examples, classes, most, rng=rng, left_out=screen.left_out)
    facts = {"upstream": upstream, "canonical_fraction": _canonical(source, real)}
    return Found(drawn, classes, screen.left_out, facts)


def _introns(annotation: Annotation) -> list[Interval]:
    """Return every intron once."""
    return list(dict.fromkeys(part for each in annotation.transcripts for part in each.introns))


def _has_room(intron: Interval, screen: Screen) -> bool:
    """Say whether the sites of an intron share no base; a shorter one only mends the frame."""
    if intron.length >= 2 * _SITE_LENGTH:
        return True
    screen.left_out.update({(DONOR, SHORT_INTRON): 1, (ACCEPTOR, SHORT_INTRON): 1})
    return False


def _ends(intron: Interval) -> tuple[Example, Example]:
    """Return the first and the last two bases of an intron, on its strand."""
    left = replace(intron, end=intron.start + _SITE_LENGTH)
    right = replace(intron, start=intron.end - _SITE_LENGTH)
    first, last = (left, right) if intron.strand is Strand.FORWARD else (right, left)
    return Example(first, DONOR), Example(last, ACCEPTOR)


def _around(site: Example, length: int, upstream: int) -> Example:
    return site._replace(window=anchored_window(site.window, length, upstream))


def _draw_decoys(
    source: TaskSource, number: int, upstream: int, *, screen: Screen, rng: np.random.Generator
) -> list[Example]:
    """Draw windows around a GT or an AG, half of them each: ``number``, or what genes have."""
    taken = {site.window for intron in _introns(source.annotation) for site in _ends(intron)}
    wanted = {CANONICAL[DONOR]: number - number // 2, CANONICAL[ACCEPTOR]: number // 2}
    genes = dict.fromkeys(gene.interval for gene in source.functional.genes)
    places = Places([gene for gene in genes if gene.length >= _SITE_LENGTH], _SITE_LENGTH, DrawRules())
    decoys: list[Example] = []
    for _ in range(_DRAWS_PER_DECOY * number):
        if len(decoys) == number:
            break
        site = places.draw(rng)
        bases = source.genome.fetch(site)
        decoy = _around(Example(site, DECOY), source.length, upstream)
        if wanted.get(bases) and site not in taken and screen.objection(decoy.window) is None:
            wanted[bases] -= 1
            decoys.append(decoy)
    return decoys


def _canonical(source: TaskSource, sites: Sequence[Example]) -> dict[str, float]:
    """Return the share of donors that are GT, and of acceptors that are AG."""
    shares = {}
    for label, bases in CANONICAL.items():
        of_label = [source.genome.fetch(site.window) == bases for site in sites if site.label == label]
        shares[label] = sum(of_label) / len(of_label)
    return shares
