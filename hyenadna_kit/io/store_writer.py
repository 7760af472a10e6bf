"""Write the files of a genome store: one pass over the FASTA files, in bounded memory."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.contigs import ContigNames, check_species_label, qualified
from hyenadna_kit.io.contig_aliases import known_aliases, read_aliases
from hyenadna_kit.io.fasta import FastaBlock, GenomeFingerprint, read_fasta, soft_masked
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

_BATCH_BASES = 1 << 18


@dataclass(frozen=True, kw_only=True)
class StoreInputs:
    """What a store is built from."""

    fasta_paths: Sequence[Path]
    """FASTA files, in the order in which their contigs follow each other."""
    species: Sequence[str]
    """Label of each file; empty where it has none."""
    aliases: Path | None
    """Table of a user's names for the contigs."""

    @classmethod
    def of(cls, fasta_paths: Sequence[Path], species: Sequence[str], aliases: Path | None) -> "StoreInputs":
        """Return the inputs with a label for each file.

        Raises:
            InputError: A label cannot be one, or there are neither as many as files, nor one, nor none.
        """
        labels = [check_species_label(label) for label in species]
        if len(labels) not in (0, 1, len(fasta_paths)):
            raise InputError(
                f"{len(labels)} species labels ({', '.join(labels)}) were given for {len(fasta_paths)} FASTA "
                "files; give one for each file, in their order, or one for all"
            )
        if len(labels) < len(fasta_paths):
            labels = (labels or [""]) * len(fasta_paths)
        return cls(fasta_paths=fasta_paths, species=labels, aliases=aliases)

    @property
    def are_of_several_species(self) -> bool:
        """Whether names need their label before them."""
        return len(set(self.species)) > 1


def write_store(inputs: StoreInputs, folder: Path, on_progress: Progress | None = None) -> None:
    """Write a store of ``inputs`` into the empty ``folder``.

    Raises:
        InputError: A file is no FASTA (see :func:`hyenadna_kit.io.fasta.read_fasta`), two of them have a
            contig of one name, or the table of aliases is none or is that of another genome.
    """
    aliases = {} if inputs.aliases is None else read_aliases(inputs.aliases)
    reader = _SourceReader(inputs, on_progress)
    with ExitStack() as stack:
        writer = _GenomeWriter(
            *(
                stack.enter_context((folder / name).open("wb"))
                for name in (TOKENS_FILE, N_RUNS_FILE, SOFT_MASKED_FILE)
            )
        )
        for batch in _batches(reader.blocks()):
            writer.add(batch)
        writer.finish()
    if inputs.aliases is not None:
        names = ContigNames(writer.contigs, species=inputs.species)
        aliases = known_aliases(aliases, names, inputs.aliases)
    layout = StoreLayout(
        fingerprint=writer.fingerprint.hexdigest(),
        sources=tuple(reader.sources),
        contigs=writer.contigs,
        species=reader.species,
        aliases=aliases,
        n_runs=writer.n_runs.count,
        soft_masked_runs=writer.soft_masked_runs.count,
    )
    write_layout(folder, layout)


class _GenomeWriter:
    """Writes the binary files."""

    def __init__(self, tokens: BinaryIO, n_runs: BinaryIO, soft_masked: BinaryIO) -> None:
        self.contigs: dict[str, int] = {}
        self.fingerprint = GenomeFingerprint()
        self.n_runs, self.soft_masked_runs = RunWriter(n_runs), RunWriter(soft_masked)
        self._tokens = tokens
        self._offset = 0

    def add(self, blocks: Sequence[FastaBlock]) -> None:
        """Take the next blocks of the genome."""
        for block in blocks:
            self.fingerprint.add(block)
            self.contigs[block.contig] = block.start + len(block.bases)
        tokens = np.concatenate([block.tokens for block in blocks])
        bases = b"".join(block.bases for block in blocks)
        self._tokens.write(tokens.data)
        self.n_runs.add(tokens == N, self._offset)
        self.soft_masked_runs.add(soft_masked(bases), self._offset)
        self._offset += tokens.size

    def finish(self) -> None:
        """Write what was held back."""
        self.n_runs.finish()
        self.soft_masked_runs.finish()


class _SourceReader:
    """Reads the FASTA files of one store and keeps account of them."""

    def __init__(self, inputs: StoreInputs, on_progress: Progress | None) -> None:
        self.sources: list[StoreSource] = []
        self.species: dict[str, str] = {}
        self._inputs = inputs
        self._on_progress = on_progress
        self._done = 0
        self._total = sum(path.stat().st_size for path in inputs.fasta_paths)
        self._homes: dict[str, Path] = {}

    def blocks(self) -> Iterator[FastaBlock]:
        """Yield the blocks of all files, the contigs under the names that they have in the store."""
        several = self._inputs.are_of_several_species
        for path, label in zip(self._inputs.fasta_paths, self._inputs.species, strict=True):
            for block in self._read(path, label):
                named = block._replace(contig=qualified(label, block.contig)) if several else block
                if named.start == 0:
                    self._claim(named.contig, path)
                    if label:
                        self.species[named.contig] = label
                yield named

    def _read(self, path: Path, label: str) -> Iterator[FastaBlock]:
        """Yield the blocks of the next file, and then add it to ``sources``."""
        digest, before = hashlib.sha256(), self._done

        def on_read(piece: bytes) -> None:
            """Take a piece of the file into its fingerprint and into the progress."""
            digest.update(piece)
            self._done += len(piece)
            if self._on_progress is not None:
                self._on_progress(self._done, self._total)

        yield from read_fasta(path, on_read=on_read)
        source = StoreSource(
            path=str(path), size=self._done - before, sha256=digest.hexdigest(), species=label
        )
        self.sources.append(source)

    def _claim(self, contig: str, path: Path) -> None:
        if contig in self._homes:
            raise InputError(
                f"contig {contig!r} is in both {self._homes[contig]} and {path}; a genome has each contig "
                "once: rename or leave out one of them, or give files of several species a label each"
            )
        self._homes[contig] = path


def _batches(blocks: Iterable[FastaBlock]) -> Iterator[list[FastaBlock]]:
    """Yield blocks by the MiB: a fragmented assembly has a million of them, each of a few bases."""
    batch: list[FastaBlock] = []
    size = 0
    for block in blocks:
        batch.append(block)
        size += len(block.bases)
        if size >= _BATCH_BASES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
