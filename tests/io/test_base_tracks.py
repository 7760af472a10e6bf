"""Tracks of one value a base: sorted, without what is no number, and the same in both formats."""

import gzip

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.base_tracks import write_base_track

CONTIGS = {"b": 100, "a": 50}
STRETCHES = [
    (Interval("b", 10, 13), np.array([1.5, np.nan, -2.0], np.float32)),
    (Interval("a", 4, 6), np.array([0.25, 1e-7], np.float32)),
    (Interval("b", 2, 3), np.array([7.0], np.float32)),
]
ROWS = [("a", 4, 5, 0.25), ("a", 5, 6, 1e-7), ("b", 2, 3, 7.0), ("b", 10, 11, 1.5), ("b", 12, 13, -2.0)]


def rows(text):
    cells = [line.split("\t") for line in text.splitlines()]
    return [
        (contig, int(start), int(end), pytest.approx(float(value))) for contig, start, end, value in cells
    ]


def test_bedgraph_has_a_line_a_base(tmp_path):
    write_base_track(tmp_path / "x.bedgraph", CONTIGS, STRETCHES)
    assert rows((tmp_path / "x.bedgraph").read_text()) == ROWS
    write_base_track(tmp_path / "x.bedgraph.gz", CONTIGS, STRETCHES)
    assert rows(gzip.decompress((tmp_path / "x.bedgraph.gz").read_bytes()).decode()) == ROWS


def test_bigwig_has_the_same_values(tmp_path):
    pybigtools = pytest.importorskip("pybigtools", reason="pybigtools is in the bigwig extra")
    write_base_track(tmp_path / "x.bw", CONTIGS, STRETCHES)
    with pybigtools.open(str(tmp_path / "x.bw")) as track:
        assert track.chroms() == CONTIGS
        found = [(contig, *record) for contig in ("a", "b") for record in track.records(contig)]
    assert found == [(*row[:3], pytest.approx(row[3])) for row in ROWS]


def test_bigwig_of_no_value_is_refused(tmp_path):
    pytest.importorskip("pybigtools", reason="pybigtools is in the bigwig extra")
    nothing = [(Interval("a", 0, 2), np.full(2, np.nan, np.float32))]
    with pytest.raises(InputError, match="no base has a score"):
        write_base_track(tmp_path / "x.bw", CONTIGS, nothing)
    assert not list(tmp_path.iterdir())
    write_base_track(tmp_path / "x.bedgraph", CONTIGS, nothing)
    assert (tmp_path / "x.bedgraph").read_text() == ""
