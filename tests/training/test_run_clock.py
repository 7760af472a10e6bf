"""The time of a run is that of all its starts together, and counts no step twice."""

import json
from functools import partial
from itertools import pairwise

import pytest

from tests.training import command
from tests.training.runs import words, write_inputs

STEPS, TOKENS = 12, 2 * 2 * 32  # two batches of two windows


@pytest.fixture(autouse=True)
def nothing_runs_on():
    yield
    command.kill_all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("clock"), steps=STEPS, validate_every=4, checkpoint_every=3)


def timing(out):
    return [json.loads(line) for line in (out / "timing.jsonl").read_text().splitlines()]


def assert_goes_on(rows):
    """Steps, seconds and bases never fall, and bases are those of the steps."""
    for name in ("step", "seconds", "bases"):
        assert all(one[name] <= other[name] for one, other in pairwise(rows))
    assert all(row["bases"] == row["step"] * TOKENS for row in rows)


@pytest.mark.kill
def test_time_goes_on_from_the_checkpoint(folder, tmp_path):
    out = tmp_path / "run"
    assert command.run(words(folder, out), tmp_path, partial(command.kill_in_step, 8)).status != 0
    before = timing(out)
    assert_goes_on(before)
    assert (before[0]["step"], before[0]["seconds"], before[-1]["step"]) == (0, 0.0, 8)
    assert command.run(words(folder, out), tmp_path).status == 0
    rows = timing(out)
    assert_goes_on(rows)
    assert rows[-1]["step"] == STEPS
    starts = [row for row in rows if "device" in row]
    assert [row["step"] for row in starts] == [0, 6]  # a checkpoint every third step
    assert [row["processes"] for row in starts] == [1, 1]
    assert [row["products"] for row in starts] == ["fp32", "fp32"]
    assert starts[0]["device"].endswith(", 1 thread")
    at_checkpoint = max(row["seconds"] for row in before if row["step"] == 6)
    assert at_checkpoint <= starts[1]["seconds"] < at_checkpoint + 1


@pytest.mark.kill
def test_row_is_written_as_often_as_the_loss(folder, tmp_path):
    out = tmp_path / "run"
    options = ("--log_every", "5", "--checkpoint_every", "12")
    assert command.run(words(folder, out, *options), tmp_path).status == 0
    assert sorted({row["step"] for row in timing(out)}) == [0, 5, 10, 12]
