"""Pieces of DNA without labels: what each file says of them, in its order, and what it is refused for."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.records import Reading, open_records
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

CONTIG = "ACGTTGCAAC"


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(f">chr1\n{CONTIG}\n>chr2\nTTTT\n")
    return Fasta(path)


def read(path, genome=None, longest=100):
    return open_records(path, Reading(tokenizer=NucleotideTokenizer(), genome=genome, longest=longest))


def decoded(records):
    return [NucleotideTokenizer().decode(tokens) for record in records for tokens in record.read()]


def test_fasta_gives_every_sequence_whole(tmp_path):
    path = tmp_path / "x.fa.gz"
    path.write_bytes(gzip.compress(b">a one\nACGT\nac\n>b\nNNR\n"))
    records = read(path)
    assert decoded(records) == ["ACGTAC", "NNN"]
    assert [(each.name, each.keys, each.length) for each in records] == [("a", ("a",), 6), ("b", ("b",), 3)]
    assert records.columns == ("name",)


def test_fasta_longer_than_one_block_is_joined(tmp_path):
    bases = "".join(np.random.default_rng(0).choice(list("ACGT"), 700_000))
    path = tmp_path / "x.fa"
    path.write_text(f">a\n{bases}\n>b\nAC\n")
    assert decoded(read(path, longest=700_000)) == [bases, "AC"]


def test_bed_gives_places_on_their_strand(tmp_path, genome):
    path = tmp_path / "x.bed"
    path.write_text("track name=x\nchr1\t1\t5\tone\t0\t+\n1\t1\t5\t.\t.\t-\nchr2\t0\t2\n")
    records = read(path, genome)
    assert decoded(records) == ["CGTT", "AACG", "TT"]
    assert [each.keys for each in records] == [
        ("chr1", 1, 5, "+", "one"),
        ("chr1", 1, 5, "-", "."),
        ("chr2", 0, 2, "+", "."),
    ]
    assert [each.name for each in records] == ["one", "chr1:2-5", "chr2:1-2"]


def test_table_of_sequences_keeps_its_other_columns(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("id\tsequence\tlabel\nq7\tACG\t1\nq8\tTT\t0\n")
    records = read(path)
    assert decoded(records) == ["ACG", "TT"]
    assert records.columns == ("row", "id", "label")
    assert [(each.name, each.keys) for each in records] == [("q7", (1, "q7", "1")), ("q8", (2, "q8", "0"))]


def test_table_of_places_in_parquet(tmp_path, genome):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"contig": ["chr1", "1"], "start": [0, 2], "end": [3, 4]}), path)
    records = read(path, genome)
    assert decoded(records) == ["ACG", "GT"]
    assert [each.keys for each in records] == [(1, "chr1", 0, 3), (2, "chr1", 2, 4)]
    assert [each.name for each in records] == ["1", "2"]


def test_names_of_other_programs_are_understood(tmp_path, genome):
    path = tmp_path / "x.csv"
    path.write_text("#chrom,chromStart,chromEnd,y\nchr1,1,5,2\n")
    records = read(path, genome)
    assert records.columns == ("row", "contig", "start", "end", "y")
    assert decoded(records) == ["CGTT"]


MISTAKES = {
    "suffix": ("x.txt", "", False, "x.txt must end in one of .fa"),
    "no genome": ("x.bed", "chr1\t0\t2\n", False, "holds places and no sequences; name their genome"),
    "genome for nothing": ("x.fa", ">a\nAC\n", True, "leave --genome out"),
    "no piece": ("x.csv", "label\n1\n", False, "neither the column 'sequence' nor contig, start, end"),
    "bad letter": ("x.csv", "sequence\nAC\nAXC\n", False, "x.csv, line 3, column 'sequence': character 'X'"),
    "too long": ("x.fa", f">a\nAC\n>b\n{'A' * 21}\n", False, "x.fa, sequence 'b': 21 bases or more, and the"),
    "long row": ("x.csv", f"sequence\n{'A' * 21}\n", False, "x.csv, line 2: 21 bases or more"),
    "beyond": ("x.bed", "chr1\t0\t2\nchr1\t4\t11\n", True, "x.bed, interval 2: chr1:5-11 must"),
    "half a place": (
        "x.csv",
        "contig,start,end\nchr1,5,5\n",
        True,
        "x.csv, line 2, column 'end': 5 must lie",
    ),
}


@pytest.mark.parametrize(("name", "text", "with_genome", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_name_file_record_and_remedy(tmp_path, genome, name, text, with_genome, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        list(read(path, genome if with_genome else None, longest=20))
    assert message in str(caught.value)


def test_unknown_contig_names_the_interval(tmp_path, genome):
    path = tmp_path / "x.bed"
    path.write_text("chr9\t0\t2\n")
    with pytest.raises(ContigNotFoundError, match=r"x\.bed, interval 1: contig 'chr9'"):
        list(read(path, genome))
