"""BAM and CRAM: reads as sequenced, filters, references, workers, and files that are neither."""

import bz2
import gzip
import hashlib
import multiprocessing
import os
import pickle
import re
import shutil
import sys
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pysam
import pytest
from Bio.Seq import reverse_complement
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.bam_file import closing_quietly
from hyenadna_kit.io.bam_segments import Segments
from hyenadna_kit.io.cram_reference import CramReference
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.htslib import offline
from hyenadna_kit.io.read_filter import ReadFilter, ReadReport
from tests.oracles.alignments import (
    CONTIGS,
    DUPLICATE,
    PAIRED,
    QC_FAIL,
    REVERSE,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
    Alignment,
    aligned_pairs,
    bases_of,
    end_of,
    qualities_of,
    write_bam,
)

EVERYTHING = ReadFilter(
    keep_unmapped=True,
    keep_secondary=True,
    keep_supplementary=True,
    keep_duplicates=True,
    keep_qc_fail=True,
)
READS = [
    Alignment(10, "3S20M2I5M", name="forward"),
    Alignment(15, "10M4D10M", REVERSE, name="reverse"),
    Alignment(20, "5H12M", SUPPLEMENTARY, name="part"),
    Alignment(20, "12M", SECONDARY, name="elsewhere", sequence=None),
    Alignment(40, "9=1X9=", DUPLICATE, name="copy"),
    Alignment(290, "10M3I", REVERSE, name="end", qualities=None),
    Alignment(5, "30M", QC_FAIL, name="failed", contig="chr2"),
    Alignment(50, "8M100N8M", name="spliced", mapping_quality=3),
    Alignment(0, "", UNMAPPED, name="lost", contig=None, sequence="ACGTN", mapping_quality=0),
]


@pytest.fixture
def bam(tmp_path):
    return Bam(write_bam(tmp_path / "reads.bam", READS))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """An indexed FASTA of the contigs."""
    path = tmp_path_factory.mktemp("reference") / "genome.fa"
    bases = {name: ("ACGTTGCAAC" * length)[:length] for name, length in CONTIGS.items()}
    path.write_text("".join(f">{name}\n{sequence.lower()}\n" for name, sequence in bases.items()))
    pysam.faidx(str(path))
    return path


@pytest.fixture
def cram(tmp_path, reference):
    return write_bam(tmp_path / "reads.cram", READS, mode="wc", reference=str(reference))


def names(reads):
    return [read.name for read in reads]


def one_line(caught, path):
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_reads_are_as_they_were_sequenced(bam):
    found = {read.name: read for read in bam.reads(read_filter=EVERYTHING)}
    assert len(found) == len(READS)
    for read in READS:
        stored = bases_of(read) or ""
        scores = np.array(qualities_of(read) or [255] * len(stored), dtype=np.uint8)
        is_reverse = bool(read.flags & REVERSE)
        strand = Strand.REVERSE if is_reverse else Strand.FORWARD
        one = found[read.name]
        assert one.sequence == (reverse_complement(stored) if is_reverse else stored)
        np.testing.assert_array_equal(one.qualities, scores[::-1] if is_reverse else scores)
        assert one.qualities.dtype == np.uint8
        assert one.mapping_quality == read.mapping_quality
        assert one.cigar == read.cigar
        expected = None if read.contig is None else Interval(read.contig, read.start, end_of(read), strand)
        assert one.interval == expected


def test_default_keeps_primary_reads_with_a_place(bam):
    reads = bam.reads()
    assert names(reads) == ["forward", "reverse", "spliced", "end"]
    assert reads.report == ReadReport(
        4, {"unmapped": 1, "secondary": 1, "supplementary": 1, "duplicate": 1, "qc_fail": 1}
    )
    assert reads.report.total == len(READS)
    assert reads.report.describe() == (
        "4 of 9 reads kept (dropped: 1 unmapped, 1 secondary, 1 supplementary, 1 duplicate, 1 qc fail)"
    )


@pytest.mark.parametrize(
    ("flag", "option", "reason"),
    [
        (UNMAPPED, "keep_unmapped", "unmapped"),
        (SECONDARY, "keep_secondary", "secondary"),
        (SUPPLEMENTARY, "keep_supplementary", "supplementary"),
        (DUPLICATE, "keep_duplicates", "duplicate"),
        (QC_FAIL, "keep_qc_fail", "qc_fail"),
    ],
)
def test_each_flag_is_dropped_by_its_own_reason(flag, option, reason):
    for others in (0, PAIRED, REVERSE, 0x40 | 0x80 | 0x20):
        assert ReadFilter().reason(flag | others, 60, 100) == reason
        assert ReadFilter(**{option: True}).reason(flag | others, 60, 100) is None


def test_reason_of_a_threshold_is_given_below_it_alone():
    read_filter = ReadFilter(min_mapping_quality=30, min_length=100)
    assert read_filter.reason(0, 30, 100) is None
    assert read_filter.reason(0, 29, 99) == "low_mapping_quality"
    assert read_filter.reason(0, 255, 99) == "too_short"


@pytest.mark.parametrize(
    ("read_filter", "expected", "dropped"),
    [
        pytest.param(ReadFilter(min_mapping_quality=3), ["forward", "spliced"], {}, id="lowest_quality"),
        pytest.param(
            ReadFilter(min_mapping_quality=4), ["forward"], {"low_mapping_quality": 1}, id="quality"
        ),
        pytest.param(ReadFilter(min_length=30), ["forward"], {"too_short": 1}, id="clipped_bases_count"),
        pytest.param(ReadFilter(min_length=31), [], {"too_short": 2}, id="length"),
        pytest.param(
            ReadFilter(min_length=31, min_mapping_quality=4),
            [],
            {"low_mapping_quality": 1, "too_short": 1},
            id="first_reason_counts",
        ),
    ],
)
def test_thresholds(tmp_path, read_filter, expected, dropped):
    reads = Bam(write_bam(tmp_path / "reads.bam", [READS[0], READS[7]])).reads(read_filter=read_filter)
    assert names(reads) == expected
    assert reads.report.dropped == dropped


def test_length_of_a_read_without_its_bases_is_that_of_its_cigar(bam):
    keep = ReadFilter(keep_secondary=True, min_length=12)
    assert "elsewhere" in names(bam.reads(read_filter=keep))
    keep = ReadFilter(keep_secondary=True, min_length=13)
    assert "elsewhere" not in names(bam.reads(read_filter=keep))


@pytest.mark.parametrize(
    "values", [{"min_mapping_quality": -1}, {"min_mapping_quality": 256}, {"min_length": -1}]
)
def test_impossible_thresholds_are_refused(values):
    with pytest.raises(InputError, match=r"must .* got"):
        ReadFilter(**values)


PLACES = st.lists(
    st.tuples(st.sampled_from(list(CONTIGS)), st.integers(0, 90), st.integers(1, 30)), max_size=12
)


@settings(max_examples=50, deadline=None)
@given(PLACES, st.sampled_from(list(CONTIGS)), st.integers(-30, 320), st.integers(0, 150))
def test_reads_of_an_interval_are_those_that_share_a_base(places, contig, start, length):
    reads = [
        Alignment(place, f"{size}M", name=f"read{number}", contig=name)
        for number, (name, place, size) in enumerate(places)
    ]
    with tempfile.TemporaryDirectory() as folder:
        bam = Bam(write_bam(Path(folder) / "reads.bam", reads))
        interval = Interval(contig, start, start + length)
        expected = {
            read.name
            for read in reads
            if interval.overlaps(Interval(read.contig, read.start, end_of(read))) and end_of(read) > 0
        }
        for asked in (interval, interval.reverse_complement()):
            assert set(names(bam.reads(asked))) == expected


def test_contigs_are_found_under_their_usual_names(bam):
    assert dict(bam.contigs) == CONTIGS
    assert names(bam.reads(Interval("1", 280, 300))) == ["end"]
    with pytest.raises(ContigNotFoundError, match=r"'chrX' is not in .*reads\.bam; it has chr1, chr2"):
        bam.reads(Interval("chrX", 0, 10))


def test_whole_file_needs_no_index(tmp_path):
    bam = Bam(write_bam(tmp_path / "reads.bam", READS, index=False))
    assert len(names(bam.reads())) == 4
    for ask in (bam.reads, bam.coverage, bam.insertions, bam.five_prime_ends):
        with pytest.raises(InputError, match=r"has no index .*: samtools index ") as caught:
            ask(Interval("chr1", 0, 10))
        one_line(caught, bam.path)


def test_csi_index_will_do(tmp_path):
    path = write_bam(tmp_path / "reads.bam", READS, index=False)
    pysam.index("-c", str(path))
    assert names(Bam(path).reads(Interval("chr1", 290, 300))) == ["end"]


def test_unaligned_reads_without_contigs_are_read(tmp_path):
    lost = [READS[-1], READS[-1]._replace(name="too", qualities=None)]
    bam = Bam(write_bam(tmp_path / "reads.bam", lost, contigs={}, index=False))
    assert not bam.contigs
    assert names(bam.reads(read_filter=EVERYTHING)) == ["lost", "too"]
    assert bam.reads().report.total == 0


# References


def test_reference_with_the_same_contigs_is_accepted(bam, reference, tmp_path):
    bam.check_reference(Fasta(reference))
    renamed = tmp_path / "other_names.fa"
    renamed.write_text(f">1\n{'A' * 300}\n>extra\nACGT\n")
    bam.check_reference(Fasta(renamed))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(f">chr1\n{'A' * 299}\n", r"'chr1' has 300 bp in .* and 299 bp in", id="length"),
        pytest.param(
            f">chr1\n{'A' * 300}\n>2\nACGT\n", r"'chr2' has 120 bp in .* and 4 bp in", id="second_contig"
        ),
        pytest.param(">ctg\nACGT\n", r"aligned to chr1, chr2 \(2 in all\), of which .* none", id="none"),
    ],
)
def test_wrong_reference_is_refused(bam, tmp_path, text, problem):
    (tmp_path / "wrong.fa").write_text(text)
    with pytest.raises(InputError, match=problem) as caught:
        bam.check_reference(Fasta(tmp_path / "wrong.fa"))
    one_line(caught, tmp_path / "wrong.fa")
    one_line(caught, bam.path)


def same_reads(one, other):
    one, other = list(one), list(other)
    assert len(one) == len(other)
    for read, same in zip(one, other, strict=True):
        for name in ("name", "interval", "sequence", "mapping_quality", "cigar"):
            assert getattr(read, name) == getattr(same, name)
        np.testing.assert_array_equal(read.qualities, same.qualities)


@pytest.mark.parametrize("version", ["2.1", "3.0", "3.1"])
def test_cram_holds_the_reads_of_the_bam(bam, cram, reference, tmp_path, version):
    path = tmp_path / f"v{version}.cram"
    with pysam.AlignmentFile(str(cram), reference_filename=str(reference)) as source:
        options = [f"version={version}".encode()]
        with pysam.AlignmentFile(
            str(path), "wc", template=source, reference_filename=str(reference), format_options=options
        ) as target:
            for record in source.fetch(until_eof=True):
                target.write(record)
    pysam.index(str(path))
    opened = Bam(path, reference)
    assert (opened.format, bam.format) == ("CRAM", "BAM")
    assert dict(opened.contigs) == dict(bam.contigs)
    same_reads(opened.reads(), bam.reads())
    for place in (Interval("chr1", 0, 100), Interval("chr1", 250, 300, Strand.REVERSE)):
        same_reads(opened.reads(place), bam.reads(place))
        np.testing.assert_array_equal(opened.coverage(place), bam.coverage(place))


def test_cram_without_a_reference_is_refused(cram):
    with pytest.raises(InputError, match=r"holds no bases of its own; name the FASTA .* network") as caught:
        Bam(cram)
    one_line(caught, cram)


def rewritten(path, text):
    """Write another FASTA, indexed."""
    path.write_text(text)
    pysam.faidx(str(path))
    return path


WRONG_REFERENCES = [
    pytest.param(f">chr1\n{'A' * 300}\n", "'chr2' of .* is not in the reference", id="contig_missing"),
    pytest.param(
        f">chr1\n{'A' * 300}\n>chr2\n{'A' * 119}\n", "has 120 bp in .* and 119 bp in", id="contig_length"
    ),
    pytest.param(f">chr1\n{'A' * 300}\n>chr2\n{'A' * 120}\n", "has MD5 .* was written with", id="bases"),
]


@pytest.mark.parametrize(("text", "problem"), WRONG_REFERENCES)
def test_cram_with_the_wrong_reference_is_refused(cram, tmp_path, text, problem):
    wrong = rewritten(tmp_path / "wrong.fa", text)
    with pytest.raises(InputError, match=problem) as caught:
        list(Bam(cram, wrong).reads())
    one_line(caught, wrong)
    with pytest.raises(InputError, match=problem):
        Bam(cram, wrong).coverage(Interval("chr1", 0, 100))


def test_reference_of_a_cram_must_be_an_indexed_fasta(cram, reference, tmp_path):
    bare = tmp_path / "bare.fa"
    shutil.copy(reference, bare)
    with pytest.raises(InputError, match=r"has no index beside it; make one: samtools faidx "):
        Bam(cram, bare)
    assert not Path(f"{bare}.fai").exists()
    with pytest.raises(InputError, match="is no file"):
        Bam(cram, tmp_path / "missing.fa")
    with pytest.raises(InputError, match="is no file"):
        Bam(cram, tmp_path)
    Path(f"{bare}.fai").write_text("no index\n")
    with pytest.raises(InputError, match="cannot be read") as caught:
        Bam(cram, bare)
    one_line(caught, bare)


def test_nothing_is_fetched_for_a_cram(cram, reference, tmp_path, monkeypatch):
    """The bases of every contig lie on a server that htslib is told of; nobody asks for them."""
    asked = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("REF_PATH", f"http://127.0.0.1:{server.server_port}/%s")
        monkeypatch.setenv("REF_CACHE", str(tmp_path / "cache/%s"))
        assert len(list(Bam(cram, reference).reads())) == 4
        with pytest.raises(InputError):
            list(Bam(cram, rewritten(tmp_path / "wrong.fa", f">chr1\n{'A' * 300}\n")).reads())
        assert asked == []
        assert os.environ["REF_PATH"].startswith("http")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def cram_in_cache(reference, tmp_path, monkeypatch):
    """A CRAM whose reference htslib would find by itself, in a cache by MD5."""
    # The header names this copy, and htslib would find it there too.
    copy = shutil.copy(reference, tmp_path / "genome.fa")
    cram = write_bam(tmp_path / "cached.cram", READS, mode="wc", index=False, reference=str(copy))
    copy.unlink()
    cache = tmp_path / "cache"
    cache.mkdir()
    genome = Fasta(reference)
    for contig, length in genome.contigs.items():
        bases = genome.fetch(Interval(contig, 0, length)).encode()
        (cache / hashlib.md5(bases).hexdigest()).write_bytes(bases)
    monkeypatch.setenv("REF_PATH", f"{cache}/%s")
    monkeypatch.delenv("REF_CACHE", raising=False)
    return cram


def test_offline_htslib_looks_nowhere(cram_in_cache):
    before = os.environ["REF_PATH"]

    def count():
        with pysam.AlignmentFile(str(cram_in_cache), "rc") as handle:
            return sum(1 for _ in handle.fetch(until_eof=True))

    verbosity = pysam.set_verbosity(0)
    assert count() == len(READS)
    with offline(), pytest.raises(OSError, match=r"truncated|error"):
        count()
    pysam.set_verbosity(verbosity)
    assert os.environ["REF_PATH"] == before
    assert "REF_CACHE" not in os.environ


def test_alignments_of_a_cram_are_read_offline(cram_in_cache):
    handle = closing_quietly(pysam.AlignmentFile(str(cram_in_cache), "rc"))
    with pytest.raises(InputError, match="cannot be read"):
        list(Segments(cram_in_cache, handle, None, EVERYTHING))


def test_bases_of_a_reference_are_compared_once(cram, reference, tmp_path):
    copy = Path(shutil.copy(reference, tmp_path / "genome.fa"))
    shutil.copy(f"{reference}.fai", f"{copy}.fai")
    opened = CramReference(copy, cram)
    bases = Fasta(copy).fetch(Interval("chr1", 0, 300)).encode()
    opened.verify("chr1", hashlib.md5(bases).hexdigest().upper())
    opened.verify("chr2", None)
    copy.unlink()
    opened.verify("chr1", "is not asked for again")
    with pytest.raises(InputError, match="cannot be read"):
        opened.verify("chr2", "0" * 32)


# Files that are not what they should be


def bam_bytes(folder):
    return write_bam(folder / "whole.bam", READS, index=False).read_bytes()


def uncompressed(data):
    return gzip.decompress(data)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        pytest.param(lambda data: b"", "is empty; expected BAM or CRAM", id="empty"),
        pytest.param(lambda data: b"@HD\tVN:1.6\n", r"SAM text; convert it: samtools sort", id="sam"),
        pytest.param(lambda data: b"@read\nACGT\n+\nIIII\n", "FASTQ or SAM", id="fastq"),
        pytest.param(lambda data: b">chr1\nACGT\n", "FASTA", id="fasta"),
        pytest.param(lambda data: b"##fileformat=VCFv4.2\n", "VCF or GFF", id="vcf"),
        pytest.param(bz2.compress, "begins with b'BZh", id="bzip2"),
        pytest.param(uncompressed, "uncompressed BAM; compress it: samtools view -b", id="uncompressed"),
        pytest.param(lambda data: gzip.compress(uncompressed(data)), "neither BAM nor CRAM", id="gzip"),
        pytest.param(lambda data: pysam_bgzip(b"##fileformat=VCF\n"), "begins with b'##fi'", id="vcf_gz"),
        pytest.param(lambda data: data[:-28], "lacks the block that ends a BAM", id="no_end_block"),
        pytest.param(lambda data: data[:-1], "lacks the block that ends a BAM", id="last_byte"),
        pytest.param(lambda data: data[:20], "truncated", id="start_alone"),
        pytest.param(lambda data: data[:16] + b"\0\0" + data[18:], "cannot be read", id="block_size"),
        pytest.param(lambda data: data[:40] + b"\xff" * 60 + data[100:], "damaged", id="damaged_header"),
        pytest.param(lambda data: b"CRAM\x03\x00" + bytes(60), "lacks its end marker", id="cram_cut"),
        pytest.param(lambda data: b"CRAM\x09\x00" + bytes(60), "CRAM of version 9", id="cram_version"),
        pytest.param(lambda data: b"CRAM", "CRAM of version 0", id="cram_magic_alone"),
    ],
)
def test_a_file_that_is_no_whole_bam_is_refused_when_opened(tmp_path, make, problem, capfd):
    path = tmp_path / "bad.bam"
    path.write_bytes(make(bam_bytes(tmp_path)))
    with pytest.raises(InputError, match=problem) as caught:
        Bam(path)
    one_line(caught, path)
    assert capfd.readouterr() == ("", "")


def pysam_bgzip(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.gz"
        with pysam.BGZFile(str(path), "wb", None) as handle:
            handle.write(text)
        return path.read_bytes()


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path, problem in ((tmp_path / "missing.bam", "No such file"), (tmp_path, "is a folder")):
        with pytest.raises(InputError, match=problem) as caught:
            Bam(path)
        one_line(caught, path)


@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_every_truncation_is_noticed_when_opened(tmp_path, bam, cram, reference, kind):
    data = (bam.path if kind == "bam" else cram).read_bytes()
    cut = tmp_path / f"cut.{kind}"
    for length in (*range(0, len(data), 17), len(data) - 1):
        cut.write_bytes(data[:length])
        with pytest.raises(InputError) as caught:
            Bam(cut, reference)
        one_line(caught, cut)


MANY = [Alignment(place, "50M", name=f"read{place:04}") for place in range(0, 240, 2)]


def test_damage_in_the_middle_is_one_line_and_silent(tmp_path, capfd):
    path = write_bam(tmp_path / "reads.bam", MANY * 40)
    data = bytearray(path.read_bytes())
    place = len(data) // 2
    data[place : place + 40] = bytes(40)
    path.write_bytes(data)
    bam = Bam(path)
    for read in (lambda: list(bam.reads()), lambda: bam.coverage(Interval("chr1", 0, 300))):
        with pytest.raises(InputError, match="cannot be read") as caught:
            read()
        one_line(caught, path)
    assert capfd.readouterr() == ("", "")


def test_foreign_index_does_not_crash(tmp_path):
    path = write_bam(tmp_path / "reads.bam", MANY * 40)
    other = write_bam(tmp_path / "other.bam", READS * 500)
    shutil.copy(f"{other}.bai", f"{path}.bai")
    with pytest.raises(InputError, match="index is that of another") as caught:
        Bam(path).coverage(Interval("chr2", 0, 120))
    one_line(caught, path)


def test_index_that_is_none_is_as_good_as_none(tmp_path, capfd):
    path = write_bam(tmp_path / "reads.bam", MANY)
    Path(f"{path}.bai").write_bytes(b"BAI\x01" + b"\xff" * 30)
    with pytest.raises(InputError, match="has no index"):
        Bam(path).coverage(Interval("chr2", 0, 120))
    assert capfd.readouterr() == ("", "")


def test_index_older_than_its_file_is_used_in_silence(tmp_path, capfd):
    path = write_bam(tmp_path / "reads.bam", READS)
    os.utime(f"{path}.bai", (1, 1))
    assert names(Bam(path).reads(Interval("chr1", 290, 300))) == ["end"]
    assert capfd.readouterr() == ("", "")


# Iterators and processes


def test_iterations_do_not_disturb_each_other(tmp_path):
    bam = Bam(write_bam(tmp_path / "reads.bam", MANY))
    whole, part = bam.reads(), bam.reads(Interval("chr1", 200, 240))
    expected = [names(Bam(bam.path).reads()), names(Bam(bam.path).reads(Interval("chr1", 200, 240)))]
    found = [[next(whole).name], [next(part).name]]
    for read in whole:
        found[0].append(read.name)
        bam.coverage(Interval("chr1", 100, 120))
        found[1] += names([read]) if (read := next(part, None)) else []
    found[1] += names(part)
    assert found == expected


@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_whole_file_is_read_from_its_start_again(bam, cram, reference, kind):
    opened = bam if kind == "bam" else Bam(cram, reference)
    whole = names(opened.reads())
    assert len(whole) == 4
    assert names(opened.reads()) == whole
    assert names(opened.reads(Interval("chr1", 290, 300))) == ["end"]
    assert names(opened.reads()) == whole


def test_iteration_that_is_left_leaves_the_next_one_whole(tmp_path):
    bam = Bam(write_bam(tmp_path / "reads.bam", MANY))
    for _ in range(3):
        next(bam.reads(Interval("chr1", 0, 300)))
        next(bam.reads())
    assert len(names(bam.reads())) == len(names(bam.reads(Interval("chr1", 0, 300)))) == len(MANY)


def test_iteration_begun_before_a_fork_is_refused_after_it(tmp_path, monkeypatch):
    bam = Bam(write_bam(tmp_path / "reads.bam", MANY))
    reads = bam.reads()
    next(reads)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(RuntimeError, match="were begun in another process"):
        list(reads)
    assert len(list(bam.reads())) == len(MANY)


def test_pickle_holds_no_handle(bam, cram, reference):
    for opened in (bam, Bam(cram, reference)):
        expected = names(opened.reads(Interval("chr1", 0, 300)))
        pickled = pickle.dumps(opened)
        assert len(pickled) < 2000
        assert names(pickle.loads(pickled).reads(Interval("chr1", 0, 300))) == expected


WORKER = {}


def start_worker(bam):
    WORKER["bam"] = bam


def tracks(seed):
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(4):
        start = int(draw.integers(0, 99_000))
        interval = Interval("chr1", start, start + int(draw.integers(1, 900)))
        reads = [(read.name, read.sequence) for read in WORKER["bam"].reads(interval)]
        found.append((start, WORKER["bam"].coverage(interval).tolist(), reads))
    return found


# Python 3.12 warns of forking beside the threads of numpy, and this is the case under test.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_workers_read_what_the_parent_reads(tmp_path, method, kind):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on {sys.platform}")
    # Far longer than what is read at once, so that workers with one handle would read each other's place.
    draw = np.random.default_rng(0)
    genome = "".join(draw.choice(list("ACGT"), 100_000))
    fasta = rewritten(tmp_path / "genome.fa", f">chr1\n{genome}\n")
    reads = [
        Alignment(place, "80M", name=f"read{place}", sequence="".join(draw.choice(list("ACGT"), 80)))
        for place in range(0, 99_900, 10)
    ]
    mode = {"bam": "wb", "cram": "wc"}[kind]
    path = write_bam(tmp_path / f"reads.{kind}", reads, {"chr1": 100_000}, mode=mode, reference=str(fasta))
    bam = Bam(path, fasta if kind == "cram" else None)
    start_worker(bam)
    expected = [tracks(seed) for seed in range(4)]  # the file is open before the workers start
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context, initializer=start_worker, initargs=(bam,)) as pool:
        assert list(pool.map(tracks, range(4))) == expected


# Real data

FILES = {
    "chr20": ("bam/chr20/NA12878_small.bam", "human/hg19_chr20_9995001-11095000.fa.gz", 9_995_000),
    "chrM": ("bam/chrM/NA12878.chrM.bam", "human/grch38_chrM.fa", 0),
    "methylation": (
        "bam/methylation/chr20_mod_call_sample.bam",
        "bam/methylation/chr20_from_MD.fa",
        13_830_169,
    ),
}


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "num_records"), [("chr20", 973), ("chrM", 14_917), ("methylation", 6)])
def test_every_record_of_the_real_files_is_read(data, name, num_records):
    path = data / FILES[name][0]
    reads = list(Bam(path).reads(read_filter=EVERYTHING))
    assert len(reads) == num_records
    with pysam.AlignmentFile(str(path), check_sq=False) as handle:
        for read, record in zip(reads, handle.fetch(until_eof=True), strict=True):
            stored = record.query_sequence
            assert read.sequence == (reverse_complement(stored) if record.is_reverse else stored)
            assert (read.interval is None) == record.is_unmapped


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "identity"), [("chr20", 0.9935), ("chrM", 0.9846), ("methylation", 0.9609)])
def test_aligned_bases_of_the_real_files_are_those_of_the_reference(data, name, identity):
    path, fasta, offset = FILES[name]
    genome = Fasta(data / fasta)
    ((contig, length),) = genome.contigs.items()
    bases = genome.fetch(Interval(contig, 0, length))
    num_equal = num_aligned = 0
    # Every mapped alignment counts, whatever its other flags.
    for read in Bam(data / path).reads(read_filter=EVERYTHING):
        if read.interval is None:
            continue
        is_reverse = read.interval.strand is Strand.REVERSE
        stored = reverse_complement(read.sequence) if is_reverse else read.sequence
        pairs = aligned_pairs(Alignment(read.interval.start - offset, read.cigar))
        inside = [(query, position) for query, position in pairs if 0 <= position < length]
        num_aligned += len(inside)
        num_equal += sum(stored[query] == bases[position] for query, position in inside)
    assert round(num_equal / num_aligned, 4) == identity


@pytest.mark.real_data
def test_reference_of_the_methylation_reads_is_that_of_their_md_tags(data):
    path, fasta, offset = FILES["methylation"]
    (record,) = re.findall(r">.*\n((?:.+\n?)+)", (data / fasta).read_text())
    bases = record.replace("\n", "")
    checked = 0
    for batch in Bam(data / path).segments():
        for segment in batch:
            for _, position, base in segment.get_aligned_pairs(with_seq=True):
                if position is not None and base is not None:
                    assert base.upper() == bases[position - offset]
                    checked += 1
    assert checked == 89_644


@pytest.mark.real_data
def test_real_reads_know_their_reference(data):
    bam = Bam(data / FILES["chrM"][0])
    bam.check_reference(Fasta(data / FILES["chrM"][1]))
    with pytest.raises(InputError, match=r"of which .* has none"):
        bam.check_reference(Fasta(data / FILES["chr20"][1]))
