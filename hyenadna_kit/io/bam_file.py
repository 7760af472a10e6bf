"""BAM and CRAM files as files: what they are, whether they are whole, and handles on them.

In: a path. Out: open handles of one process, or one line that says why there are none.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import pysam

from hyenadna_kit.errors import HyenaDNAKitError, InputError
from hyenadna_kit.io.compressed import DAMAGE, UncompressedStream, describe_damage, is_cut_bgzip
from hyenadna_kit.io.htslib import no_second_failure, quiet

AlignmentFormat = Literal["BAM", "CRAM"]

FAILURES = (OSError, ValueError, NotImplementedError)
"""What pysam raises where a file is not what it claims to be."""

_BGZF_HEAD = b"\x1f\x8b\x08\x04"
_CRAM_HEAD = b"CRAM"
# How the container that ends a complete CRAM ends, by major version. Source: CRAM 3.1, section 9.
_CRAM_ENDS = {
    2: bytes.fromhex("e0454f460000000001000001000606010001000100"),
    3: bytes.fromhex("e0454f4600000000010005bdd94f0001000606010001000100ee63014b"),
}
_HEAD_BYTES = 1 << 16
_BAM_MAGIC = b"BAM\x01"
_FOREIGN = {
    b"@HD": "SAM text; convert it: samtools sort -o OUT.bam IN.sam",
    b"@SQ": "SAM text; convert it: samtools sort -o OUT.bam IN.sam",
    b"@": "FASTQ or SAM text; align or convert it first",
    _BAM_MAGIC: "an uncompressed BAM; compress it: samtools view -b -o OUT.bam IN.bam",
    b">": "FASTA; name the file of the reads",
    b"##": "VCF or GFF; name the file of the reads",
}


def alignment_format(path: Path) -> AlignmentFormat:
    """Return what ``path`` is, told by its first bytes.

    Raises:
        InputError: It cannot be read, is neither BAM nor CRAM, or its end is missing.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a BAM or CRAM file; name the file in it")
    try:
        with path.open("rb") as handle:
            head = handle.read(_HEAD_BYTES)
            handle.seek(max(0, path.stat().st_size - max(map(len, _CRAM_ENDS.values()))))
            tail = handle.read()
            handle.seek(0)
            is_cut = is_cut_bgzip(handle)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from None
    if head.startswith(_CRAM_HEAD):
        return _check_cram(path, head, tail)
    return _check_bam(path, head, is_cut=is_cut)


def open_alignments(path: Path, reference: Path | None) -> pysam.AlignmentFile:
    """Open a handle on a file that :func:`alignment_format` knows.

    Args:
        path: BAM or CRAM.
        reference: FASTA with its index, for a CRAM.

    Raises:
        InputError: The header is damaged.
    """
    with no_second_failure(), reading(path):
        # A file of unaligned reads has no contigs, and is read too.
        name = None if reference is None else str(reference)
        return pysam.AlignmentFile(str(path), "rb", reference_filename=name, check_sq=False)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what htslib says of a damaged ``path`` into one line.

    Raises:
        InputError: Reading failed.
    """
    with quiet():
        try:
            yield
        except HyenaDNAKitError:
            raise
        except FAILURES as error:
            raise InputError(
                f"{path} cannot be read: {_reason(error)}; it is damaged, or its index is that of another "
                "file: copy it again and index it ('samtools index')"
            ) from None


@contextmanager
def closing_quietly(handle: pysam.AlignmentFile) -> Iterator[pysam.AlignmentFile]:
    """Yield ``handle`` and close it at the end."""
    try:
        yield handle
    finally:
        _close(handle)


class HandlePool:
    """Handles on one file for this process: two readers at once never share one.

    A handle that was open before a fork would share its place in the file with another process and
    return wrong bases; those are dropped.
    """

    def __init__(self, open_handle: Callable[[], pysam.AlignmentFile]) -> None:
        self._open_handle = open_handle
        self._process = os.getpid()
        self._free: list[pysam.AlignmentFile] = []

    @contextmanager
    def borrow(self) -> Iterator[pysam.AlignmentFile]:
        """Yield a handle that nobody else uses meanwhile."""
        if self._process != os.getpid():
            self._process, self._free = os.getpid(), []
        free = self._free
        handle = None
        with suppress(IndexError):  # there is none, or another thread has just taken it
            handle = free.pop()
        if handle is None:
            handle = self._open_handle()
        try:
            yield handle
        except BaseException:  # a handle that failed, or was left halfway, is not used again
            _close(handle)
            raise
        free.append(handle)


def _reason(error: Exception) -> str:
    """Return what pysam says on one line."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split())
    return "a record is garbled" if re.fullmatch(r"error -\d+ while reading file", text) else text


def _close(handle: pysam.AlignmentFile) -> None:
    # After a read that failed, and was told of, htslib fails at closing too.
    with quiet(), suppress(OSError):
        handle.close()


def _check_cram(path: Path, head: bytes, tail: bytes) -> AlignmentFormat:
    version = head[4] if len(head) > 4 else 0
    if version not in _CRAM_ENDS:
        raise InputError(f"{path} is CRAM of version {version}, expected 2 or 3; convert it with samtools")
    if not tail.endswith(_CRAM_ENDS[version]):
        raise InputError(f"CRAM file {path} lacks its end marker: it is truncated; copy it again")
    return "CRAM"


def _check_bam(path: Path, head: bytes, *, is_cut: bool) -> AlignmentFormat:
    if not head:
        raise InputError(f"{path} is empty; expected BAM or CRAM")
    if not head.startswith(_BGZF_HEAD):
        kind = next((kind for magic, kind in _FOREIGN.items() if head.startswith(magic)), None)
        if kind is None:
            raise InputError(f"{path} is neither BAM nor CRAM: it begins with {head[:8]!r}")
        raise InputError(f"{path} is neither BAM nor CRAM: it is {kind}")
    if is_cut:
        raise InputError(f"{path} lacks the block that ends a BAM: it is truncated; copy it again")
    try:
        with path.open("rb") as handle:
            magic = UncompressedStream(handle).peek(len(_BAM_MAGIC))
    except DAMAGE as error:
        raise InputError(f"{path} is damaged at its start: {describe_damage(error)}") from None
    if magic != _BAM_MAGIC:
        raise InputError(f"{path} is neither BAM nor CRAM: it is compressed and begins with {magic!r}")
    return "BAM"
