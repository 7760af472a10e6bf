"""What a command says of how far it is."""

import sys

import pytest

from hyenadna_kit.commands import progress
from hyenadna_kit.commands.progress import Unit, show_progress

MEGABYTES = Unit("MB", 1_000_000, 1, "reading", "read")


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only where a test says so."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_plain_line_every_half_minute_and_at_the_end(capsys, clock):
    with show_progress("bases") as on_progress:
        for done, seconds in ((1000, 10), (2000, 25), (3000, 5), (4000, 20)):
            clock[0] += seconds
            on_progress(done, 10_000)
        clock[0] += 1
    assert capsys.readouterr().err.splitlines() == [
        "2,000 of 10,000 bases in 35.0 s (57 bases/s), about 2 min left",
        "4,000 bases in 61.0 s (66 bases/s)",
    ]


def test_unit_says_how_it_is_counted_and_what_is_done(capsys, clock):
    with show_progress(MEGABYTES) as on_progress:
        clock[0] += 40
        on_progress(4_640_000_000, 9_000_000_000)
        clock[0] += 10
        on_progress(9_000_000_000, 9_000_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "reading 4,640.0 of 9,000.0 MB in 40.0 s (116 MB/s), about 38 s left",
        "read 9,000.0 MB in 50.0 s (180 MB/s)",
    ]


def test_unknown_total_is_left_out(capsys, clock):
    with show_progress("records") as on_progress:
        clock[0] += 40
        on_progress(5, None)
    assert capsys.readouterr().err.splitlines() == ["5 records in 40.0 s (0 records/s)"] * 2


@pytest.mark.parametrize(
    ("done", "left"),
    [(5, "about 2.2 h left"), (100, "about 6 min left"), (400, "about 60 s left"), (1000, "")],
)
def test_time_left_if_it_goes_on_like_this(capsys, clock, done, left):
    with show_progress("bases") as on_progress:
        clock[0] += 40
        on_progress(done, 1000)
    first = capsys.readouterr().err.splitlines()[0]
    assert first.partition("), ")[2] == left


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_is_said_of_nothing(capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    with show_progress("bases"):
        pass
    assert "bases" not in capsys.readouterr().err


def test_failed_work_has_no_last_line(capsys, clock):
    def fail():
        with show_progress("bases") as on_progress:
            on_progress(5, 10)
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        fail()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("unit", "text"),
    [("records", "20 of 30 records in"), (MEGABYTES, "reading 0.0 of 0.0 MB in")],
    ids=["count", "bytes"],
)
def test_terminal_shows_a_bar(capsys, monkeypatch, unit, text):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    with show_progress(unit) as on_progress:
        on_progress(20, 30)
    shown = capsys.readouterr().err
    assert text in shown
    assert "━" in shown
