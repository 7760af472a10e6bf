"""Look a bigWig over before a library reads it: whether what it points to lies inside the file.

The library that decodes a bigWig believes the sizes in it: one wrong number makes it ask for memory that
nobody has and end the whole process. So the header, the list of contigs and the index of the data are
walked once, and every offset and size in them is compared with the file.

Source: Kent et al. 2010, BigWig and BigBed, doi:10.1093/bioinformatics/btq351, tables of the supplement.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError

_BIGWIG, _BIGBED, _TREE, _INDEX = 0x888FFC26, 0x8789F2EB, 0x78CA8C91, 0x2468ACE0
_HEADER, _TREE_HEADER, _INDEX_HEADER, _NODE = "IHHQQQHHQQIQ", "IIIIQQ", "IIQIIIIQII", "BBH"
_ZOOM_BYTES, _CHILD_BYTES, _CONTIG_BYTES = 24, 8, 8
_MAX_BLOCK, _MAX_NAME, _MAX_CONTIG = 1 << 26, 1 << 12, (1 << 31) - 1
_NOT_BIGWIG = {b"\x1f\x8b": "compressed", b"BAM\1": "a BAM file", b"track": "wiggle text", b"\x89HDF": "HDF5"}


class _Guarded:
    """The bytes of one file, each read of them inside the file."""

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._handle = handle
        self.order = "<"

    def damaged(self, what: str) -> InputError:
        """Return the error that names the file."""
        return InputError(f"bigWig {self.path} is truncated or damaged: {what}; fetch or make it again")

    def read(self, offset: int, length: int, what: str) -> bytes:
        """Return the bytes at ``offset``, all of them."""
        if offset + length > self.size:
            raise self.damaged(f"{what} ends at byte {offset + length} of {self.size}")
        self._handle.seek(offset)
        return self._handle.read(length)

    def unpack(self, form: str, offset: int, what: str) -> tuple[int, ...]:
        """Return the numbers at ``offset``."""
        return struct.unpack(self.order + form, self.read(offset, struct.calcsize("<" + form), what))

    def nodes(self, root: int, what: str, leaf_bytes: int, branch_bytes: int) -> Iterator[tuple[bool, bytes]]:
        """Yield every node of a tree: whether it is a leaf, and its entries.

        The last eight bytes of an entry that is no leaf are the offset of a node below.
        """
        waiting, seen = [root], {root}
        while waiting:
            offset = waiting.pop()
            is_leaf, _, count = self.unpack(_NODE, offset, what)
            if is_leaf not in (0, 1):
                raise self.damaged(f"{what} has a node of the kind {is_leaf}")
            width = leaf_bytes if is_leaf else branch_bytes
            entries = self.read(offset + struct.calcsize(_NODE), count * width, what)
            if not is_leaf:
                ends = np.frombuffer(entries, dtype=np.uint8).reshape(count, width)[:, -_CHILD_BYTES:]
                children = np.ascontiguousarray(ends).view(self.order + "u8").ravel().tolist()
                if seen.intersection(children) or len(set(children)) < count:
                    raise self.damaged(f"{what} leads in a circle")
                seen.update(children)
                waiting += reversed(children)
            yield bool(is_leaf), entries


def check_bigwig(path: Path, handle: BinaryIO) -> Mapping[str, int]:
    """Return the lengths of the contigs of a bigWig whose offsets and sizes fit the file.

    Raises:
        InputError: The file is no bigWig, or truncated or damaged.
    """
    file = _Guarded(path, handle)
    start = file.read(0, min(file.size, 8), "the file")
    magics = {struct.pack(order + "I", _BIGWIG): order for order in "<>"}
    if start[:4] not in magics or file.size < struct.calcsize("<" + _HEADER):
        raise InputError(
            f"{path} is no bigWig: {_kind(start, file.size)}; a bigWig is made by bedGraphToBigWig"
        )
    file.order = magics[start[:4]]
    header = file.unpack(_HEADER, 0, "its header")
    num_zooms, tree, index, buffer_size = header[2], header[3], header[5], header[10]
    file.read(struct.calcsize("<" + _HEADER), num_zooms * _ZOOM_BYTES, "its list of zoom levels")
    if buffer_size > _MAX_BLOCK:
        raise file.damaged(f"its blocks are said to hold {buffer_size} bytes")
    contigs = _contigs(file, tree)
    _check_index(file, index)
    return contigs


def _kind(start: bytes, size: int) -> str:
    if not size:
        return "it is empty"
    if start[:4] in (struct.pack("<I", _BIGBED), struct.pack(">I", _BIGBED)):
        return "it is a bigBed"
    known = next((kind for magic, kind in _NOT_BIGWIG.items() if start.startswith(magic)), None)
    return f"it begins with {start!r}" + (f" and looks like {known}" if known else "")


def _contigs(file: _Guarded, offset: int) -> dict[str, int]:
    what = "its list of contigs"
    magic, _, name_bytes, value_bytes, count, _ = file.unpack(_TREE_HEADER, offset, what)
    if magic != _TREE or value_bytes != _CONTIG_BYTES or not 0 < name_bytes <= _MAX_NAME:
        raise file.damaged(f"{what} is none")
    contigs: dict[str, int] = {}
    entry_bytes = name_bytes + _CONTIG_BYTES
    root = offset + struct.calcsize("<" + _TREE_HEADER)
    for is_leaf, entries in file.nodes(root, what, entry_bytes, entry_bytes):
        for first in range(0, len(entries) if is_leaf else 0, entry_bytes):
            name, length = _contig(file, entries[first : first + entry_bytes])
            if name in contigs:
                raise file.damaged(f"contig {name!r} occurs twice")
            contigs[name] = length
    if len(contigs) != count:
        raise file.damaged(f"it has {len(contigs)} contigs and says {count}")
    return contigs


def _contig(file: _Guarded, entry: bytes) -> tuple[str, int]:
    raw = entry[:-_CONTIG_BYTES].rstrip(b"\0")
    length = struct.unpack(file.order + "I", entry[-4:])[0]
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        name = ""
    if not name.isprintable() or not name:
        raise file.damaged(f"the name {raw[:40]!r} of a contig is not text")
    if length > _MAX_CONTIG:
        raise file.damaged(f"contig {name!r} has {length} bp, more than {_MAX_CONTIG}")
    return name, length


def _check_index(file: _Guarded, offset: int) -> None:
    what = "its index"
    if file.unpack(_INDEX_HEADER, offset, what)[0] != _INDEX:
        raise file.damaged(f"{what} is none")
    place = [(name, file.order + "u4") for name in ("contig", "start", "last_contig", "end")]
    leaf = np.dtype([*place, ("offset", file.order + "u8"), ("size", file.order + "u8")])
    branch_bytes = leaf.itemsize - _CHILD_BYTES
    for is_leaf, entries in file.nodes(
        offset + struct.calcsize("<" + _INDEX_HEADER), what, leaf.itemsize, branch_bytes
    ):
        if is_leaf:
            _check_blocks(file, np.frombuffer(entries, dtype=leaf))


def _check_blocks(file: _Guarded, blocks: NDArray[Any]) -> None:
    # Compared one by one with the size of the file, so that no sum runs over.
    offsets, sizes = blocks["offset"], blocks["size"]
    fits = (sizes <= min(file.size, _MAX_BLOCK)) & (offsets <= file.size)
    fits[fits] = (offsets + sizes)[fits] <= file.size
    if not fits.all():
        first = blocks[int(np.argmin(fits))]
        raise file.damaged(f"a block of {first['size']} bytes at byte {first['offset']} of {file.size}")
