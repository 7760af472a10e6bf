"""Write the files of a genome store: one pass over the FASTA files, in bounded memory."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.fasta import FastaBlock, GenomeFingerprint, read_fasta
from hyenadna_kit.io.runs import RunWriter
from hyenadna_kit.io.store_layout import (
    N_RUNS_FILE,
    SOFT_MASKED_FILE,
    TOKENS_FILE,
    StoreLayout,
    StoreSource,
    write_layout,
)
from hyenadna_kit.tokenizers.nucleotide import N

Progress = Callable[[int, int], None]
"""``on_progress(done, total)``: bytes of the FASTA files, as they lie on disk."""


def write_store(fasta_paths: Sequence[Path], folder: Path, on_progress: Progress | None = None) -> None:
    """Write a store of ``fasta_paths``, in their order, into the empty ``folder``.

    Raises:
        InputError: A file is no FASTA (see :func:`hyenadna_kit.io.fasta.read_fasta`), or two of them
            have a contig of one name.
    """
    reader = _SourceReader(fasta_paths, on_progress)
    with ExitStack() as stack:
        tokens, n_runs, soft_masked = (
            stack.enter_context((folder / name).open("wb"))
            for name in (TOKENS_FILE, N_RUNS_FILE, SOFT_MASKED_FILE)
        )
        n_writer, soft_mask_writer = RunWriter(n_runs), RunWriter(soft_masked)
        contigs: dict[str, int] = {}
        fingerprint, offset = GenomeFingerprint(), 0
        for path in fasta_paths:
            for block in reader.blocks(path):
                fingerprint.add(block)
                tokens.write(block.tokens.data)
                n_writer.add(block.tokens == N, offset)
                soft_mask_writer.add(np.frombuffer(block.bases, dtype=np.uint8) >= ord("a"), offset)
                contigs[block.contig] = block.start + len(block.bases)
                offset += len(block.bases)
        n_writer.finish()
        soft_mask_writer.finish()
    layout = StoreLayout(
        fingerprint=fingerprint.hexdigest(),
        sources=tuple(reader.sources),
        contigs=contigs,
        n_runs=n_writer.count,
        soft_masked_runs=soft_mask_writer.count,
    )
    write_layout(folder, layout)


class _SourceReader:
    """Reads the FASTA files of one store and keeps account of them."""

    def __init__(self, paths: Sequence[Path], on_progress: Progress | None) -> None:
        self.sources: list[StoreSource] = []
        self._on_progress = on_progress
        self._done = 0
        self._total = sum(path.stat().st_size for path in paths)
        self._homes: dict[str, Path] = {}

    def blocks(self, path: Path) -> Iterator[FastaBlock]:
        """Yield the blocks of the next file, and then add it to ``sources``."""
        digest, before = hashlib.sha256(), self._done

        def on_read(piece: bytes) -> None:
            """Take a piece of the file into its fingerprint and into the progress."""
            digest.update(piece)
            self._done += len(piece)
            if self._on_progress is not None:
                self._on_progress(self._done, self._total)

        for block in read_fasta(path, on_read=on_read):
            if block.start == 0:
                self._claim(block.contig, path)
            yield block
        source = StoreSource(path=str(path), size=self._done - before, sha256=digest.hexdigest())
        self.sources.append(source)

    def _claim(self, contig: str, path: Path) -> None:
        if contig in self._homes:
            raise InputError(
                f"contig {contig!r} is in both {self._homes[contig]} and {path}; "
                "a genome has each contig once: rename or leave out one of them"
            )
        self._homes[contig] = path
