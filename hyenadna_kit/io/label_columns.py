"""Which columns of a table hold labels: by name, by pattern, or from one to another.

In: what a user wrote, and the names that a table has. Out: names, in the order of the table where a pattern
stands for several.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from hyenadna_kit.config import nearest
from hyenadna_kit.errors import InputError
from hyenadna_kit.io.table_cells import RESERVED

LABEL = "label"
"""The column that is predicted where nothing else is said."""
NAME = "name"
"""The column by which the rows of two tables are matched."""
GENOME = "genome"
"""The column that names the genome of each row, where a table has places on several."""

_NO_LABELS = frozenset({*RESERVED, NAME, GENOME})
_RANGE = ".."
_MOST_SHOWN = 8


def expand_columns(wanted: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that are meant, each once.

        expand_columns(("y_*",), ("contig", "y_1", "y_2"))        ==  ("y_1", "y_2")
        expand_columns(("DNase..CTCF",), (..., "DNase", "K4", "CTCF"))  ==  ("DNase", "K4", "CTCF")

    Args:
        wanted: Names; patterns with ``*`` and ``?``, which never mean sequences, places, ``name`` and
            ``genome``; or the first and the last of a run of columns with two dots between them.
        names: The columns of the table.

    Raises:
        InputError: There is no such column.
    """
    found = [name for each in wanted for name in _meant(each, names)]
    return tuple(dict.fromkeys(found))


def _meant(wanted: str, names: Sequence[str]) -> Sequence[str]:
    if wanted in names:
        return (wanted,)
    first, is_range, last = wanted.partition(_RANGE)
    if is_range and first in names and last in names:
        start, end = names.index(first), names.index(last)
        return names[min(start, end) : max(start, end) + 1]
    if "*" not in wanted and "?" not in wanted:
        raise InputError(f"there is no column {wanted!r}{nearest(wanted, names) if names else ''}")
    matching = [name for name in names if fnmatchcase(name, wanted) and name not in _NO_LABELS]
    if not matching:
        known = ", ".join(names[:_MOST_SHOWN]) or "none"
        raise InputError(f"no column matches {wanted!r}; there are {known}")
    return matching
