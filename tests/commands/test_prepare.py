"""``hyenadna-kit prepare``: what it prints, what it refuses, and which kind of store it builds."""

import re
import sys

import pysam
import pytest

from hyenadna_kit import cli
from hyenadna_kit.io.genome_store import GenomeStore
from hyenadna_kit.io.read_store import ReadStore

FIRST = b">chr1 first\nACGTNNacgt\n>chr2\nnnRT\n"
SECOND = b">chr1\nGGGG\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with two genomes, a table of aliases and a BAM of three reads."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first.fa").write_bytes(FIRST)
    (tmp_path / "second.fa").write_bytes(SECOND)
    (tmp_path / "aliases.tsv").write_text("NC_1.1\tchr1\n")
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "chr1", "LN": 10}]}
    with pysam.AlignmentFile("reads.bam", "wb", header=header) as bam:
        for number, quality in enumerate((60, 60, 5)):
            read = pysam.AlignedSegment(bam.header)
            read.query_name, read.query_sequence, read.cigarstring = f"read{number}", "ACGT", "4M"
            read.reference_id, read.reference_start, read.mapping_quality = 0, number, quality
            bam.write(read)
    return tmp_path


def run(capsys, *words):
    """Return the exit status, stdout and stderr."""
    return cli.main(["prepare", *words]), *capsys.readouterr()


def test_what_the_store_holds_is_said(folder, capsys):
    status, out, err = run(capsys, "first.fa", "--out", "store")
    assert (status, out) == (0, "store: 2 contigs, 14 bases, 35.71% N, 42.86% soft-masked\n")
    assert re.fullmatch(r"read 0\.0 MB in \d+\.\d s \([\d,]+ MB/s\)\n", err)
    again = run(capsys, "first.fa", "--out", "store")
    assert again == (0, out, "the store is up to date: nothing was read\n")


def test_bar_is_shown_on_a_terminal(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    assert "reading" in run(capsys, "first.fa", "--out", "store")[2]
    assert "up to date" in run(capsys, "first.fa", "--out", "store")[2]


def test_changed_genome_is_refused_by_name_until_told_to_overwrite(folder, capsys):
    run(capsys, "first.fa", "--out", "store")
    (folder / "first.fa").write_bytes(FIRST.replace(b"ACGT", b"TTTT"))
    status, out, err = run(capsys, "first.fa", "--out", "store")
    assert (status, out) == (1, "")
    assert err.startswith(
        "hyenadna-kit prepare: store is the store of first.fa, not of first.fa as it is now"
    )
    assert "--overwrite" in err
    assert run(capsys, "first.fa", "--out", "store", "--overwrite")[0] == 0


def test_two_species_in_one_store(folder, capsys):
    words = ("first.fa", "second.fa", "--species", "human,mouse", "--out", "store")
    status, out, _ = run(capsys, *words)
    assert (status, out) == (0, "store: 2 species, 3 contigs, 18 bases, 27.78% N, 33.33% soft-masked\n")
    assert list(GenomeStore("store").contigs) == ["human.chr1", "human.chr2", "mouse.chr1"]
    assert run(capsys, *words)[2] == "the store is up to date: nothing was read\n"


def test_aliases_are_kept_in_the_store(folder, capsys):
    assert run(capsys, "first.fa", "--aliases", "aliases.tsv", "--out", "store")[0] == 0
    assert GenomeStore("store").names.find("NC_1.1") == "chr1"


def test_bam_becomes_a_read_store(folder, capsys):
    words = ("reads.bam", "--read_filter.min_mapping_quality", "20", "--out", "reads")
    status, out, _ = run(capsys, *words)
    assert (status, out) == (0, "reads: 2 of 3 reads kept (dropped: 1 low mapping quality), 8 bases\n")
    assert ReadStore("reads").num_reads == 2
    assert run(capsys, *words) == (0, out, "the store is up to date: nothing was read\n")


def test_cram_becomes_a_read_store_with_its_reference_alone(folder, capsys):
    (folder / "reference.fa").write_bytes(b">chr1\nACGTACGTAC\n")
    pysam.faidx("reference.fa")
    with pysam.AlignmentFile("reads.bam") as bam:
        options = {"template": bam, "reference_filename": "reference.fa"}
        with pysam.AlignmentFile("reads.cram", "wc", **options) as cram:
            for read in bam:
                cram.write(read)
    status, out, _ = run(capsys, "reads.cram", "--reference", "reference.fa", "--out", "reads")
    assert (status, out) == (0, "reads: 3 of 3 reads kept, 12 bases\n")
    assert bytes(ReadStore("reads").tokens(1, 0, 4)) == bytes([7, 8, 9, 10])
    status, _, err = run(capsys, "reads.cram", "--out", "other")
    assert status == 1
    assert "reads.cram is CRAM" in err


def test_bam_is_told_by_content_not_by_suffix(folder, capsys):
    (folder / "reads.bam").rename("reads.fa.gz")
    assert run(capsys, "reads.fa.gz", "--out", "reads")[1] == "reads: 3 of 3 reads kept, 12 bases\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["first.fa", "second.fa"], "contig 'chr1' is in both first.fa and second.fa"),
        (["first.fa", "second.fa", "--species", "a,b,c"], "3 species labels (a, b, c) were given for 2"),
        (["first.fa", "--species", "a.b"], "species label 'a.b' must be"),
        (["first.fa", "--aliases", "none.tsv"], "none.tsv"),
        (["first.fa", "--aliases", "first.fa"], "first.fa, line 1: "),
        (["second.fa", "--reference", "first.fa"], "--reference does not go with second.fa, which is FASTA"),
        (["first.fa", "--read_filter.min_length", "5"], "--read_filter does not go with first.fa"),
        (["reads.bam", "first.fa"], "got 2 files; prepare each into a store of its own"),
        (["reads.bam", "reads.bam"], "got 2 files"),
        (["reads.bam", "--species", "a"], "--species does not go with reads.bam, which is a BAM or CRAM"),
        (["reads.bam", "--aliases", "aliases.tsv"], "--aliases does not go with reads.bam"),
        (["reads.bam", "--reference", "first.fa"], "--reference is for a CRAM; reads.bam is a BAM"),
        (["none.fa"], "FASTA file none.fa does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistake_is_one_line_and_leaves_nothing(folder, capsys, words, message):
    before = sorted(folder.rglob("*"))
    status, out, err = run(capsys, *words, "--out", "store")
    assert (status, out) == (1, "")
    assert err.startswith("hyenadna-kit prepare: ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert sorted(folder.rglob("*")) == before
