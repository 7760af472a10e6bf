"""Tracks over alignments: against counting base by base, pysam and samtools; peaks and bins."""

import re
import shutil
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.bam_coverage import TN5_CENTRES
from hyenadna_kit.io.read_filter import ReadFilter
from hyenadna_kit.io.track_labels import binned_means, peak_labels, peaks
from tests.oracles.alignments import (
    DUPLICATE,
    FIRST,
    PAIRED,
    QC_FAIL,
    REVERSE,
    SECOND,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
    Alignment,
    aligned_pairs,
    coverage_by_base,
    end_of,
    insertions_before,
    write_bam,
)

CONTIG_LENGTH = 300
DROPPED_BY_DEFAULT = UNMAPPED | SECONDARY | SUPPLEMENTARY | DUPLICATE | QC_FAIL
SAMTOOLS = shutil.which("samtools")
needs_samtools = pytest.mark.skipif(SAMTOOLS is None, reason="samtools is not installed")


def joined(pieces):
    return "".join(f"{length}{letter}" for length, letter in pieces)


INNER = st.tuples(st.integers(1, 6), st.sampled_from("IDNP=XM"))
ALIGNED = st.tuples(st.integers(1, 25), st.sampled_from("M=X"))
CIGARS = st.builds(
    lambda clip, first, inner, last, end: joined([*clip, first, *inner, last, *end]),
    st.sampled_from(
        [[], [(3, "S")], [(2, "H"), (4, "S")], [(2, "I")], [(3, "S"), (2, "I"), (1, "P"), (1, "I")]]
    ),
    ALIGNED,
    st.lists(INNER, max_size=4),
    ALIGNED,
    st.sampled_from([[], [(5, "S")], [(3, "I")], [(2, "H")]]),
)


def numbered(reads):
    return [read._replace(name=f"read{number}") for number, read in enumerate(reads)]


def at(**fields):
    """Return an alignment whose other fields keep their defaults; Hypothesis would make them up."""
    return Alignment(**fields)


READS = st.lists(
    st.builds(
        at,
        start=st.integers(0, 180),
        cigar=CIGARS,
        flags=st.sampled_from([0, 0, REVERSE, DUPLICATE, SECONDARY, QC_FAIL, SUPPLEMENTARY]),
        contig=st.sampled_from(["chr1", "chr1", "chr2"]),
        mapping_quality=st.integers(0, 60),
        qualities=st.sampled_from([(), (), None]),
    ),
    max_size=10,
).map(numbered)
WINDOWS = st.tuples(st.integers(-40, 320), st.integers(0, 340), st.sampled_from(Strand))


def opened(folder, reads):
    return Bam(write_bam(Path(folder) / "reads.bam", reads, {"chr1": CONTIG_LENGTH, "chr2": CONTIG_LENGTH}))


def kept(reads, min_mapping_quality=0):
    return [
        read
        for read in reads
        if not read.flags & DROPPED_BY_DEFAULT and read.mapping_quality >= min_mapping_quality
    ]


def along(strand, counts):
    return list(counts)[::-1] if strand is Strand.REVERSE else list(counts)


@settings(max_examples=70, deadline=None)
@given(READS, WINDOWS, st.sampled_from([0, 0, 15]), st.sampled_from([0, 30]))
def test_coverage_equals_counting_base_by_base(reads, window, min_base_quality, min_mapping_quality):
    start, length, strand = window
    with tempfile.TemporaryDirectory() as folder:
        counts = opened(folder, reads).coverage(
            Interval("chr1", start, start + length, strand),
            read_filter=ReadFilter(min_mapping_quality=min_mapping_quality),
            min_base_quality=min_base_quality,
        )
    expected = coverage_by_base(
        kept(reads, min_mapping_quality), "chr1", start, start + length, min_base_quality=min_base_quality
    )
    assert counts.tolist() == along(strand, expected)
    assert counts.dtype == np.int32


@settings(max_examples=30, deadline=None)
@given(READS, st.integers(0, 250), st.integers(1, 50), st.sampled_from([0, 20]))
def test_coverage_equals_that_of_pysam(reads, start, length, quality):
    # pysam drops bases without a score where ours and samtools keep them, and fails on some padding.
    reads = [read._replace(qualities=(), cigar=re.sub(r"\d+P", "", read.cigar)) for read in reads]
    with tempfile.TemporaryDirectory() as folder:
        bam = opened(folder, reads)
        counts = bam.coverage(
            Interval("chr1", start, start + length), min_base_quality=quality, count_overlaps=True
        )
        with pysam.AlignmentFile(str(bam.path)) as handle:
            by_base = handle.count_coverage(
                "chr1",
                start,
                start + length,
                quality_threshold=quality,
                read_callback=lambda read: not read.flag & DROPPED_BY_DEFAULT,
            )
    assert counts.tolist() == np.sum(by_base, axis=0).tolist()


def pair(number, starts, cigars, flags=(0, 0)):
    """Return two mates."""
    return [
        Alignment(
            starts[k],
            cigars[k],
            PAIRED | (FIRST, SECOND)[k] | (0, REVERSE)[k] | flags[k],
            f"pair{number}",
            mate_start=starts[1 - k],
        )
        for k in (0, 1)
    ]


PAIRS = st.lists(
    st.tuples(
        st.tuples(st.integers(0, 120), st.integers(0, 120)),
        st.tuples(CIGARS, CIGARS),
        st.sampled_from([(0, 0), (0, 0), (DUPLICATE, 0), (0, DUPLICATE)]),
    ),
    max_size=6,
).map(lambda drawn: [read for number, one in enumerate(drawn) for read in pair(number, *one)])


def coverage_of_fragments(reads, start, end):
    """Count each fragment once where both mates reach: the mate that begins first is the one that counts."""
    counts = [0] * (end - start)
    reach = {}
    for read in sorted(kept(reads), key=lambda read: read.start):
        first = reach.pop(read.name, 0)
        for _, position in aligned_pairs(read):
            if position >= first and start <= position < end:
                counts[position - start] += 1
        if not first:
            reach[read.name] = end_of(read)
    return counts


@settings(max_examples=70, deadline=None)
@given(PAIRS, st.integers(-10, 150), st.integers(0, 200))
def test_mates_that_overlap_count_once_unless_asked(reads, start, length):
    with tempfile.TemporaryDirectory() as folder:
        bam = opened(folder, reads)
        interval = Interval("chr1", start, start + length)
        once, each = bam.coverage(interval), bam.coverage(interval, count_overlaps=True)
        good = bam.coverage(interval, min_base_quality=1)
    assert once.tolist() == coverage_of_fragments(reads, start, start + length)
    assert each.tolist() == coverage_by_base(kept(reads), "chr1", start, start + length)
    assert good.tolist() == once.tolist()


def test_mates_without_an_overlap_and_nameless_reads_count_whole(tmp_path):
    reads = [
        *pair(1, (0, 10), ("10M", "10M")),
        Alignment(5, "10M", PAIRED | FIRST, "apart", mate_start=40),
        Alignment(6, "10M", PAIRED | FIRST | 0x8, "alone", mate_start=6),
        Alignment(8, "10M", 0, "single"),
        Alignment(8, "10M", 0, "single"),
    ]
    bam = opened(tmp_path, reads)
    interval = Interval("chr1", 0, 60)
    assert bam.coverage(interval).tolist() == bam.coverage(interval, count_overlaps=True).tolist()


def test_further_parts_of_a_read_are_no_mates(tmp_path):
    first, second = pair(1, (0, 10), ("20M", "20M"))
    part = first._replace(start=5, cigar="10M", flags=first.flags | SUPPLEMENTARY)
    bam = opened(tmp_path, [first, second, part])
    counts = bam.coverage(Interval("chr1", 0, 40), read_filter=ReadFilter(keep_supplementary=True))
    assert counts.tolist() == [1] * 5 + [2] * 10 + [1] * 15 + [0] * 10


def depth(path, interval, *options):
    """Return the track of ``samtools depth`` over an interval inside its contig."""
    command = [SAMTOOLS, "depth", "-a", "-G", "SUPPLEMENTARY", "-r", interval.region, *options, str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [int(line.split("\t")[2]) for line in printed.splitlines()]


OPTIONS = [
    pytest.param((), {"count_overlaps": True}, id="all"),
    pytest.param(("-s",), {}, id="mates_once"),
    pytest.param(("-q", "20"), {"count_overlaps": True, "min_base_quality": 20}, id="base_quality"),
    pytest.param(("-s", "-q", "30"), {"min_base_quality": 30}, id="mates_once_base_quality"),
    pytest.param(
        ("-s", "-Q", "30"), {"read_filter": ReadFilter(min_mapping_quality=30)}, id="mapping_quality"
    ),
]


@needs_samtools
@settings(max_examples=15, deadline=None)
@given(PAIRS, st.integers(0, 150), st.integers(1, 150))
def test_simulated_coverage_equals_samtools(reads, start, length):
    with tempfile.TemporaryDirectory() as folder:
        bam = opened(folder, reads)
        interval = Interval("chr1", start, start + length)
        assert bam.coverage(interval).tolist() == depth(bam.path, interval, "-s")


@needs_samtools
@pytest.mark.real_data
@pytest.mark.parametrize(("options", "arguments"), OPTIONS)
@pytest.mark.parametrize(
    ("name", "interval"),
    [
        ("chr20/NA12878_small.bam", Interval("chr20", 9_999_000, 10_003_000)),
        ("chrM/NA12878.chrM.bam", Interval("chrM", 0, 16_569)),
        ("chrM/NA12878.chrM.bam", Interval("chrM", 300, 333)),
        ("methylation/chr20_mod_call_sample.bam", Interval("20", 13_830_000, 13_866_000)),
    ],
    ids=["chr20", "chrM", "chrM_window", "methylation"],
)
def test_coverage_of_the_real_files_equals_samtools(data, tmp_path, name, interval, options, arguments):
    path = shutil.copy(data / "bam" / name, tmp_path / "reads.bam")
    pysam.index(str(path))
    assert Bam(path).coverage(interval, **arguments).tolist() == depth(path, interval, *options)


# Insertions and ends


@settings(max_examples=70, deadline=None)
@given(READS, WINDOWS, st.integers(1, 3))
def test_insertions_equal_counting_them_one_by_one(reads, window, min_length):
    start, length, strand = window
    places = [
        place
        for read in kept(reads)
        if read.contig == "chr1"
        for place in insertions_before(read, min_length)
    ]
    # On the reverse strand the base before which one lies is the one to its left.
    shift = strand is Strand.REVERSE
    expected = [places.count(position + shift) for position in range(start, start + length)]
    with tempfile.TemporaryDirectory() as folder:
        counts = opened(folder, reads).insertions(
            Interval("chr1", start, start + length, strand), min_length=min_length
        )
    # Beyond the contig there are no reads to look for.
    inside = [
        count if 0 <= position + shift <= CONTIG_LENGTH else 0
        for position, count in zip(range(start, start + length), expected, strict=True)
    ]
    assert counts.tolist() == along(strand, inside)


@pytest.mark.parametrize(
    ("cigar", "min_length", "place"),
    [
        ("10M2I10M", 2, 60),
        ("10M2I10M", 3, None),
        ("10M1I2P1I10M", 2, 60),
        ("2I10M", 2, 50),
        ("4S2I10M", 2, 50),
        ("10M2I", 1, 60),
        ("10M2I4S", 1, 60),
        ("10M3D2I10M", 2, 63),
        ("10M2I3D10M", 2, 60),
        ("10M5S", 1, None),
    ],
)
def test_insertion_lies_before_the_base_behind_it(tmp_path, cigar, min_length, place):
    bam = opened(tmp_path, [Alignment(50, cigar)])
    expected = [int(position == place) for position in range(40, 90)]
    assert bam.insertions(Interval("chr1", 40, 90), min_length=min_length).tolist() == expected
    # Seen from a window that ends or begins at the place, it is the same.
    if place is not None:
        assert bam.insertions(Interval("chr1", place, place + 5), min_length=min_length).tolist()[0] == 1
        reverse = Interval("chr1", place - 5, place, Strand.REVERSE)
        assert bam.insertions(reverse, min_length=min_length).tolist()[0] == 1


@settings(max_examples=50, deadline=None)
@given(READS, WINDOWS, st.sampled_from([(0, -1), TN5_CENTRES, (0, 0), (-7, 9)]))
def test_five_prime_ends_equal_counting_them_one_by_one(reads, window, shift):
    start, length, strand = window
    ends = [
        end_of(read) + shift[1] if read.flags & REVERSE else read.start + shift[0]
        for read in kept(reads)
        if read.contig == "chr1"
    ]
    with tempfile.TemporaryDirectory() as folder:
        counts = opened(folder, reads).five_prime_ends(
            Interval("chr1", start, start + length, strand), shift=shift
        )
    assert counts.tolist() == along(strand, [ends.count(k) for k in range(start, start + length)])


@pytest.mark.parametrize(
    ("flags", "shift", "place"),
    [(0, (-7, 9), 43), (0, (40, 9), 90), (REVERSE, (-7, 9), 89), (REVERSE, (-7, -40), 40)],
)
def test_shifted_end_is_found_by_a_window_that_its_read_does_not_reach(tmp_path, flags, shift, place):
    bam = opened(tmp_path, [Alignment(50, "30M", flags)])
    for start, end in ((place, place + 1), (place - 2, place + 1), (place, place + 3)):
        counts = bam.five_prime_ends(Interval("chr1", start, end), shift=shift)
        assert counts.tolist() == [int(position == place) for position in range(start, end)]


def test_both_ends_of_one_transposition_come_to_its_centre(tmp_path):
    # Tn5 doubles the nine bases [100, 109): one fragment begins with them, the other ends with them.
    right, left = Alignment(100, "30M", name="right"), Alignment(79, "30M", REVERSE, name="left")
    bam = opened(tmp_path, [right, left])
    counts = bam.five_prime_ends(Interval("chr1", 0, 200), shift=TN5_CENTRES)
    assert {int(place): int(counts[place]) for place in np.flatnonzero(counts)} == {104: 2}
    ends = bam.five_prime_ends(Interval("chr1", 0, 200))
    assert np.flatnonzero(ends).tolist() == [100, 108]


# Labels


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 9), max_size=40),
    st.integers(1, 9).map(float),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from(Strand),
)
def test_peaks_equal_brute_force(track, threshold, min_length, max_gap, strand):
    labels = [value >= threshold for value in track]
    high = [place for place, is_high in enumerate(labels) if is_high]
    for one, following in pairwise(high):
        if following - one - 1 <= max_gap:
            labels[one:following] = [True] * (following - one)
    runs, start = [], None
    for place, is_high in enumerate([*labels, False]):
        if is_high and start is None:
            start = place
        elif not is_high and start is not None:
            runs.append((start, place))
            start = None
    runs = [(start, end) for start, end in runs if end - start >= min_length]
    interval = Interval("chr1", 1000, 1000 + len(track), strand)
    found = peaks(np.array(track), threshold, interval, min_length=min_length, max_gap=max_gap)
    if strand is Strand.FORWARD:
        assert [(peak.start - 1000, peak.end - 1000) for peak in found] == runs
    else:
        assert [(interval.end - peak.end, interval.end - peak.start) for peak in found] == runs
    assert all(peak.strand is strand and peak.contig == "chr1" for peak in found)
    binary = peak_labels(np.array(track), threshold, min_length=min_length, max_gap=max_gap)
    assert np.flatnonzero(binary).tolist() == [place for start, end in runs for place in range(start, end)]
    assert binary.dtype == np.uint8


def test_base_without_a_value_is_in_no_peak():
    assert peak_labels(np.array([np.nan, 2.0, np.nan]), 1.0).tolist() == [0, 1, 0]


def test_bins_are_means():
    assert binned_means(np.array([1, 3, 5, 5], dtype=np.int32), 2).tolist() == [2, 5]
    assert binned_means(np.array([1, 2], dtype=np.int32), 2).tolist() == [1.5]
    assert binned_means(np.full(8, 2**31 - 1, dtype=np.int32), 8).tolist() == [2**31]
    assert binned_means(np.zeros(0), 4).size == 0


@pytest.mark.parametrize("bin_size", [0, -2, 3])
def test_bins_that_do_not_fit_are_refused(bin_size):
    with pytest.raises(InputError, match=f"4 bp is no whole number of bins of {bin_size} bp"):
        binned_means(np.zeros(4), bin_size)


def test_track_of_another_interval_is_refused():
    with pytest.raises(InputError, match=r"track of 4 bp is not that of chr1:1-5 \(5 bp\)"):
        peaks(np.zeros(4), 1.0, Interval("chr1", 0, 5))
