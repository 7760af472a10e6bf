"""Tables of measured variants: cells as they are, holes, conditions, and deletions as a VCF spells them."""

import gzip
import math

import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.measured_variants import VariantColumns, read_measured_table, spelled_out
from hyenadna_kit.io.vcf import VariantRecord

ROWS = ["Chrom Pos Ref Alt Effect kind", "chr1 3 G A -0.5 x", "chr1 NA NA NA 1e-3 ", "2 1 a - NA y"]
TABLE = "".join(row.replace(" ", "\t") + "\n" for row in ROWS)


def written(tmp_path, text=TABLE, name="t.tsv"):
    (tmp_path / name).write_text(text)
    return read_measured_table(tmp_path / name)


def site(record):
    return None if record is None else (record.contig, record.position, record.ref, *record.alts)


def test_positions_count_from_one_and_a_row_with_a_hole_is_no_variant(tmp_path):
    found = written(tmp_path).variants(VariantColumns())
    assert list(map(site, found)) == [("chr1", 2, "G", "A"), None, ("2", 0, "a", "-")]


def test_missing_numbers_are_nan_and_missing_texts_none(tmp_path):
    table = written(tmp_path)
    numbers = table.numbers("Effect").tolist()
    assert numbers[:2] == [-0.5, 0.001]
    assert math.isnan(numbers[2])
    assert table.texts("kind") == ["x", None, "y"]


def test_text_compressed_text_and_parquet_are_one_table(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    commas = "chrom,pos,ref,alt,effect\n1,4,A,C,0.5\n1,,A,C,\n"
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(commas.encode()))
    columns = {"chrom": [1, 1], "pos": [4.0, None], "ref": ["A"] * 2, "alt": ["C"] * 2, "effect": [0.5, None]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    for name in ("t.csv.gz", "t.parquet"):
        table = read_measured_table(tmp_path / name)
        assert list(map(site, table.variants(VariantColumns()))) == [("1", 3, "A", "C"), None]
        assert table.numbers("effect").tolist() == pytest.approx([0.5, math.nan], nan_ok=True)


def test_columns_of_other_names_are_named(tmp_path):
    table = written(tmp_path, "gene\tx\told\tnew\nA\t7.0\tC\tG\n")
    assert list(map(site, table.variants(VariantColumns("gene", "x", "old", "new")))) == [("A", 6, "C", "G")]


def test_positions_of_chromosomes_become_those_of_pieces(tmp_path):
    places = {"chr1": Interval("chr7", 2, 9)}
    assert site(written(tmp_path).variants(VariantColumns(), places)[0]) == ("chr1", 0, "G", "A")


@pytest.mark.parametrize(
    ("conditions", "rows"),
    [
        (["kind=x"], [0]),
        (["kind!=x"], [2]),
        (["Effect>=0.001"], [1]),
        (["Effect<0.001"], [0]),
        (["Effect<=1", "Chrom=chr1"], [0, 1]),
    ],
)
def test_rows_are_taken_where_all_conditions_hold(tmp_path, conditions, rows):
    whole = written(tmp_path)
    table = whole.where(conditions)
    assert table.rows == tuple(whole.rows[row] for row in rows)
    assert table.numbers_in_file == tuple(row + 2 for row in rows)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (["kind"], "condition 'kind' is not COLUMN=VALUE"),
        (["kind>3"], "line 2, column 'kind': expected a number, or NA where there is none, got 'x'"),
        (["Effect>x"], "compares with 'x', which is no number"),
        (["Efect=1"], "no column 'Efect'.*did you mean 'Effect'"),
        (["kind=z"], "none of 3 rows has kind=z"),
    ],
)
def test_condition_that_means_nothing_is_refused(tmp_path, conditions, message):
    with pytest.raises(InputError, match=message):
        written(tmp_path).where(conditions)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pos\tref\talt\n1\tA\tC\n", "there is no column 'chrom' or 'contig'"),
        ("chrom\tcontig\tpos\tref\talt\n1\t1\t1\tA\tC\n", "'chrom' and 'contig' may both hold the contig"),
        ("chrom\tpos\tref\talt\n1\t1.5\tA\tC\n", "line 2, column 'pos': expected a whole number.*got '1.5'"),
        ("chrom\tpos\tref\talt\n1\t0\tA\tC\n", "line 2, column 'pos': expected a whole number.*got '0'"),
        ("chrom\tpos\tref\talt\n", "has no rows"),
    ],
)
def test_mistake_is_told_with_its_place_and_value(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        written(tmp_path, text).variants(VariantColumns())


def test_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.csv"):
        read_measured_table(tmp_path / "t.xlsx")


@pytest.mark.parametrize(
    ("position", "ref", "alt", "expected"),
    [
        (2, "G", "-", (1, "CG", "C")),
        (0, "AC", "-", (0, "ACG", "G")),
        (2, "G", "T", (2, "G", "T")),
        (3, "-", "A", (3, "-", "A")),
    ],
)
def test_deletion_without_anchor_gets_the_base_before_it(tmp_path, position, ref, alt, expected):
    (tmp_path / "g.fa").write_text(">c\nACGTT\n")
    record = VariantRecord(1, "c", position, ref, (alt,), (), b"")
    assert site(spelled_out(record, Fasta(tmp_path / "g.fa"))) == ("c", *expected)


def test_deletion_on_an_unknown_contig_stays(tmp_path):
    (tmp_path / "g.fa").write_text(">c\nACGTT\n")
    record = VariantRecord(1, "d", 2, "G", ("-",), (), b"")
    assert spelled_out(record, Fasta(tmp_path / "g.fa")) is record
