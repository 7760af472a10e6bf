"""Read the tensors of a PyTorch ``.ckpt`` file without running any code that it names.

The published checkpoints are Lightning files: a zip whose ``data.pkl`` refers to raw storages and to
configuration objects. Here the rebuilding of tensors is our own, the known configuration objects
become inert placeholders whose packages are never imported, and every other name is refused.
"""

import io
import pickle
import pickletools
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from hyenadna_kit.errors import CheckpointError
from hyenadna_kit.strict_yaml import shown

INERT_PACKAGES = ("omegaconf", "lightning", "pytorch_lightning", "torchmetrics")
"""Packages whose objects may lie in a checkpoint and are ignored."""

_INERT_NAMES = frozenset(
    {
        "typing.Any",
        "collections.defaultdict",
        "_codecs.encode",  # how protocol 2, which torch.save writes, spells bytes
        *(
            f"builtins.{name}"
            for name in ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple")
        ),
        "builtins.long",  # protocol 2 for int
        "builtins.unicode",  # and for str
    }
)
_STORAGE_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# What the pickle and zip modules and torch raise over contents that make no sense.
_DAMAGE = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


class Inert:
    """Stands for a configuration object: takes whatever it is given and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Accept any arguments."""
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Ignore the state."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Ignore an item."""

    def append(self, item: Any) -> None:
        """Ignore an item."""

    def extend(self, items: Any) -> None:
        """Ignore some items."""


def read_checkpoint_file(path: Path) -> Any:
    """Return what a ``torch.save`` file holds: containers, tensors and inert placeholders.

    Raises:
        CheckpointError: The file is missing, cut short, in the format before PyTorch 1.6, or names
            something that is neither a tensor nor a known configuration object.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise CheckpointError(f"{path} is not a PyTorch checkpoint: it holds {len(pickles)} data.pkl")
            _check_records(archive, path)
            content = archive.read(pickles[0])
            _check_memo(content, path)
            return _TensorUnpickler(content, archive, path, pickles[0].removesuffix("data.pkl")).load()
    except FileNotFoundError:
        raise CheckpointError(f"weights {path} do not exist") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from None
    except zipfile.BadZipFile as error:
        raise CheckpointError(
            f"{path} is cut short, or no zip as PyTorch has written since 1.6 ({error}): copy it again"
        ) from None
    except _DAMAGE as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{path} is damaged: {shown(error)}") from None


def _check_records(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse what PyTorch never writes: compressed records, and the other byte order."""
    for record in archive.infolist():
        if record.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(f"{path}: record {record.filename!r} is compressed: not written by PyTorch")
        if record.filename.endswith("/byteorder") and archive.read(record) != sys.byteorder.encode():
            raise CheckpointError(
                f"{path} was not written in the byte order of this machine, {sys.byteorder}"
            )


def _check_memo(content: bytes, path: Path) -> None:
    """Refuse an index that no honest pickle has: room would be made for as many entries."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and (argument or 0) > len(content):
            raise CheckpointError(f"{path} is damaged: its pickle numbers an object {argument}")


class _Storage(NamedTuple):
    values: Tensor


class _TensorUnpickler(pickle.Unpickler):
    """The opcode interpreter with our own answers to every name and every storage."""

    def __init__(self, content: bytes, archive: zipfile.ZipFile, path: Path, prefix: str) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8")
        self._archive = archive
        self._path = path
        self._prefix = prefix
        self._storages: dict[tuple[str, torch.dtype], _Storage] = {}
        self._allowed: dict[str, Callable[..., Any] | torch.dtype] = {
            "collections.OrderedDict": OrderedDict,
            "torch._utils._rebuild_tensor_v2": self._rebuild_tensor,
            "torch._utils._rebuild_parameter": self._rebuild_parameter,
            **{f"torch.{name}": dtype for name, dtype in _STORAGE_DTYPES.items()},
        }

    def find_class(self, module: str, name: str) -> Any:
        # Protocol 2, which torch.save writes, calls this module by its Python 2 name.
        """Return what stands for a name, or refuse it."""
        full = f"{'builtins' if module == '__builtin__' else module}.{name}"
        if full in self._allowed:
            return self._allowed[full]
        if module.partition(".")[0] in INERT_PACKAGES or full in _INERT_NAMES:
            return Inert
        raise CheckpointError(f"{self._path} names {full!r}, which is not allowed in a checkpoint: not read")

    def persistent_load(self, pid: Any) -> _Storage:
        """Return the storage that a record of the archive holds."""
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise CheckpointError(f"{self._path} holds the unknown record {kind!r} {dtype!r}")
        record = self._archive.getinfo(f"{self._prefix}data/{key}")
        if record.file_size != count * dtype.itemsize:
            raise CheckpointError(
                f"{self._path}: record {key!r} has {record.file_size} bytes, not {count} {dtype}"
            )
        if (key, dtype) not in self._storages:
            content = bytearray(self._archive.read(record))
            values = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
            self._storages[key, dtype] = _Storage(values)
        return self._storages[key, dtype]

    def _rebuild_tensor(
        self, storage: _Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
    ) -> Tensor:
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if min(size, default=1) and (offset < 0 or min(stride, default=0) < 0 or last >= len(storage.values)):
            raise CheckpointError(f"{self._path}: a tensor of shape {size} reaches outside its storage")
        # A view, not a copy: a few bytes with the stride 0 may stand for any number of values.
        return torch.as_strided(storage.values, size, stride, offset)

    def _rebuild_parameter(self, tensor: Tensor, *_: Any) -> Tensor:
        return tensor
