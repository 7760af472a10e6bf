"""What a fine-tuning reads of each row: bases, places on a genome, or variants of it.

In: a table. Out: pieces of DNA that the model can read, or one line that says why it cannot.
"""

from collections.abc import Sequence
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.genome import Genome, GenomesOfRows
from hyenadna_kit.io.label_columns import GENOME
from hyenadna_kit.io.regions import check_inside
from hyenadna_kit.io.variant_sites import check_variant
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.finetune_tables import SideTable
from hyenadna_kit.windows.examples import (
    GenomesPieces,
    IntervalPieces,
    Pieces,
    SequencePieces,
    VariantPieces,
)

_DNA, _RNA = frozenset("Tt"), frozenset("Uu")


class PieceReader:
    """How rows become pieces: the same for all sides of a task."""

    def __init__(self, config: FinetuneConfig, tokenizer: NucleotideTokenizer, length: int) -> None:
        """Take what rows are read with.

        Args:
            config: The options.
            tokenizer: That of the model.
            length: Most tokens that the model reads.
        """
        self.config = config
        self.tokenizer = tokenizer
        self.length = length
        self.genomes = GenomesOfRows()
        """Those that were opened."""

    @property
    def genome(self) -> Genome | None:
        """The genome of the options."""
        return None if self.config.genome is None else self.genomes.open(Path(self.config.genome))

    def pieces(self, side: SideTable) -> Pieces:
        """Return the pieces of all rows of a side.

        Raises:
            InputError: A row is no use: it and its value are named.
            ContigNotFoundError: A place lies on no contig of the genome.
        """
        pieces = self._pieces(side)
        for row, found in enumerate(pieces.lengths, start=1):
            if found > self.length:
                raise InputError(
                    f"{side.source}, row {row}: {found:,} bases, and the model reads {self.length:,}; cut "
                    f"the sequence, or let the model read more by --length {found}"
                )
        return pieces

    def _pieces(self, side: SideTable) -> Pieces:
        table, source = side.table, side.source
        if table.sequences is not None:
            _check_alphabet(table.sequences, source)
            return SequencePieces(table.sequences, self.tokenizer)
        if table.intervals is not None and self.genome is None and GENOME in table.columns:
            return self._on_their_genomes(side)
        if self.genome is None:
            what = "places" if table.intervals is not None else "variants"
            raise InputError(f"{source} holds {what} and no sequences; name their genome by --genome")
        if table.variants is not None:
            variants = [
                check_variant(variant, self.genome, f"{source}, row {row}")
                for row, variant in enumerate(table.variants, start=1)
            ]
            return VariantPieces(variants, self.genome, self.config.window or self.length)
        intervals = [
            check_inside(interval, self.genome, f"{source}, row {row}")
            for row, interval in enumerate(table.intervals or (), start=1)
        ]
        return IntervalPieces(intervals, self.genome)

    def _on_their_genomes(self, side: SideTable) -> Pieces:
        """Return places that name their genomes, by paths that may begin where the table lies."""
        intervals, genomes = [], []
        named = zip(side.table.intervals or (), side.table.columns[GENOME], strict=True)
        for row, (interval, name) in enumerate(named, start=1):
            source = f"{side.source}, row {row}"
            genome = self.genomes.named(name, Path(side.source), source)
            intervals.append(check_inside(interval, genome, source))
            genomes.append(genome)
        return GenomesPieces(intervals, genomes)


def _check_alphabet(sequences: Sequence[str], source: str) -> None:
    """Refuse a sequence of DNA and RNA letters: one of the two is a mistake."""
    for row, sequence in enumerate(sequences, start=1):
        letters = set(sequence)
        if letters & _DNA and letters & _RNA:
            raise InputError(
                f"{source}, row {row}: T and U stand in one sequence; write DNA or RNA, not both"
            )
