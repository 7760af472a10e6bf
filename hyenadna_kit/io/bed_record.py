"""One line of a BED file as a value: its columns read and checked, and written.

In: the columns of a line. Out: a :class:`BedRecord`; and back.

Source: Niu, Denisko and Hoffman 2022, The Browser Extensible Data (BED) format, samtools.github.io/hts-specs.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.text_lines import MAX_WHOLE_NUMBER, finite_number, number_text, shortened, whole_number

STANDARD_COLUMNS = (3, 4, 5, 6, 8, 9, 12)
"""Numbers of standard columns that a BED can have: thick ends come together, and so do blocks."""

NOT_RECORDS = ("track", "browser")
"""First words of the lines that are for a browser."""

_MAX_COLUMNS = STANDARD_COLUMNS[-1]
_STRANDS = {"+": Strand.FORWARD, ".": Strand.FORWARD, "-": Strand.REVERSE}
_STRAND_COLUMN = 5
_NONE = "."


@dataclass(frozen=True, slots=True)
class BedRecord:
    """One line of a BED file; absent columns and ``.`` are the defaults.

    BedRecord(Interval("chr1", 10, 40), blocks=([10, 20), [30, 40)))        two exons
    """

    interval: Interval
    """Columns 1 to 3, with the strand of column 6 (forward where it has none)."""
    name: str = ""
    """Column 4."""
    score: float | None = None
    """Column 5."""
    has_strand: bool = False
    """Whether column 6 is ``+`` or ``-``."""
    thick: Interval | None = None
    """Columns 7 and 8: what a browser draws thick, by custom the coding part; None where they are equal."""
    rgb: tuple[int, int, int] | None = None
    """Column 9: red, green and blue from 0 to 255."""
    blocks: tuple[Interval, ...] = ()
    """Columns 10 to 12, ascending, by custom the exons; empty where the line has none."""
    extra: tuple[str, ...] = ()
    """Columns past the standard ones, as they are written."""

    def __post_init__(self) -> None:
        interval, thick = self.interval, self.thick
        fault = _fault_of_blocks(self.blocks, interval) if self.blocks else ""
        if thick is not None and not (interval.contains(thick) and thick.length):
            fault = f"the thick part {thick.start}-{thick.end} does not lie within the interval"
        if interval.strand is Strand.REVERSE and not self.has_strand:
            fault = "it lies on the reverse strand and has_strand is False"
        if fault:
            raise InputError(f"BED record {self.name!r} at {interval.contig}:{_span(interval)}: {fault}")


def parse_interval(columns: list[str]) -> Interval:
    """Return what columns 1 to 3 and 6 say.

    Raises:
        InputError: They are missing or wrong; the reader puts file and line before the message.
    """
    start, end = map(whole_number, columns[1:3]) if len(columns) >= 3 else (None, None)
    if start is None or end is None or not columns[0]:
        line = shortened("\t".join(columns))
        raise InputError(
            f"expected contig, start and end (0-based), got {line}; write columns parted by tabs and whole "
            f"numbers from 0 to {MAX_WHOLE_NUMBER}"
        )
    strand = columns[_STRAND_COLUMN] if len(columns) > _STRAND_COLUMN else "+"
    if strand not in _STRANDS:
        raise InputError(f"strand must be +, - or ., got {shortened(strand)}; mend column 6")
    if end < start:
        raise InputError(f"end {end} lies before start {start}; swap them or remove the line")
    return Interval(columns[0], start, end, _STRANDS[strand])


def parse_record(columns: list[str], num_columns: int) -> BedRecord:
    """Return what the first ``num_columns`` columns say; the others are ``extra``.

    Raises:
        InputError: One of them is wrong; the reader puts file and line before the message.
    """
    interval = parse_interval(columns)
    standard = columns[:num_columns]
    standard += [""] * (_MAX_COLUMNS - len(standard))
    name, score, strand, thick_start, thick_end, rgb = standard[3:9]
    return BedRecord(
        interval,
        name="" if name == _NONE else name,
        score=_score(score),
        has_strand=strand in ("+", "-"),
        thick=_thick(thick_start, thick_end, interval),
        rgb=_rgb(rgb),
        blocks=_blocks(standard[9:], interval) if any(standard[9:]) else (),
        extra=tuple(columns[num_columns:]),
    )


def num_columns_needed(record: BedRecord) -> int:
    """Return how many standard columns hold everything that the record says."""
    said = (record.name, record.score is not None, record.has_strand, record.thick, record.rgb, record.blocks)
    return max([3] + [columns for columns, value in zip(STANDARD_COLUMNS[1:], said, strict=True) if value])


def format_record(record: BedRecord, num_columns: int) -> str:
    """Return the line of a record, without a line end.

    Of 12 columns, the last three of a record without blocks are one block over its whole length.

    Raises:
        InputError: A name cannot be written, or an interval of no bases would need a block.
    """
    interval, thick = record.interval, record.thick or replace(record.interval, end=record.interval.start)
    blocks = record.blocks or (interval,)
    columns = [
        interval.contig,
        str(interval.start),
        str(interval.end),
        record.name or _NONE,
        _NONE if record.score is None else number_text(record.score),
        interval.strand.value if record.has_strand else _NONE,
        str(thick.start),
        str(thick.end),
        ",".join(map(str, record.rgb)) if record.rgb else "0",
        str(len(blocks)),
        "".join(f"{block.length}," for block in blocks),
        "".join(f"{block.start - interval.start}," for block in blocks),
    ]
    words = interval.contig.split(maxsplit=1)
    if not words or words[0] in NOT_RECORDS or interval.contig.startswith("#") or interval.start < 0:
        raise InputError(f"a BED line cannot begin with {shortened(interval.contig)} and {interval.start}")
    if any("\t" in text for text in (interval.contig, record.name, *record.extra)):
        raise InputError(f"{record.name!r} at {_span(interval)}: a column holds a tab; rename it")
    if num_columns == _MAX_COLUMNS and not interval.length:
        raise InputError(f"{record.name!r} at {_span(interval)} has no bases to fill a block; leave it out")
    return "\t".join([*columns[:num_columns], *record.extra])


def _score(text: str) -> float | None:
    if text in ("", _NONE):
        return None
    score = finite_number(text)
    if score is None:
        raise InputError(f"score must be a number or ., got {shortened(text)}; mend column 5")
    return score


def _thick(start: str, end: str, interval: Interval) -> Interval | None:
    if start in ("", _NONE) and end in ("", _NONE):
        return None
    first, last = whole_number(start), whole_number(end)
    if first is None or last is None or first > last:
        raise InputError(
            f"thickStart and thickEnd must be whole numbers in order, got {shortened(start)} and "
            f"{shortened(end)}; mend columns 7 and 8"
        )
    if first == last:
        return None
    thick = replace(interval, start=first, end=last)
    if not interval.contains(thick):
        raise InputError(
            f"the thick part {first}-{last} is not within {_span(interval)}; mend columns 7 and 8"
        )
    return thick


def _rgb(text: str) -> tuple[int, int, int] | None:
    if text in ("", _NONE, "0"):
        return None
    match _numbers(text):
        case [red, green, blue] if max(red, green, blue) <= 255:
            return red, green, blue
    raise InputError(f"itemRgb must be 0 or like 255,0,0, got {shortened(text)}; mend column 9")


def _blocks(columns: list[str], interval: Interval) -> tuple[Interval, ...]:
    count, sizes, starts = whole_number(columns[0]), _numbers(columns[1]), _numbers(columns[2])
    if sizes is None or starts is None or not count == len(sizes) == len(starts):
        shown = " ".join(map(shortened, columns))
        raise InputError(
            f"expected blockCount and as many blockSizes and blockStarts, got {shown}; mend columns 10 to 12"
        )
    blocks = tuple(
        replace(interval, start=interval.start + start, end=interval.start + start + size)
        for start, size in zip(starts, sizes, strict=True)
    )
    fault = _fault_of_blocks(blocks, interval)
    if fault:
        raise InputError(f"{fault}; mend columns 10 to 12")
    return blocks


def _fault_of_blocks(blocks: tuple[Interval, ...], interval: Interval) -> str:
    """Say what is wrong with the blocks of a record, or nothing."""
    if not all(block.length for block in blocks):
        return "a block holds no base"
    if any(one.end > following.start for one, following in pairwise(blocks)):
        return "blocks overlap or descend"
    if blocks[0].start != interval.start or blocks[-1].end != interval.end:
        return (
            f"the blocks reach from {blocks[0].start} to {blocks[-1].end}, the interval is {_span(interval)}"
        )
    return ""


def _numbers(text: str) -> list[int] | None:
    """Return the numbers of a list with commas, of which the last may be followed by one."""
    numbers = [whole_number(part) for part in text.removesuffix(",").split(",")]
    found = [number for number in numbers if number is not None]
    return found if len(found) == len(numbers) else None


def _span(interval: Interval) -> str:
    return f"{interval.start}-{interval.end}"
