"""What every task gives: windows with a class each, and how many were left out and why.

In: windows that a task proposes. Out: those that are fit to learn from, equally many of each class.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.tokenizers.nucleotide import N

BEYOND_CONTIG = "reaches beyond the contig"
HOLDS_N = "holds N"
SAME_BASES = "has the bases of an example before it"
OVERLAPS = "overlaps an example before it"
TOO_SHORT = "lies in a stretch that is shorter than a window"
NOT_DRAWN = "is more than the smallest class or max_per_class has"


class Example(NamedTuple):
    """A window and its class."""

    window: Interval
    """Read on its strand."""
    label: str
    """Name of the class."""


LeftOut = Counter[tuple[str, str]]
"""How many windows (or stretches without room for one) of a class were left out, for each reason."""


class Found(NamedTuple):
    """What a task made of its source."""

    examples: list[Example]
    """Windows inside their contigs, without N, no two of equal bases."""
    classes: tuple[str, ...]
    """Their classes, in the order in which they are told."""
    left_out: LeftOut
    """What was left out."""
    facts: dict[str, Any]
    """What else should be known of the examples, as plain data."""


class Screen:
    """Takes windows one by one, and refuses those that no task can use."""

    def __init__(self, genome: Genome) -> None:
        """Take the ``genome`` that the windows lie on."""
        self.left_out: LeftOut = Counter()
        self._genome = genome
        self._seen: set[bytes] = set()

    def admits(self, example: Example) -> bool:
        """Say whether a window can be used, and count it where it cannot."""
        reason = self.objection(example.window)
        if reason is not None:
            self.left_out[example.label, reason] += 1
        return reason is None

    def objection(self, window: Interval) -> str | None:
        """Return why a window cannot be used; None where it can, and then its bases cannot again."""
        if window.start < 0 or window.end > self._genome.contigs[window.contig]:
            return BEYOND_CONTIG
        tokens = self._genome.tokens(window)
        if (tokens == N).any():
            return HOLDS_N
        # Sixteen bytes a window, however long it is.
        digest = hashlib.blake2b(tokens.tobytes(), digest_size=16).digest()
        if digest in self._seen:
            return SAME_BASES
        self._seen.add(digest)
        return None


def anchored_window(site: Interval, length: int, upstream: int) -> Interval:
    """Return the window in which ``upstream`` bases come before ``site``, as it is read.

        anchored_window(Interval("c", 100, 102), 10, 4)                   ==  [96, 106)
        anchored_window(Interval("c", 100, 102, Strand.REVERSE), 10, 4)   ==  [96, 106), on the reverse strand

    Args:
        site: At least one base, on its strand.
        length: Bases of the window, which may reach beyond the contig.
        upstream: Bases of the window before the site.
    """
    is_forward = site.strand is Strand.FORWARD
    start = site.start - upstream if is_forward else site.end + upstream - length
    return Interval(site.contig, start, start + length, site.strand)


def balanced(
    found: Sequence[Example],
    labels: Sequence[str],
    most: int | None,
    *,
    rng: np.random.Generator,
    left_out: LeftOut,
) -> list[Example]:
    """Draw equally many examples of each class, and keep their order.

    Args:
        found: All examples.
        labels: The classes.
        most: Most examples of a class; None is as many as the smallest class has.
        rng: Draws them.
        left_out: Counts those that are not drawn.

    Raises:
        InputError: A class has no example.
    """
    numbers: Mapping[str, list[int]] = {label: [] for label in labels}
    for number, example in enumerate(found):
        numbers[example.label].append(number)
    size = min(map(len, numbers.values()))
    size = size if most is None else min(size, most)
    kept: list[int] = []
    for label, of_label in numbers.items():
        if not of_label:
            reasons = [f"{count:,} {reason}" for (of, reason), count in left_out.items() if of == label]
            raise InputError(
                f"no window of class {label!r} is left ({'; '.join(reasons) or 'the annotation has none'}); "
                "try another length, or another annotation"
            )
        kept += rng.choice(of_label, size=size, replace=False).tolist()
        left_out[label, NOT_DRAWN] += len(of_label) - size
    return [found[number] for number in sorted(kept)]
