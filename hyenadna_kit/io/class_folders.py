"""Sequences in folders named after their classes, as GenomicBenchmarks lays them out.

In: ``FOLDER/CLASS/*.txt``, each file one sequence. Out: one row a file, in the order of the names.
"""

from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.label_columns import LABEL, NAME
from hyenadna_kit.io.labelled_table import LabelledTable
from hyenadna_kit.io.table_cells import sequence_of

_PATTERN = "*.txt"


def is_class_folder(path: Path) -> bool:
    """Say whether a folder holds folders with text files."""
    return path.is_dir() and any(path.glob(f"*/{_PATTERN}"))


def read_class_folders(path: Path) -> LabelledTable:
    """Read every sequence; its label is the name of the folder that it lies in.

    Raises:
        InputError: There are none, or a file holds another letter than nucleotide codes.
    """
    files = class_files(path)
    if not files:
        raise InputError(f"{path} holds no CLASS/*.txt; name a file, or a folder of classes")
    return LabelledTable(
        sequences=tuple(map(_sequence, files)),
        columns={
            NAME: tuple(str(file.relative_to(path)) for file in files),
            LABEL: tuple(file.parent.name for file in files),
        },
    )


def class_files(path: Path) -> list[Path]:
    """Return the files of all classes, whatever order the disk has them in."""
    return sorted(path.glob(f"*/{_PATTERN}"))


def _sequence(file: Path) -> str:
    try:
        return sequence_of("".join(file.read_text(encoding="utf-8").split()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}; it must hold one sequence as text") from None
    except InputError as error:
        raise InputError(f"{file}, {error}") from None
