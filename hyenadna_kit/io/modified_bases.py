"""Base modifications of one read: what its MM and ML tags say of every base that they count.

In: an alignment. Out: for each modification on each strand of the read its probability at every
counted base, in the order in which the file stores the bases. Older files call the tags Mm and Ml.

Source: Sequence Alignment/Map Optional Fields Specification, section 1.7, Base modifications.
"""

import re
from enum import StrEnum
from typing import NamedTuple, NoReturn

import numpy as np
import pysam
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError

CODES = {
    "27551": "m",
    "76792": "h",
    "76794": "f",
    "76793": "c",
    "16964": "g",
    "80961": "e",
    "17477": "b",
    "28871": "a",
    "44605": "o",
    "18107": "n",
}
"""Letter of each modification that has a number in ChEBI."""

_POSITION_TAGS, _PROBABILITY_TAGS, _LENGTH_TAG = ("MM", "Mm"), ("ML", "Ml"), "MN"
_SKIPS = r"(?:,\d{1,9})*"
_ENTRY = re.compile(rf"([ACGTUN])([-+])([A-Za-z]+|\d{{1,9}})([.?]?)({_SKIPS});")
_ENTRIES = re.compile(rf"(?:[ACGTUN][-+](?:[A-Za-z]+|\d{{1,9}})[.?]?{_SKIPS};)*")
_BINS = 256
_HARD_CLIP = 5


class Unusable(StrEnum):
    """Why the modifications of a read cannot be used."""

    UNMAPPED = "unmapped"
    """It has no place on the reference."""
    NO_SEQUENCE = "no_sequence"
    """The record has no bases to count along, as secondary alignments often do."""
    NO_TAGS = "no_tags"
    """Nothing was called on it: it has no MM tag."""
    HARD_CLIPPED = "hard_clipped"
    """Bases are cut off, and MM counts along all of them."""
    OTHER_LENGTH = "other_length"
    """MM counts along more bases than it has, or MN gives another length: it was cut after calling."""


class CalledBases(NamedTuple):
    """One modification on one strand of a read."""

    base: str
    """A, C, G or T as sequenced; N where the modification may be on any base."""
    is_opposite: bool
    """Whether it lies on the strand opposite to the one that was sequenced."""
    code: str
    """One letter (``m``, ``h``), or a number of ChEBI that has none."""
    positions: NDArray[np.int64]
    """Bases of the read that were looked at, ascending, in the order of the file."""
    probabilities: NDArray[np.float32]
    """Of the modification, at each; NaN where it is unknown."""


def unusable(segment: pysam.AlignedSegment, source: str) -> Unusable | None:
    """Return why the modifications of a read cannot be used, or None where they can.

    Args:
        segment: The alignment.
        source: Where it is from, for errors; usually a path.

    Raises:
        InputError: A tag is no text.
    """
    if segment.is_unmapped:
        return Unusable.UNMAPPED
    if not segment.query_length or segment.query_sequence is None:
        return Unusable.NO_SEQUENCE
    if _tag(source, segment, _POSITION_TAGS) is None:
        return Unusable.NO_TAGS
    if any(operation == _HARD_CLIP for operation, _ in segment.cigartuples or ()):
        return Unusable.HARD_CLIPPED
    if _tag(source, segment, (_LENGTH_TAG,)) not in (None, segment.query_length):
        return Unusable.OTHER_LENGTH
    return None


def called_bases(segment: pysam.AlignedSegment, source: str) -> list[CalledBases] | Unusable:
    """Return every modification of a read, or why they cannot be used.

    A base that an entry of MM skips has probability 0 where the entry says ``.`` or nothing, and is
    unknown where it says ``?``. A listed base has the middle of its ML bin, (ML + 0.5) / 256, or 1 where
    the file has no ML.

    Args:
        segment: The alignment.
        source: Where it is from, for errors; usually a path.

    Raises:
        InputError: A tag is garbled, or ML has not one value for each base that MM lists.
    """
    reason = unusable(segment, source)
    if reason is not None:
        return reason
    text = _tag(source, segment, _POSITION_TAGS)
    if not isinstance(text, str) or not _ENTRIES.fullmatch(text):
        _refuse(source, segment, f"its MM {str(text)[:30]!r} is not like 'C+m?,5,12;'")
    entries = [_Entry.of(*groups) for groups in _ENTRY.findall(text)]
    bins = _bins(source, segment, sum(entry.num_listed for entry in entries))
    # Never empty here: unusable() has refused reads without bases.
    bases = np.frombuffer((segment.get_forward_sequence() or "").encode(), dtype=np.uint8)
    called: list[CalledBases] = []
    for entry in entries:
        found = _counted(entry, bases, bins[: entry.num_listed])
        if found is None:
            return Unusable.OTHER_LENGTH
        called += found
        bins = bins[entry.num_listed :]
    return [_as_stored(each, bases.size) for each in called] if segment.is_reverse else called


class _Entry(NamedTuple):
    """One entry of MM: ``C+mh?,5,12;``."""

    base: str
    is_opposite: bool
    codes: list[str]
    when_skipped: float
    skips: list[int]

    @classmethod
    def of(cls, base: str, strand: str, codes: str, mark: str, skips: str) -> "_Entry":
        """Return the entry of the parts of one item of the MM tag."""
        return cls(
            base.replace("U", "T"),
            strand == "-",
            [CODES.get(codes, codes)] if codes.isdigit() else list(codes),
            np.nan if mark == "?" else 0.0,
            [int(skip) for skip in skips.split(",")[1:]],
        )

    @property
    def num_listed(self) -> int:
        """Number of values in ML: one for each code at each base that is listed."""
        return len(self.skips) * len(self.codes)


def _counted(entry: _Entry, bases: NDArray[np.uint8], bins: NDArray[np.float32]) -> list[CalledBases] | None:
    """Return what one entry says, or None where it counts along more bases than there are."""
    positions = np.arange(bases.size) if entry.base == "N" else np.flatnonzero(bases == ord(entry.base))
    if sum(entry.skips) + len(entry.skips) > positions.size:
        return None
    listed = np.cumsum(np.array(entry.skips, dtype=np.int64) + 1) - 1
    called = []
    for place, code in enumerate(entry.codes):
        probabilities = np.full(positions.size, entry.when_skipped, dtype=np.float32)
        # The values of several codes at one base stand beside each other.
        probabilities[listed] = bins[place :: len(entry.codes)]
        called.append(CalledBases(entry.base, entry.is_opposite, code, positions, probabilities))
    return called


def _as_stored(called: CalledBases, length: int) -> CalledBases:
    return called._replace(
        positions=length - 1 - called.positions[::-1], probabilities=called.probabilities[::-1]
    )


def _bins(source: str, segment: pysam.AlignedSegment, num_listed: int) -> NDArray[np.float32]:
    """Return the probability of every listed base."""
    values = _tag(source, segment, _PROBABILITY_TAGS)
    if values is None:
        return np.ones(num_listed, dtype=np.float32)
    bins = np.asarray(values)
    if bins.dtype != np.uint8 or bins.size != num_listed:
        _refuse(
            source, segment, f"its ML has {bins.size} values of {bins.dtype}, MM lists {num_listed} (uint8)"
        )
    return (bins.astype(np.float32) + np.float32(0.5)) / np.float32(_BINS)


def _tag(source: str, segment: pysam.AlignedSegment, names: tuple[str, ...]) -> object:
    """Return the value of the first of these tags that the read has, or None."""
    for name in names:
        try:
            if segment.has_tag(name):
                return segment.get_tag(name)
        except ValueError as error:
            _refuse(source, segment, f"its {name} cannot be read ({error})")
    return None


def _refuse(source: str, segment: pysam.AlignedSegment, fault: str) -> NoReturn:
    try:
        name = repr(segment.query_name)
    except UnicodeDecodeError:
        name = "whose name is not text"
    raise InputError(f"{source}, read {name}: {fault}; call its modifications again, or remove its tags")
