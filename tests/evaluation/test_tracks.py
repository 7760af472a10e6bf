"""Tracks hold every counted base of the stretches, in both formats, whole or not at all."""

import gzip
import math

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.likelihood import Stretch
from hyenadna_kit.evaluation.tracks import write_tracks
from hyenadna_kit.genome.interval import Interval

A, C, G, T, N = 7, 8, 9, 10, 11


def stretch(contig, start, tokens, likelihood, entropy):
    likelihood, entropy = (np.array(values, dtype=np.float32) for values in (likelihood, entropy))
    interval = Interval(contig, start, start + len(tokens))
    return Stretch(0, interval, np.array(tokens, dtype=np.uint8), likelihood, entropy)


STRETCHES = [
    stretch("one", 0, [A, N, G], [-1.25, math.nan, -0.5], [2.0, 1.5, 0.25]),
    stretch("one", 3, [T], [-1.3862944], [1.9999999]),
    stretch("two", 99, [N, C], [math.nan, -1e-7], [1.0, 3e-8]),
]
TSV = (
    "contig\tposition\tbase\tlog_likelihood\tentropy\n"
    "one\t1\tA\t-1.25\t2\n"
    "one\t3\tG\t-0.5\t0.25\n"
    "one\t4\tT\t-1.38629\t2\n"
    "two\t101\tC\t-1e-07\t3e-08\n"
)
BEDGRAPH = "one\t0\t1\t-1.25\none\t2\t3\t-0.5\none\t3\t4\t-1.38629\ntwo\t100\t101\t-1e-07\n"
ENTROPY = "one\t0\t1\t2\none\t2\t3\t0.25\none\t3\t4\t2\ntwo\t100\t101\t3e-08\n"

CASES = {
    "x.tsv": {"x.tsv": TSV},
    "x.tsv.gz": {"x.tsv.gz": TSV},
    "x.bedgraph": {"x.bedgraph": BEDGRAPH, "x.entropy.bedgraph": ENTROPY},
    "x.bg": {"x.bg": BEDGRAPH, "x.entropy.bg": ENTROPY},
    "x.bedgraph.gz": {"x.bedgraph.gz": BEDGRAPH, "x.entropy.bedgraph.gz": ENTROPY},
    "a.bg.v2.bg": {"a.bg.v2.bg": BEDGRAPH, "a.bg.v2.entropy.bg": ENTROPY},
}


def read(path):
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


@pytest.mark.parametrize(("name", "expected"), CASES.items(), ids=CASES.keys())
def test_every_counted_base_is_one_line(tmp_path, name, expected):
    passed_on = list(write_tracks(tmp_path / "new" / name, STRETCHES))
    assert passed_on == STRETCHES
    assert {path.name: read(path) for path in (tmp_path / "new").iterdir()} == expected


@pytest.mark.parametrize("name", CASES)
def test_equal_tracks_are_equal_files(tmp_path, name):
    contents = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        list(write_tracks(folder / name, STRETCHES))
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert contents[0] == contents[1]
    assert all(content[3:8] == bytes(5) for file, content in contents[0].items() if file.endswith(".gz"))


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_there_before_everything_is(tmp_path, name):
    for count, _ in enumerate(write_tracks(tmp_path / name, STRETCHES), start=1):
        assert not any(not path.name.startswith(".") for path in tmp_path.iterdir()), count


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("reader_fails", [False, True], ids=["while computing", "while reading"])
def test_failure_half_way_leaves_what_was_there(tmp_path, name, reader_fails):
    def failing():
        yield STRETCHES[0]
        raise ValueError("no more")

    old = dict.fromkeys(CASES[name], b"old")
    for file, content in old.items():
        (tmp_path / file).write_bytes(content)
    tracks = write_tracks(tmp_path / name, STRETCHES if reader_fails else failing())
    next(tracks)
    if reader_fails:
        tracks.close()
    else:
        with pytest.raises(ValueError, match="no more"):
            next(tracks)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == old


def test_no_stretches_give_a_header(tmp_path):
    assert list(write_tracks(tmp_path / "x.tsv", [])) == []
    assert (tmp_path / "x.tsv").read_text() == TSV.splitlines(keepends=True)[0]


@pytest.mark.parametrize("name", ["x.wig", "x", "x.gz", "tsv", "x.tsv.bz2"])
def test_unknown_suffix_is_refused_before_anything_is_read(tmp_path, name):
    with pytest.raises(
        InputError, match=rf"{name} must end in \.bedgraph, \.bg, \.tsv, with or without \.gz"
    ):
        write_tracks(tmp_path / name, iter(STRETCHES))
    assert list(tmp_path.iterdir()) == []
