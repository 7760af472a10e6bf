"""Tables read block by block are those read cell by cell, with the same errors, wherever a block ends."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.io import table_blocks, tables_parquet
from hyenadna_kit.io.label_table import read_label_table
from hyenadna_kit.io.tables import read_labelled_table, read_raw_table
from tests.oracles import table_by_cell

BLOCKS = [1, 1200, 1 << 25]
"""Bytes of a block: a row, two or three, all."""

FLAGS = st.sampled_from("01")
NASTY = st.sampled_from(
    [
        *(
            "",
            "0",
            "1",
            "-0",
            "007",
            "+5",
            "1.0",
            "1.",
            ".5",
            "-.5",
            ".",
            "-",
            "1e5",
            "1e999",
            "1e-400",
            "0x1",
        ),
        *("nan", "NaN", "inf", "-inf", "-nan", "Infinity", "null", "NA", "N/A", "#N/A", "true", "1_0"),
        *(
            " 1",
            "1 ",
            "\t1",
            "\u0661",
            "\u0131nf",
            "\ufeff1",
            "\ufeff",
            "\u2028",
            "\x0b",
            "\x1c",
            "\x85",
            "'",
        ),
        *("999999999999999999", "9999999999999999999", "9223372036854775808", "123456789012345678.5"),
        *('"1"', '"a, ""b"""', '"x"y', "1,2", "é"),
    ]
)
WHOLE = st.integers(-300, 300).map(str)
REAL = st.floats(allow_nan=False).map(repr)
BASES = st.one_of(st.text("ACGTNu", min_size=1, max_size=4), st.sampled_from(["AX", "", "é"]))
STARTS = st.one_of(st.integers(0, 9).map(str), NASTY)


@st.composite
def texts(draw):
    """A table whose columns are mostly of one kind, with a nasty cell here and there."""
    num_rows = draw(st.integers(1, 7))
    kinds = [FLAGS, WHOLE, REAL, NASTY, st.one_of(FLAGS, FLAGS, FLAGS, NASTY)]
    pieces = draw(st.sampled_from([{"sequence": BASES}, {"contig": WHOLE, "start": STARTS, "end": STARTS}]))
    others = {name: draw(st.sampled_from(kinds)) for name in ("label", "y", "z")}
    rows = [[draw(cells) for cells in (*pieces.values(), *others.values())] for _ in range(num_rows)]
    ends = [draw(st.sampled_from(["\n", "\n", "\n\n"])) for _ in rows]
    lines = [",".join(row) + end for row, end in zip(rows, ends, strict=True)]
    return ",".join((*pieces, *others)) + "\n" + "".join(lines)


def kind_and_values(column):
    if isinstance(column, tuple | list):
        return ("text" if isinstance(column[0], str) else type(column[0]), list(map(repr, column)))
    assert column.dtype == (
        np.float64 if column.dtype.kind == "f" else np.int8 if set(column.tolist()) <= {0, 1} else np.int64
    )
    return kind_and_values(column.tolist())


def outcome(read):
    """Return what is read, or the error."""
    try:
        sequences, intervals, columns = read()
    except InputError as error:
        return str(error)
    return sequences, intervals, {name: kind_and_values(column) for name, column in columns.items()}


def read_blocks(path, labels):
    table = read_labelled_table(path, labels)
    return table.sequences or (), table.intervals or (), table.columns


MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)


@pytest.mark.parametrize("labels", [(), ("label",), ("y", "label", "z")], ids=len)
@pytest.mark.parametrize("weight", BLOCKS)
@MANY
@given(text=texts())
def test_text_is_read_as_cell_by_cell_errors_too(tmp_path, monkeypatch, weight, labels, text):
    monkeypatch.setattr(table_blocks, "_MOST_WEIGHT", weight)
    path = tmp_path / "t.csv"
    path.write_text(text, newline="")
    expected = outcome(lambda: table_by_cell.read_text(path, text, labels))
    assert outcome(lambda: read_blocks(path, labels)) == expected


BITS = st.integers(0, 1)
TYPED = [
    (pa.int8(), BITS),
    (pa.int64(), BITS),
    (pa.int64(), st.integers(-3, 3)),
    (pa.uint64(), st.sampled_from([0, 1, 2**63 - 1])),
    (pa.bool_(), st.booleans()),
    (pa.float32(), st.floats(width=32)),
    (pa.float16(), st.sampled_from([0.5, 1.0])),
    (pa.float64(), st.floats()),
    (pa.string(), st.sampled_from(["0", "1", "nan", "", "007", "é"])),
    (pa.large_string(), st.sampled_from(["a", "b"])),
    (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["a", "b"])),
    (pa.dictionary(pa.int8(), pa.int32()), BITS),
]


@st.composite
def typed_columns(draw):
    num_rows = draw(st.integers(1, 7))
    columns = {"sequence": pa.array(["ACG"] * num_rows)}
    for name in ("label", "y", "z"):
        kind, cells = draw(st.sampled_from(TYPED))
        cells = draw(st.sampled_from([cells, st.one_of(cells, st.none()), st.none()]))
        columns[name] = pa.array(draw(st.lists(cells, min_size=num_rows, max_size=num_rows)), kind)
    return columns


@pytest.mark.parametrize("labels", [(), ("label",), ("y", "label", "z")], ids=len)
@pytest.mark.parametrize("rows", [1, 3, 1000])
@MANY
@given(columns=typed_columns())
def test_parquet_is_read_as_cell_by_cell_errors_too(tmp_path, monkeypatch, rows, labels, columns):
    monkeypatch.setattr(tables_parquet, "_ROWS_AT_A_TIME", rows)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path)
    values = {name: column.to_pylist() for name, column in columns.items()}
    expected = outcome(lambda: table_by_cell.read_values(path, values, labels))
    assert outcome(lambda: read_blocks(path, labels)) == expected


@pytest.mark.parametrize("weight", BLOCKS)
def test_rows_before_a_mistake_come_out_first(tmp_path, monkeypatch, weight):
    monkeypatch.setattr(table_blocks, "_MOST_WEIGHT", weight)
    (tmp_path / "t.csv").write_text('a,b\n1,x\n\n2,"y"\n3\n')
    rows = read_raw_table(tmp_path / "t.csv").rows
    assert [next(rows), next(rows)] == [(2, ("1", "x")), (4, ("2", "y"))]
    with pytest.raises(InputError, match="line 5: expected 2 values"):
        next(rows)


@pytest.mark.parametrize("weight", BLOCKS)
def test_columns_of_many_kinds_of_blocks_are_of_one_kind(tmp_path, monkeypatch, weight):
    monkeypatch.setattr(table_blocks, "_MOST_WEIGHT", weight)
    cells = ["0", "1", "7", "-0", "0.5", "x"]
    expected = [np.array([0]), np.array([0, 1]), np.array([0, 1, 7]), np.array([0, 1, 7, 0])]
    expected += [np.array([0, 1, 7, -0.0, 0.5]), tuple(cells)]
    for count, column in enumerate(expected, start=1):
        (tmp_path / "t.csv").write_text("sequence,x\n" + "".join(f"A,{cell}\n" for cell in cells[:count]))
        found = read_labelled_table(tmp_path / "t.csv", ()).columns["x"]
        assert kind_and_values(found) == kind_and_values(list(column if count == 6 else column.tolist()))


@pytest.mark.parametrize("weight", BLOCKS)
def test_labels_by_name_are_read_and_refused_wherever_a_block_ends(tmp_path, monkeypatch, weight):
    monkeypatch.setattr(table_blocks, "_MOST_WEIGHT", weight)
    path = tmp_path / "t.csv"
    path.write_text("name,label\na,1\nb,0\nc,1\n")
    labels = read_label_table(path, ("label",))
    assert dict(labels.rows) == {"a": 0, "b": 1, "c": 2}
    assert labels.columns["label"].tolist() == [1, 0, 1]
    path.write_text("name,label\na,1\nb,\na,1\n")
    with pytest.raises(InputError, match="line 3, column 'label': expected a label, got ''"):
        read_label_table(path, ("label",))
    path.write_text("name,label\na,1\na,\nb,1\n")
    with pytest.raises(InputError, match="line 3: 'a' has a label further up"):
        read_label_table(path, ("label",))
