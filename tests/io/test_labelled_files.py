"""Labelled files of every kind give the same rows, and say in one line what is wrong with them."""

import gzip

import numpy as np
import pysam
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.label_columns import expand_columns
from hyenadna_kit.io.labelled_files import read_labelled
from hyenadna_kit.io.tables import write_labelled_table

FORWARD, REVERSE = Strand.FORWARD, Strand.REVERSE
HEADER = "##fileformat=VCFv4.3\n##contig=<ID=c,length=100>\n"
HEADER += '##INFO=<ID=EFFECT,Number=A,Type=Float,Description="x">\n'
HEADER += '##INFO=<ID=CLASS,Number=1,Type=String,Description="x">\n'
HEADER += '##INFO=<ID=FLAG,Number=0,Type=Flag,Description="x">\n'
HEADER += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
RECORDS = "c\t10\trs1\tA\tC,GT\t.\tPASS\tEFFECT=0.5,-1;CLASS=bad;FLAG\n"
RECORDS += "c\t12\t.\tg\tT\t.\tPASS\tEFFECT=2;CLASS=fine\n"


def write(path, text):
    path.write_text(text)
    return path


def test_fasta_has_its_labels_in_its_headers(tmp_path):
    path = write(tmp_path / "a.fa", ">x label=yes score=0.5 free text\nAC\nGt\n>y score=2 label=no\n\nNN\n")
    table = read_labelled(path, ("label", "score"))
    assert table.sequences == ("ACGt", "NN")
    assert table.columns["name"] == ("x", "y")
    assert table.columns["label"] == ("yes", "no")
    assert table.columns["score"].tolist() == [0.5, 2]


def test_fasta_of_the_nucleotide_transformer_has_its_label_behind_the_last_bar(tmp_path):
    path = tmp_path / "train.fna.gz"
    path.write_bytes(gzip.compress(b">chr1:5-9|x|1\nACGT\n>other | 0\nGG\n"))
    table = read_labelled(path)
    assert table.columns["label"].tolist() == [1, 0]
    assert table.columns["name"] == ("chr1:5-9|x|1", "other")


def test_bed_has_its_labels_in_name_and_score(tmp_path):
    path = write(tmp_path / "a.bed", "track name=x\nc\t1\t5\tgene\t7\t-\nc\t6\t9\tgap\t8\n")
    table = read_labelled(path, ("name", "score"))
    assert table.intervals == (Interval("c", 1, 5, REVERSE), Interval("c", 6, 9, FORWARD))
    assert table.columns["name"] == ("gene", "gap")
    assert table.columns["score"].tolist() == [7, 8]


def test_columns_of_a_bed_are_those_that_its_header_names(tmp_path):
    text = (
        "# made by hand\n#chrom\tstart\tend\tlabel\tstrand\tdepth\nc\t1\t5\tpeak\t-\t3\nc\t2\t4\tnone\t.\t1\n"
    )
    table = read_labelled(write(tmp_path / "a.bed", text))
    assert table.intervals == (Interval("c", 1, 5, REVERSE), Interval("c", 2, 4, FORWARD))
    assert table.columns["label"] == ("peak", "none")
    assert table.columns["depth"].tolist() == [3, 1]
    assert table.columns["name"] == ("c:2-5", "c:3-4")


def vcf(tmp_path, suffix):
    path = write(tmp_path / "a.vcf", HEADER + RECORDS)
    if suffix == ".vcf":
        return path
    target = tmp_path / f"b{suffix}"
    with (
        pysam.VariantFile(str(path)) as source,
        pysam.VariantFile(str(target), "wb", header=source.header) as out,
    ):
        for record in source:
            out.write(record)
    return target


@pytest.mark.parametrize("suffix", [".vcf", ".bcf"])
def test_every_alt_of_a_vcf_is_a_row_with_its_own_label(tmp_path, suffix):
    table = read_labelled(vcf(tmp_path, suffix), ("EFFECT", "CLASS", "FLAG"))
    assert table.variants == (
        Variant("c", 9, "A", "C"),
        Variant("c", 9, "A", "GT"),
        Variant("c", 11, "G", "T"),
    )
    assert table.columns["EFFECT"].tolist() == [0.5, -1, 2]
    assert table.columns["CLASS"] == ("bad", "bad", "fine")
    assert table.columns["FLAG"].tolist() == [1, 1, 0]
    assert table.columns["name"] == ("rs1", "rs1", "c:12:G:T")


def test_table_of_variants_is_told_by_its_columns(tmp_path):
    text = "#CHROM,Pos,ref,alt,effect,id\nc,10,A,C,0.5,v1\n2,1,CA,C,-3,\n"
    table = read_labelled(write(tmp_path / "a.csv", text), ("effect",))
    assert table.variants == (Variant("c", 9, "A", "C"), Variant("2", 0, "CA", "C"))
    assert table.columns["effect"].tolist() == [0.5, -3]
    assert table.columns["name"] == ("v1", "2:1:CA:C")


@pytest.mark.parametrize("suffix", [".tsv", ".parquet"])
def test_variants_are_written_and_read_back(tmp_path, suffix):
    table = read_labelled(vcf(tmp_path, ".vcf"), ("EFFECT",))
    write_labelled_table(tmp_path / f"t{suffix}", table)
    again = read_labelled(tmp_path / f"t{suffix}", ("EFFECT",))
    assert again.variants == table.variants
    assert again.columns["EFFECT"].tolist() == table.columns["EFFECT"].tolist()
    assert again.columns["name"] == table.columns["name"]


def test_places_are_read_under_the_names_of_other_programs(tmp_path):
    text = "Chr_No,Start,End,y_a,y_b\n7,5,9,0,1\nX,6,8,1,0\n"
    table = read_labelled(write(tmp_path / "a.csv", text), ("y_*",))
    assert table.intervals == (Interval("7", 5, 9), Interval("X", 6, 8))
    assert list(table.columns) == ["y_a", "y_b"]


def test_sequences_lie_in_folders_of_their_classes(tmp_path):
    for name, bases in {"pos/2.txt": "ACGT\n", "neg/1.txt": "GG\nCC", "pos/1.txt": "TT"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, bases)
    table = read_labelled(tmp_path)
    assert table.sequences == ("GGCC", "TT", "ACGT")
    assert table.columns["label"] == ("neg", "pos", "pos")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (("b",), ("b",)),
        (("*",), ("a", "b", "y_1", "y_2")),
        (("y_*", "a"), ("y_1", "y_2", "a")),
        (("a..y_1",), ("a", "b", "y_1")),
        (("y_?", "y_1"), ("y_1", "y_2")),
        (("genome",), ("genome",)),
    ],
)
def test_patterns_and_runs_stand_for_columns(wanted, found):
    names = ("contig", "start", "end", "name", "genome", "a", "b", "y_1", "y_2")
    assert expand_columns(wanted, names) == found


REFUSED = {
    "no label": ("a.fa", ">x\nAC\n", r"record 'x': there is no column 'label'; write >name label=CLASS"),
    "one without": ("a.fa", ">x label=1\nAC\n>y\nAC\n", "record 'y': column 'label': expected a label"),
    "no base": ("a.fa", ">x label=1\nACQ\n", "record 'x': character 'Q' at position 2 is no nucleotide code"),
    "no sequence": ("a.fa", ">x label=1\n>y label=2\nA\n", "record 'x': it has no sequence"),
    "bed without": (
        "a.bed",
        "c\t1\t2\tx\n",
        r"there is no column 'label'; known: name; take --label_columns name",
    ),
    "bed empty": ("a.bed", "track\n", "holds no intervals"),
    "bed width": (
        "a.bed",
        "#chrom\tstart\tend\tlabel\nc\t1\t2\n",
        "line 2: expected contig, start, end, label",
    ),
    "bed hole": (
        "a.bed",
        "#chrom\tstart\tend\tlabel\nc\t1\t2\t\n",
        "interval 1, column 'label': expected a label",
    ),
    "symbolic": (
        "a.vcf",
        HEADER + "c\t5\t.\tA\t<DEL>\t.\t.\tlabel=1\n",
        r"\(c:5\): ALT '<DEL>' is no sequence",
    ),
    "no alt": ("a.vcf", HEADER + "c\t5\t.\tA\t.\t.\t.\tlabel=1\n", r"ALT '.' is no sequence"),
    "no info": (
        "a.vcf",
        HEADER + "c\t5\t.\tA\tT\t.\t.\tx=1\n",
        r"there is no column 'label'; known: x; name INFO keys",
    ),
    "missing": ("a.vcf", HEADER + "c\t5\t.\tA\tT\t.\t.\tlabel=.\n", r"record 1 \(c:5\): column 'label'"),
    "no variants": ("a.vcf", HEADER, "holds no variants"),
    "no pattern": ("a.csv", "sequence,a\nAC,1\n", "no column matches"),
    "name": ("a.txt", "ACGT", r"a.txt must be a table \(.csv, .tsv, .parquet\), FASTA"),
    "folder": (None, None, r"holds no CLASS/\*.txt"),
}


@pytest.mark.parametrize(("name", "text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_said_in_one_line(tmp_path, name, text, message):
    path = tmp_path if name is None else write(tmp_path / name, text)
    with pytest.raises(InputError, match=message) as caught:
        read_labelled(path, ("x*",) if "pattern" in message or "matches" in message else ("label",))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_rows_are_taken_by_their_numbers(tmp_path):
    table = read_labelled(write(tmp_path / "a.csv", "sequence,label\nA,0\nC,1\nG,2\n")).take([2, 0])
    assert table.sequences == ("G", "A")
    assert np.array_equal(table.columns["label"], [2, 0])
