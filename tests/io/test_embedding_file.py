"""Files of embeddings: what is written is read, by us and by h5py; foreign and unfinished ones are told."""

import h5py
import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.embedding_file import EmbeddingKeys, Embeddings
from hyenadna_kit.io.embedding_writer import write_embeddings
from hyenadna_kit.io.hdf5 import RowTable

PLACES = [Interval("c", 3, 5), Interval("d", 0, 1, Strand.REVERSE), Interval("c", 7, 10)]
KEYS = EmbeddingKeys.of_records(["a", "b", "ü"], [2, 1, 3], PLACES)
ROWS = [np.full((count, 4), count + 0.5, dtype=np.float32) for count in (2, 1, 3)]


def write(path, records, keys=KEYS, **options):
    with write_embeddings(path, keys, **({"width": 4, "provenance": {"model": "m"}} | options)) as writer:
        writer.append(records)
    return path


def test_rows_names_and_places_are_read_back(tmp_path):
    found = Embeddings(write(tmp_path / "x.h5", ROWS))
    assert found.names == ["a", "b", "ü"]
    assert found.intervals == PLACES
    assert found.provenance == {"model": "m"}
    for number, rows in enumerate(ROWS):
        assert np.array_equal(found.values(number), rows)
    assert np.array_equal(found.rows(1, 3), np.concatenate(ROWS[1:]))


def test_h5py_alone_reads_it(tmp_path):
    with h5py.File(write(tmp_path / "x.h5", ROWS, number="float16")) as file:
        first = file["first_rows"][...]
        assert first.tolist() == [0, 2, 3, 6]
        assert file["values"].dtype == np.float16
        assert (file["values"][first[2] : first[3]] == 3.5).all()
        assert file["names"][2].decode() == "ü"
        assert file["contigs"][file["contig"][1]] == b"d"


def test_a_file_that_is_not_finished_is_gone_on_with(tmp_path):
    path = write(tmp_path / "x.h5", ROWS[:1])
    with pytest.raises(InputError, match="has 1 of 3 records written"):
        Embeddings(path).rows(0, 2)
    with write_embeddings(path, KEYS, width=4, provenance={"model": "m"}) as writer:
        assert writer.num_completed == 1
        writer.append(ROWS[1:])
    assert path.read_bytes() == write(tmp_path / "whole.h5", ROWS).read_bytes()


OTHERS = {
    "provenance": ({"provenance": {"model": "n"}}, KEYS, "another model, 'm' and not 'n'"),
    "width": ({"width": 5}, KEYS, "another shape or number format"),
    "number": ({"number": "float16"}, KEYS, "another shape or number format"),
    "names": ({}, EmbeddingKeys.of_records(["a", "b", "c"], [2, 1, 3], PLACES), "input: its names differ"),
    "rows": ({}, EmbeddingKeys.of_records(["a", "b", "ü"], [1, 2, 3], PLACES), "input: its first_rows"),
    "places": ({}, EmbeddingKeys.of_records(["a", "b", "ü"], [2, 1, 3], PLACES[::-1]), "input: its"),
}


@pytest.mark.parametrize(("options", "keys", "message"), OTHERS.values(), ids=OTHERS.keys())
def test_a_file_of_something_else_is_refused(tmp_path, options, keys, message):
    path = write(tmp_path / "x.h5", ROWS)
    before = path.read_bytes()
    with pytest.raises(InputError, match=message):
        write(path, [], keys, **options)
    assert path.read_bytes() == before


def test_numbers_beyond_float16_are_refused(tmp_path):
    with pytest.raises(InputError, match="of records 1 to 1 is beyond the largest number of float16, 65504"):
        write(tmp_path / "x.h5", [np.full((2, 4), 7e4, dtype=np.float32)], number="float16")


def test_foreign_and_damaged_files_are_refused(tmp_path):
    text = tmp_path / "x.txt"
    text.write_text("no HDF5")
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        Embeddings(text)
    path = write(tmp_path / "x.h5", ROWS)
    with pytest.raises(InputError, match="no row table"):
        RowTable(path)
    with h5py.File(path, "r+") as file:
        file["first_rows"][1] = 99
    with pytest.raises(InputError, match="members do not fit"):
        Embeddings(path)
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = np.bytes_(b"else")
    with pytest.raises(InputError, match="no file of embeddings"):
        Embeddings(path)


def test_input_without_records_is_refused():
    with pytest.raises(InputError, match="no records"):
        EmbeddingKeys.of_records([], [], None)
