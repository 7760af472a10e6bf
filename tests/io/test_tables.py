"""Labelled tables: round trips, what is refused and where, and real tables against the csv module."""

import csv
import gzip
import json
import math
import string

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import reverse_complement
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.tables import LabelledTable, read_labelled_table, write_labelled_table

TEXT_SUFFIXES = [".csv", ".tsv", ".csv.gz", ".tsv.gz"]
IUPAC = "ACGTURYSWKMBDHVN"


def read(folder, text, name="t.csv", **options):
    path = folder / name
    path.write_text(text)
    return read_labelled_table(path, **options)


def same(one, other):
    """Say whether two columns hold the same values of the same kind; NaN equals NaN."""
    if isinstance(one, tuple) or isinstance(other, tuple):
        return one == other
    return one.dtype.kind == other.dtype.kind and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def test_sequences_are_read_with_their_labels(tmp_path):
    table = read(tmp_path, "sequence,label\nACGTn,1\nrYu,0\n")
    assert table.sequences == ("ACGTn", "rYu")
    assert table.intervals is None
    assert table.num_rows == 2
    assert same(table.labels, np.array([1, 0]))


def test_intervals_are_read_with_every_other_column(tmp_path):
    text = (
        "name\tend\tstart\tcontig\tstrand\tlabel\tgc\nx\t9\t5\tchr1\t-\tyes\t0.5\n\ny\t3\t0\tchr2\t.\tno\t1\n"
    )
    table = read(tmp_path, text, "t.tsv")
    assert table.intervals == (Interval("chr1", 5, 9, Strand.REVERSE), Interval("chr2", 0, 3))
    assert table.sequences is None
    assert list(table.columns) == ["name", "label", "gc"]
    assert table.columns["name"] == ("x", "y")
    assert table.labels == ("yes", "no")
    assert same(table.columns["gc"], np.array([0.5, 1.0]))


def test_strand_may_be_absent_and_sequence_be_beside_the_place(tmp_path):
    table = read(tmp_path, "sequence,contig,start,end,label\nACG,c,2,5,a\n")
    assert (table.sequences, table.intervals) == (("ACG",), (Interval("c", 2, 5),))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["0", "1", "-3"], np.array([0, 1, -3])),
        (["0", "1.5", "-2e-3", ".5", "1."], np.array([0, 1.5, -0.002, 0.5, 1])),
        (["1", "", "3"], np.array([1, math.nan, 3])),
        (["nan", "-inf", "2"], np.array([math.nan, -math.inf, 2])),
        (["1", "a"], ("1", "a")),
        (["007", "8"], ("007", "8")),
        (["+5", "6"], ("+5", "6")),
        (["1_0", "2"], ("1_0", "2")),
        (["\u0661", "2"], ("\u0661", "2")),
        (["12345678901234567890", "1"], ("12345678901234567890", "1")),
        (["999999999999999999"], np.array([999999999999999999])),
        (["", ""], ("", "")),
        (["true", "false"], ("true", "false")),
        ([" 1", "2"], (" 1", "2")),
        (["0x1", "1"], ("0x1", "1")),
        (["\u0131nf", "1"], ("\u0131nf", "1")),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_column_of_numbers_is_numbers_and_others_are_text(tmp_path, values, expected):
    rows = "".join(f"A,x,{value}\n" for value in values)
    column = read(tmp_path, f"sequence,label,extra\n{rows}").columns["extra"]
    assert same(column, expected)


@pytest.mark.parametrize(
    ("values", "kind"),
    [("010", "int8"), ("000", "int8"), ("012", "int64"), (["0", "-1"], "int64"), (["0", "1.0"], "float64")],
)
def test_flags_take_one_byte_and_other_numbers_eight(tmp_path, values, kind):
    text = "sequence,label\n" + "".join(f"A,{value}\n" for value in values)
    path = write_parquet(
        tmp_path, sequence=["A"] * len(values), label=[json.loads(value) for value in values]
    )
    assert read(tmp_path, text).labels.dtype == kind
    assert read_labelled_table(path).labels.dtype == kind


def test_several_labels_are_columns(tmp_path):
    table = read(tmp_path, "sequence,a,b\nA,1,0.5\nC,0,0.25\n", label_columns=("a", "b"))
    assert same(table.columns["a"], np.array([1, 0]))
    assert same(table.columns["b"], np.array([0.5, 0.25]))
    with pytest.raises(InputError, match=r"t\.csv, line 2, column 'b': expected a label, got ''"):
        read(tmp_path, "sequence,a,b\nA,1,\n", label_columns=("a", "b"))
    with pytest.raises(InputError, match="the table has no column 'label'; known: a, b"):
        _ = table.labels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; its first line must name the columns"),
        ("\n\n", "is empty; its first line must name the columns"),
        ("sequence,label\n", "names its columns but has no rows"),
        ("sequence,Label\nA,1\n", r": there is no column 'label'; did you mean 'Label'\?"),
        ("seqence,label\nA,1\n", r": there is no column 'sequence' .*; did you mean 'seqence'\?"),
        ("x,label\nA,1\n", r"no column 'sequence' \(nor contig, start and end\); known: x, label"),
        ("contig,start,stop,label\nA,1,2,1\n", r"no column 'end'; known: contig, start, stop, label"),
        ("sequence,strand,label\nA,+,1\n", "no column 'contig'"),
        ("sequence,label,label\nA,1,1\n", "column 'label' occurs twice"),
        (",sequence,label\n0,A,1\n", "column 1 has no name; .* without row numbers"),
        ("sequence,la\x0bbel\nA,1\n", r"the name 'la\\x0bbel' of column 2 is no text of at most 256"),
        (f"sequence,{'x' * 300}\nA,1\n", "the name 'xxx.* of column 2 is no text of at most 256"),
        ("sequence;label\nA;1\n", "holds semicolons and no commas"),
        ("sequence\tlabel\nA\t1\n", "holds tabs and no commas"),
        ("sequence,label\nA,1\nAC,1,2\n", r", line 3: expected 2 values \(sequence, label\), got 3"),
        ("sequence,label\nA,1\nAC\n", ", line 3: expected 2 values .*, got 1"),
        ("sequence,label\n\n\nACXA,1\n", ", line 4, column 'sequence': character 'X' at base 3 is no nucleo"),
        ("sequence,label\nACé,1\n", "character 'é' at base 3"),
        ("sequence,label\nA C,1\n", "character ' ' at base 2"),
        ("sequence,label\n,1\n", "line 2, column 'sequence': expected bases, got ''"),
        ("sequence,label\nA,\n", "line 2, column 'label': expected a label, got ''"),
        ("sequence,label\nA,NaN\n", "line 2, column 'label': expected a label, got 'NaN'"),
        ("sequence,label\nA,-inf\n", "line 2, column 'label': expected a label, got '-inf'"),
        ("contig,start,end,label\n,1,2,1\n", "line 2, column 'contig': expected a name, got ''"),
        ("contig,start,end,label\nc,5,5,1\n", r"line 2, column 'end': 5 must lie after start 5 \(0-based"),
        ("contig,start,end,label\nc,9,5,1\n", "line 2, column 'end': 5 must lie after start 9"),
        ("contig,start,end,label\nc,-1,5,1\n", "column 'start': expected a whole number from 0 on, got '-1'"),
        (
            "contig,start,end,label\nc,1.0,5,1\n",
            "column 'start': expected a whole number from 0 on, got '1.0'",
        ),
        ("contig,start,end,label\nc,1,9223372036854775808,1\n", "column 'end': expected a whole number"),
        (f"contig,start,end,label\nc,1,{'9' * 5000},1\n", "column 'end': expected a whole number"),
        ("contig,start,end,strand,label\nc,1,2,*,1\n", r"column 'strand': expected \+, - or \., got '\*'"),
        ("sequence,contig,start,end,label\nACG,c,3,5,1\n", "3 bases, but start 3 and end 5 span 2 .0-based"),
        ('sequence,label\nA,"x\ny"\n', "line 2: .* a value in quotes must end on its line"),
        ('sequence,label\nA,"x"y\n', "line 2: .* a value in quotes must end"),
        ("sequence,label\nA,1\0\n", "line 2: holds a NUL"),
        ("sequence,label\nA,1\rA,2\n", "line 2: a carriage return"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_mistake_is_one_line_with_file_row_column_and_value(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "t.csv") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_windows_line_ends_byte_order_mark_and_quotes_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes('\ufeff"sequence",label,note\r\n"ACG",1,"a, ""b"""\r\n'.encode())
    table = read_labelled_table(path)
    assert table.sequences == ("ACG",)
    assert table.columns["note"] == ('a, "b"',)


def test_long_sequences_are_read_in_quotes_and_without(tmp_path):
    long = "ACGT" * 50_000
    assert read(tmp_path, f'sequence,label\n"{long}",1\n{long},2\n').sequences == (long, long)


def test_compression_is_told_by_content_and_format_by_name(tmp_path):
    content = gzip.compress(b"sequence,label\nA,1\n")
    for name in ("a.csv", "b.CSV.gz"):
        (tmp_path / name).write_bytes(content)
        assert read_labelled_table(tmp_path / name).sequences == ("A",)
    (tmp_path / "c.csv.gz").write_bytes(content[:-9])
    with pytest.raises(InputError, match=r"c\.csv\.gz cannot be read: the data end early"):
        read_labelled_table(tmp_path / "c.csv.gz")


@pytest.mark.parametrize("name", ["t.txt", "t", "t.parquet.gz", "t.csv.bz2", ".csv.x"])
def test_unknown_suffix_is_refused_with_the_known_ones(tmp_path, name):
    with pytest.raises(InputError, match=r"must end in \.csv, \.tsv, \.parquet, or in \.csv\.gz"):
        read(tmp_path, "sequence,label\nA,1\n", name)
    with pytest.raises(InputError, match="must end in"):
        write_labelled_table(tmp_path / name, LabelledTable(sequences=("A",)))


@pytest.mark.parametrize("name", ["t.csv", "t.tsv.gz", "t.parquet"])
def test_missing_file_and_folder_are_named(tmp_path, name):
    with pytest.raises(InputError, match=rf"{name}.*(No such file|does not exist)"):
        read_labelled_table(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=name):
        read_labelled_table(tmp_path / name)


NAMES = st.text(string.ascii_letters + string.digits + " _-é", min_size=1, max_size=6).filter(
    lambda name: name.strip() and name not in ("sequence", "contig", "start", "end", "strand")
)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
LINES = st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"])
ANY_TEXT = st.text(LINES, max_size=8)
"""Text that no reader takes for a number: it holds a letter that no number has."""
TEXT = st.builds(lambda text, tail: f"{text}z{tail}", ANY_TEXT, ANY_TEXT)


def columns(length, text):
    exactly = {"min_size": length, "max_size": length}
    return st.one_of(
        st.lists(text, **exactly).map(tuple),
        st.lists(st.integers(-(10**17), 10**17), **exactly).map(lambda v: np.array(v, dtype=np.int64)),
        st.lists(FLOATS, **exactly).map(lambda v: np.array(v, dtype=np.float64)),
    )


@st.composite
def fields(draw, text):
    """Fields of a table, which the test builds: the type checks of a container draw random numbers."""
    length = draw(st.integers(1, 5))
    starts = draw(st.lists(st.integers(0, 10**12), min_size=length, max_size=length))
    sequences = draw(st.lists(st.text(IUPAC + IUPAC.lower(), min_size=1), min_size=length, max_size=length))
    contigs = draw(st.lists(text, min_size=length, max_size=length))
    intervals = tuple(
        Interval(contig, start, start + len(sequence), draw(st.sampled_from(Strand)))
        for contig, start, sequence in zip(contigs, starts, sequences, strict=True)
    )
    which = draw(st.sampled_from(["sequences", "intervals", "both"]))
    names = draw(st.lists(NAMES, unique=True, max_size=3))
    others = {name: draw(columns(length, text)) for name in names if name != "label"}
    return {
        "sequences": None if which == "intervals" else tuple(sequences),
        "intervals": None if which == "sequences" else intervals,
        "columns": {"label": tuple("z" * (1 + row % 3) for row in range(length)), **others},
    }


def assert_round_trip(path, table):
    write_labelled_table(path, table)
    found = read_labelled_table(path)
    assert (found.sequences, found.intervals) == (table.sequences, table.intervals)
    assert list(found.columns) == list(table.columns)
    assert all(same(found.columns[name], column) for name, column in table.columns.items())


ROUND_TRIP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize("suffix", TEXT_SUFFIXES)
@ROUND_TRIP
@given(fields=fields(TEXT))
def test_round_trip_through_text(tmp_path, suffix, fields):
    assert_round_trip(tmp_path / f"t{suffix}", LabelledTable(**fields))


@ROUND_TRIP
@given(fields=fields(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)))
def test_round_trip_through_parquet_keeps_text_that_looks_like_numbers(tmp_path, fields):
    assert_round_trip(tmp_path / "t.parquet", LabelledTable(**fields))


@ROUND_TRIP
@given(fields=fields(TEXT))
def test_the_csv_module_reads_what_was_written(tmp_path, fields):
    path, table = tmp_path / "t.csv", LabelledTable(**fields)
    write_labelled_table(path, table)
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == table.num_rows
    for name, column in table.columns.items():
        values = column if isinstance(column, tuple) else map(repr, column.tolist())
        assert [row[name] for row in rows] == list(values)
    if table.intervals is not None:
        assert [(row["contig"], int(row["start"]), int(row["end"]), row["strand"]) for row in rows] == [
            (interval.contig, interval.start, interval.end, interval.strand.value)
            for interval in table.intervals
        ]


def test_pyarrow_reads_what_was_written(tmp_path):
    table = LabelledTable(
        intervals=(Interval("c", 1, 3), Interval("d", 0, 2, Strand.REVERSE)),
        columns={"label": np.array([0.5, -1]), "name": ("1", "x")},
    )
    write_labelled_table(tmp_path / "t.parquet", table)
    assert pq.read_table(tmp_path / "t.parquet").to_pydict() == {
        "contig": ["c", "d"],
        "start": [1, 0],
        "end": [3, 2],
        "strand": ["+", "-"],
        "label": [0.5, -1.0],
        "name": ["1", "x"],
    }


def write_parquet(folder, **columns):
    path = folder / "t.parquet"
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1, 0], pa.int8()), np.array([1, 0])),
        (pa.array([True, False]), np.array([1, 0])),
        (pa.array([1.5, 2.0], pa.float32()), np.array([1.5, 2.0])),
        (pa.array(["1", "2"]).dictionary_encode(), ("1", "2")),
        (pa.array(["a", "b"], pa.large_string()), ("a", "b")),
        (pa.array([None, 2]), np.array([math.nan, 2])),
        (pa.array([None, "x"]), ("", "x")),
        (pa.array([None, None]), ("", "")),
    ],
    ids=["int8", "bool", "float32", "dictionary", "large", "null number", "null text", "null"],
)
def test_column_of_parquet_keeps_its_kind(tmp_path, column, expected):
    path = write_parquet(tmp_path, sequence=["A", "C"], label=[1, 2], extra=column)
    assert same(read_labelled_table(path).columns["extra"], expected)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"sequence": ["A"], "label": [None]}, r", row 1, column 'label': expected a label, got None"),
        ({"sequence": ["A", "C"], "label": [1.0, math.nan]}, ", row 2, column 'label': .*, got nan"),
        ({"sequence": ["A", None], "label": [1, 2]}, ", row 2, column 'sequence': expected bases, got None"),
        ({"sequence": [1], "label": [1]}, ", row 1, column 'sequence': expected bases, got 1"),
        ({"contig": ["c"], "start": [1.0], "end": [2], "label": [1]}, "column 'start': .*, got 1.0"),
        ({"contig": ["c"], "start": [True], "end": [2], "label": [1]}, "column 'start': .*, got True"),
        ({"contig": ["c"], "start": [-1], "end": [2], "label": [1]}, "column 'start': .*, got -1"),
        ({"contig": ["c"], "start": [3], "end": [2], "label": [1]}, "column 'end': 2 must lie after start 3"),
        (
            {"sequence": ["A"], "label": [[1]]},
            "column 'label' is of type list<.*; a table holds text and numbers",
        ),
        ({"sequence": ["A"], "Label": [1]}, r"no column 'label'; did you mean 'Label'\?"),
        ({"sequence": pa.array([], pa.string()), "label": []}, "names its columns but has no rows"),
        (
            {"sequence": ["A"], "label": pa.array([2**63], pa.uint64())},
            "column 'label': a number does not fit",
        ),
    ],
)
def test_mistake_in_parquet_is_named_with_its_row(tmp_path, columns, message):
    path = write_parquet(tmp_path, **columns)
    with pytest.raises(InputError, match=message) as caught:
        read_labelled_table(path)
    assert str(path) in str(caught.value)


def test_damaged_parquet_is_one_line(tmp_path):
    path = write_parquet(tmp_path, sequence=["ACGT"] * 1000, label=list(range(1000)))
    content = path.read_bytes()
    for damaged in (b"", b"sequence,label\nA,1\n", content[:-1], content[: len(content) // 2], content[4:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"t\.parquet") as caught:
            read_labelled_table(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
@pytest.mark.parametrize("suffix", TEXT_SUFFIXES)
def test_text_that_a_line_cannot_hold_is_refused_and_leaves_nothing(tmp_path, suffix, value):
    table = LabelledTable(sequences=("A", "C"), columns={"label": ("fine", value)})
    with pytest.raises(InputError, match=r"line 3: .* cannot be written"):
        write_labelled_table(tmp_path / f"t{suffix}", table)
    assert not list(tmp_path.iterdir())


def test_equal_tables_are_equal_files(tmp_path):
    table = LabelledTable(sequences=("A", "C"), columns={"label": ("x", "y")})
    for suffix in (*TEXT_SUFFIXES, ".parquet"):
        one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
        write_labelled_table(one, table)
        write_labelled_table(other, table)
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs sequences, intervals or variants"),
        ({"sequences": ("A",), "columns": {"label": ("x", "y")}}, "one length, got 1 and 2"),
        ({"sequences": ("A",), "intervals": ()}, "one length, got 1 and 0"),
        ({"sequences": ("A",), "columns": {"start": ("x",)}}, "column 'start' is made of"),
    ],
    ids=["nothing", "label too long", "no intervals", "reserved"],
)
def test_table_that_does_not_fit_together_is_refused(fields, message):
    with pytest.raises(InputError, match=message):
        LabelledTable(**fields)


SHARED_WITH_TRAIN = {
    "prom_core_tata": (16, 613),
    "prom_core_all": (43, 5920),
    "prom_core_notata": (30, 5307),
    "tf/0": (0, 1000),
    "tf/1": (2, 1000),
    "tf/2": (0, 1000),
    "tf/4": (0, 1000),
    "mouse/0": (0, 810),
    "mouse/2": (0, 328),
    "mouse/4": (0, 1883),
}
"""Test rows whose sequence is also in train, on either strand, and all test rows."""


def rows_by_csv(path):
    with gzip.open(path, "rt", newline="") as lines:
        return [(row["sequence"], int(row["label"])) for row in csv.DictReader(lines)]


@pytest.mark.real_data
@pytest.mark.parametrize("task", SHARED_WITH_TRAIN)
def test_benchmark_is_read_as_the_csv_module_does_and_has_the_known_duplicates(data, task):
    folder = data / "benchmarks" / "GUE" / task
    tables = {side: read_labelled_table(folder / f"{side}.csv.gz") for side in ("train", "dev", "test")}
    for side, table in tables.items():
        rows = list(zip(table.sequences, table.labels.tolist(), strict=True))
        assert rows == rows_by_csv(folder / f"{side}.csv.gz")
    train, test = set(tables["train"].sequences), tables["test"].sequences
    shared = sum(sequence in train or reverse_complement(sequence) in train for sequence in test)
    assert (shared, len(test)) == SHARED_WITH_TRAIN[task]


@pytest.mark.real_data
def test_no_benchmark_is_passed_over(data):
    folder = data / "benchmarks" / "GUE"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*.csv.gz")}
    assert names == {
        f"{task}/{side}.csv.gz" for task in SHARED_WITH_TRAIN for side in ("train", "dev", "test")
    }
