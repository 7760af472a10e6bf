"""Numbered lines against a splitter of one line, and what a text file can have wrong."""

import gzip
import re
import tempfile
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.text_lines import (
    finite_number,
    formatted,
    number_text,
    numbered_lines,
    parsed_lines,
    shortened,
    whole_number,
    write_lines,
)
from tests.oracles.vcf import write_bgzip, write_gzip, write_plain

WRITERS = {"plain": write_plain, "gzip": write_gzip, "bgzip": write_bgzip}
TEXTS = st.text(st.characters(exclude_characters="\n\r\0\ufeff", exclude_categories=["Cs"]), max_size=12)


def read(path):
    return list(numbered_lines(path, "BED file"))


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=40, deadline=None)
@given(lines=st.lists(TEXTS, max_size=6), end=st.sampled_from(["\n", "\r\n"]), is_ended=st.booleans())
def test_lines_equal_those_of_a_plain_split(form, lines, end, is_ended):
    text = end.join(lines) + (end if is_ended else "")
    expected = text.replace("\r\n", "\n").split("\n")
    expected = expected[:-1] if expected[-1] == "" else expected
    with tempfile.TemporaryDirectory() as folder:
        WRITERS[form](Path(folder) / "f", text.encode())
        assert read(Path(folder) / "f") == list(enumerate(expected, start=1))


def test_byte_order_mark_is_no_character_of_the_first_line(tmp_path):
    (tmp_path / "f").write_bytes("\ufeffchr1\nchr2".encode())
    assert read(tmp_path / "f") == [(1, "chr1"), (2, "chr2")]


LONG = b"A" * (1 << 20)
GZIPPED = gzip.compress(b"chr1\t0\t10\n" * 3000, mtime=0)


@pytest.mark.parametrize(
    ("content", "good", "message"),
    [
        pytest.param(b"a\nb\0\nc\n", 1, "line 2: holds a NUL byte", id="nul"),
        pytest.param(b"a\n\xff\xfe\n", 1, "line 2: byte 0xff at column 1 is not UTF-8", id="not utf-8"),
        pytest.param("chr1\n".encode("utf-16"), 0, "line 1: holds a NUL", id="utf-16"),
        pytest.param(b"a\rb\rc\n", 0, "line 1: a carriage return stands within", id="old mac"),
        pytest.param(b"a\n" + LONG + b"\n", 1, "line 2: longer than 1048576 bytes", id="long"),
        pytest.param(GZIPPED[:-20], None, "the data end early", id="cut gzip"),
        pytest.param(GZIPPED[:40] + bytes(9) + GZIPPED[49:], None, "cannot be read: Error", id="garbled"),
    ],
)
def test_bad_file_is_named_after_its_good_lines(tmp_path, content, good, message):
    path = tmp_path / "bad"
    path.write_bytes(content)
    lines = []
    with pytest.raises(InputError, match=message) as caught:
        lines.extend(numbered_lines(path, "BED file"))
    assert good is None or len(lines) == good
    assert f"BED file {path}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_line_of_exactly_a_mebibyte_is_read(tmp_path):
    (tmp_path / "f").write_bytes(LONG[:-1] + b"\n")
    assert len(read(tmp_path / "f")[0][1]) == (1 << 20) - 1


def test_bgzip_that_lacks_its_last_block_is_an_error(tmp_path):
    path = tmp_path / "cut.bed.gz"
    write_bgzip(path, b"chr1\t0\t10\n" * 3000)
    path.write_bytes(path.read_bytes()[:-28])
    with pytest.raises(InputError, match=r"cut\.bed\.gz lacks its bgzip end marker"):
        read(path)


def test_path_must_be_a_file_that_can_be_read(tmp_path):
    with pytest.raises(
        InputError, match=r"BED file .*none\.bed cannot be read: No such file.*; check the path"
    ):
        read(tmp_path / "none.bed")
    with pytest.raises(InputError, match="is a folder"):
        read(tmp_path)


def test_reading_stops_where_the_caller_does(tmp_path):
    (tmp_path / "f").write_bytes(b"a\nb\0\n")
    assert next(numbered_lines(tmp_path / "f", "file")) == (1, "a")


def test_parsed_lines_place_the_error_and_drop_what_is_no_record(tmp_path):
    def parse(line):
        if line == "bad":
            raise InputError("this is bad")
        return line.upper() or None

    (tmp_path / "f").write_bytes(b"a\n\nb\nbad\n")
    found = []
    with pytest.raises(InputError, match=rf"^{re.escape(str(tmp_path / 'f'))}, line 4: this is bad$"):
        found.extend(parsed_lines(tmp_path / "f", "file", parse))
    assert found == ["A", "B"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("9" * 5000, None),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("1_0", None),
        (" 1", None),
        ("", None),
        ("\u0661", None),
        ("\u00b2", None),
    ],
)
def test_whole_number(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0.0),
        ("-3", -3.0),
        ("604.9840087890625", 604.9840087890625),
        (".5", 0.5),
        ("5.", 5.0),
        ("2e-9", 2e-9),
        ("1e999", None),
        ("nan", None),
        ("inf", None),
        ("1_0", None),
        ("1,5", None),
        ("", None),
        ("\u0663", None),
    ],
)
def test_finite_number(text, number):
    assert finite_number(text) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_written_number_is_read_back_as_it_was(number):
    assert finite_number(number_text(number)) == number


def test_whole_floats_are_written_without_a_point():
    assert [number_text(number) for number in (3.0, -7.0, 0.25, 1e300)] == ["3", "-7", "0.25", "1e+300"]


def test_shortened_text_is_quoted_and_bounded():
    assert shortened("a\tb\n") == r"'a\tb\n'"
    assert len(shortened("x" * 10_000)) < 100


@pytest.mark.parametrize("name", ["out.bed", "out.bed.gz"])
def test_written_lines_are_read_back(tmp_path, name):
    path = tmp_path / name
    write_lines(path, iter(["chr1\t1", "", "ß\t2"]))
    assert read(path) == [(1, "chr1\t1"), (2, ""), (3, "ß\t2")]
    with pysam.BGZFile(str(path)) if name.endswith(".gz") else path.open("rb") as handle:
        assert handle.read() == "chr1\t1\n\nß\t2\n".encode()
    if name.endswith(".gz"):
        assert path.read_bytes().endswith(bytes.fromhex("1b0003000000000000000000"))


@pytest.mark.parametrize("line", ["a\nb", "a\rb", "a\0b"])
def test_line_that_cannot_be_written_leaves_no_file(tmp_path, line):
    with pytest.raises(InputError, match=r"line 2: .* cannot be written"):
        write_lines(tmp_path / "out", ["a", line])
    assert not list(tmp_path.iterdir())


def test_record_that_cannot_be_formatted_is_named(tmp_path):
    def form(record):
        raise InputError(f"{record} is bad")

    with pytest.raises(InputError, match="out, record 1: x is bad"):
        write_lines(tmp_path / "out", formatted(tmp_path / "out", ["x"], form))
    assert not list(tmp_path.iterdir())
