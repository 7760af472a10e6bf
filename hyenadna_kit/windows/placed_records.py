"""Records that windows are laid for: a whole genome in tiles, and the variants of a file.

In: a genome, or a variant file and its genome. Out: records as those of :mod:`hyenadna_kit.io.records`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.raw_table import Cell
from hyenadna_kit.io.records import Reading, Record, RecordFile
from hyenadna_kit.io.regions import whole_genome
from hyenadna_kit.io.table_cells import CONTIG, END, START
from hyenadna_kit.io.variant_sites import check_variant, require_alt
from hyenadna_kit.io.variant_tables import (
    VariantTable,
    is_variant_table,
    read_variant_table,
    variants_as_table,
)
from hyenadna_kit.io.vcf import read_variants
from hyenadna_kit.windows.examples import VariantPieces
from hyenadna_kit.windows.layout import PartialWindows, tile

_VCF_COLUMNS = ("chrom", "pos", "id", "ref", "alt")


@dataclass(frozen=True)
class TiledGenome(RecordFile):
    """Windows over all contigs of ``reading.genome``.

    The last one of a contig is moved back inside it; a contig shorter than a window is one window.
    """

    length: int
    """Bases of a window."""
    stride: int
    """Bases from one window to the next."""

    columns = (CONTIG, START, END)
    has_places = True
    may_overlap = True

    def __iter__(self) -> Iterator[Record]:
        """Yield every window."""
        assert self.reading.genome is not None
        for contig in whole_genome(self.reading.genome):
            ends: PartialWindows = "shift" if contig.length >= self.length else "keep"
            for window in tile(contig, self.length, stride=self.stride, partial=ends):
                keys = (window.contig, window.start, window.end)
                yield self.reading.of_interval(f"{self.path}, {window.region}", window.region, keys, window)


@dataclass(frozen=True)
class VariantRecords(RecordFile):
    """Every ALT of a file of variants: a window of the genome without it and one with it."""

    window: int
    """Bases of either; its middle, base ``window // 2``, is the first one that changes."""

    has_places = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a table, or chrom, pos (from 1), id, ref and alt."""
        if not is_variant_table(self.path):
            return _VCF_COLUMNS
        return tuple(column.name for column in read_variant_table(self.path).columns)

    def __iter__(self) -> Iterator[Record]:
        """Yield every ALT."""
        self.reading.check_length(f"{self.path}", self.window)
        if is_variant_table(self.path):
            yield from self._rows(read_variant_table(self.path))
            return
        with read_variants(self.path) as reader:
            yield from self._rows(variants_as_table(reader))

    def _rows(self, table: VariantTable) -> Iterator[Record]:
        columns = self.columns
        for record in table.records:
            source = f"{self.path}, record {record.number} ({record.site})"
            variants = record.variants() or (None,)
            for variant, alt in zip(variants, record.alts or (".",), strict=True):
                require_alt(record, alt, source)
                assert variant is not None
                cells: list[Cell] = ["." if cell is None else cell for cell in record.cells]
                cells[table.alt] = alt
                # Of a VCF the filter, which follows the columns, is left out.
                yield self._record(source, variant, dict(zip(columns, cells, strict=False)))

    def _record(self, source: str, variant: Variant, cells: dict[str, Cell]) -> Record:
        assert self.reading.genome is not None
        upper = replace(variant, ref=variant.ref.upper(), alt=variant.alt.upper())
        placed = check_variant(upper, self.reading.genome, source)
        named = cells.get("id", ".")
        if named == ".":
            named = f"{variant.contig}:{variant.position + 1}:{variant.ref}:{variant.alt}"
        read = partial(VariantPieces((placed,), self.reading.genome, self.window).tokens, 0)
        place = Interval(placed.contig, placed.position, placed.end)
        return Record(source, str(named), tuple(cells.values()), place, self.window, read)


def open_tiles(path: Path, reading: Reading, *, length: int, stride: int | None) -> TiledGenome:
    """Return windows over a genome.

    Args:
        path: The genome's, for messages.
        reading: How it is read, with the genome.
        length: Bases of a window.
        stride: Bases from one window to the next; None: as many as a window has.

    Raises:
        InputError: Length or stride is less than 1, or windows are longer than what is read.
    """
    stride = length if stride is None else stride
    if length < 1 or stride < 1:
        raise InputError(f"--tile and --stride must be at least 1, got {length} and {stride}")
    reading.check_length(f"--tile {length}", length)
    return TiledGenome(path, reading, length, stride)
