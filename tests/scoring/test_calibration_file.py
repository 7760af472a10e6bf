"""The file of a calibration: what is written is read again, and nothing else is taken for one."""

import json
import pickle
import zipfile

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.scoring.calibration import Calibration
from hyenadna_kit.scoring.calibration_file import read_null_scores, write_null_scores

JOB = {"score": "delta_ll", "strands": ["forward"], "window": 64}
CELLS = {"snv": np.array([-1.5, 1e-300, 0.1]), "snv A[C>T]G": np.array([]), "mnv": np.array([1 / 3])}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "null.npz"


def write_content(path, scores=(1.0, 2.0), **changes):
    """Write a file as numpy writes it, with fields of the JSON text changed."""
    content = {
        "kind": "hyenadna_kit calibration",
        "format": 1,
        "job": JOB,
        "made": {},
        "cells": {"snv": 2},
    } | changes
    np.savez(path, content=np.array(json.dumps(content)), scores=np.array(scores))


def test_scores_come_back_to_the_last_bit(path):
    write_null_scores(path, job=JOB, made={"seed": 0}, cells=CELLS)
    found = read_null_scores(path)
    assert (found.job, found.made) == (JOB, {"seed": 0})
    assert {cell: scores.tolist() for cell, scores in found.cells.items()} == {
        cell: scores.tolist() for cell, scores in CELLS.items()
    }


def test_a_calibration_without_cells_is_one(path):
    write_null_scores(path, job=JOB, made={}, cells={})
    assert read_null_scores(path).cells == {}


def test_nothing_is_pickled(path):
    write_null_scores(path, job=JOB, made={}, cells=CELLS)
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["content.npy", "scores.npy"]
        assert not any(b"'O'" in archive.read(name)[:200] for name in archive.namelist())


def test_every_cut_and_every_changed_byte_is_found(path, tmp_path):
    write_null_scores(path, job=JOB, made={"seed": 0}, cells=CELLS)
    whole, damaged = path.read_bytes(), tmp_path / "damaged.npz"
    changes = [whole[:end] for end in range(0, len(whole), 7)]
    changes += [whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1 :] for i in range(0, len(whole), 3)]
    messages = []
    for content in changes:
        damaged.write_bytes(content)
        try:
            found = read_null_scores(damaged)
        except InputError as error:
            messages.append(str(error))
        else:  # a byte that means nothing: a date, a version
            assert {cell: scores.tolist() for cell, scores in found.cells.items()} == {
                cell: scores.tolist() for cell, scores in CELLS.items()
            }
            assert found.job == JOB
    assert len(messages) > 0.9 * len(changes)
    start = f"{damaged} is no calibration or a damaged one ("
    assert all(message.startswith(start) and "\n" not in message for message in messages)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "other"}, "it holds something else"),
        ({"format": 2}, "its format is 2, this version reads 1"),
        ({"cells": {"snv": 3}}, "it names 3 scores and holds 2"),
        ({"cells": {"snv": 3, "mnv": -1}}, "it names 2 scores and holds 2"),
        ({"cells": {"snv": "2"}}, ""),
        ({"cells": ["snv"]}, ""),
        ({"job": 1}, ""),
        ({"scores": (2.0, 1.0)}, "its scores are out of order"),
        ({"scores": (1.0, np.nan)}, "its scores are no numbers"),
        ({"scores": (1, 2)}, "its scores are no numbers"),
        ({"scores": ((1.0,), (2.0,))}, "its scores are no numbers"),
    ],
    ids=str,
)
def test_foreign_content_is_refused(path, changes, message):
    write_content(path, **changes)
    with pytest.raises(InputError, match=f"^{path} is no calibration or a damaged one .*{message}"):
        read_null_scores(path)


def test_a_pickle_is_not_loaded(path, tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))

    np.savez(path, content=np.array([Harm()], dtype=object), scores=np.array([1.0]))
    with pytest.raises(InputError, match="is no calibration"):
        read_null_scores(path)
    path.write_bytes(pickle.dumps(Harm()))
    with pytest.raises(InputError, match="is no calibration"):
        read_null_scores(path)
    assert not (tmp_path / "harm").exists()


def test_an_archive_that_swells_is_refused(path, monkeypatch):
    monkeypatch.setattr("hyenadna_kit.scoring.calibration_file._MOST_BYTES", 1 << 16)
    np.savez_compressed(path, content=np.array("{}"), scores=np.zeros(1 << 16))
    with pytest.raises(InputError, match="it is larger than any calibration"):
        read_null_scores(path)


def test_an_unknown_score_is_refused(path):
    write_null_scores(path, job={"score": "entropy"}, made={}, cells={})
    with pytest.raises(InputError, match="calibrates 'entropy'; known are delta_ll, llr, l2, cosine"):
        Calibration.load(path)


def test_a_missing_file_is_one(path):
    with pytest.raises(FileNotFoundError):
        Calibration.load(path)


def test_a_failed_write_leaves_the_older_file(path):
    write_null_scores(path, job=JOB, made={}, cells=CELLS)
    whole = path.read_bytes()
    with pytest.raises(TypeError):
        write_null_scores(path, job={"score": object()}, made={}, cells={})
    assert path.read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]
