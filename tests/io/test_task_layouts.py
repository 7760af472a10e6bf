"""Folders of tasks: the side of every file is told by its name."""

import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.task_layouts import find_sides

LAYOUTS = {
    "GUE": (["train.csv", "dev.csv.gz", "test.csv", "notes.txt"], ["train.csv", "dev.csv.gz", "test.csv"]),
    "make-task": (
        ["task.json", "train.parquet", "validation.parquet", "test.parquet"],
        ["train.parquet", "validation.parquet", "test.parquet"],
    ),
    "Nucleotide Transformer": (["train.fna", "test.fna"], ["train.fna", None, "test.fna"]),
    "DeepSEA": (
        ["train_hg38_coords_targets.csv", "val_hg38_coords_targets.csv", "test_hg38_coords_targets.csv"],
        ["train_hg38_coords_targets.csv", "val_hg38_coords_targets.csv", "test_hg38_coords_targets.csv"],
    ),
    "GenomicBenchmarks": (["train/a/1.txt", "train/b/1.txt", "test/a/2.txt"], ["train", None, "test"]),
}


def fill(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


@pytest.mark.parametrize(("names", "expected"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_sides_of_a_published_layout_are_found(tmp_path, names, expected):
    fill(tmp_path, names)
    sides = zip(("train", "validation", "test"), expected, strict=True)
    assert find_sides(tmp_path) == {side: tmp_path / name for side, name in sides if name is not None}


REFUSED = {
    "two": (
        ["train.csv", "dev.csv", "valid.csv"],
        "holds dev.csv and valid.csv, both of the validation side",
    ),
    "none": (["test.csv", "training_notes.txt", "trainer.csv"], "holds no training side"),
}


@pytest.mark.parametrize(("names", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_folder_that_is_no_task_is_refused(tmp_path, names, message):
    fill(tmp_path, names)
    with pytest.raises(InputError, match=message):
        find_sides(tmp_path)


def test_file_is_no_folder_of_a_task(tmp_path):
    with pytest.raises(InputError, match=r"train.csv is no folder"):
        find_sides(tmp_path / "train.csv")
