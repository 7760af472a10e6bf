"""Folders of binary files with one JSON file that describes them: built whole or not at all.

In: what a kind of store calls itself and its files. Out: the folder, or one line why there is none. A
folder that holds anything else is never replaced.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import HyenaDNAKitError
from hyenadna_kit.files import atomic_folder, locked, refuse_foreign
from hyenadna_kit.tokenizers.nucleotide import VOCABULARY


@dataclass(frozen=True, kw_only=True)
class StoreKind:
    """What the stores of one kind have in common."""

    name: str
    """What one is called in a message, after *a*: ``read store``."""
    format: str
    """What its JSON file says it is."""
    version: int
    """Which version of the format is written and read."""
    older_versions: tuple[int, ...] = ()
    """Which others are read as well."""
    layout_file: str
    """Name of the JSON file."""
    data_files: tuple[str, ...]
    """Names of the binary files."""
    remedy: str
    """How one is made, to end a message: ``pack the reads again``."""
    error: type[HyenaDNAKitError]
    """What is raised."""


def build_folder(
    kind: StoreKind,
    out: Path,
    *,
    overwrite: bool,
    write: Callable[[Path], None],
    check: Callable[[Path], None],
) -> None:
    """Write the store ``out``, or check the one that is there.

    Several processes may build one store: the first builds, the others wait and check. A build that
    fails leaves ``out`` as it was.

    Args:
        kind: What is built.
        out: Folder of the store.
        overwrite: Build anew even where ``out`` is a store already.
        write: Writes the files into an empty folder.
        check: Raises where the store at ``out`` is another than the one that would be built.

    Raises:
        HyenaDNAKitError: ``out`` is no store (the error of ``kind``), or cannot be written.
    """
    # A link is followed: the folder that it points to is replaced, not the link.
    target = out.resolve()
    with _write_errors(kind, out):
        refuse_foreign(target, {kind.layout_file, *kind.data_files}, kind.name, error=kind.error)
    with _write_errors(kind, out), locked(target):
        if overwrite or not (target / kind.layout_file).exists():
            with atomic_folder(target) as folder:
                write(folder)
        else:
            check(out)


def write_json(kind: StoreKind, folder: Path, content: dict[str, Any]) -> None:
    """Write the JSON file of a store: what it is, then ``content``."""
    whole = {"format": kind.format, "version": kind.version, "vocabulary": list(VOCABULARY)} | content
    (folder / kind.layout_file).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def read_json(kind: StoreKind, folder: Path) -> dict[str, Any]:
    """Read the JSON file of a store.

    Raises:
        HyenaDNAKitError: The folder is no store of this kind, version and vocabulary.
    """
    path = folder / kind.layout_file
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise kind.error(
            f"{folder} is not a {kind.name} ({kind.layout_file}: {error.strerror}); {kind.remedy}"
        ) from None
    except (ValueError, RecursionError):
        raise kind.error(f"{path} is not JSON; {kind.remedy}") from None
    if not isinstance(content, dict) or content.get("format") != kind.format:
        raise kind.error(f"{folder} is not a {kind.name}: {path} is not of the format {kind.format}")
    for key, expected, others in (
        ("version", kind.version, kind.older_versions),
        ("vocabulary", list(VOCABULARY), ()),
    ):
        if content.get(key) not in (expected, *others):
            raise kind.error(f"{path} has {key} {content.get(key)!r}, expected {expected}; {kind.remedy}")
    return content


@runtime_checkable
class Layout(Protocol):
    """What the JSON file of a store says."""

    def file_sizes(self) -> dict[str, int]:
        """Return the bytes that each binary file must have."""


LayoutT = TypeVar("LayoutT", bound=Layout)


def load_layout(kind: StoreKind, folder: Path, parse: Callable[[dict[str, Any]], LayoutT]) -> LayoutT:
    """Read the JSON file of a store and check it against the files beside it.

    Args:
        kind: What the folder is.
        folder: The store.
        parse: Returns the layout that JSON spells, or raises KeyError, TypeError or ValueError.

    Raises:
        HyenaDNAKitError: The folder is no store, or one of another version, or damaged.
    """
    content = read_json(kind, folder)
    try:
        layout = parse(content)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise kind.error(f"{folder / kind.layout_file} is damaged: {reason}; {kind.remedy}") from None
    check_sizes(kind, folder, layout.file_sizes())
    return layout


def check_sizes(kind: StoreKind, folder: Path, sizes: dict[str, int]) -> None:
    """Refuse a store whose binary files have other ``sizes`` than its JSON implies.

    Args:
        kind: What the folder is.
        folder: Where the files are.
        sizes: Bytes by name.

    Raises:
        HyenaDNAKitError: A file is missing, or longer or shorter.
    """
    for name, expected in sizes.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else 0
        if size != expected or not path.is_file():
            raise kind.error(
                f"{path} has {size} bytes, expected {expected}: the {kind.name} is damaged; {kind.remedy}"
            )


def field(record: Any, key: str, kind: type) -> Any:
    """Return ``record[key]`` of JSON, which must be of the type ``kind`` itself.

    Raises:
        TypeError: It is of another type, or ``record`` is no record.
        KeyError: There is none.
    """
    if not isinstance(record, dict):
        raise TypeError(f"{record!r} is no record")
    value = record[key]
    # bool is a kind of int to isinstance, and is none here.
    if type(value) is not kind:
        raise TypeError(f"{key} is {value!r}, expected {kind.__name__}")
    return value


def count_field(record: Any, key: str) -> int:
    """Return ``record[key]`` of JSON, a whole number from 0.

    Raises:
        TypeError: It is no whole number, or ``record`` is no record.
        ValueError: It is negative.
        KeyError: There is none.
    """
    value: int = field(record, key, int)
    if value < 0:
        raise ValueError(f"{key} is {value}, expected 0 or more")
    return value


def map_array(path: Path, dtype: str) -> NDArray[Any]:
    """Return the file as a read-only array that is mapped into memory."""
    if not path.stat().st_size:
        return np.empty(0, dtype=dtype)
    # Slices of the plain view are several times faster than those of np.memmap itself.
    return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)


@contextmanager
def _write_errors(kind: StoreKind, out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise kind.error(f"cannot write {out}: {error.strerror or error}") from None
