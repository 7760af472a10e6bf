"""A table of counts as a picture: the darker a cell, the larger its share of the row.

In: counts and the names of rows and columns. Out: the text of a picture.
"""

from collections.abc import Sequence

from hyenadna_kit.report.svg import picture, rectangle, text

_NAME_WIDTH, _TOP, _BOTTOM, _MARGIN = 110.0, 38.0, 10.0, 14.0
_CELL, _SMALL_CELL = 64.0, 22.0
_MOST_WITH_NUMBERS = 10
_LONGEST_NAME = 16
_LETTERS_OF_CELL = 9
_DARKEST = 0.65


def draw_matrix(
    counts: Sequence[Sequence[int]], names: Sequence[str], *, row_label: str, column_label: str
) -> str:
    """Return the picture; up to ten names, its cells have numbers.

    Args:
        counts: One row of numbers for each name.
        names: What rows and columns are called.
        row_label: What the rows are.
        column_label: What the columns are.
    """
    has_numbers = len(names) <= _MOST_WITH_NUMBERS
    size = _CELL if has_numbers else _SMALL_CELL
    height = size * 0.6 if has_numbers else size
    parts = [
        text(_NAME_WIDTH - 8, _TOP - 8, row_label, anchor="end", style="soft"),
        text(_NAME_WIDTH + size * len(names) / 2, 12.0, column_label, anchor="middle", style="soft"),
    ]
    for number, (name, row) in enumerate(zip(names, counts, strict=True)):
        y, total = _TOP + height * number, max(sum(row), 1)
        parts.append(text(_NAME_WIDTH - 8, y + height / 2 + 4, _cut(name, _LONGEST_NAME), anchor="end"))
        if has_numbers:
            middle = _NAME_WIDTH + size * (number + 0.5)
            parts.append(text(middle, _TOP - 8, _cut(name, _LETTERS_OF_CELL), anchor="middle"))
        for column, count in enumerate(row):
            x = _NAME_WIDTH + size * column
            parts.append(rectangle(x, y, size, height, opacity=_DARKEST * count / total))
            if has_numbers:
                parts.append(text(x + size / 2, y + height / 2 - 1, f"{count:,}", anchor="middle"))
                parts.append(
                    text(
                        x + size / 2,
                        y + height / 2 + 12,
                        f"{count / total:.0%}",
                        anchor="middle",
                        style="soft",
                    )
                )
    width = round(_NAME_WIDTH + size * len(names) + _MARGIN)
    label = f"{row_label} against {column_label}"
    return picture(width, round(_TOP + height * len(names) + _BOTTOM), "".join(parts), label=label)


def _cut(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
