"""What htslib does for us: text to BCF, BCF to text, and the index of either.

In: a complete file of one format. Out: the same records in the other, equal by value (BCF holds
floats as float32, and its text shows 6 significant digits of them), or an index beside a file.
"""

import re
import shutil
from pathlib import Path

import pysam
import pysam.bcftools
from pysam.utils import SamtoolsError

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.htslib import quiet
from hyenadna_kit.io.vcf_header import VcfHeader, declarations

_INFO_COLUMN = 7
_FORMAT_COLUMN = 8
_HAS_END = re.compile(rb"(?:^|;)END=")
_NOTE = b',Description="Not declared in the input"'
_FLAG = b",Number=0,Type=Flag"
_STRING = b",Number=1,Type=String"
_END = b',Number=1,Type=Integer,Description="End position of the record"'
_PASS = b"PASS"
_NONE = b"."


class UndeclaredNames:
    """The names that the lines of a VCF use and its header does not declare.

    BCF refers to the header for every contig, FILTER, INFO and FORMAT: without a declaration it
    cannot hold the record.
    """

    def __init__(self, header: VcfHeader) -> None:
        """Start from what ``header`` declares."""
        self._known = {
            (kind, name.encode(errors="surrogateescape")) for kind, name, _ in declarations(header.lines)
        }
        self._known |= {("FILTER", _PASS), ("FILTER", _NONE), ("INFO", _NONE), ("FORMAT", _NONE)}
        self._found: dict[tuple[str, bytes], bytes] = {}

    def add(self, line: bytes) -> None:
        """Take note of the names in ``line``."""
        self.add_needed(line)
        columns = line.rstrip(b"\r\n").split(b"\t", _FORMAT_COLUMN + 1)
        for name in columns[6].split(b";"):
            self._see("FILTER", name, _NOTE)
        for entry in columns[7].split(b";"):
            name, is_valued, _ = entry.partition(b"=")
            self._see("INFO", name, _END if name == b"END" else (_STRING if is_valued else _FLAG) + _NOTE)
        if len(columns) > _FORMAT_COLUMN + 1:
            for name in columns[_FORMAT_COLUMN].split(b":"):
                self._see("FORMAT", name, _STRING + _NOTE)

    def add_needed(self, line: bytes) -> None:
        """Take note of the names that programs refuse a record of text without: contig and INFO/END."""
        columns = line.split(b"\t", _INFO_COLUMN + 1)
        self._see("contig", columns[0], b"")
        if b"END=" in columns[_INFO_COLUMN] and _HAS_END.search(columns[_INFO_COLUMN]):
            self._see("INFO", b"END", _END)

    def declarations(self) -> list[bytes]:
        """Return a header line, without a line end, for each of them."""
        found = self._found.items()
        return [b"##" + kind.encode() + b"=<ID=" + name + rest + b">" for (kind, name), rest in found]

    def _see(self, kind: str, name: bytes, rest: bytes) -> None:
        if name and (kind, name) not in self._known:
            # An INFO seen both bare and with a value is a String, which comes last of the two.
            self._found[kind, name] = max(rest, self._found.get((kind, name), b""))


def text_to_bcf(header: VcfHeader, body: Path, target: Path, *, name: str) -> None:
    """Write ``target`` from the lines of a text VCF.

    Args:
        header: Declares every name that the lines use.
        body: The lines without a header, bgzipped.
        target: BCF to write.
        name: What the output is called in an error.

    Raises:
        InputError: A line cannot be expressed in BCF.
    """
    whole = body.with_name(f"{body.name}.whole")
    try:
        with pysam.BGZFile(str(whole), "wb", None) as handle:
            handle.write(b"".join(header.lines))
        with whole.open("ab") as handle, body.open("rb") as lines:
            shutil.copyfileobj(lines, handle)
        _view(whole, target, "-Ob", name)
    finally:
        whole.unlink(missing_ok=True)


def bcf_to_text(source: Path, target: Path, *, name: str) -> None:
    """Write ``target`` from a BCF: text, bgzipped where its suffix is ``.gz``.

    Args:
        source: BCF.
        target: VCF to write.
        name: What the output is called in an error.

    Raises:
        InputError: A record is garbled.
    """
    _view(source, target, "-Oz" if target.suffix == ".gz" else "-Ov", name)


def build_index(path: Path, index: Path) -> str | None:
    """Index a bgzipped VCF or a BCF; return None, or why it cannot be indexed.

    Args:
        path: Sorted file.
        index: File to write; its suffix, ``.tbi`` or ``.csi``, says of which kind.
    """
    kind = "--tbi" if index.suffix == ".tbi" else "--csi"
    with quiet():
        try:
            pysam.bcftools.index(kind, "-o", str(index), str(path), catch_stdout=False)
        except SamtoolsError as error:
            return f"htslib cannot index it: {_first_line(error)}"
    return None


def _view(source: Path, target: Path, output: str, name: str) -> None:
    with quiet():
        try:
            pysam.bcftools.view("--no-version", output, "-o", str(target), str(source), catch_stdout=False)
        except SamtoolsError as error:
            raise InputError(
                f"{name}: a record cannot be converted between VCF and BCF ({_first_line(error)}); "
                "write the format of the input, which keeps every record as it is"
            ) from None


def _first_line(error: SamtoolsError) -> str:
    """Return what htslib says first of all that it says."""
    return str(error.value).partition("stderr=")[2].strip().partition("\n")[0]
