"""Folders of published tasks: which file is which side.

In: a folder. Out: the files for training, validation and test.

    train.csv, dev.csv, test.csv                GUE, and the folders of hyenadna-kit make-task
    train.fna, test.fna                         Nucleotide Transformer, labels in the headers
    train/CLASS/*.txt, test/CLASS/*.txt         GenomicBenchmarks
    train_hg38_coords_targets.csv, val_..., test_...    DeepSEA, places with 919 columns

A side is told by the first word of a name. Where there is no validation side, a share of the training rows is
set aside by whoever reads them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.class_folders import is_class_folder

_TRAIN, _VALIDATION, _TEST = "train", "validation", "test"

_SIDES = {
    **dict.fromkeys(("train", "training"), _TRAIN),
    **dict.fromkeys(("dev", "val", "valid", "validation"), _VALIDATION),
    "test": _TEST,
}
_FORMATS = r"(csv|tsv|parquet|fa|fasta|fna|bed|vcf|bcf)(\.gz)?"
_NAME = re.compile(rf"({'|'.join(_SIDES)})([._-].*)?\.{_FORMATS}", re.IGNORECASE)


def find_sides(folder: Path) -> dict[str, Path]:
    """Return the file or folder of each side that there is.

    Raises:
        InputError: There is no such folder, no training side, or a side has two files.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name one with train and test files, or files by --train")
    found: dict[str, Path] = {}
    for side, path in _sides(folder):
        if side in found:
            raise InputError(
                f"{folder} holds {found[side].name} and {path.name}, both of the {side} side; move one away"
            )
        found[side] = path
    if _TRAIN not in found:
        raise InputError(
            f"{folder} holds no training side (train.csv, train.fna, train/CLASS/*.txt, train_*.csv, ...); "
            "name the files by --train, --validation and --test"
        )
    return {side: found[side] for side in (_TRAIN, _VALIDATION, _TEST) if side in found}


def _sides(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        name = _NAME.fullmatch(path.name)
        if path.is_file() and name is not None:
            yield _SIDES[name[1].lower()], path
        elif path.name.lower() in _SIDES and is_class_folder(path):
            yield _SIDES[path.name.lower()], path
