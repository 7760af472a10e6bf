"""Uncompressed bytes of any encoding, and every way in which the compressed ones can be cut."""

import gzip
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.io.compressed import DAMAGE, UncompressedStream, describe_damage, is_cut_bgzip
from tests.oracles.vcf import write_bgzip, write_gzip, write_plain

WRITERS = {"plain": write_plain, "gzip": write_gzip, "bgzip": write_bgzip}
TEXT = b"".join(b"line %d of %d\n" % (i, i * i) for i in range(2000))


def encoded(form, content):
    with tempfile.TemporaryDirectory() as folder:
        WRITERS[form](Path(folder) / "file", content)
        return (Path(folder) / "file").read_bytes()


def open_bytes(data, on_read=None):
    return UncompressedStream(io.BytesIO(data), on_read)


def read_all(stream, size=1000):
    return b"".join(iter(lambda: stream.read(size), b""))


def read_until_damage(stream):
    """Return the bytes before the damage, and how it is described; nothing where there is none."""
    found = []
    try:
        found.extend(iter(lambda: stream.read(100), b""))
    except DAMAGE as error:
        return b"".join(found), describe_damage(error)
    return b"".join(found), ""


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=700), size=st.integers(1, 800))
def test_every_encoding_gives_the_bytes_that_were_written(form, content, size):
    # Plain bytes that begin as gzip does are gzip to every reader.
    content = b"plain" + content
    data = encoded(form, content)
    on_disk = []
    stream = open_bytes(data, on_disk.append)
    assert content.startswith(stream.peek(3) or b"?")
    assert read_all(stream, size) == content
    assert not stream.is_cut_bgzip()
    assert not stream.is_empty
    assert b"".join(on_disk) == data
    assert not is_cut_bgzip(io.BytesIO(data))


@pytest.mark.parametrize("form", WRITERS)
def test_lines_are_those_of_the_file_and_cut_where_they_are_too_long(form):
    data = encoded(form, TEXT)
    assert list(open_bytes(data).lines(1 << 20)) == TEXT.splitlines(keepends=True)
    assert all(len(line) <= 5 for line in open_bytes(data).lines(5))
    assert b"".join(open_bytes(data).lines(5)) == TEXT


def test_empty_handle_is_told_from_empty_content():
    assert open_bytes(b"").is_empty
    assert not open_bytes(gzip.compress(b"")).is_empty
    assert open_bytes(gzip.compress(b"")).read(5) == b""


@pytest.mark.parametrize("form", ["gzip", "bgzip"])
def test_every_cut_is_noticed_after_all_that_lies_before_it(form):
    data = encoded(form, TEXT)
    # Between two members of gzip nothing is missing that could be noticed.
    borders = {data.find(b"\x1f\x8b\x08", 1)} if form == "gzip" else set()
    for length in {*range(3, len(data), 97), len(data) - 28, len(data) - 1} - borders:
        stream = open_bytes(data[:length])
        found, damage = read_until_damage(stream)
        assert "download it again" in damage if damage else stream.is_cut_bgzip()
        assert TEXT.startswith(found)
        assert form == "gzip" or is_cut_bgzip(io.BytesIO(data[:length])) == (length >= 18)


def test_much_of_a_cut_file_is_read_before_the_cut():
    data = gzip.compress(TEXT)[:-20]
    found, damage = read_until_damage(open_bytes(data))
    assert damage.startswith("the data end early")
    assert len(found) > len(TEXT) * 3 // 4


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(gzip.compress(TEXT)[:-8] + bytes(8), id="checksum"),
        pytest.param(gzip.compress(TEXT) + b"text", id="text behind"),
        pytest.param(b"\x1f\x8bgarbage", id="header"),
    ],
)
def test_garbled_bytes_are_damage(data):
    with pytest.raises(DAMAGE):
        read_all(open_bytes(data))


@pytest.mark.parametrize("zeros", [1, 511, 70_000])
def test_zeros_that_fill_the_last_block_are_no_content(zeros):
    data = gzip.compress(TEXT) + bytes(zeros) + gzip.compress(b"end") + bytes(zeros)
    assert read_all(open_bytes(data)) == TEXT + b"end" == gzip.decompress(data)


def test_handle_goes_back_to_its_start():
    handle = io.BytesIO(encoded("bgzip", TEXT)[:-28])
    assert is_cut_bgzip(handle)
    assert handle.tell() == 0
