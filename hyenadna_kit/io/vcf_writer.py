"""Write the records of a variant file again, with INFO fields of our own.

In: records of :func:`hyenadna_kit.io.vcf.read_variants` and values. Out: VCF, bgzipped and indexed
VCF, indexed BCF or text on standard output, complete or not at all. Where input and output are of
one kind (text or BCF), every byte of a record but our INFO is that of the input; from text to BCF
or back it is equal by value.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import final

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.io.bcf import BcfDictionary, encode_info, replace_info
from hyenadna_kit.io.vcf import VariantRecord
from hyenadna_kit.io.vcf_convert import build_index
from hyenadna_kit.io.vcf_header import InfoField, VcfHeader
from hyenadna_kit.io.vcf_info import InfoValue, LineAnnotator, render
from hyenadna_kit.io.vcf_output import output_file, standard_output
from hyenadna_kit.io.vcf_source import STDIO

_SUFFIXES = (".vcf", ".vcf.gz", ".bcf")
_INDEXED = (".vcf.gz", ".bcf")
_INDEX_SUFFIXES = (".tbi", ".csi")
_TBI_REACH = 1 << 29
"""Longest contig, in bp, that a .tbi index can address."""


@final
class VariantWriter:
    """Writes records with our values; a context manager.

        with VariantWriter("out.vcf.gz", reader.header, info=fields, provenance=lines) as writer:
            for record in reader:
                writer.write(record, {"HK_LLR": [0.25]})

    The file takes its name, and its index after it, when the block ends well. Until then, and for
    good if the block raises, what had the name before stays. Standard output has no such protection.
    """

    index_skipped_reason: str | None
    """Why a .vcf.gz or .bcf got no index; None where it has one. Known when the block has ended."""

    def __init__(
        self,
        path: str | Path,
        header: VcfHeader,
        *,
        info: Sequence[InfoField],
        provenance: Sequence[str],
        stale: Collection[str] = (),
    ) -> None:
        """Describe what will be written; nothing is until the block begins.

        Args:
            path: ``.vcf``; ``.vcf.gz``, bgzipped and indexed (.csi where a contig is longer than
                2^29 bp, else .tbi); ``.bcf``, indexed (.csi); or ``-`` for text on standard output.
            header: Of the file that the records come from. Where it declares one of our fields that
                line is replaced, and so are the values in the records.
            info: The fields that are written, in this order.
            provenance: Header lines ``##hyenadna_kit...=...``; one with the same key is replaced.
            stale: INFO ids that an earlier run may have written: their values are taken out of the records,
                and what the header says of that run is taken out, too.

        Raises:
            InputError: The path has another suffix or is a folder, or a provenance line is not of that form.
        """
        if str(path) != STDIO and not str(path).endswith(_SUFFIXES):
            raise InputError(f"output {path} must end in {', '.join(_SUFFIXES)}, or be - for standard output")
        if Path(path).is_dir():
            raise InputError(f"output {path} is a folder; name a file in it")
        self.index_skipped_reason = None
        self._path = Path(path)
        self._fields = {field.id: field for field in info}
        annotator = _BcfAnnotator(header, info, stale) if header.is_bcf else _TextAnnotator(info, stale)
        self._annotator = annotator
        kept = header.without_earlier_run(stale) if stale else header
        self._header = kept.with_declarations(annotator.declarations).with_provenance(provenance)
        self._order = _Order(header)

    def __enter__(self) -> "VariantWriter":
        self._session = self._open()
        self._session.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.__exit__(kind, error, traceback)

    def write(self, record: VariantRecord, values: Mapping[str, InfoValue]) -> None:
        """Write ``record`` with ``values`` by INFO id; a field without a value is left out.

        Raises:
            InputError: A value does not suit its field (see :func:`hyenadna_kit.io.vcf_info.render`),
                or the record is garbled behind its alleles.
        """
        try:
            data = self._annotator.annotate(record.raw, self._texts(values, len(record.alts)))
        except ValueError as error:
            raise InputError(f"{self._path}, record {record.number} ({record.site}): {error}") from None
        self._write_bytes(data)
        self._order.add(record)

    def _texts(self, values: Mapping[str, InfoValue], num_alts: int) -> dict[str, str]:
        fields = self._fields
        texts = {
            name: render(fields[name], values[name], num_alts=num_alts) for name in fields if name in values
        }
        if len(texts) < len(values):
            raise InputError(f"INFO {sorted(values.keys() - texts.keys())} is not among {list(fields)}")
        return texts

    @contextmanager
    def _open(self) -> Iterator[None]:
        if str(self._path) == STDIO:
            with standard_output(self._header) as self._write_bytes:
                yield
            return
        # The index takes its name after its file, so that no file ever has the index of another.
        with ExitStack() as index_stack, atomic_file(self._path) as temporary:
            with output_file(temporary, self._header, name=str(self._path)) as self._write_bytes:
                yield
            if self._path.name.endswith(_INDEXED):
                self._replace_index(temporary, index_stack)

    def _replace_index(self, temporary: Path, index_stack: ExitStack) -> None:
        """Index the finished file and leave it to ``index_stack`` to name the index."""
        suffix = ".csi" if self._path.suffix == ".bcf" or self._order.reach > _TBI_REACH else ".tbi"
        built = temporary.with_name(f"{temporary.name}.new{suffix}")
        try:
            self.index_skipped_reason = self._order.fault or build_index(temporary, built)
            if self.index_skipped_reason is None:
                built.replace(index_stack.enter_context(atomic_file(_beside(self._path, suffix))))
        finally:
            built.unlink(missing_ok=True)
        for stale in _INDEX_SUFFIXES:
            _beside(self._path, stale).unlink(missing_ok=True)


class _TextAnnotator:
    """Puts values into lines."""

    def __init__(self, info: Sequence[InfoField], stale: Collection[str]) -> None:
        self.declarations = {field.id: field.declaration() for field in info}
        self._lines = LineAnnotator({**self.declarations, **dict.fromkeys(stale)})

    def annotate(self, raw: bytes, texts: Mapping[str, str]) -> bytes:
        """Return the record with the values of our fields."""
        return self._lines.annotate(raw, texts)


class _BcfAnnotator:
    """Puts values into binary records."""

    def __init__(self, header: VcfHeader, info: Sequence[InfoField], stale: Collection[str]) -> None:
        self._fields = {field.id: field for field in info}
        left = header.info_ids.intersection(stale)
        self._numbers = BcfDictionary.of(header.lines).numbers([*self._fields, *left])
        self.declarations = {field.id: field.declaration(f",IDX={self._numbers[field.id]}") for field in info}
        replaced = header.info_ids.intersection(self._fields) | left
        self._removed = frozenset(self._numbers[name] for name in replaced)

    def annotate(self, raw: bytes, texts: Mapping[str, str]) -> bytes:
        """Return the record with the values of our fields."""
        added = [
            encode_info(self._numbers[name], self._fields[name].type, text) for name, text in texts.items()
        ]
        return replace_info(raw, self._removed, added)


class _Order:
    """Whether records are sorted as an index needs it, and how far they reach."""

    def __init__(self, header: VcfHeader) -> None:
        self.fault: str | None = None
        """Why the records cannot be indexed: the first that is out of order."""
        self.reach = max((length for length in header.contigs.values() if length is not None), default=0)
        """Length in bp that an index must be able to address."""
        self._contigs: set[str] = set()
        self._contig: str | None = None
        self._position = 0

    def add(self, record: VariantRecord) -> None:
        """Take note of the next record."""
        if record.contig != self._contig:
            if record.contig in self._contigs:
                self._fail(record, f"contig {record.contig} begins again")
            self._contigs.add(record.contig)
            self._contig = record.contig
        elif record.position < self._position:
            self._fail(record, f"it lies before the record above it, {record.contig}:{self._position + 1}")
        self._position = record.position
        self.reach = max(self.reach, record.position + len(record.ref))

    def _fail(self, record: VariantRecord, reason: str) -> None:
        self.fault = self.fault or (
            f"record {record.number} ({record.site}) is out of order: {reason}; sort with 'bcftools sort'"
        )


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
