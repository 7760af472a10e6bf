"""Every parser on random bytes and on damaged files: it reads them, or says in one line why not.

A target is a file ``target_<format>.py``; see :mod:`tests.fuzz.targets`. ``make fuzz`` searches longer,
guided by coverage.
"""

import tempfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import FORMATS, load, outcome

# Few examples of each: all targets together take less than half a minute.
QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def flip(content, start, end, piece):
    """Change one byte."""
    changed = content[start] ^ (piece[0] if piece and piece[0] else 1)
    return content[:start] + bytes([changed]) + content[start + 1 :]


def delete(content, start, end, piece):
    """Leave out a stretch."""
    return content[:start] + content[end:]


def insert(content, start, end, piece):
    """Put in bytes from elsewhere."""
    return content[:start] + piece + content[start:]


def duplicate(content, start, end, piece):
    """Say a stretch twice."""
    return content[:end] + content[start:end] + content[end:]


def truncate(content, start, end, piece):
    """Stop early."""
    return content[:start]


MUTATIONS = [flip, delete, insert, duplicate, truncate]
# Bytes that mean something to one format or another.
WORDS = [
    b"\0",
    b"\n",
    b"\r",
    b"\t",
    b"-1",
    b"0",
    b"9" * 25,
    b'"',
    b";",
    b"=",
    b",",
    b"%",
    b">",
    b"#",
    b"\xff",
    b"//\n",
]


@st.composite
def damaged(draw, seeds):
    """A seed after one to four mutations."""
    content = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        if content:
            start = draw(st.integers(0, len(content) - 1))
            end = draw(st.integers(start, min(len(content), start + 200)))
            piece = draw(st.sampled_from(WORDS) | st.binary(max_size=4))
            content = draw(st.sampled_from(MUTATIONS))(content, start, end, piece)
    return content


@pytest.mark.parametrize("name", FORMATS)
def test_seeds_are_read(name, tmp_path):
    target = load(name)
    assert target.SEEDS
    for number, seed in enumerate(target.SEEDS):
        assert (number, outcome(target, tmp_path, seed)) == (number, "")


@pytest.mark.parametrize("name", FORMATS)
@QUICK
@given(data=st.data())
def test_damaged_files_are_read_or_refused(name, data):
    target = load(name)
    content = data.draw(damaged(target.SEEDS))
    with tempfile.TemporaryDirectory() as folder:
        outcome(target, folder, content)


@pytest.mark.parametrize("name", FORMATS)
@QUICK
@given(data=st.data())
def test_random_bytes_are_read_or_refused(name, data):
    target = load(name)
    head = data.draw(st.sampled_from([b"", *(seed[:20] for seed in target.SEEDS)]))
    content = head + data.draw(st.binary(max_size=200))
    with tempfile.TemporaryDirectory() as folder:
        outcome(target, folder, content)


def test_a_parser_that_fails_otherwise_is_caught(tmp_path):
    class Broken:
        @staticmethod
        def parse(path):
            raise KeyError(path)

    with pytest.raises(KeyError):
        outcome(Broken, tmp_path, b"")
