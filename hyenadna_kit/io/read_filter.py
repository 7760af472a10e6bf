"""Which reads of a BAM or CRAM count, and an account of those that do not.

In: the flags, the mapping quality and the length of a read. Out: the reason why it is dropped, if any.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hyenadna_kit.errors import InputError

_FLAGS = {"unmapped": 0x4, "secondary": 0x100, "supplementary": 0x800, "duplicate": 0x400, "qc_fail": 0x200}

LOW_MAPPING_QUALITY = "low_mapping_quality"
TOO_SHORT = "too_short"
NO_SEQUENCE = "no_sequence"

REASONS = (*_FLAGS, LOW_MAPPING_QUALITY, TOO_SHORT, NO_SEQUENCE)
"""Why a read is dropped, in the order in which it is asked: a read is counted under the first."""

_MAX_MAPPING_QUALITY = 255


@dataclass(frozen=True, kw_only=True)
class ReadFilter:
    """Which reads count: by default those with a primary place on the reference, no duplicates."""

    min_mapping_quality: int = 0
    """Lowest mapping quality (Phred, 0 to 255); 255 means that nobody knows, and passes."""
    min_length: int = 0
    """Fewest bases, soft-clipped ones included and hard-clipped ones not."""
    keep_unmapped: bool = False
    """Keep reads without a place on the reference."""
    keep_secondary: bool = False
    """Keep the further places of a read that fits several equally well."""
    keep_supplementary: bool = False
    """Keep the further parts of a read that is aligned in parts."""
    keep_duplicates: bool = False
    """Keep reads marked as copies of another."""
    keep_qc_fail: bool = False
    """Keep reads marked as failing the sequencer's own checks."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_mapping_quality <= _MAX_MAPPING_QUALITY:
            raise InputError(
                f"min_mapping_quality must lie in 0..{_MAX_MAPPING_QUALITY}, got {self.min_mapping_quality}"
            )
        if self.min_length < 0:
            raise InputError(f"min_length must be 0 or more, got {self.min_length}")

    @cached_property
    def dropped_flags(self) -> int:
        """The SAM flags of which one is enough to drop a read."""
        keeps = (
            self.keep_unmapped,
            self.keep_secondary,
            self.keep_supplementary,
            self.keep_duplicates,
            self.keep_qc_fail,
        )
        return sum(flag for flag, keep in zip(_FLAGS.values(), keeps, strict=True) if not keep)

    def reason(self, flags: int, mapping_quality: int, length: int) -> str | None:
        """Return why a read is dropped, one of ``REASONS``, or None where it is kept.

        Args:
            flags: Of SAM.
            mapping_quality: Phred.
            length: Bases in the file.
        """
        dropped = flags & self.dropped_flags
        if dropped:
            return next(name for name, flag in _FLAGS.items() if dropped & flag)
        if mapping_quality < self.min_mapping_quality:
            return LOW_MAPPING_QUALITY
        return TOO_SHORT if length < self.min_length else None


@dataclass(frozen=True)
class ReadReport:
    """How many reads were kept, and how many dropped for which reason."""

    kept: int = 0
    """Reads that passed the filter."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Reads dropped by reason, in the order of ``REASONS``; reasons without reads are left out."""

    @property
    def total(self) -> int:
        """Reads in all."""
        return self.kept + sum(self.dropped.values())

    def describe(self) -> str:
        """Return the numbers in words: ``7 of 10 reads kept (dropped: 2 unmapped, 1 too short)``."""
        reasons = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in self.dropped.items())
        return f"{self.kept:,} of {self.total:,} reads kept" + (f" (dropped: {reasons})" if reasons else "")
