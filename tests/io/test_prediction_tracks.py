"""Predictions as tracks: sorted, one value a base, each bin where it was read."""

import gzip

import numpy as np
import pybigtools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.prediction_tracks import lay_out_track, track_paths, write_tracks


def write(path, intervals, rows, **options):
    layout = lay_out_track(path, intervals, may_overlap=options.pop("may_overlap", False))
    write_tracks([path], layout, np.array(rows, dtype=np.float32).reshape(-1, 1), **options)
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return [line.split("\t") for line in text.splitlines()]


def test_records_are_sorted_by_contig_and_start(tmp_path):
    intervals = [Interval("b", 5, 9), Interval("a10", 0, 2), Interval("b", 0, 5), Interval("a2", 1, 3)]
    assert write(tmp_path / "x.bedGraph", intervals, [1, 2, 3, 0.25]) == [
        ["a10", "0", "2", "2"],
        ["a2", "1", "3", "0.25"],
        ["b", "0", "5", "3"],
        ["b", "5", "9", "1"],
    ]


def test_bins_of_the_reverse_strand_lie_the_other_way_round(tmp_path):
    intervals = [Interval("c", 10, 16, Strand.REVERSE), Interval("c", 2, 6)]
    assert write(tmp_path / "x.bg.gz", intervals, [1, 2, 3, 4, 5], bin_size=2) == [
        ["c", "2", "4", "4"],
        ["c", "4", "6", "5"],
        ["c", "10", "12", "3"],
        ["c", "12", "14", "2"],
        ["c", "14", "16", "1"],
    ]


def test_windows_that_overlap_share_out_their_bases(tmp_path):
    intervals = [Interval("c", start, start + 10) for start in (0, 4, 8)]
    lines = write(tmp_path / "x.bg", intervals, [1, 2, 3], may_overlap=True)
    assert lines == [["c", "0", "7", "1"], ["c", "7", "11", "2"], ["c", "11", "18", "3"]]


@given(st.integers(1, 30), st.integers(1, 12), st.integers(30, 80), st.sampled_from([None, 1, 3]))
def test_tiles_cover_every_base_once(tmp_path_factory, length, stride, end, bin_size):
    length = length * (bin_size or 1) if length * (bin_size or 1) <= end else bin_size or 1
    stride = min(stride, length)
    starts = [*range(0, end - length, stride), end - length]
    intervals = [Interval("c", start, start + length) for start in starts]
    rows = np.zeros(len(starts) * (length // (bin_size or length)))
    path = tmp_path_factory.getbasetemp() / "tiles.bg"
    lines = write(path, intervals, rows, bin_size=bin_size, may_overlap=True)
    borders = [0, *(int(line[2]) for line in lines)]
    assert [int(line[1]) for line in lines] == borders[:-1]
    assert borders[-1] == end


def test_places_with_a_base_in_common_are_refused(tmp_path):
    with pytest.raises(InputError, match="c:3-6 and c:6-9 overlap, and a track has one value a base"):
        lay_out_track(tmp_path / "x.bg", [Interval("c", 5, 9), Interval("c", 2, 6), Interval("d", 2, 6)])


def test_a_bigwig_is_made_of_it(tmp_path):
    """Another program takes the track: it refuses what is not sorted or overlaps."""
    intervals = [Interval("b", 5, 9), Interval("a", 0, 2), Interval("b", 0, 5)]
    lines = write(tmp_path / "x.bedgraph", intervals, [1, 2, 3])
    writer = pybigtools.open(str(tmp_path / "x.bw"), "w")
    rows = ((contig, int(start), int(end), float(value)) for contig, start, end, value in lines)
    writer.write({"a": 2, "b": 9}, rows)
    with pybigtools.open(str(tmp_path / "x.bw")) as track:
        assert track.values("b", 0, 9, fillna=None).tolist() == [3] * 5 + [1] * 4


def test_every_number_of_a_row_has_a_file(tmp_path):
    path = tmp_path / "x.y.bedGraph.gz"
    assert track_paths(path, ["p"]) == [path]
    names = [each.name for each in track_paths(path, ["p", "q / r"])]
    assert names == ["x.y.p.bedGraph.gz", "x.y.q_r.bedGraph.gz"]
    with pytest.raises(InputError, match="would have one name"):
        track_paths(path, ["a b", "a/b"])
