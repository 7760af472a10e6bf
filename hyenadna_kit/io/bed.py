"""BED files: intervals, 0-based and half-open as in the file.

In: a path. Out: intervals in the order of the file. Columns past the sixth are not read.
"""

from collections.abc import Iterator
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand

_NOT_RECORDS = ("track", "browser")
_STRANDS = {"+": Strand.FORWARD, ".": Strand.FORWARD, "-": Strand.REVERSE}
_STRAND_COLUMN = 5


def read_bed(path: Path) -> Iterator[Interval]:
    """Yield the interval of every line; track lines, comments and blank lines are passed over.

    Raises:
        InputError: The file cannot be read, or a line has too few columns, no whole numbers, an end
            before its start or an unknown strand; file and line are named.
    """
    try:
        with path.open() as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip() and not line.startswith("#") and line.split()[0] not in _NOT_RECORDS:
                    yield _interval(line, f"{path}, line {number}")
    except OSError as error:
        raise InputError(f"BED file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"BED file {path} is not text; a compressed BED must be unpacked first") from None


def _interval(line: str, source: str) -> Interval:
    columns = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
    if len(columns) < 3 or not (columns[1].isdecimal() and columns[2].isdecimal()):
        raise InputError(f"{source}: expected contig, start and end (0-based), got {line.strip()[:60]!r}")
    strand = columns[_STRAND_COLUMN] if len(columns) > _STRAND_COLUMN else "+"
    if strand not in _STRANDS:
        raise InputError(f"{source}: strand must be +, - or ., got {strand!r}")
    start, end = int(columns[1]), int(columns[2])
    if end < start:
        raise InputError(f"{source}: end {end} lies before start {start}")
    return Interval(columns[0], start, end, _STRANDS[strand])
