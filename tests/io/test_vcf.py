"""Reading variants in every encoding against htslib, and every way in which a file can be wrong."""

import gzip
import io
import re
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.vcf import allele_kind, read_variants
from tests.oracles.vcf import (
    COLUMNS,
    HEADER,
    SAMPLES,
    SITES,
    WRITERS,
    write_bcf,
    write_bgzip,
    write_gzip,
    write_plain_bcf,
)

ROOT = Path(__file__).parents[2]

RECORDS = (
    b"chr1\t100\trs1\tA\tC\t29.5\tPASS\tDP=3\tGT:DP\t0/1:3\t1|1:4\n"
    b"chr1\t100\trs1\tA\tC,ATT,*\t.\t.\t.\tGT\t0/1\t./.\n"
    b"chr1\t200\t.\tACGT\tA\t10\tq10\tDP=3;NOTE=x\tGT\t.\t0\n"
    b"chr2\t0\t.\tN\t<DEL>\t.\tPASS\tEND=40\tGT\t0/1\t0/1\n"
    b"chr2\t7\t.\tA\t.\t.\tPASS\t.\tGT\t0/0\t0/0\n"
    b"chr2\t7\t.\tG\tG]chr1:198]\t.\tPASS\t.\tGT\t0/0\t0/0\n"
)
MANY = b"".join(
    b"chr1\t%d\trs%d\t%s\tG\t.\tPASS\tDP=%d\n"
    % (i, i * 7919 % 10007, b"ACGT"[i % 3 : i % 3 + 1] * (i % 9 + 1), i)
    for i in range(1, 200)
)


def read(path):
    with read_variants(path) as reader:
        return list(reader)


def read_until_error(path):
    """Return the records before the error, and the error."""
    records = []
    with pytest.raises(InputError) as caught, read_variants(path) as reader:
        records.extend(reader)
    return records, str(caught.value)


def outcome(path):
    """Return the message of the error, or nothing where every record is read."""
    try:
        read(path)
    except InputError as error:
        return str(error)
    return ""


def sites(records):
    return [(r.number, r.contig, r.position, r.ref, r.alts, r.filters) for r in records]


def by_pysam(path):
    with pysam.VariantFile(str(path)) as handle:
        return [
            (number, r.contig, r.start, r.ref, r.alts or (), tuple(r.filter.keys()))
            for number, r in enumerate(handle, 1)
        ]


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("body", [RECORDS, b""], ids=["records", "empty"])
def test_every_encoding_gives_the_records_that_htslib_gives(tmp_path, form, body):
    plain, path = tmp_path / "plain.vcf", tmp_path / "calls.any"
    plain.write_bytes(SAMPLES + body)
    WRITERS[form](path, SAMPLES + body)
    assert sites(read(path)) == by_pysam(plain)


@pytest.mark.parametrize("form", WRITERS)
def test_header_says_the_same_in_every_encoding(tmp_path, form):
    WRITERS[form](tmp_path / "calls", SAMPLES + RECORDS)
    with read_variants(tmp_path / "calls") as reader:
        header = reader.header
    assert dict(header.contigs) == {"chr1": 1_000_000, "chr2": 500_000}
    assert list(header.contigs) == ["chr1", "chr2"]
    assert header.info_ids == {"DP", "AF", "END", "NOTE"}
    assert header.sample_count == 2
    assert header.is_bcf == ("bcf" in form)


@pytest.mark.parametrize("form", ["plain", "gzip", "bgzip"])
def test_text_records_and_header_hold_the_bytes_of_the_file(tmp_path, form):
    text = (SAMPLES + RECORDS).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    WRITERS[form](tmp_path / "calls", text)
    with read_variants(tmp_path / "calls") as reader:
        assert b"".join(reader.header.lines) + b"".join(record.raw for record in reader) == text


def test_header_of_odd_declarations(tmp_path):
    path = tmp_path / "odd.vcf"
    path.write_bytes(
        b"##fileformat=VCFv4.4\n"
        b"##contig=<length=5,ID=HLA-A*01:01>\n"
        b'##INFO=<Description="a,ID=WRONG, \\"quoted\\"",Number=1,Type=Float,ID=RIGHT>\n'
        b'##INFO=<ID=LATIN,Number=1,Type=String,Description="caf\xe9">\n'
        b"##contig=<ID=no_length>\n"
        b"##INFO=broken\n" + COLUMNS + b"\tFORMAT\n"
    )
    with read_variants(path) as reader:
        assert dict(reader.header.contigs) == {"HLA-A*01:01": 5, "no_length": None}
        assert reader.header.info_ids == {"RIGHT", "LATIN"}
        assert reader.header.sample_count == 0


@pytest.mark.parametrize("form", WRITERS)
def test_standard_input_is_read_in_every_encoding(tmp_path, form):
    plain, path = tmp_path / "plain.vcf", tmp_path / "calls"
    plain.write_bytes(SAMPLES + RECORDS)
    WRITERS[form](path, SAMPLES + RECORDS)
    script = (
        "from hyenadna_kit.io.vcf import read_variants\n"
        "for r in read_variants('-'): print(r.number, r.contig, r.position, r.ref, r.alts, r.filters)"
    )
    with path.open("rb") as handle:
        output = subprocess.run(
            [sys.executable, "-c", script], stdin=handle, capture_output=True, check=True, cwd=ROOT
        )
    assert output.stdout.decode().splitlines() == [" ".join(map(str, site)) for site in by_pysam(plain)]
    assert output.stderr == b""


def test_standard_input_that_is_cut_off_is_an_error(tmp_path, monkeypatch):
    write_bgzip(tmp_path / "calls", SITES + MANY)
    data = (tmp_path / "calls").read_bytes()[:-28]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    records, message = read_until_error("-")
    assert len(records) == 199
    assert "standard input" in message
    assert "truncated" in message


@pytest.mark.parametrize(
    ("alt", "kind"),
    [
        ("A", "sequence"),
        ("acgtn", "sequence"),
        ("-", "sequence"),
        ("<DEL>", "symbolic"),
        ("<*>", "symbolic"),
        ("C<ctg1>", "symbolic"),
        ("G]17:198982]", "symbolic"),
        ("[13:123457[T", "symbolic"),
        (".A", "symbolic"),
        ("G.", "symbolic"),
        ("*", "star"),
        (".", "missing"),
        ("", "missing"),
    ],
)
def test_allele_kind(alt, kind):
    assert allele_kind(alt) == kind


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param("chr1 100 . A C", (Variant("chr1", 99, "A", "C"),), id="snv"),
        pytest.param(
            "chr1 100 . AT A,*,<DEL>,ATT,.",
            (Variant("chr1", 99, "AT", "A"), None, None, Variant("chr1", 99, "AT", "ATT"), None),
            id="one_per_alt",
        ),
        pytest.param("chr1 1 . a n", (Variant("chr1", 0, "a", "n"),), id="as_spelled"),
        pytest.param("chr1 100 . A .", (), id="no_alt"),
        pytest.param("chr1 0 . N A,C", (None, None), id="telomere"),
    ],
)
def test_variants_of_a_record(tmp_path, columns, expected):
    path = tmp_path / "one.vcf"
    path.write_bytes(SITES + columns.replace(" ", "\t").encode() + b"\t.\t.\t.\n")
    (record,) = read(path)
    assert record.variants() == expected
    assert record.site == ":".join(columns.split()[:2])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n\n", "is not VCF", id="blank"),
        pytest.param(b"chr1\t1\t.\tA\tC\t.\t.\t.\n", "##fileformat", id="no_header"),
        pytest.param(COLUMNS + b"\nchr1\t1\t.\tA\tC\t.\t.\t.\n", "##fileformat", id="no_fileformat"),
        pytest.param(b"##gff-version 3\n" + COLUMNS + b"\n", "'##gff-version 3.*; give a VCF", id="gff"),
        pytest.param(HEADER, "#CHROM", id="no_columns"),
        pytest.param(HEADER + b"chr1\t1\t.\tA\tC\t.\t.\t.\n", "line 11.*#CHROM", id="no_columns_line"),
        pytest.param(HEADER + COLUMNS.replace(b"\t", b" "), "tabs", id="spaces_for_tabs"),
        pytest.param(HEADER + COLUMNS[:-5], "#CHROM", id="cut_in_columns"),
        pytest.param(b"##fileformat=VCFv4.2\n##INFO=<ID", "#CHROM", id="cut_in_header"),
        pytest.param(b">chr1\nACGT\n", "is not VCF.*>chr1", id="fasta"),
        pytest.param(b"BCF\x02\x01" + bytes(40), "is not VCF", id="bcf_2_1"),
        pytest.param(b"BCF\x02\x02\xff\xff\x00\x00##fileformat", "ends early", id="bcf_header_cut"),
        pytest.param(b"\x1f\x8b\x08\x00garbage garbage garbage", "damaged", id="bad_gzip"),
        pytest.param(gzip.compress(b""), "is not VCF", id="empty_gzip"),
        pytest.param(gzip.compress(SITES)[:100], "damaged in its header", id="gzip_header_cut"),
        pytest.param(bytes(range(256)) * 4, "is not VCF", id="binary"),
    ],
)
def test_a_file_that_is_no_variant_file_is_refused_when_opened(tmp_path, content, problem):
    path = tmp_path / "bad.vcf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        read_variants(path)
    assert str(path) in str(caught.value)
    assert not re.search(r"\n|b'", str(caught.value))


def test_a_file_that_cannot_be_opened_is_refused(tmp_path):
    for path in (tmp_path / "missing.vcf", tmp_path):
        with pytest.raises(InputError, match=re.escape(str(path))):
            read_variants(path)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(b"chr1\t5\t.\tA\tC\t.\t.\n", "7 of 8 columns", id="seven_columns"),
        pytest.param(b"\n", "1 of 8 columns", id="blank_line"),
        pytest.param(b"chr1 5 . A C . . .\n", "tabs", id="spaces_for_tabs"),
        pytest.param(b"chr1\t5\t.\tA\tC", "cut off here", id="cut_line"),
        pytest.param(b"chr1\tx5\t.\tA\tC\t.\t.\t.\n", "POS 'x5'", id="position_letters"),
        pytest.param(b"chr1\t-5\t.\tA\tC\t.\t.\t.\n", "POS '-5'", id="position_negative"),
        pytest.param(b"chr1\t5.0\t.\tA\tC\t.\t.\t.\n", "POS '5.0'", id="position_float"),
        pytest.param(b"chr1\t1_0\t.\tA\tC\t.\t.\t.\n", "POS '1_0'", id="position_underscore"),
        pytest.param(b"chr1\t\t.\tA\tC\t.\t.\t.\n", "POS ''", id="position_empty"),
        pytest.param(b"chr1\t" + b"9" * 5000 + b"\t.\tA\tC\t.\t.\t.\n", "not", id="position_huge"),
        pytest.param(b"chr1\t5\t.\t\tC\t.\t.\t.\n", "is empty", id="ref_empty"),
        pytest.param(b"chr1\t5\t.\tA\t\t.\t.\t.\n", "is empty", id="alt_empty"),
        pytest.param(b"\t5\t.\tA\tC\t.\t.\t.\n", "is empty", id="contig_empty"),
        pytest.param(b"chr1\t5\t.\tA\tC\t.\t.\tN\0\n", "NUL", id="nul"),
        pytest.param(b"chr1\t5\t.\tA\xe9\tC\t.\t.\t.\n", "not text", id="ref_not_ascii"),
        pytest.param(b"chr\xff\t5\t.\tA\tC\t.\t.\t.\n", "not text", id="contig_not_utf8"),
        pytest.param(COLUMNS + b"\n", "POS 'POS'", id="second_header"),
    ],
)
def test_a_bad_record_is_named_after_the_good_ones(tmp_path, line, problem):
    path = tmp_path / "bad.vcf"
    good = b"chr1\t4\t.\tA\tC\t.\t.\t.\n"
    path.write_bytes(SITES + good + good + line + (good if line.endswith(b"\n") else b""))
    records, message = read_until_error(path)
    assert [record.position for record in records] == [3, 3]
    assert re.search(problem, message)
    assert message.startswith(f"{path}, record 3 (line 14): ")
    assert not re.search(r"\n|b'", message)


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["last_line_cut", "line_in_the_middle"])
def test_a_record_with_fewer_samples_than_the_header_is_refused(tmp_path, end):
    path = tmp_path / "bad.vcf"
    path.write_bytes(SAMPLES + RECORDS + b"chr2\t9\t.\tA\tC\t.\t.\t.\tGT\t0/1" + end)
    records, message = read_until_error(path)
    assert len(records) == 6
    assert "10 of 11 columns" in message


@pytest.mark.parametrize("write", [write_gzip, write_bgzip, write_bcf], ids=["gzip", "bgzip", "bcf"])
def test_every_truncation_is_an_error_after_a_prefix_of_the_records(tmp_path, write):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    write(whole, SITES + MANY)
    data, expected = whole.read_bytes(), sites(read(whole))
    # Two members of gzip are two files: between them nothing is missing that could be noticed.
    border = data.find(gzip.compress(b"")[:2], 1) if write is write_gzip else None
    counts = set()
    for length in (*range(1, len(data), 23), len(data) - 28, len(data) - 1):
        if length != border:
            cut.write_bytes(data[:length])
            records, message = read_until_error(cut)
            assert sites(records) == expected[: len(records)]
            assert str(cut) in message
            counts.add(len(records))
    if write is not write_bcf:
        assert len(counts) > 5


def test_every_truncation_of_plain_bcf_within_a_record_is_an_error(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    write_plain_bcf(whole, SAMPLES + RECORDS)
    data, expected = whole.read_bytes(), read(whole)
    ends = {len(data) - sum(len(record.raw) for record in expected[number:]) for number in range(7)}
    for length in range(min(ends), len(data)):
        cut.write_bytes(data[:length])
        if length not in ends:
            records, message = read_until_error(cut)
            assert records == expected[: len(records)]
            assert f"after record {len(records)}" in message


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_bytes_give_records_or_one_kind_of_error(data):
    form = data.draw(st.sampled_from(["plain", "bgzip", "bcf", "plain_bcf"]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls"
        WRITERS[form](path, SAMPLES + RECORDS)
        damaged = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 5))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(damaged)
        assert "\n" not in outcome(path)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=6), min_size=6, max_size=9).map(b"\t".join), max_size=3))
def test_random_lines_give_records_or_one_kind_of_error(lines):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls"
        path.write_bytes(SITES + b"chr1\t" + b"\nchr1\t5\t".join(lines))
        assert "\n" not in outcome(path)


def test_a_record_that_names_what_the_bcf_header_lacks_is_refused(tmp_path):
    path = tmp_path / "calls.bcf"
    write_plain_bcf(path, SITES + b"chr2\t9\t.\tA\tC\t.\tPASS\t.\n")
    data = path.read_bytes()
    raw = read(path)[0].raw
    foreign = raw[:8] + (77).to_bytes(4, "little") + raw[12:]
    path.write_bytes(data.replace(raw, raw + foreign))
    records, message = read_until_error(path)
    assert len(records) == 1
    assert "record 2: its contig or filter 77 is not in the header" in message


def test_contigs_and_filters_of_a_bcf_are_found_by_their_idx(tmp_path):
    # The numbers have holes where bcftools has removed lines of the header.
    path = tmp_path / "calls.bcf"
    write_plain_bcf(path, SITES + b"chr2\t9\t.\tA\tC\t.\tq10\t.\n")
    raw = read(path)[0].raw
    moved = raw[:8] + (5).to_bytes(4, "little") + raw[12:].replace(b"\x11\x01", b"\x11\x63")
    data = path.read_bytes().replace(raw, moved)
    data = data.replace(b"length=500000,IDX=1>", b"length=500000,IDX=5>")
    length = int.from_bytes(data[5:9], "little") + 1
    data = data.replace(b'Quality below 10",IDX=1>', b'Quality below 10",IDX=99>')
    path.write_bytes(data[:5] + length.to_bytes(4, "little") + data[9:])
    assert sites(read(path)) == by_pysam(path) == [(1, "chr2", 8, "A", ("C",), ("q10",))]


def test_declarations_of_a_bcf_without_idx_are_numbered_in_their_order(tmp_path):
    path = tmp_path / "calls.bcf"
    write_plain_bcf(path, SITES + b"chr2\t9\t.\tA\tC\t.\tlast\tDP=3\n".replace(b"last", b"q10"))
    data = path.read_bytes()
    end = 9 + int.from_bytes(data[5:9], "little")
    text = re.sub(rb",IDX=\d+>", b">", data[9:end])
    # A second filter after all other declarations: PASS is 0, six ids follow (DP counts once), so it is 6.
    text = text.replace(b"##contig=<ID=chr1", b'##FILTER=<ID=last,Description="x">\n##contig=<ID=chr1')
    record = data[end:].replace(b"\x11\x01\x11\x02", b"\x11\x07\x11\x02")
    path.write_bytes(data[:5] + len(text).to_bytes(4, "little") + text + record)
    assert sites(read(path)) == by_pysam(path) == [(1, "chr2", 8, "A", ("C",), ("last",))]


@pytest.mark.parametrize(
    ("at", "value"),
    [(12, b"\xfe\xff\xff\xff"), (26, b"\0\0")],
    ids=["position_before_telomere", "no_alleles"],
)
def test_a_bcf_record_without_a_site_is_refused(tmp_path, at, value):
    path = tmp_path / "calls.bcf"
    write_plain_bcf(path, SITES + b"chr2\t9\t.\tA\tC\t.\tPASS\t.\n")
    raw = read(path)[0].raw
    path.write_bytes(path.read_bytes().replace(raw, raw + raw[:at] + value + raw[at + len(value) :]))
    records, message = read_until_error(path)
    assert len(records) == 1
    assert "record 2: garbled binary record" in message


def test_long_alleles_and_many_alts_of_a_bcf(tmp_path):
    ref, alts = "ACGT" * 10_000, ["A" * length for length in (1, 14, 15, 127, 128, 40_000)]
    write_bcf(tmp_path / "calls", SITES + f"chr1\t5\t.\t{ref}\t{','.join(alts)}\t.\t.\t.\n".encode())
    (record,) = read(tmp_path / "calls")
    assert (record.ref, record.alts, record.filters) == (ref, tuple(alts), ())


def test_reading_needs_memory_for_one_record_alone(tmp_path):
    path = tmp_path / "long.vcf"
    path.write_bytes(SITES + MANY * 20)
    with read_variants(path) as reader:
        next(reader)
        tracemalloc.start()
        count = sum(1 for _ in reader)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == 199 * 20 - 1
    assert peak < 500_000


def test_a_reader_is_its_own_iterator_and_closes_at_the_end(tmp_path):
    (tmp_path / "calls").write_bytes(SITES + MANY)
    reader = read_variants(tmp_path / "calls")
    assert next(reader).number == 1
    assert [record.number for record in reader] == list(range(2, 200))
    with pytest.raises(StopIteration):
        next(reader)


def test_reading_and_writing_variants_loads_no_torch():
    script = "import sys, hyenadna_kit.io.vcf, hyenadna_kit.io.vcf_writer; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, cwd=ROOT).returncode == 0


@pytest.mark.real_data
def test_1000_genomes_sites_are_those_that_htslib_reads(data):
    path = data / "human" / "grch37_chr20_1-2Mb.vcf.gz"
    records = read(path)
    assert len(records) == 28_998
    verbosity = pysam.set_verbosity(0)
    assert sites(records) == by_pysam(path)
    pysam.set_verbosity(verbosity)
