"""Windows centred on features and variants.

In: intervals. Out: windows of one length, on the strand of each.

The middle of a stretch is its base ``length // 2`` on the forward strand, of a feature and of a window
alike. Both strands read the same bases: on the reverse strand the middle of an even window is its base
``length - 1 - length // 2``.
"""

from collections.abc import Iterable
from dataclasses import replace

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.windows.stream import item_generator


class CentredWindows:
    """One window around each feature, moved a little where jitter is asked for.

    Item k is a pure function of (seed, k) and of feature k.
    """

    def __init__(
        self, features: Iterable[Interval], length: int, *, max_jitter: int = 0, seed: int = 0
    ) -> None:
        """Take the features.

        Args:
            features: What windows are centred on; :func:`variant_site` makes one of a variant.
            length: Bases of a window, at least 1.
            max_jitter: Most bases by which a window lies too far left or right; every number of
                bases up to it, either way, is as likely as every other.
            seed: Of the jitter; another one, for example in each epoch, moves the windows anew.

        Raises:
            InputError: ``length`` is less than 1, or ``max_jitter`` or ``seed`` is less than 0.
        """
        _check_length(length)
        if max_jitter < 0 or seed < 0:
            raise InputError(f"max_jitter and seed must be at least 0, got {max_jitter} and {seed}")
        self.features = tuple(features)
        self.length = length
        self.max_jitter = max_jitter
        self.seed = seed

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.features)

    def __getitem__(self, item: int) -> Interval:
        """Return the window of feature ``item``, on its strand."""
        if not 0 <= item < len(self.features):
            raise IndexError(f"window {item} of {len(self.features)}")
        window = centre_window(self.features[item], self.length)
        if not self.max_jitter:
            return window
        generator = item_generator(self.seed, item)
        shift = int(generator.integers(-self.max_jitter, self.max_jitter, endpoint=True))
        return replace(window, start=window.start + shift, end=window.end + shift)


def centre_window(feature: Interval, length: int) -> Interval:
    """Return the window that has the middle of ``feature`` in its own middle, on its strand.

        centre_window(Interval("c", 100, 104), 8)  ==  Interval("c", 98, 106)

    Args:
        feature: Any interval; one without bases stands for the base behind it.
        length: Bases of the window, which may reach beyond the contig.

    Raises:
        InputError: ``length`` is less than 1.
    """
    _check_length(length)
    start = middle(feature) - length // 2
    return replace(feature, start=start, end=start + length)


def middle(stretch: Interval) -> int:
    """Return the position of the middle base: of two, the right one on the forward strand."""
    return stretch.start + stretch.length // 2


def variant_site(variant: Variant, strand: Strand = Strand.FORWARD) -> Interval:
    """Return the base at which ``variant`` begins, to be centred on."""
    return Interval(variant.contig, variant.position, variant.position + 1, strand)


def _check_length(length: int) -> None:
    if length < 1:
        raise InputError(f"windows must have at least 1 bp, got {length}")
