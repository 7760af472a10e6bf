"""Labels of a probe: each with its record, told apart by their values, mistakes by their place."""

import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.probe_labels import read_probe_labels


def write(path, text):
    path.write_text(text)
    return path


def test_rows_are_matched_by_name(tmp_path):
    path = write(tmp_path / "l.csv", "name,label,side\nb,x,test\nc,y,train\na,y,train\n")
    found = read_probe_labels(path, ["a", "b", "c"], ("label",))
    assert found.labels.tolist() == [1, 0, 1]
    assert found.names == ("x", "y")
    assert found.sides == ("train", "test", "train")


def test_rows_without_names_are_those_of_the_records(tmp_path):
    path = write(tmp_path / "l.tsv", "sequence\tlabel\nA\t2.5\nC\t0\n")
    found = read_probe_labels(path, ["1", "2"], ("label",))
    assert (found.objective, found.labels.tolist()) == ("regression", [[2.5], [0]])


KINDS = {
    "0,1,0": "binary",
    "0,1,2": "multiclass",
    "a,b,a": "binary",
    "a,b,c": "multiclass",
    "1,2,2": "regression",
    "0.5,1,2": "regression",
}


@pytest.mark.parametrize(("values", "objective"), KINDS.items())
def test_kind_of_labels_is_told_by_their_values(tmp_path, values, objective):
    path = write(tmp_path / "l.csv", "label\n" + values.replace(",", "\n") + "\n")
    assert read_probe_labels(path, ["x", "y", "z"], ("label",)).objective == objective


MISTAKES = {
    "missing": ("name,label\na,1\n", {}, "there is no label of record 'b'"),
    "fewer": ("label\n1\n", {}, "has 1 rows without names, and there are 2 records"),
    "column": ("y\n1\n0\n", {}, "there is no column 'label'"),
    "empty": ("label\n1\nnan\n", {}, "line 3, column 'label': expected a label"),
    "one class": ("label\nx\nx\n", {}, "needs at least two classes, got 1 \\(x\\)"),
    "text": ("label\nx\ny\n", {"objective": "regression"}, "holds text, such as 'x'"),
    "side": (
        "label,side\n0,train\n1,dev\n",
        {},
        "must say train and test, and may say validation; it holds 'dev'",
    ),
    "one side": ("label,side\n0,train\n1,train\n", {}, "must say train and test, .* it holds train"),
    "no test": ("label,side\n0,train\n1,validation\n", {}, "it holds train and validation"),
}


@pytest.mark.parametrize(("text", "options", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_told(tmp_path, text, options, message):
    path = write(tmp_path / "l.csv", text)
    with pytest.raises(InputError, match=message):
        read_probe_labels(path, ["a", "b"], ("label",), **options)
