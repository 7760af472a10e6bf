"""BED lines to intervals."""

import gzip

import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.bed import read_bed


def read(tmp_path, text):
    path = tmp_path / "r.bed"
    path.write_text(text)
    return list(read_bed(path))


@pytest.mark.parametrize(
    ("line", "interval"),
    [
        ("chr1\t0\t10", Interval("chr1", 0, 10)),
        ("chr1\t5\t5", Interval("chr1", 5, 5)),
        ("chr1\t5\t9\tname\t0\t-\tmore\tcolumns", Interval("chr1", 5, 9, Strand.REVERSE)),
        ("chr1\t5\t9\tname\t0\t+", Interval("chr1", 5, 9)),
        ("chr1\t5\t9\tname\t0\t.", Interval("chr1", 5, 9)),
        ("chr1 5 9 name", Interval("chr1", 5, 9)),
        ("a b\t5\t9", Interval("a b", 5, 9)),
        ("chr1\t5\t9\r", Interval("chr1", 5, 9)),
        ("tracks1\t5\t9", Interval("tracks1", 5, 9)),
        ("browser.2\t5\t9", Interval("browser.2", 5, 9)),
    ],
    ids=[
        "three",
        "empty",
        "reverse",
        "forward",
        "dot",
        "blanks",
        "blank in name",
        "CRLF",
        "track-",
        "browser-",
    ],
)
def test_line_is_read(tmp_path, line, interval):
    assert read(tmp_path, line + "\n") == [interval]


def test_order_is_that_of_the_file_and_other_lines_are_passed_over(tmp_path):
    headers = 'browser position chr7:1-9\ntrack name="a b"\n#comment\n\n'
    text = headers + "b\t3\t4\n  \n# x\na\t1\t2\ntrack\tx=y\nb\t3\t4"
    assert read(tmp_path, text) == [Interval("b", 3, 4), Interval("a", 1, 2), Interval("b", 3, 4)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\t5", r"expected contig, start and end \(0-based\), got 'chr1\\t5'"),
        ("chr1\tfive\t9", "expected contig, start and end"),
        ("chr1\t-1\t9", "expected contig, start and end"),
        ("chr1\t1.5\t9", "expected contig, start and end"),
        ("chr1\t1_0\t90", "expected contig, start and end"),
        ("chr1\t9\t5", "end 5 lies before start 9"),
        ("chr1\t5\t9\tn\t0\t*", r"strand must be \+, - or \., got '\*'"),
    ],
    ids=["two columns", "word", "negative", "fraction", "underscore", "backwards", "strand"],
)
def test_bad_line_is_named_with_its_number(tmp_path, line, message):
    with pytest.raises(InputError, match=rf"r\.bed, line 3: {message}"):
        read(tmp_path, f"# header\nchr1\t0\t1\n{line}\n")


def test_long_line_is_not_repeated_whole(tmp_path):
    with pytest.raises(InputError) as caught:
        read(tmp_path, "x" * 10_000)
    assert len(str(caught.value)) < 300


def test_missing_and_compressed_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.bed cannot be read: No such file"):
        list(read_bed(tmp_path / "none.bed"))
    path = tmp_path / "r.bed.gz"
    path.write_bytes(gzip.compress(b"chr1\t0\t10\n"))
    with pytest.raises(InputError, match=r"r\.bed\.gz is not text; a compressed BED must be unpacked"):
        list(read_bed(path))
