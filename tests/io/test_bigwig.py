"""bigWig tracks against arrays of what was written, in any process, and files that lie."""

import builtins
import math
import multiprocessing
import pickle
import random
import struct
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.bigwig import BigWig
from tests.oracles.bigwig import BEDGRAPH, FIXED_STEP, VARIABLE_STEP, bigwig_bytes

pybigtools = pytest.importorskip("pybigtools", reason="pybigtools is in the extra bigwig")

LENGTHS = {"chr1": 5000, "chr2": 700, "chrM": 160}


def draw_items(seed):
    """Return items ``(contig, start, end, value)``, and the value of every base by contig."""
    rng = random.Random(seed)
    items, truth = [], {}
    for contig, length in LENGTHS.items():
        truth[contig] = np.full(length, np.nan, dtype=np.float32)
        start = rng.randrange(20)
        while start < length:
            end = min(length, start + rng.randint(1, 30))
            value = float(np.float32(rng.uniform(-5, 5)))
            items.append((contig, start, end, value))
            truth[contig][start:end] = value
            start = end + rng.choice([0, 0, 1, 17])
    return items, truth


ITEMS, TRUTH = draw_items(0)


def expected(interval, fill=np.nan):
    """Return the values of an interval, base by base."""
    track = TRUTH[interval.contig]
    inside = range(len(track))
    values = [track[p] if p in inside else np.nan for p in range(interval.start, interval.end)]
    values = np.array([fill if math.isnan(v) else v for v in values], dtype=np.float32)
    return values if interval.strand is Strand.FORWARD else values[::-1]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("tracks") / "track.bw"
    pybigtools.open(str(path), "w").write(LENGTHS, iter(ITEMS))
    return path


@pytest.fixture
def track(path):
    track = BigWig(path)
    yield track
    track.close()


INTERVALS = st.builds(
    lambda contig, start, length, strand: Interval(contig, start, start + length, strand),
    contig=st.sampled_from(list(LENGTHS)),
    start=st.integers(-300, 5300),
    length=st.integers(0, 900),
    strand=st.sampled_from(Strand),
)


@settings(max_examples=200, deadline=None)
@given(interval=INTERVALS, fill=st.sampled_from([np.nan, 0.0, -1.5]))
def test_values_equal_what_was_written(path, interval, fill):
    track = BigWig(path)
    values = track.values(interval, fill=fill)
    track.close()
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, expected(interval, fill))


@settings(max_examples=200, deadline=None)
@given(interval=INTERVALS.filter(lambda interval: interval.length), data=st.data())
def test_bins_are_means_of_the_bases_that_have_a_value(path, interval, data):
    num_bins = data.draw(st.integers(1, interval.length))
    track = BigWig(path)
    means = track.bins(interval, num_bins, fill=-9.0)
    track.close()
    values = expected(interval).astype(np.float64)
    assert means.shape == (num_bins,)
    assert means.dtype == np.float32
    for k in range(num_bins):
        piece = values[k * interval.length // num_bins : (k + 1) * interval.length // num_bins]
        piece = piece[~np.isnan(piece)]
        assert means[k] == pytest.approx(piece.mean() if piece.size else -9.0, rel=1e-6, abs=1e-6)


def test_bins_of_one_base_are_the_values(track):
    interval = Interval("chr2", -5, 710, Strand.REVERSE)
    np.testing.assert_array_equal(track.bins(interval, interval.length), track.values(interval))


@pytest.mark.parametrize("num_bins", [0, -1, 11])
def test_bins_without_bases_are_refused(track, num_bins):
    with pytest.raises(ValueError, match=f"an interval of 10 bp cannot have {num_bins} bins"):
        track.bins(Interval("chr1", 0, 10), num_bins)


def test_contigs_are_found_under_their_usual_names(path):
    track = BigWig(path, contig_aliases={"NC_1": "chr1"})
    assert dict(track.contigs) == LENGTHS
    for name, own in {"1": "chr1", "MT": "chrM", "NC_1": "chr1"}.items():
        np.testing.assert_array_equal(track.values(Interval(name, 3, 99)), expected(Interval(own, 3, 99)))
    track.close()


def test_unknown_contig_is_named(track):
    message = r"contig 'chr9' is not in .*track.bw; it has chr1, chr2, chrM \(3 in all\)"
    with pytest.raises(ContigNotFoundError, match=message):
        track.values(Interval("chr9", 0, 5))


def test_array_is_the_callers_own(track):
    for strand in Strand:
        interval = Interval("chr1", 0, 50, strand)
        track.values(interval)[:] = 7
        np.testing.assert_array_equal(track.values(interval), expected(interval))


KINDS = {
    BEDGRAPH: [(3, 9, 1.5), (9, 12, -2.0), (50, 100, 0.25)],
    VARIABLE_STEP: [(0, 1.0), (5, 2.0), (40, 3.0)],
    FIXED_STEP: [1.0, 2.0, 3.0],
}
PLACES = {
    BEDGRAPH: KINDS[BEDGRAPH],
    VARIABLE_STEP: [(start, start + 5, value) for start, value in KINDS[VARIABLE_STEP]],
    FIXED_STEP: [(10, 13, 1.0), (17, 20, 2.0), (24, 27, 3.0)],
}


@pytest.mark.parametrize("compress", [True, False], ids=["compressed", "plain"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize("name", ["t.bw", "t.BigWig", "noending", "t.bb"])
def test_every_form_of_the_format_is_read(tmp_path, order, compress, name):
    contigs = {"a": 100, "longer_name": 200, "c": 300}
    sections = [(c, kind, items) for c, (kind, items) in zip(contigs, KINDS.items(), strict=True)]
    path = tmp_path / name
    path.write_bytes(bigwig_bytes(contigs, sections, order=order, compress=compress))
    track = BigWig(path)
    assert dict(track.contigs) == contigs
    for (contig, length), places in zip(contigs.items(), PLACES.values(), strict=True):
        truth = np.full(length, np.nan, dtype=np.float32)
        for start, end, value in places:
            truth[start:end] = value
        np.testing.assert_array_equal(track.values(Interval(contig, 0, length)), truth)
    track.close()


def read_in_process(track, intervals):
    return [track.values(interval) for interval in intervals]


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_processes_never_share_a_handle(path, track, method):
    rng = random.Random(1)
    intervals = [Interval("chr1", s, s + 700) for s in (rng.randrange(4000) for _ in range(200))]
    track.values(intervals[0])  # open before the fork
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        jobs = [pool.submit(read_in_process, track, intervals) for _ in range(4)]
        here = read_in_process(track, intervals)
        for values in [here, *(job.result() for job in jobs)]:
            for interval, value in zip(intervals, values, strict=True):
                np.testing.assert_array_equal(value, expected(interval))


def tell_whose_handle_is_read(track, connection):
    inherited = track._handle
    track.values(Interval("chr2", 0, 700))
    connection.send((track._handle is inherited, inherited.closed))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_forked_process_opens_the_file_for_itself(track):
    track.values(Interval("chr1", 0, 10))
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=tell_whose_handle_is_read, args=(track, there))
    process.start()
    process.join()
    assert here.recv() == (False, True)
    assert not track._handle.closed


def test_pickled_track_has_no_handle_and_reads_the_same(track):
    copy = pickle.loads(pickle.dumps(track))
    interval = Interval("chr2", 0, 700, Strand.REVERSE)
    np.testing.assert_array_equal(copy.values(interval), expected(interval))
    copy.close()


def test_track_that_changed_is_not_read_on(path, tmp_path):
    copy = tmp_path / "t.bw"
    copy.write_bytes(path.read_bytes())
    track = BigWig(copy)
    track.close()
    pybigtools.open(str(copy), "w").write({"chr1": 10}, iter([("chr1", 0, 5, 1.0)]))
    with pytest.raises(InputError, match="has changed since it was opened"):
        track.values(Interval("chr1", 0, 5))


def test_missing_library_names_the_remedy(path, monkeypatch):
    def refuse(name, *rest, **options):
        if name == "pybigtools":
            raise ImportError(name)
        return original(name, *rest, **options)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=r"needs pybigtools: pip install 'hyenadna_kit\[bigwig\]'"):
        BigWig(path)


BIGBED = struct.pack("<I", 0x8789F2EB) + bytes(200)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no bigWig: it is empty"),
        (b"track type=bigWig", "and looks like wiggle text"),
        (b"\x1f\x8b\x08\x00" * 30, "and looks like compressed"),
        (BIGBED, "is no bigWig: it is a bigBed"),
        (b"hello world" * 20, "is no bigWig: it begins with b'hello wo'"),
        (struct.pack("<I", 0x888FFC26), "is no bigWig"),
    ],
    ids=["empty", "wiggle", "gzip", "bigBed", "text", "magic alone"],
)
def test_what_is_no_bigwig_is_told_in_one_line(tmp_path, content, message):
    path = tmp_path / "x.bw"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        BigWig(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.bw", ".", "http://example.org/x.bw", "https://example.org/x.bw"])
def test_what_is_no_file_is_never_asked_for_elsewhere(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"does not exist \(or is no regular file\)"):
        BigWig(name)


def read_all(path):
    """Return all values of a file by contig, as bytes."""
    track = BigWig(path)
    try:
        return {c: track.values(Interval(c, 0, n)).tobytes() for c, n in track.contigs.items()}
    finally:
        track.close()


def test_file_cut_anywhere_is_refused_or_read_in_full(path, tmp_path):
    content, truth = path.read_bytes(), read_all(path)
    cut = tmp_path / "cut.bw"
    num_refused = 0
    for length in range(0, len(content), 37):
        cut.write_bytes(content[:length])
        try:
            values = read_all(cut)
        except InputError:
            num_refused += 1
        else:
            assert values == truth
    assert num_refused > len(content) // 37 // 2


SMALL = bigwig_bytes({"a": 100, "b": 50}, [("a", BEDGRAPH, KINDS[BEDGRAPH]), ("b", FIXED_STEP, [1.0])])
TREE = 64
INDEX = struct.unpack_from("<Q", SMALL, 24)[0]
LEAF = INDEX + 48 + 4


def patched(*patches):
    content = bytearray(SMALL)
    for offset, form, *values in patches:
        struct.pack_into("<" + form, content, offset, *values)
    return bytes(content)


def circle():
    """Return a file whose index is a node that is its own child."""
    content = bytearray(SMALL[: INDEX + 48])
    return bytes(content + struct.pack("<BBHIIIIQ", 0, 0, 1, 0, 0, 1, 100, INDEX + 48) + bytes(64))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (patched((6, "H", 65535)), "its list of zoom levels ends at byte"),
        (patched((8, "Q", 1 << 60)), "its list of contigs ends at byte"),
        (patched((24, "Q", 1 << 63)), "its index ends at byte"),
        (patched((52, "I", 4_000_000_000)), "its blocks are said to hold 4000000000 bytes"),
        (patched((TREE, "I", 7)), "its list of contigs is none"),
        (patched((TREE + 8, "I", 1 << 31)), "its list of contigs is none"),
        (patched((TREE + 8, "I", 0)), "its list of contigs is none"),
        (patched((TREE + 16, "Q", 1 << 40)), f"it has 2 contigs and says {1 << 40}"),
        (patched((TREE + 32, "B", 7)), "has a node of the kind 7"),
        (patched((TREE + 34, "H", 65535)), "its list of contigs ends at byte"),
        (patched((TREE + 36, "B", 255)), "the name b'\\xff' of a contig is not text"),
        (patched((TREE + 36, "B", 0)), "the name b'' of a contig is not text"),
        (patched((TREE + 36, "B", ord("b"))), "contig 'b' occurs twice"),
        (patched((TREE + 41, "I", 1 << 31)), f"contig 'a' has {1 << 31} bp"),
        (patched((INDEX, "I", 7)), "its index is none"),
        (patched((LEAF + 16, "Q", (1 << 64) - 1)), f"at byte {(1 << 64) - 1} of {len(SMALL)}"),
        (patched((LEAF + 24, "Q", (1 << 64) - 1)), f"a block of {(1 << 64) - 1} bytes"),
        (patched((LEAF + 24, "Q", len(SMALL))), f"a block of {len(SMALL)} bytes"),
        (circle(), "its index leads in a circle"),
    ],
)
def test_number_that_lies_is_refused_before_it_is_believed(tmp_path, content, message):
    path = tmp_path / "lie.bw"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        BigWig(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"bigWig {path} is truncated or damaged: ")


@pytest.mark.parametrize("offset", [2, 8, 30], ids=["first byte", "in the middle", "checksum"])
def test_damaged_block_is_told_when_it_is_read(tmp_path, offset):
    path = tmp_path / "damaged.bw"
    block = struct.unpack_from("<Q", SMALL, LEAF + 16)[0]
    path.write_bytes(patched((block + offset, "B", SMALL[block + offset] ^ 0xFF)))
    track = BigWig(path)
    with pytest.raises(InputError, match=r"is damaged in a:1-100 .*; fetch or make it again"):
        track.values(Interval("a", 0, 100))
    assert track.values(Interval("b", 0, 20))[10] == 1.0
    track.close()


def test_fixture_of_lies_is_itself_whole(tmp_path):
    path = tmp_path / "t.bw"
    path.write_bytes(SMALL)
    assert read_all(path).keys() == {"a", "b"}
