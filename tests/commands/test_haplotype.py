"""The command ``haplotype``: options, the line that it prints, exit statuses, and what a failure leaves."""

import os
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from hyenadna_kit import cli
from hyenadna_kit.io.genome_store import build_store
from tests.oracles.vcf import write_bcf, write_bgzip

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

HEADER = (
    "##fileformat=VCFv4.2\n"
    '##FILTER=<ID=q10,Description="Quality below 10">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">\n'
    "##contig=<ID=chr1,length=12>\n##contig=<ID=chr2,length=4>\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tmother\tchild\n"
)
RECORDS = [
    "chr1\t2\t.\tC\tT\t.\tPASS\t.\tGT\t0|0\t0|1",
    "chr1\t5\t.\tAC\tA\t.\tPASS\t.\tGT\t1|1\t1|0",
    "chr1\t6\t.\tC\tG\t.\tq10\t.\tGT\t0|0\t1|1",
    "chr1\t9\t.\tA\t<DEL>\t.\tPASS\t.\tGT\t0|0\t1|1",
]
UNPHASED = "chr2\t2\t.\tC\tT\t.\tPASS\t.\tGT\t0|0\t0/1"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "genome.fa").write_text(">chr1 first\nACGTACGT\nacgt\n>chr2\nCCCC\n")
    return tmp_path


def words(folder, records, *more, name="calls.vcf", genome="genome.fa", out="out.fa"):
    text = (HEADER + "".join(f"{line}\n" for line in records)).encode()
    path = folder / name
    {".vcf": Path.write_bytes, ".gz": write_bgzip, ".bcf": write_bcf}[path.suffix](path, text)
    given = ["--genome", folder / genome, "--vcf", path, "--out", folder / out, *more]
    return ["haplotype", *map(str, given)]


def sequences(path):
    with pysam.FastxFile(str(path)) as records:
        return {record.name: record.sequence for record in records}


@pytest.mark.parametrize(
    ("options", "chr1", "line"),
    [
        pytest.param(
            [],
            "ATGTAGTacgt",
            "first ALT of every record; 4 records: applied 2, overlap 1, symbolic 1",
            id="consensus_of_every_record",
        ),
        pytest.param(
            ["--sample", "mother"],
            "ACGTAGTacgt",
            "consensus of mother; 4 records: reference 3, applied 1",
            id="consensus_of_a_sample",
        ),
        pytest.param(
            ["--haplotype", "1", "--sample=child"],
            "ACGTAGTacgt",
            "haplotype 1 of child; 4 records: reference 1, applied 1, overlap 1, symbolic 1",
            id="first",
        ),
        pytest.param(
            ["--haplotype", "2", "--sample", "child"],
            "ATGTAGGTacgt",
            "haplotype 2 of child; 4 records: applied 2, reference 1, symbolic 1",
            id="second",
        ),
        pytest.param(
            ["--haplotype", "2", "--sample", "child", "--filters", "PASS,."],
            "ATGTACGTacgt",
            "haplotype 2 of child; 4 records: applied 1, reference 1, filtered 1, symbolic 1",
            id="filters",
        ),
    ],
)
@pytest.mark.parametrize("name", ["calls.vcf", "calls.vcf.gz", "calls.bcf"])
def test_one_line_says_what_was_made_and_what_became_of_the_records(
    folder, capsys, name, options, chr1, line
):
    assert cli.main(words(folder, RECORDS, *options, name=name)) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{folder / 'out.fa'}: {line}\n"
    assert captured.err.startswith("wrote 0.0 Mb in ")
    assert captured.err.count("\n") == 1
    assert sequences(folder / "out.fa") == {"chr1": chr1, "chr2": "CCCC"}


def test_store_and_fasta_give_the_same_bytes(folder):
    build_store([folder / "genome.fa"], folder / "store")
    assert cli.main(words(folder, RECORDS, out="a.fa")) == 0
    assert cli.main(words(folder, RECORDS, out="b.fa", genome="store")) == 0
    assert (folder / "a.fa").read_bytes() == (folder / "b.fa").read_bytes()


def test_compressed_output_is_bgzip(folder):
    assert cli.main(words(folder, RECORDS, out="out.fa.gz")) == 0
    with pysam.FastaFile(str(folder / "out.fa.gz")) as indexed:
        assert indexed.fetch("chr1") == "ATGTAGTacgt"


@pytest.mark.parametrize(
    ("policy", "base", "counts"),
    [
        ("reference", "CCCC", "unphased 1"),
        ("alternative", "CTCC", "applied 1"),
        ("iupac", "CYCC", "applied 1"),
    ],
)
def test_unphased_genotype_is_written_as_told(folder, capsys, policy, base, counts):
    more = ["--sample", "child", "--haplotype", "1", "--unphased", policy]
    assert cli.main(words(folder, [UNPHASED], *more)) == 0
    assert sequences(folder / "out.fa")["chr2"] == base
    assert capsys.readouterr().out.endswith(f"; 1 records: {counts}\n")


def test_joined_phase_sets_are_counted(folder, capsys):
    lines = [f"chr1\t{at}\t.\t{ref}\tA\t.\t.\t.\tGT:PS\t0|0:.\t0|1:{at}" for at, ref in ((2, "C"), (3, "G"))]
    more = ["--sample", "child", "--haplotype", "2"]
    assert cli.main(words(folder, lines, *more)) == 1
    assert "--phase_sets join" in capsys.readouterr().err
    assert cli.main(words(folder, lines, *more, "--phase_sets", "join")) == 0
    assert capsys.readouterr().out.endswith("2 records: applied 2, phase sets joined 1\n")


@pytest.mark.parametrize(
    ("records", "more", "problem"),
    [
        pytest.param(
            [*RECORDS, UNPHASED],
            ["--haplotype", "1", "--sample", "child"],
            "record 5 (chr2:2)",
            id="unphased",
        ),
        pytest.param(
            RECORDS, ["--haplotype", "1"], "2 samples (mother, child); name one", id="no_sample_named"
        ),
        pytest.param(RECORDS, ["--sample", "chlid"], "did you mean 'child'?", id="unknown_sample"),
        pytest.param([RECORDS[0].replace("C\tT", "G\tT")], [], "record 1 (chr1:2): REF 'G'", id="mismatch"),
        pytest.param(RECORDS, ["--overlaps", "error"], "record 3 (chr1:6)", id="overlap"),
        pytest.param(RECORDS[::-1], [], "record 2 (chr1:6): comes after chr1:9", id="unsorted"),
        pytest.param(["chr3" + RECORDS[0][4:]], [], "no contig of its 1 records", id="foreign"),
        pytest.param(["chr1\t2"], [], "2 of 11 columns", id="damaged"),
    ],
)
def test_mistake_is_one_line_and_leaves_nothing(folder, capsys, records, more, problem):
    assert cli.main(words(folder, records, *more)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [line for line in captured.err.splitlines() if not line.startswith("wrote ")]
    assert line.startswith("hyenadna-kit haplotype: ")
    assert problem in line
    assert sorted(path.name for path in folder.iterdir()) == ["calls.vcf", "genome.fa"]


@pytest.mark.parametrize(
    "options",
    [
        ["--haplotype", "3"],
        ["--haplotype", "both"],
        ["--unphased", "guess"],
        ["--phased_sets", "join"],
        ["extra"],
    ],
)
def test_command_line_that_makes_no_sense_is_refused(folder, capsys, options):
    assert cli.main(words(folder, RECORDS, *options)) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (folder / "out.fa").exists()


def test_options_are_read_from_yaml(folder, capsys):
    config = folder / "haplotype.yaml"
    config.write_text("haplotype: 2\nsample: child\nfilters: [PASS]\n")
    assert cli.main(words(folder, RECORDS, "--config", str(config))) == 0
    assert "haplotype 2 of child; 4 records: applied 1" in capsys.readouterr().out


def test_variants_come_through_a_pipe(folder):
    given = words(folder, RECORDS, name="calls.bcf")
    given[given.index(str(folder / "calls.bcf"))] = "-"
    with (folder / "calls.bcf").open("rb") as calls:
        finished = subprocess.run(
            [sys.executable, "-m", "hyenadna_kit.cli", *given],
            stdin=calls,
            capture_output=True,
            env=ENVIRONMENT,
        )
    assert finished.returncode == 0, finished.stderr
    assert sequences(folder / "out.fa")["chr1"] == "ATGTAGTacgt"
