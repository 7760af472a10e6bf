"""Rows of a run that was stopped are those of the steps that count, in the file and in its copies."""

import json

import pytest

from hyenadna_kit.training.step_rows import StepRows


class Copy:
    """A copy that notes what it is told."""

    def __init__(self):
        self.rows, self.closed = [], 0

    def restart(self, rows):
        self.rows = list(rows)

    def add(self, row):
        self.rows.append(row)

    def close(self):
        self.closed += 1


def written(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("last_step", [0, 1, 2, 3, 9])
def test_rows_of_later_steps_are_dropped(tmp_path, last_step):
    copy = Copy()
    rows = StepRows(tmp_path / "rows.jsonl", [copy])
    all_rows = [{"step": step, "x": step / 3} for step in (1, 2, 2, 3)]
    for row in all_rows:
        rows.add(**row)
    assert written(rows.path) == copy.rows == all_rows
    kept = rows.keep(last_step)
    assert kept == [row for row in all_rows if row["step"] <= last_step]
    rows.add(step=10, x=0.1)
    rows.sync()
    assert written(rows.path) == copy.rows == [*kept, {"step": 10, "x": 0.1}]


def test_line_that_was_cut_short_is_dropped(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"step": 1}\n{"step": 2, "x"')
    assert StepRows(tmp_path / "rows.jsonl").keep(5) == [{"step": 1}]
    assert written(tmp_path / "rows.jsonl") == [{"step": 1}]


def test_run_without_rows_begins_with_an_empty_file(tmp_path):
    copy = Copy()
    rows = StepRows(tmp_path / "folder" / "rows.jsonl", [copy])
    assert rows.keep(3) == []
    assert written(rows.path) == []
    rows.close()
    assert copy.closed == 1
