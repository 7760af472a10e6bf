"""Places to write records to: files of every format and standard output.

In: a header, then records as bytes in the format of the file that the header was read from. Out:
the format that the target asks for. Text to text and BCF to BCF go through untouched; the two
conversions collect the records in a temporary file beside the target first, because BCF declares
in its header every name that a record uses and that is known only after the last one.
"""

import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pysam

from hyenadna_kit.io.vcf_convert import UndeclaredNames, bcf_to_text, text_to_bcf
from hyenadna_kit.io.vcf_header import VcfHeader
from hyenadna_kit.io.vcf_source import BCF_MAGIC

Write = Callable[[bytes], int]
"""Takes the bytes of one record."""


def output_file(target: Path, header: VcfHeader, *, name: str) -> AbstractContextManager[Write]:
    """Open ``target`` for records in the format of ``header``.

    Args:
        target: File to write; its suffix says what it becomes.
        header: Goes in first.
        name: What the output is called in an error.
    """
    if target.suffix == ".bcf":
        return _plain(_bgzip(target), header) if header.is_bcf else _bcf_from_text(target, header, name)
    if header.is_bcf:
        return _text_from_bcf(target, header, name)
    return _plain(_bgzip(target) if target.suffix == ".gz" else target.open("wb"), header)


@contextmanager
def standard_output(header: VcfHeader) -> Iterator[Write]:
    """Write text to standard output; records of a BCF appear there when all are written."""
    if header.is_bcf:
        with tempfile.TemporaryDirectory() as folder:
            text = Path(folder) / "records.vcf"
            with _text_from_bcf(text, header, "standard output") as write:
                yield write
            with text.open("rb") as lines:
                shutil.copyfileobj(lines, sys.stdout.buffer)
    else:
        sys.stdout.buffer.write(_head(header))
        yield sys.stdout.buffer.write
    sys.stdout.buffer.flush()


@contextmanager
def _plain(handle: io.BufferedWriter | pysam.BGZFile, header: VcfHeader) -> Iterator[Write]:
    with handle:
        handle.write(_head(header))
        yield handle.write


@contextmanager
def _text_from_bcf(target: Path, header: VcfHeader, name: str) -> Iterator[Write]:
    with _spool(target) as spool:
        with _plain(_bgzip(spool), header) as write:
            yield write
        bcf_to_text(spool, target, name=name)


@contextmanager
def _bcf_from_text(target: Path, header: VcfHeader, name: str) -> Iterator[Write]:
    names = UndeclaredNames(header)
    with _spool(target) as spool:
        with _bgzip(spool) as lines:

            def write(line: bytes) -> int:
                """Write a line and note the names that it uses."""
                names.add(line)
                return lines.write(line)

            yield write
        text_to_bcf(header.with_lines(names.declarations()), spool, target, name=name)


@contextmanager
def _spool(target: Path) -> Iterator[Path]:
    """Yield the path of a file beside ``target`` that is gone after the block."""
    spool = target.with_name(f"{target.name}.spool")
    try:
        yield spool
    finally:
        spool.unlink(missing_ok=True)


def _bgzip(target: Path) -> pysam.BGZFile:
    return pysam.BGZFile(str(target), "wb", None)


def _head(header: VcfHeader) -> bytes:
    text = b"".join(header.lines)
    if not header.is_bcf:
        return text
    text += b"\0"
    return BCF_MAGIC + len(text).to_bytes(4, "little") + text
