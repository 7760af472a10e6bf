"""Write the files of a read store: one pass over a BAM or CRAM, in bounded memory."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pysam

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import fingerprint
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.bam_file import reading
from hyenadna_kit.io.bam_reads import forward_qualities
from hyenadna_kit.io.bam_segments import Segments
from hyenadna_kit.io.read_filter import NO_SEQUENCE, ReadFilter
from hyenadna_kit.io.read_layout import (
    CONTIGS,
    DTYPES,
    ENDS,
    OFFSETS,
    QUALITIES,
    STARTS,
    TOKENS,
    ReadLayout,
    ReadSource,
    write_read_layout,
)
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

Progress = Callable[[int, int], None]
"""``on_progress(done, total)``: bytes of the file, as they lie on disk."""

_TOKENIZER = NucleotideTokenizer()


def write_reads(bam: Bam, read_filter: ReadFilter, folder: Path, on_progress: Progress | None = None) -> None:
    """Write a store of the reads of ``bam`` into the empty ``folder``.

    Raises:
        InputError: The file is damaged, has no read that passes the filter, or changes meanwhile.
    """
    before = _state(bam.path)
    size, sha256 = bam.path.stat().st_size, fingerprint(bam.path)
    segments = bam.segments(read_filter=read_filter)
    with ExitStack() as stack:
        writer = _ReadWriter({name: stack.enter_context((folder / name).open("wb")) for name in DTYPES})
        for batch in segments:
            with reading(bam.path):
                writer.add(batch, segments)
            if on_progress is not None:
                on_progress(min(segments.num_bytes, size), size)
    if _state(bam.path) != before:
        raise InputError(f"{bam.path} has changed while it was read; start again when it is complete")
    report = segments.report
    if not report.kept:
        raise InputError(f"{bam.path} holds no read to pack: {report.describe()}; keep more of them")
    if on_progress is not None:
        on_progress(size, size)
    layout = ReadLayout(
        source=ReadSource(path=str(bam.path), size=size, sha256=sha256),
        read_filter=read_filter,
        report=report,
        contigs=bam.contigs,
        num_bases=writer.num_bases,
    )
    write_read_layout(folder, layout)


def _state(path: Path) -> tuple[int, int]:
    """Return what changes when a file does."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


class _ReadWriter:
    """Appends reads to the binary files."""

    def __init__(self, handles: dict[str, BinaryIO]) -> None:
        self.num_bases = 0
        self._handles = handles
        self._append(OFFSETS, [0])

    def add(self, batch: list[pysam.AlignedSegment], segments: Segments) -> None:
        """Append the reads of a batch; ``segments`` is told of those that have no bases."""
        sequences, qualities, spans = [], [], []
        for segment in batch:
            sequence = segment.get_forward_sequence()
            if not sequence:
                segments.drop(NO_SEQUENCE)
                continue
            sequences.append(sequence)
            qualities.append(forward_qualities(segment))
            spans.append(_span(segment))
        if not sequences:
            return
        self._handles[TOKENS].write(self._tokens(sequences, segments.path))
        self._handles[QUALITIES].write(np.concatenate(qualities).data)
        ends = self.num_bases + np.cumsum([len(sequence) for sequence in sequences])
        self.num_bases = int(ends[-1])
        self._append(OFFSETS, ends)
        for name, values in zip((CONTIGS, STARTS, ENDS), zip(*spans, strict=True), strict=True):
            self._append(name, values)

    def _tokens(self, sequences: list[str], path: Path) -> bytes:
        try:
            return _TOKENIZER.encode("".join(sequences)).tobytes()
        except InputError:
            raise InputError(
                f"{path} writes bases as '=', which stands for those of a reference; "
                "reads to pack must hold their own bases"
            ) from None

    def _append(self, name: str, values: object) -> None:
        self._handles[name].write(np.asarray(values, dtype=DTYPES[name]).tobytes())


def _span(segment: pysam.AlignedSegment) -> tuple[int, int, int]:
    """Return contig, start and end on the reference."""
    end = segment.reference_end
    if segment.is_unmapped or end is None or segment.reference_id < 0:
        return -1, 0, 0
    return segment.reference_id, segment.reference_start, end
