"""The page on scores names what the code writes: every status, every INFO field, every column of a table."""

import re
from pathlib import Path

from hyenadna_kit.scoring.score_columns import (
    CALIBRATION_COLUMNS,
    STATUS_COLUMN,
    WINDOW_COLUMNS,
    score_columns,
)
from hyenadna_kit.scoring.scores import SCORES
from hyenadna_kit.scoring.status import Status

PAGE = (Path(__file__).parents[2] / "docs" / "scoring.md").read_text()
COLUMNS = [*score_columns(SCORES), *CALIBRATION_COLUMNS, *WINDOW_COLUMNS, STATUS_COLUMN]


def first_cells(heading):
    """Return the first column of the table under a heading, without its code marks."""
    rows = PAGE.split(f"| {heading} |")[1].split("\n\n")[0].splitlines()[2:]
    return [re.match(r"\| `(.+?)` \|", row)[1] for row in rows]


def test_every_status_is_explained_once():
    assert first_cells("Status | Score | Meaning") == [
        *("PASS", "EDGE_PADDED", "REF_MISMATCH", r"REF_MISMATCH\|PASS"),
        *(status for status in Status if status not in ("PASS", "EDGE_PADDED", "REF_MISMATCH")),
    ]


def test_every_info_field_is_explained_once_in_the_order_of_a_record():
    assert first_cells("INFO | Number | Meaning") == [column.info.id for column in COLUMNS]


def test_columns_of_a_table_that_are_no_scores_are_named():
    assert all(f"`{column.name}`" in PAGE for column in COLUMNS if column.name not in SCORES)
