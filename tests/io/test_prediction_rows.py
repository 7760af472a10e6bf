"""Rows that are kept until all are there: they survive, and those of another job are refused."""

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.prediction_rows import prediction_rows

ROWS = np.arange(12, dtype=np.float32).reshape(6, 2)


class StoppedError(Exception):
    pass


def stop_after(out, rows, job):
    def run():
        with prediction_rows(out, job, 2) as kept:
            kept.append(rows)
            raise StoppedError

    with pytest.raises(StoppedError):
        run()


def test_rows_are_there_after_a_stop_and_gone_at_the_end(tmp_path):
    out = tmp_path / "x.tsv"
    stop_after(out, ROWS[:4], {"a": 1})
    with (out.with_name("x.tsv.parts") / "rows.f32").open("ab") as handle:
        handle.write(b"\0\0\0\0\0")
    with prediction_rows(out, {"a": 1}, 2) as kept:
        assert kept.num_rows == 4
        kept.cut(3)
        kept.append(ROWS[3:])
        assert np.array_equal(kept.read(), ROWS)
    assert list(tmp_path.iterdir()) == []


def test_rows_of_another_job_are_refused_and_stay(tmp_path):
    out = tmp_path / "x.tsv"
    stop_after(out, ROWS, {"a": 1, "b": 2})
    with (
        pytest.raises(InputError, match=r"holds parts of another job \(b differ\)"),
        prediction_rows(out, {"a": 1, "b": 3}, 2),
    ):
        pass
    with prediction_rows(out, {"a": 1, "b": 2}, 2) as kept:
        assert kept.num_rows == 6


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "x.tsv.parts").mkdir()
    (tmp_path / "x.tsv.parts" / "mine").touch()
    with pytest.raises(InputError, match="no folder of predict"), prediction_rows(tmp_path / "x.tsv", {}, 2):
        pass
    assert (tmp_path / "x.tsv.parts" / "mine").exists()


def test_rows_of_another_width_are_refused(tmp_path):
    with prediction_rows(tmp_path / "x.tsv", {}, 3) as kept:
        with pytest.raises(ValueError, match="must have 3 numbers"):
            kept.append(ROWS)
        assert kept.read().shape == (0, 3)
