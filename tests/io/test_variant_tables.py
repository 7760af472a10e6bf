"""Tables of variants: what rows become, what is refused and where, and what a written file holds."""

import csv
import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.variant_tables import (
    TableColumn,
    is_variant_table,
    read_variant_table,
    variants_as_table,
    write_variant_rows,
)
from hyenadna_kit.io.vcf import read_variants
from tests.oracles.vcf import SAMPLES, write_bcf, write_bgzip, write_plain

HEAD = "chrom\tpos\tref\talt"


def write(folder, text, name="t.tsv"):
    (folder / name).write_text(text)
    return folder / name


def rows(path):
    return list(read_variant_table(path).records)


def write_parquet(folder, columns, name="t.parquet"):
    arrays = {
        name: value if isinstance(value, pa.Array) else pa.array(value) for name, value in columns.items()
    }
    pq.write_table(pa.table(arrays), folder / name)
    return folder / name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.tsv", True), ("a.csv", True), ("a.tsv.gz", True), ("a.csv.gz", True), ("a.parquet", True),
        ("A.TSV", True), ("a.vcf", False), ("a.vcf.gz", False), ("a.bcf", False), ("-", False),
        ("tsv", False), ("a.parquet.gz", False), ("a.tsv/b.vcf", False),
    ],
)  # fmt: skip
def test_tables_are_told_by_their_names(name, expected):
    assert is_variant_table(name) is expected


def test_row_becomes_a_record_from_0_and_keeps_every_cell(tmp_path):
    path = write(tmp_path, "gene\tpos\talt\tchrom\tref\tnote\nBRCA\t7\tA,*,<DEL>\tchr1\tGT\t007\n")
    table = read_variant_table(path)
    (record,) = table.records
    assert (record.number, record.contig, record.position, record.ref) == (1, "chr1", 6, "GT")
    assert record.alts == ("A", "*", "<DEL>")
    assert (record.filters, record.raw, record.site) == ((), b"", "chr1:7")
    assert record.cells == ("BRCA", 7, "A,*,<DEL>", "chr1", "GT", "007")
    assert [column.name for column in table.columns] == ["gene", "pos", "alt", "chrom", "ref", "note"]
    assert [column.type for column in table.columns] == ["string", "int64", *["string"] * 4]
    assert (table.alt, table.name) == (2, str(path))


@pytest.mark.parametrize(
    "header", ["contig,pos,ref,alt", "chrom,pos,ref,alt", "#CHROM,POS,REF,ALT", "Contig,Pos,Ref,Alt"]
)
def test_columns_are_found_by_their_usual_names_and_keep_them(tmp_path, header):
    table = read_variant_table(write(tmp_path, f"{header}\n1,5,A,C\n", "t.csv"))
    assert [column.name for column in table.columns] == header.split(",")
    assert [(r.contig, r.position, r.ref, r.alts) for r in table.records] == [("1", 4, "A", ("C",))]


@pytest.mark.parametrize("alt", [".", ""])
def test_no_alt_is_no_alt(tmp_path, alt):
    assert [record.alts for record in rows(write(tmp_path, f"{HEAD}\nchr1\t5\tA\t{alt}\n"))] == [()]
    path = write_parquet(
        tmp_path, {"chrom": ["1", "1"], "pos": [5, 5], "ref": ["A", "A"], "alt": [alt, None]}
    )
    assert [record.alts for record in rows(path)] == [(), ()]


def test_position_0_is_the_telomere_as_in_vcf(tmp_path):
    assert [record.position for record in rows(write(tmp_path, f"{HEAD}\nchr1\t0\tN\t<DEL>\n"))] == [-1]


def test_compressed_text_and_text_with_quotes_are_read(tmp_path):
    text = 'chrom,pos,ref,alt,note\nchr1,5,A,"C,G","a ""b"", c"\n'
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    (record,) = rows(tmp_path / "t.csv.gz")
    assert record.alts == ("C", "G")
    assert record.cells[4] == 'a "b", c'


def test_table_without_rows_has_no_records(tmp_path):
    assert rows(write(tmp_path, f"{HEAD}\n")) == []


TYPES = {
    "int32": ([1, None], "int32"), "uint8": ([1, 255], "uint8"), "float": ([0.5, None], "float"),
    "double": ([0.1, float("inf")], "double"), "halffloat": ([0.5, 2.0], "halffloat"),
    "bool": ([True, None], "bool"), "large_string": (["x", None], "large_string"),
    "null": ([None, None], "null"),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_parquet_keeps_types_and_values_through_a_round_trip(tmp_path, name):
    values, expected = TYPES[name]
    path = write_parquet(
        tmp_path,
        {
            "chrom": pa.array(["chr1", "chr2"]).dictionary_encode(),
            "pos": pa.array([5, 6], pa.uint32()),
            "ref": ["A", "C"],
            "alt": ["C", "G"],
            "x": pa.array(values, pa.type_for_alias(name)),
        },
    )
    table = read_variant_table(path)
    assert [column.type for column in table.columns] == ["string", "uint32", "string", "string", expected]
    out = tmp_path / "out.parquet"
    write_variant_rows(out, table.columns, (r.cells for r in table.records), metadata={"made": "here"})
    again = pq.read_table(out)
    assert again.to_pydict() == pq.read_table(path).to_pydict()
    assert str(again.schema.field("x").type) == expected
    assert again.schema.metadata == {b"made": b"here"}


def test_whole_numbers_may_name_contigs_and_text_may_hold_positions(tmp_path):
    path = write_parquet(tmp_path, {"chrom": [1, 22], "pos": ["5", "6"], "ref": ["A"] * 2, "alt": ["C"] * 2})
    table = read_variant_table(path)
    assert [column.type for column in table.columns][:2] == ["int64", "int64"]
    assert [(r.contig, r.position, r.cells[:2]) for r in table.records] == [
        ("1", 4, (1, 5)),
        ("22", 5, (22, 6)),
    ]


BAD_ROWS = {
    "no position": ("chr1\t\tA\tC", "column 'pos': expected a whole number (1-based), got ''"),
    "negative": ("chr1\t-1\tA\tC", "column 'pos': expected a whole number (1-based), got '-1'"),
    "fraction": ("chr1\t5.0\tA\tC", "column 'pos': expected a whole number (1-based), got '5.0'"),
    "thousands": ("chr1\t1,000\tA\tC", "column 'pos': expected a whole number (1-based), got '1,000'"),
    "beyond 64 bits": (
        f"chr1\t{1 << 63}\tA\tC", f"column 'pos': expected a whole number (1-based), got '{1 << 63}'"
    ),
    "no contig": ("\t5\tA\tC", "column 'chrom': expected the name of a contig, got ''"),
    "no ref": ("chr1\t5\t\tC", "column 'ref': expected bases, got ''"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_row_is_named_with_its_line_column_value_and_remedy(tmp_path, case):
    row, fault = BAD_ROWS[case]
    path = write(tmp_path, f"{HEAD}\nchr1\t4\tA\tC\n\n{row}\n")
    records = read_variant_table(path).records
    assert next(records).position == 3
    with pytest.raises(InputError) as caught:
        next(records)
    assert str(caught.value) == f"{path}, line 4, {fault}; mend or remove it"


BAD_CELLS = {
    "position": ("pos", [5, None], "column 'pos': expected a whole number (1-based), got None"),
    "fraction": ("pos", [5, 6.0], "column 'pos': expected a whole number (1-based), got 5.0"),
    "truth": ("pos", [True, True], "column 'pos': expected a whole number (1-based), got True"),
    "ref": ("ref", ["A", None], "column 'ref': expected bases, got None"),
    "alt": ("alt", [1, 2], "column 'alt': expected bases, got 1"),
    "contig": ("chrom", [1.0, 2.0], "column 'chrom': expected the name of a contig, got 1.0"),
}


@pytest.mark.parametrize("case", BAD_CELLS)
def test_bad_cell_of_parquet_is_named_with_its_row(tmp_path, case):
    name, cells, fault = BAD_CELLS[case]
    columns = {"chrom": ["1", "1"], "pos": [5, 6], "ref": ["A", "A"], "alt": ["C", "C"]}
    path = write_parquet(tmp_path, columns | {name: cells})
    with pytest.raises(InputError) as caught:
        rows(path)
    row = 2 if None in cells else 1
    assert str(caught.value) == f"{path}, row {row}, {fault}; mend or remove it"


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("chr\tpos\tref\talt", "there is no column 'chrom' or 'contig'.*did you mean 'chr'"),
        ("chrom\tpos1\tref\talt", "there is no column 'pos'.*did you mean 'pos1'"),
        ("chrom\tpos\tref\tALTS", "there is no column 'alt'"),
        ("chrom\tpos\tcontig\tref\talt", "columns 'chrom' and 'contig' mean the same; rename or remove one"),
        ("chrom\tpos\tref\tREF\talt", "columns 'ref' and 'REF' mean the same"),
        ("chrom\tpos\tref\talt\talt", "column 'alt' occurs twice"),
        ("chrom,pos,ref,alt", "holds commas and no tabs"),
    ],
)
def test_table_without_its_columns_is_refused(tmp_path, header, fault):
    with pytest.raises(InputError, match=fault) as caught:
        read_variant_table(write(tmp_path, f"{header}\n"))
    assert "t.tsv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cut_and_foreign_files_are_refused(tmp_path):
    text = (HEAD + "\n" + "chr1\t5\tA\tC\n" * 500).encode()
    write_bgzip(tmp_path / "t.tsv.gz", text)
    (tmp_path / "t.tsv.gz").write_bytes((tmp_path / "t.tsv.gz").read_bytes()[:-40])
    with pytest.raises(InputError, match=r"t\.tsv\.gz .*truncated"):
        rows(tmp_path / "t.tsv.gz")
    (tmp_path / "t.parquet").write_bytes(text)
    with pytest.raises(InputError, match=r"t\.parquet is no Parquet, or damaged"):
        rows(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"none\.tsv cannot be read"):
        rows(tmp_path / "none.tsv")


LONG_ID = "x" * 14
VCF = SAMPLES + b"".join(
    f"{line}\t.\tGT\t0/1\t0/1\n".encode()
    for line in (
        "chr1\t10\t.\tA\tC,*\t29.50\tPASS",
        "chr1\t11\trs1;rs2\tAC\t<DEL>\t.\tq10",
        f"chr1\t12\t{LONG_ID}\tN\t.\t.\t.",
        f"chr2\t13\t{LONG_ID}y\tA\tG\t.\t.",
        f"chr2\t14\t{'z' * 300}\tA\tG\t.\tPASS",
    )
)


@pytest.mark.parametrize("form", [write_plain, write_bgzip, write_bcf])
def test_variant_file_becomes_rows_as_htslib_reads_them(tmp_path, form):
    form(tmp_path / "in", VCF)
    with read_variants(tmp_path / "in") as reader:
        table = variants_as_table(reader)
        found = list(table.records)
    (tmp_path / "plain.vcf").write_bytes(VCF)
    with pysam.VariantFile(str(tmp_path / "plain.vcf")) as handle:
        expected = [
            (r.contig, r.pos, r.id, r.ref, ",".join(r.alts or ()) or None, ";".join(r.filter) or None)
            for r in handle
        ]
    assert [record.cells for record in found] == expected
    assert [record.number for record in found] == [1, 2, 3, 4, 5]
    assert found[0].alts == ("C", "*")
    assert [column.name for column in table.columns] == ["chrom", "pos", "id", "ref", "alt", "filter"]
    assert table.columns[table.alt].name == "alt"


def test_id_that_is_no_text_is_named_with_its_record(tmp_path):
    (tmp_path / "in.vcf").write_bytes(VCF.replace(b"rs1", b"r\xff1"))
    with read_variants(tmp_path / "in.vcf") as reader:
        records = variants_as_table(reader).records
        next(records)
        with pytest.raises(
            InputError, match=r"in\.vcf, record 2 \(chr1:11\): ID b'r\\xff1;rs2' is not UTF-8"
        ):
            next(records)


COLUMNS = (TableColumn("a", "string"), TableColumn("b", "double"), TableColumn("c", "int64"))


def test_text_has_dots_for_holes_and_floats_with_all_digits(tmp_path):
    written = [("x", 0.1 + 0.2, 3), (None, None, None), ('a "q"', -1e-300, 0)]
    write_variant_rows(tmp_path / "t.tsv", COLUMNS, written, metadata={})
    assert (tmp_path / "t.tsv").read_text() == (
        'a\tb\tc\nx\t0.30000000000000004\t3\n.\t.\t.\n"a ""q"""\t-1e-300\t0\n'
    )


def test_compressed_text_is_bgzip(tmp_path):
    write_variant_rows(tmp_path / "t.tsv.gz", COLUMNS, [("x", 1.5, 2)] * 3, metadata={})
    with pysam.BGZFile(str(tmp_path / "t.tsv.gz")) as handle:
        assert handle.read() == b"a\tb\tc\n" + b"x\t1.5\t2\n" * 3


def test_parquet_is_written_in_groups_of_rows(tmp_path):
    count = (1 << 14) + 5
    write_variant_rows(
        tmp_path / "t.parquet", COLUMNS, ((str(i), i / 7, i) for i in range(count)), metadata={}
    )
    assert pq.read_metadata(tmp_path / "t.parquet").num_row_groups == 2
    table = pq.read_table(tmp_path / "t.parquet").to_pydict()
    assert table == {
        "a": [str(i) for i in range(count)],
        "b": [i / 7 for i in range(count)],
        "c": list(range(count)),
    }


@pytest.mark.parametrize("suffix", [".tsv", ".tsv.gz", ".parquet"])
def test_written_table_is_whole_or_absent(tmp_path, suffix):
    def broken():
        yield ("x", 1.0, 1)
        raise InputError("row 2 is bad")

    out = tmp_path / f"t{suffix}"
    with pytest.raises(InputError, match="row 2 is bad"):
        write_variant_rows(out, COLUMNS, broken(), metadata={})
    assert list(tmp_path.iterdir()) == []
    write_variant_rows(out, COLUMNS, [], metadata={})
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_what_a_file_cannot_hold_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"column 'c': a number does not fit into int64; write \.tsv"):
        write_variant_rows(tmp_path / "t.parquet", COLUMNS, [("x", 1.0, 1 << 63)], metadata={})
    with pytest.raises(InputError, match="holds a line end"):
        write_variant_rows(tmp_path / "t.tsv", COLUMNS, [("x\ny", 1.0, 1)], metadata={})
    with pytest.raises(InputError, match=r"t\.csv must end in \.tsv, \.tsv\.gz, \.parquet"):
        write_variant_rows(tmp_path / "t.csv", COLUMNS, [], metadata={})
    (tmp_path / "folder.tsv").mkdir()
    with pytest.raises(InputError, match=r"folder\.tsv is a folder; name a file in it"):
        write_variant_rows(tmp_path / "folder.tsv", COLUMNS, [], metadata={})


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8)


@given(
    cells=st.lists(
        st.tuples(
            TEXT.filter(bool),
            st.integers(0, (1 << 63) - 1),
            TEXT.filter(bool),
            TEXT.filter(lambda t: t != "."),
            TEXT,
        ),
        max_size=5,
    ),
    suffix=st.sampled_from([".tsv", ".tsv.gz", ".parquet"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_from_every_format(tmp_path, cells, suffix):
    columns = [TableColumn(name, "string") for name in ("contig", "pos", "ref", "alt", "note")]
    columns[1] = TableColumn("pos", "int64")
    path = tmp_path / f"t{suffix}"
    write_variant_rows(path, columns, cells, metadata={})
    found = rows(path)
    assert [record.cells for record in found] == cells
    assert [record.position for record in found] == [row[1] - 1 for row in cells]
    assert [record.alts for record in found] == [tuple(row[3].split(",")) if row[3] else () for row in cells]


def test_csv_module_reads_what_is_written(tmp_path):
    written = [("a\tb", 'say "no"', "'"), ("", " x ", ",")]
    columns = [TableColumn(name, "string") for name in "abc"]
    write_variant_rows(tmp_path / "t.tsv", columns, written, metadata={})
    with (tmp_path / "t.tsv").open(newline="") as handle:
        assert [tuple(row) for row in csv.reader(handle, delimiter="\t")] == [tuple("abc"), *written]
