"""Read HDF5 files that somebody else made: only what is plain, whole and inside the file is opened.

The library follows links into other files, reads arrays whose bytes lie elsewhere, and believes a file
of a thousand bytes that declares twenty gigabytes. Here every member is looked at before it is opened.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5l, h5o, h5t

from hyenadna_kit.errors import HyenaDNAKitError, InputError

_MAX_MEMBERS = 32
_MAX_ATTRIBUTES = 256
_MAX_ATTRIBUTE_BYTES = 1 << 16
_LINKS = {h5l.TYPE_SOFT: "a soft link", h5l.TYPE_EXTERNAL: "a link into another file"}
_PLAIN_LAYOUTS = (h5d.CONTIGUOUS, h5d.CHUNKED, h5d.COMPACT)
_PLAIN_CLASSES = (h5t.INTEGER, h5t.FLOAT, h5t.STRING)

AttributeValue = str | int | float
"""What an attribute may hold."""


@contextmanager
def open_plain(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading; for the length of the block, whatever HDF5 says is an InputError.

    The file is closed where the block fails, and left open where it ends well.

    Raises:
        InputError: There is no such file, it is no HDF5, or it is truncated or damaged.
    """
    if not path.is_file():
        raise InputError(f"HDF5 file {path} does not exist (or is no regular file); check the path")
    with damage_told(path):
        # The library's own locks would keep a table from being read while it is written.
        file = h5py.File(path, "r", locking=False)
        try:
            yield file
        except BaseException:
            file.close()
            raise


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn what HDF5 says of a damaged file into one line that names it."""
    try:
        yield
    except HyenaDNAKitError:
        raise
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path} cannot be read as HDF5 ({reason}); it is something else, truncated or damaged: "
            "write it again"
        ) from None


def plain_datasets(path: Path, file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return the arrays in the root of ``file`` by name, each of them safe to read.

    Raises:
        InputError: A member is no array, a link to somewhere else, virtual, stored in other files,
            compressed or filtered, of a type that is neither number nor fixed text, or declares
            other bytes than the file has.
    """
    if file.id.get_num_objs() > _MAX_MEMBERS:
        raise InputError(f"{path} has {file.id.get_num_objs()} members, expected {_MAX_MEMBERS} at most")
    size = path.stat().st_size
    return {name.decode(errors="replace"): _plain_dataset(path, file, name, size) for name in file.id}


def plain_attributes(path: Path, file: h5py.File) -> dict[str, AttributeValue]:
    """Return the attributes of the root of ``file``: single numbers and texts of fixed length.

    Raises:
        InputError: An attribute is of another kind, longer than 64 KiB, or one of too many.
    """
    if h5a.get_num_attrs(file.id) > _MAX_ATTRIBUTES:
        raise InputError(f"{path} has more than {_MAX_ATTRIBUTES} attributes")
    attributes = (h5a.open(file.id, index=index) for index in range(h5a.get_num_attrs(file.id)))
    return {attribute.name.decode(errors="replace"): _value(path, attribute) for attribute in attributes}


def encode_attributes(values: Mapping[str, AttributeValue]) -> dict[str, np.generic]:
    """Return ``values`` in the form that :func:`plain_attributes` reads.

    Raises:
        ValueError: A value is no text or number, or a text is longer than 64 KiB.
    """
    encoded: dict[str, np.generic] = {}
    for name, value in values.items():
        if isinstance(value, str):
            encoded[name] = np.bytes_(value.encode() or b"\0")
        elif type(value) in (int, float):
            encoded[name] = np.int64(value) if type(value) is int else np.float64(value)
        else:
            raise ValueError(f"attribute {name!r} must be a text or a number, got {value!r}")
        if encoded[name].nbytes > _MAX_ATTRIBUTE_BYTES:
            raise ValueError(f"attribute {name!r} is longer than {_MAX_ATTRIBUTE_BYTES} bytes")
    return encoded


def _plain_dataset(path: Path, file: h5py.File, name: bytes, size: int) -> h5py.Dataset:
    def refuse(what: str) -> InputError:
        """Return the error that names the member."""
        return InputError(f"{path}: member {name.decode(errors='replace')!r} {what}, which is not read here")

    kind = file.id.links.get_info(name).type
    if kind != h5l.TYPE_HARD:
        raise refuse(f"is {_LINKS.get(kind, 'a link of an unknown kind')}")
    member = h5o.open(file.id, name)
    if not isinstance(member, h5d.DatasetID):
        raise refuse("is no array")
    layout = member.get_create_plist()
    # Before anything asks for its shape: that alone makes a virtual dataset open its sources.
    if layout.get_layout() not in _PLAIN_LAYOUTS:
        raise refuse("is virtual, made of other files or arrays")
    if layout.get_layout() == h5d.CONTIGUOUS and layout.get_external_count():
        raise refuse("has its bytes in another file")
    if layout.get_nfilters():
        raise refuse("is compressed or filtered")
    _require_plain_type(member.get_type(), refuse)
    stored, declared = member.get_storage_size(), math.prod(member.shape) * member.get_type().get_size()
    if not declared <= stored <= size:
        raise refuse(f"declares {declared} bytes and has {stored} of them in a file of {size}")
    return h5py.Dataset(member)


def _require_plain_type(kind: h5t.TypeID, refuse: Any) -> None:
    if kind.get_class() not in _PLAIN_CLASSES:
        raise refuse("holds neither numbers nor text (compound, reference, opaque or of variable length)")
    if kind.get_class() == h5t.STRING and kind.is_variable_str():
        raise refuse("holds text of variable length")


def _value(path: Path, attribute: h5a.AttrID) -> AttributeValue:
    kind, name = attribute.get_type(), attribute.name.decode(errors="replace")

    def refuse(what: str) -> InputError:
        """Return the error that names the attribute."""
        return InputError(f"{path}: attribute {name!r} {what}, which is not read here")

    _require_plain_type(kind, refuse)
    if attribute.shape != () or kind.get_size() > _MAX_ATTRIBUTE_BYTES:
        raise refuse(f"is an array or longer than {_MAX_ATTRIBUTE_BYTES} bytes")
    value = np.empty((), dtype=attribute.dtype)
    attribute.read(value)
    plain = value.item()
    return plain.rstrip(b"\0").decode() if isinstance(plain, bytes) else plain
