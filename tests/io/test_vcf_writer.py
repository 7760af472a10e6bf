"""Annotated variant files: the bytes that stay, the values that htslib reads, and what a failure leaves."""

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.vcf import read_variants
from hyenadna_kit.io.vcf_writer import InfoField, VariantWriter
from tests.oracles.vcf import (
    COLUMNS,
    HEADER,
    SAMPLES,
    SITES,
    WRITERS,
    records_by_htslib,
    without_info,
    write_bcf,
    write_plain_bcf,
)

ROOT = Path(__file__).parents[2]

STATUS = InfoField("HK_STATUS", ".", "String", "Status of each ALT")
SCORE = InfoField("HK_LLR", "A", "Float", "Log-likelihood ratio")
TOKENS = InfoField("HK_NTOK", "A", "Integer", "Scored tokens")
FIELDS = (STATUS, SCORE, TOKENS)
PROVENANCE = ("##hyenadna_kit_version=0.1.0", "##hyenadna_kit_score=<window=1024>")
OUR_LINES = (
    b'##INFO=<ID=HK_STATUS,Number=.,Type=String,Description="Status of each ALT">\n'
    b'##INFO=<ID=HK_LLR,Number=A,Type=Float,Description="Log-likelihood ratio">\n'
    b'##INFO=<ID=HK_NTOK,Number=A,Type=Integer,Description="Scored tokens">\n'
    b"##hyenadna_kit_version=0.1.0\n"
    b"##hyenadna_kit_score=<window=1024>\n"
)

# One line a kind of trouble: what stands in column 8, and after it, must come out as it went in.
NASTY = {
    "quality_with_a_zero": b"chr1\t1\t.\tA\tC\t29.50\tPASS\tDP=3\tGT:DP\t0/1:3\t0/1:4",
    "large_float": b"chr1\t2\t.\tA\tC\t.\tPASS\tAF=1234567.8\tGT\t0/1\t0/1",
    "fewer_values_than_format": b"chr1\t3\t.\tA\tC\t.\tPASS\tDP=3\tGT:DP\t0/1\t0/1:4",
    "undeclared_names": b"chr1\t4\t.\tA\tC\t.\tunknown\tWHAT=1;FLAG\tGT:ZZ\t0/1:x\t0/1:y",
    "spaces_in_a_value": b"chr1\t5\t.\tA\tC\t.\tPASS\tNOTE=two words ;DP=3\tGT\t0/1\t0/1",
    "windows_1252": b"chr1\t6\t\xe9\tA\tC\t.\tPASS\tNOTE=caf\xe9\x92\tGT\t0/1\t0/1",
    "end_equal_to_position": b"chr1\t7\t.\tA\t<NON_REF>\t.\tPASS\tEND=7\tGT\t0/0\t0/0",
    "insertion_without_end": b"chr1\t8\t.\tA\t<INS>\t.\tPASS\tDP=3\tGT\t0/1\t0/1",
    "duplicate_key": b"chr1\t9\t.\tA\tC\t.\tPASS\tDP=3;DP=4\tGT\t0/1\t0/1",
    "lower_case_alleles": b"chr1\t10\t.\ta\tc,gt\t.\tPASS\tDP=3\tGT\t0/1\t1/2",
    "many_ids": b"chr1\t10\trs1;rs2\tA\tC\t0\tPASS\tDP=3\tGT\t0/1\t0/1",
    "leading_zeros": b"chr1\t0011\t.\tA\tC\t1e2\tPASS\tAF=0.50\tGT\t0/1\t0/1",
    "value_with_equals": b"chr1\t12\t.\tA\tC\t.\tPASS\tNOTE=a=b=c\tGT\t0/1\t0/1",
    "trailing_tab": b"chr1\t13\t.\tA\tC\t.\tPASS\tDP=3\tGT\t0/1\t0/1\t",
}
PLAIN = (
    b"chr1\t100\trs1\tA\tC\t29.5\tPASS\tDP=3\tGT:DP\t0/1:3\t1|1:4\n"
    b"chr1\t100\trs1\tA\tC,ATT,*\t.\t.\t.\tGT\t0/1\t./.\n"
    b"chr1\t200\t.\tACGT\tA\t10\tq10\tDP=3;AF=0.1234567\tGT\t.\t0\n"
    b"chr1\t300\t.\tA\t<NON_REF>\t.\tPASS\tEND=300\tGT\t0/0\t0/0\n"
    b"chr1\t400\t.\tA\t<INS>\t.\tPASS\tDP=1\tGT\t0/1\t0/1\n"
    b"chr2\t7\t.\tA\t.\t.\tPASS\tNOTE=x|y\tGT\t0/0\t0/0\n"
)


def values_of(record):
    """Return values that tell the records apart, with a hole in each second ALT."""
    scores = [None if i % 2 else -record.number - i / 8 for i in range(len(record.alts))]
    tokens = [100 * record.number + i for i in range(len(record.alts))]
    status = ["PASS"] * len(record.alts) or ["NO_ALT"]
    return {"HK_STATUS": status, "HK_LLR": scores, "HK_NTOK": tokens}


def annotate(source, target, *, values=values_of, info=FIELDS, provenance=PROVENANCE):
    with (
        read_variants(source) as reader,
        VariantWriter(target, reader.header, info=info, provenance=provenance) as writer,
    ):
        for record in reader:
            writer.write(record, values(record))
    return writer


def text_of(path):
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def ours(number, num_alts):
    """Return what ``values_of`` becomes in a line, spelled out here once more."""
    if not num_alts:
        return b"HK_STATUS=NO_ALT;HK_LLR=.;HK_NTOK=."
    scores = ",".join("." if i % 2 else f"{-number - i / 8:g}" for i in range(num_alts))
    tokens = ",".join(str(100 * number + i) for i in range(num_alts))
    return f"HK_STATUS={','.join(['PASS'] * num_alts)};HK_LLR={scores};HK_NTOK={tokens}".encode()


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("last_line_ends", [True, False], ids=["ended", "unended"])
def test_every_byte_but_our_info_stays(tmp_path, suffix, line_end, last_line_ends):
    source, target = tmp_path / "in.vcf", tmp_path / f"out{suffix}"
    head = (HEADER + b"##note=caf\xe9 \xe2\x82\xac  trailing  \n").replace(b"\n", line_end)
    columns = COLUMNS + b"\tFORMAT\tNA1\tNA 2" + line_end
    expected = [head, OUR_LINES.replace(b"\n", line_end), columns]
    lines = list(NASTY.values())
    for number, line in enumerate(lines, 1):
        before, info, after = re.fullmatch(rb"((?:[^\t]*\t){7})([^\t]*)(.*)", line, re.S).groups()
        num_alts = len(line.split(b"\t")[4].split(b","))
        expected += [before, info, b";", ours(number, num_alts), after, line_end]
    text, wanted = head + columns + line_end.join(lines) + line_end, b"".join(expected)
    if not last_line_ends:
        text, wanted = text.removesuffix(line_end), wanted.removesuffix(line_end)
    source.write_bytes(text)
    annotate(source, target)
    assert text_of(target) == wanted


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b""], ids=["lf", "crlf", "unended"])
@pytest.mark.parametrize(
    ("info", "expected"),
    [(b".", b""), (b"", b""), (b"DP=3", b"DP=3;"), (b"DP=3 ", b"DP=3 ;"), (b"NOTE=\xe9", b"NOTE=\xe9;")],
)
def test_sites_without_samples_keep_their_bytes(tmp_path, info, expected, line_end):
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf"
    head = b"chr1\t7\t.\tA\tC\t29.50\tPASS\t"
    source.write_bytes(SITES + head + info + line_end)
    annotate(source, target)
    assert (
        target.read_bytes() == HEADER + OUR_LINES + COLUMNS + b"\n" + head + expected + ours(1, 1) + line_end
    )


def test_a_record_without_values_stays_as_it_is(tmp_path):
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf"
    source.write_bytes(SAMPLES + b"".join(line + b"\n" for line in NASTY.values()))
    annotate(source, target, values=lambda _: {}, info=(), provenance=())
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
@pytest.mark.parametrize("form", WRITERS)
def test_every_input_to_every_output_is_equal_by_value(tmp_path, form, suffix):
    plain, source, target = tmp_path / "plain.vcf", tmp_path / "calls", tmp_path / f"out{suffix}"
    plain.write_bytes(SAMPLES + PLAIN)
    WRITERS[form](source, SAMPLES + PLAIN)
    writer = annotate(source, target)
    found = records_by_htslib(target)
    assert [without_info(line, "HK_") for line in found] == records_by_htslib(plain)
    for number, (line, num_alts) in enumerate(zip(found, (1, 3, 1, 1, 1, 0), strict=True), 1):
        assert ours(number, num_alts).decode() in line
    assert writer.index_skipped_reason is None
    magic = {".vcf": b"##", ".vcf.gz": b"\x1f\x8b", ".bcf": b"\x1f\x8b"}[suffix]
    assert target.read_bytes().startswith(magic)
    assert text_of(target).startswith(b"BCF\x02\x02" if suffix == ".bcf" else b"##fileformat")


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
@pytest.mark.parametrize("form", WRITERS)
def test_pysam_reads_our_values(tmp_path, form, suffix):
    WRITERS[form](tmp_path / "calls", SAMPLES + PLAIN)
    annotate(tmp_path / "calls", tmp_path / f"out{suffix}")
    with pysam.VariantFile(str(tmp_path / f"out{suffix}")) as handle:
        second = list(handle)[1]
    assert second.info["HK_STATUS"] == ("PASS", "PASS", "PASS")
    assert second.info["HK_LLR"] == (-2.0, None, -2.25)
    assert second.info["HK_NTOK"] == (200, 201, 202)
    assert {"DP", "HK_LLR"} <= set(second.header.info)
    assert [line for line in str(second.header).splitlines() if "hyenadna_kit" in line] == list(PROVENANCE)


def test_bcf_to_bcf_keeps_every_byte_of_a_record_but_our_fields(tmp_path):
    source, target = tmp_path / "in.bcf", tmp_path / "out.bcf"
    write_bcf(source, SAMPLES + PLAIN)
    annotate(source, target)
    with read_variants(source) as before, read_variants(target) as after:
        for old, new in zip(before, after, strict=True):
            site = int.from_bytes(old.raw[:4], "little")
            assert new.raw[4:24] == old.raw[4:24]
            assert new.raw[26 : 8 + site] == old.raw[26 : 8 + site]
            assert new.raw.endswith(old.raw[8 + site :])
            assert new.raw[24] == old.raw[24] + 3


def test_values_too_long_for_a_short_descriptor_reach_bcf(tmp_path):
    source, target = tmp_path / "in.bcf", tmp_path / "out.bcf"
    alts = ["A" * length for length in range(2, 302)]
    write_bcf(source, SITES + f"chr1\t5\t.\tA\t{','.join(alts)}\t.\t.\t.\n".encode())
    annotate(source, target)
    with pysam.VariantFile(str(target)) as handle:
        (record,) = handle
    assert record.info["HK_NTOK"] == tuple(range(100, 400))
    assert record.info["HK_STATUS"] == ("PASS",) * 300
    assert record.info["HK_LLR"][::2] == tuple(-1 - i / 8 for i in range(0, 300, 2))


def test_bytes_that_are_no_utf8_in_the_header_reach_bcf(tmp_path):
    source, target = tmp_path / "in.vcf", tmp_path / "out.bcf"
    lines = b'##contig=<ID=caf\xe9>\n##INFO=<ID=caf\xe9,Number=1,Type=String,Description="\xe9">\n'
    source.write_bytes(HEADER + lines + COLUMNS + b"\nchr1\t5\t.\tA\tC\t.\t.\tcaf\xe9=\xe9\n")
    annotate(source, target)
    assert b"\xe9" in text_of(target).split(b"#CHROM")[1]
    annotate(target, tmp_path / "back.vcf")
    assert b"\nchr1\t5\t.\tA\tC\t.\t.\tcaf\xe9=\xe9;" + ours(1, 1) in (tmp_path / "back.vcf").read_bytes()


@pytest.mark.parametrize("length", [1, 14, 15, 127, 128, 255, 256, 32_767, 32_768, 70_000])
def test_strings_of_any_length_reach_bcf(tmp_path, length):
    source, target = tmp_path / "in.bcf", tmp_path / "out.bcf"
    write_bcf(source, SITES + many(2))
    annotate(source, target, values=lambda _: {"HK_STATUS": "x" * length})
    with pysam.VariantFile(str(target)) as handle:
        assert [record.info["HK_STATUS"] for record in handle] == [("x" * length,)] * 2


@pytest.mark.parametrize("num_declared", [120, 126, 130, 300, 33_000])
def test_fields_of_any_number_in_the_header_reach_bcf(tmp_path, num_declared):
    source, target = tmp_path / "in.bcf", tmp_path / "out.bcf"
    lines = b"".join(
        b'##INFO=<ID=X%d,Number=1,Type=Integer,Description="x">\n' % number for number in range(num_declared)
    )
    write_bcf(source, HEADER + lines + COLUMNS + b"\n" + many(2))
    annotate(source, target)
    with pysam.VariantFile(str(target)) as handle:
        assert [record.info["HK_NTOK"] for record in handle] == [(100,), (200, 201)]


@pytest.mark.parametrize("suffix", [".vcf", ".bcf"])
def test_scoring_a_scored_file_again_replaces_our_values(tmp_path, suffix):
    source = tmp_path / f"in{suffix}"
    WRITERS["bcf" if suffix == ".bcf" else "plain"](source, SAMPLES + PLAIN)
    once, twice, other = (tmp_path / f"{name}{suffix}" for name in ("once", "twice", "other"))
    annotate(source, once)
    annotate(once, twice)
    assert text_of(twice) == text_of(once)
    # One field anew, with another type: the others of the former run stay, in records and header.
    changed = InfoField("HK_LLR", ".", "String", "Now words")
    line = "##hyenadna_kit_score=<window=9>"
    annotate(once, other, values=lambda _: {"HK_LLR": "word"}, info=[changed], provenance=[line])
    for before, after in zip(records_by_htslib(once), records_by_htslib(other), strict=True):
        assert without_info(after, "HK_LLR") == without_info(before, "HK_LLR")
        assert after.split("\t")[7].split(";").count("HK_LLR=word") == 1
    header = pysam.VariantFile(str(other)).header
    assert header.info["HK_LLR"].type == "String"
    lines = str(header).splitlines()
    assert [text for text in lines if "hyenadna_kit" in text] == [PROVENANCE[0], line]
    assert sum("ID=HK_LLR" in text for text in lines) == 1


def test_a_field_that_shares_its_id_with_a_format_reaches_bcf(tmp_path):
    source, target = tmp_path / "in.bcf", tmp_path / "out.bcf"
    header = SAMPLES.replace(b"##FORMAT=<ID=DP", b"##FORMAT=<ID=HK_LLR")
    write_bcf(source, header + b"chr1\t5\t.\tA\tC\t.\t.\tDP=3\tGT:HK_LLR\t0/1:3\t0/1:4\n")
    annotate(source, target)
    (line,) = records_by_htslib(target)
    assert line.endswith(f"\tDP=3;{ours(1, 1).decode()}\tGT:HK_LLR\t0/1:3\t0/1:4")


def test_a_field_that_was_declared_twice_is_declared_once(tmp_path):
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf"
    line = b'##INFO=<ID=HK_LLR,Number=1,Type=String,Description="old">\n'
    source.write_bytes(HEADER + line + b"##x=y\n" + line + COLUMNS + b"\n")
    annotate(source, target, info=[SCORE], provenance=[])
    assert (
        target.read_bytes() == HEADER + OUR_LINES.splitlines(keepends=True)[1] + b"##x=y\n" + COLUMNS + b"\n"
    )


def test_text_gets_no_declaration_but_ours(tmp_path):
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf"
    source.write_bytes(b"##fileformat=VCFv4.2\n" + COLUMNS + b"\n" + b"7\t5\t.\tA\tC\t.\tq\tX=1\n")
    annotate(source, target)
    assert target.read_bytes() == (
        b"##fileformat=VCFv4.2\n" + OUR_LINES + COLUMNS + b"\n7\t5\t.\tA\tC\t.\tq\tX=1;" + ours(1, 1) + b"\n"
    )


def test_names_that_the_header_lacks_are_declared_for_bcf(tmp_path):
    source, target = tmp_path / "in.vcf", tmp_path / "out.bcf"
    body = (
        b"7\t5\t.\tA\tC\t.\tlow;PASS\tX=1;FLAG;BOTH\tGT:ZZ\t0/1:x\r\n"
        b"HLA-A*01:01\t5\t.\tA\t<DEL>\t.\t.\tEND=40;BOTH=2,3;REV=1\tGT\t0/1\r\n"
        b"8\t0\t.\tN\tC\t.\t.\tREV\tGT\t0/1\r\n"
    )
    source.write_bytes(b"##fileformat=VCFv4.2\r\n" + COLUMNS + b"\tFORMAT\tS\r\n" + body)
    annotate(source, target)
    lines = [line.encode() for line in records_by_htslib(target)]
    assert lines == [
        b"7\t5\t.\tA\tC\t.\tlow;PASS\tX=1;FLAG;BOTH;" + ours(1, 1) + b"\tGT:ZZ\t0/1:x",
        b"HLA-A*01:01\t5\t.\tA\t<DEL>\t.\t.\tEND=40;BOTH=2,3;REV=1;" + ours(2, 1) + b"\tGT\t0/1",
        b"8\t0\t.\tN\tC\t.\t.\tREV;" + ours(3, 1) + b"\tGT\t0/1",
    ]
    with pysam.VariantFile(str(target)) as handle:
        assert list(handle.header.contigs) == ["7", "HLA-A*01:01", "8"]
        types = {name: handle.header.info[name].type for name in ("END", "X", "FLAG", "BOTH", "REV")}
        assert types == {"END": "Integer", "X": "String", "FLAG": "Flag", "BOTH": "String", "REV": "String"}
        assert next(handle.fetch("HLA-A*01:01")).stop == 40


def many(count):
    """Return ``count`` sorted records on two contigs."""
    half = count // 2
    first = (b"chr1\t%d\t.\tA\tC\t.\tPASS\tDP=%d\n" % (10 * i + 1, i) for i in range(half))
    second = (b"chr2\t%d\t.\tA\tC,G\t.\tPASS\t.\n" % (10 * i + 1) for i in range(count - half))
    return b"".join([*first, *second])


def beside(path, suffix):
    return path.with_name(path.name + suffix)


@pytest.mark.parametrize(("suffix", "index"), [(".vcf.gz", ".tbi"), (".bcf", ".csi")])
@pytest.mark.parametrize("form", ["plain", "bcf"])
def test_the_index_finds_the_records(tmp_path, form, suffix, index):
    source, target = tmp_path / "calls", tmp_path / f"out{suffix}"
    WRITERS[form](source, SITES + many(3000))
    annotate(source, target)
    assert sorted(tmp_path.iterdir()) == [source, target, beside(target, index)]
    with pysam.VariantFile(str(target)) as handle:
        found = [(r.contig, r.pos, r.info["HK_NTOK"][0]) for r in handle.fetch("chr2", 10_000, 10_030)]
    assert found == [("chr2", 10_000 + p, 100 * (1500 + 1000 + n)) for n, p in ((1, 1), (2, 11), (3, 21))]


def test_tabix_finds_the_lines_as_they_are(tmp_path):
    (tmp_path / "in.vcf").write_bytes(SITES + many(300))
    annotate(tmp_path / "in.vcf", tmp_path / "out.vcf.gz")
    with pysam.TabixFile(str(tmp_path / "out.vcf.gz"), encoding="ascii") as handle:
        (line,) = handle.fetch("chr1", 1000, 1001)
    assert line == f"chr1\t1001\t.\tA\tC\t.\tPASS\tDP=100;{ours(101, 1).decode()}"


@pytest.mark.parametrize(
    ("length", "position", "index"),
    [
        pytest.param(2**29, 5, ".tbi", id="longest_contig_of_tbi"),
        pytest.param(2**29 + 1, 5, ".csi", id="contig_too_long_for_tbi"),
        pytest.param(None, 2**29, ".tbi", id="last_position_of_tbi"),
        pytest.param(None, 2**29 + 1, ".csi", id="position_too_far_for_tbi"),
    ],
)
def test_a_long_contig_gets_a_csi_index(tmp_path, length, position, index):
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf.gz"
    contig = b"##contig=<ID=big,length=%d>\n" % length if length else b"##contig=<ID=big>\n"
    head = b"##fileformat=VCFv4.2\n" + contig + COLUMNS + b"\n"
    source.write_bytes(head + b"big\t%d\t.\tA\tC\t.\t.\t.\n" % position)
    assert annotate(source, target).index_skipped_reason is None
    assert sorted(tmp_path.iterdir()) == [source, target, beside(target, index)]
    with pysam.VariantFile(str(target)) as handle:
        assert [r.pos for r in handle.fetch("big", position - 1, position)] == [position]


def test_an_end_that_no_tbi_can_hold_costs_the_index_and_not_the_file(tmp_path):
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf.gz"
    source.write_bytes(SITES + b"chr9\t500000000\t.\tN\t<DEL>\t.\t.\tEND=600000000\n")
    assert "index" in annotate(source, target).index_skipped_reason
    assert sorted(tmp_path.iterdir()) == [source, target]
    assert b"END=600000000;HK" in text_of(target)


@pytest.mark.parametrize("suffix", [".vcf.gz", ".bcf"])
@pytest.mark.parametrize("form", ["plain", "bcf"])
@pytest.mark.parametrize(
    ("sites", "reason"),
    [
        pytest.param("chr1:5 chr1:4", r"record 2 \(chr1:4\).*chr1:5.*bcftools sort", id="position"),
        pytest.param("chr1:5 chr2:4 chr1:9 chr1:8", r"record 3 \(chr1:9\).*begins again", id="contig"),
    ],
)
def test_unsorted_records_are_all_written_without_an_index(tmp_path, form, suffix, sites, reason):
    source, target = tmp_path / "calls", tmp_path / f"out{suffix}"
    lines = [f"{site.replace(':', chr(9))}\t.\tA\tC\t.\tPASS\tDP=1\n" for site in sites.split()]
    WRITERS[form](source, SITES + "".join(lines).encode())
    for stale in (".tbi", ".csi"):
        beside(target, stale).write_bytes(b"of a former file")
    writer = annotate(source, target)
    assert re.search(reason, writer.index_skipped_reason)
    assert sorted(tmp_path.iterdir()) == [source, target]
    assert [without_info(line, "HK_") for line in records_by_htslib(target)] == [
        line.rstrip() for line in lines
    ]


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
@pytest.mark.parametrize("form", ["plain", "bcf"])
def test_equal_positions_and_contigs_out_of_header_order_are_sorted_enough(tmp_path, form, suffix):
    WRITERS[form](
        tmp_path / "calls",
        SITES + b"".join(b"%s\t5\t.\tA\tC\t.\t.\t.\n" % contig for contig in (b"chr2", b"chr2", b"chr1")),
    )
    assert annotate(tmp_path / "calls", tmp_path / f"out{suffix}").index_skipped_reason is None


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
@pytest.mark.parametrize("form", ["plain", "bcf"])
def test_a_file_without_records_is_written_with_its_header(tmp_path, form, suffix):
    WRITERS[form](tmp_path / "calls", SITES)
    writer = annotate(tmp_path / "calls", tmp_path / f"out{suffix}")
    assert writer.index_skipped_reason is None
    with read_variants(tmp_path / f"out{suffix}") as reader:
        assert {"HK_STATUS", "DP"} <= reader.header.info_ids
        assert list(reader) == []


@pytest.mark.parametrize("suffix", [".vcf.gz", ".bcf"])
def test_a_telomere_record_can_be_indexed_without_a_word(tmp_path, capfd, suffix):
    source, target = tmp_path / "in.vcf", tmp_path / f"out{suffix}"
    source.write_bytes(SITES + b"chr1\t0\t.\tN\tC\t.\t.\t.\nchr1\t5\t.\tN\tC\t.\t.\t.\n")
    assert annotate(source, target).index_skipped_reason is None
    assert capfd.readouterr().err == ""
    with pysam.VariantFile(str(target)) as handle:
        assert [r.pos for r in handle.fetch("chr1", 4, 5)] == [5]


def test_a_file_never_stands_beside_the_index_of_another(tmp_path, monkeypatch):
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf.gz"
    source.write_bytes(SITES + many(20))
    annotate(source, target)
    index, named = beside(target, ".tbi"), []
    replace = os.replace

    def watched(old, new):
        assert Path(new) != target or not index.exists()
        named.append(Path(new))
        replace(old, new)

    monkeypatch.setattr(os, "replace", watched)
    annotate(source, target)
    assert [path for path in named if path in (target, index)] == [target, index]


class CrashError(Exception):
    """What the block of a failing test raises."""


def crash_at(number):
    def values(record):
        if record.number == number:
            raise CrashError
        return values_of(record)

    return values


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
@pytest.mark.parametrize("form", ["plain", "bcf"])
def test_a_failure_leaves_the_older_output_and_nothing_else(tmp_path, form, suffix):
    source, target = tmp_path / "calls", tmp_path / f"out{suffix}"
    WRITERS[form](source, SITES + many(400))
    annotate(source, target)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(CrashError):
        annotate(source, target, values=crash_at(399))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
def test_a_bad_record_in_the_input_leaves_nothing(tmp_path, suffix):
    source = tmp_path / "in.vcf"
    source.write_bytes(SITES + many(40) + b"chr2\toops\n")
    with pytest.raises(InputError, match="record 41"):
        annotate(source, tmp_path / f"out{suffix}")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"\x11\x03", b"\x14\x03", id="type_that_bcf_lacks"),
        pytest.param(b"\x11\x03", b"\xf1\x03", id="length_that_is_no_number"),
        pytest.param(b"\x11\x03", b"\xe1\x03", id="value_beyond_the_record"),
    ],
)
def test_garbled_info_of_a_bcf_is_an_error_that_names_the_record(tmp_path, old, new):
    source, once, twice = tmp_path / "in.bcf", tmp_path / "once.bcf", tmp_path / "twice.bcf"
    write_plain_bcf(source, SITES + b"chr1\t5\t.\tA\tC\t.\t.\tDP=3\n")
    annotate(source, once)
    good = text_of(once)
    place = good.rindex(old)
    source.write_bytes(good[:place] + new + good[place + len(old) :])
    with pytest.raises(InputError, match=r"record 1 \(chr1:5\): garbled INFO"):
        annotate(source, twice)
    assert not twice.exists()


def test_a_line_that_bcf_cannot_hold_is_an_error_that_leaves_nothing(tmp_path):
    source = tmp_path / "in.vcf"
    source.write_bytes(SAMPLES + PLAIN + b"chr2\t9\t.\tA\tC\t.\t.\t.\tGT:DP\t0/1:\xff:7\t0/1:1:2:3\textra\n")
    with pytest.raises(
        InputError, match=r"out\.bcf: a record cannot be converted between VCF and BCF \(.+\);"
    ) as caught:
        annotate(source, tmp_path / "out.bcf")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("out.txt", "must end in .vcf"),
        ("out.bcf.gz", "must end in"),
        ("vcf", "must end in"),
        ("d.vcf", "folder"),
    ],
)
def test_an_output_of_no_known_kind_is_refused(tmp_path, path, problem):
    (tmp_path / "in.vcf").write_bytes(SITES)
    (tmp_path / "d.vcf").mkdir()
    with pytest.raises(InputError, match=f"{path}.*{problem}"):
        annotate(tmp_path / "in.vcf", tmp_path / path)


@pytest.mark.parametrize("line", ["##other=1", "##hyenadna_kit", "##hyenadna_kit_a=1\n##b=2"])
def test_provenance_that_is_no_header_line_of_ours_is_refused(tmp_path, line):
    (tmp_path / "in.vcf").write_bytes(SITES)
    with pytest.raises(InputError, match="provenance"):
        annotate(tmp_path / "in.vcf", tmp_path / "out.vcf", provenance=[line])


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"HK_LLR": [1.0, 2.0]}, "HK_LLR.*2 values"),
        ({"HK_STATUS": ["a;b"]}, "'a;b'"),
        ({"HK_WHAT": [1.0]}, "HK_WHAT.*not among"),
    ],
)
def test_a_bad_value_is_named_with_its_record(tmp_path, values, problem):
    (tmp_path / "in.vcf").write_bytes(SITES + many(4))
    with pytest.raises(InputError, match=r"out\.vcf, record 1 \(chr1:1\): .*" + problem):
        annotate(tmp_path / "in.vcf", tmp_path / "out.vcf", values=lambda _: values)


def test_a_file_can_replace_its_own_source(tmp_path):
    path = tmp_path / "calls.vcf"
    path.write_bytes(SITES + many(3000))
    annotate(path, path)
    assert path.read_bytes().count(b"HK_LLR=") == 3000


SCRIPT = """
import sys, time
from hyenadna_kit.io.vcf import read_variants
from hyenadna_kit.io.vcf_writer import InfoField, VariantWriter
source, target, pause = sys.argv[1], sys.argv[2], float(sys.argv[3])
info = [InfoField("HK_LLR", "A", "Float", "Score")]
with (
    read_variants(source) as reader,
    VariantWriter(target, reader.header, info=info, provenance=["##hyenadna_kit_version=1"]) as writer,
):
    for record in reader:
        writer.write(record, {"HK_LLR": [0.25] * len(record.alts)})
        if record.number == 2000 and pause:
            print("half", flush=True)
            time.sleep(pause)
"""


def start(*arguments, **options):
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def run(source, target):
    """Annotate in a process of its own, where no annotations are checked: for large files."""
    _, errors = start(source, target, 0).communicate(timeout=120)
    assert errors == b""


@pytest.mark.kill
@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
@pytest.mark.parametrize("has_older", [True, False], ids=["older_output", "new_output"])
def test_a_killed_writer_leaves_nothing_under_the_final_name(tmp_path, suffix, has_older):
    source, target = tmp_path / "in.vcf", tmp_path / f"out{suffix}"
    source.write_bytes(SITES + many(4000))
    if has_older:
        annotate(source, target)
    finals = [target, beside(target, ".tbi"), beside(target, ".csi")]
    before = {path: path.read_bytes() for path in finals if path.exists()}
    process = start(source, target, 60)
    assert process.stdout.readline() == b"half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert {path: path.read_bytes() for path in finals if path.exists()} == before


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
def test_a_full_disk_is_an_error_that_leaves_nothing(tmp_path, suffix):
    import resource

    source, target = tmp_path / "in.vcf", tmp_path / f"out{suffix}"
    noise = os.urandom(40_000).hex()
    body = "".join(f"chr1\t{i + 1}\t.\tA\tC\t.\t.\tNOTE={noise[8 * i : 8 * i + 800]}\n" for i in range(4000))
    source.write_bytes(SITES + body.encode())

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    process = start(source, target, 0, preexec_fn=limit)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"OSError" in errors
    assert list(tmp_path.iterdir()) == [source]


MEMORY_SCRIPT = f"""
import tracemalloc
tracemalloc.start()
{SCRIPT}
print(tracemalloc.get_traced_memory()[1])
"""


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
def test_memory_does_not_grow_with_the_number_of_records(tmp_path, suffix):
    peaks = []
    for count in (1000, 8000):
        source = tmp_path / f"{count}.vcf"
        source.write_bytes(SITES + many(count))
        command = [sys.executable, "-c", MEMORY_SCRIPT, str(source), str(tmp_path / f"out{suffix}"), "0"]
        output = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        peaks.append(int(output.stdout))
    assert peaks[1] < peaks[0] + 100_000


@pytest.mark.parametrize("form", WRITERS)
def test_standard_input_to_standard_output(tmp_path, form):
    plain, source = tmp_path / "plain.vcf", tmp_path / "calls"
    plain.write_bytes(SAMPLES + PLAIN)
    WRITERS[form](source, SAMPLES + PLAIN)
    with source.open("rb") as handle:
        output, errors = start("-", "-", 0, stdin=handle).communicate(timeout=60)
    assert errors == b""
    copy = tmp_path / "copy.vcf"
    copy.write_bytes(output)
    found = records_by_htslib(copy)
    assert [without_info(line, "HK_") for line in found] == records_by_htslib(plain)
    assert found[1].split("\t")[7] == "HK_LLR=0.25,0.25,0.25"
    assert output.count(b'##INFO=<ID=HK_LLR,Number=A,Type=Float,Description="Score">\n') == 1


def test_standard_output_of_text_is_the_text_byte_for_byte(tmp_path):
    source = tmp_path / "in.vcf"
    source.write_bytes(SAMPLES + b"".join(line + b"\r\n" for line in NASTY.values()))
    output, _ = start(source, "-", 0).communicate(timeout=60)
    annotate(
        source,
        tmp_path / "out.vcf",
        values=lambda record: {"HK_LLR": [0.25] * len(record.alts)},
        info=[InfoField("HK_LLR", "A", "Float", "Score")],
        provenance=["##hyenadna_kit_version=1"],
    )
    assert output == (tmp_path / "out.vcf").read_bytes()


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
@pytest.mark.parametrize("form", ["plain", "bcf"])
def test_bcftools_reads_the_outputs_without_a_word(tmp_path, form, suffix):
    plain, source, target = tmp_path / "plain.vcf", tmp_path / "calls", tmp_path / f"out{suffix}"
    plain.write_bytes(SAMPLES + PLAIN)
    WRITERS[form](source, SAMPLES + PLAIN)
    annotate(source, target)
    removed = subprocess.run(
        [
            "bcftools",
            "annotate",
            "--no-version",
            "-x",
            "INFO/HK_STATUS,INFO/HK_LLR,INFO/HK_NTOK",
            str(target),
        ],
        capture_output=True,
        check=True,
    )
    original = subprocess.run(
        ["bcftools", "view", "--no-version", str(plain)], capture_output=True, check=True
    )
    assert removed.stderr == b""
    kept = [line for line in removed.stdout.splitlines() if not line.startswith(b"##hyenadna_kit")]
    assert kept == original.stdout.splitlines()
    if suffix != ".vcf":
        region = ["bcftools", "view", "-H", "-r", "chr2:7", str(target)]
        found = subprocess.run(region, capture_output=True, check=True)
        assert found.stdout.startswith(b"chr2\t7\t")


@pytest.mark.real_data
@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz"])
def test_1000_genomes_without_our_info_are_the_original_bytes(data, tmp_path, suffix):
    source, target = data / "human" / "grch37_chr20_1-2Mb.vcf.gz", tmp_path / f"out{suffix}"
    run(source, target)
    text, num_values = re.subn(rb";HK_LLR=[0-9.,]*(?=\n)", b"", text_of(target))
    assert num_values == 28_998
    ours_in_header = (
        b'##INFO=<ID=HK_LLR,Number=A,Type=Float,Description="Score">\n##hyenadna_kit_version=1\n#CHROM'
    )
    assert text.replace(ours_in_header, b"#CHROM") == gzip.decompress(source.read_bytes())


@pytest.mark.real_data
def test_1000_genomes_as_bcf_and_back_are_equal_by_value(data, tmp_path):
    paths = [data / "human" / "grch37_chr20_1-2Mb.vcf.gz"]
    expected = records_by_htslib(paths[0])
    assert len(expected) == 28_998
    for name in ("one.bcf", "two.bcf", "three.vcf.gz"):
        paths.append(tmp_path / name)
        run(*paths[-2:])
        assert [without_info(line, "HK_") for line in records_by_htslib(paths[-1])] == expected
    with pysam.VariantFile(str(paths[-1])) as handle:
        fetched = [(r.pos, r.alts) for r in handle.fetch("z", 500_000, 600_000)]
        every = [(r.pos, r.alts) for r in handle.fetch() if r.start < 600_000 and r.stop > 500_000]
    assert fetched == every
    assert len(fetched) > 2000
