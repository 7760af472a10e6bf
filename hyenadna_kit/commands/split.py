"""``hyenadna-kit split``: a genome in, the windows of training, validation and test out."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    from hyenadna_kit.genome.interval import Interval
    from hyenadna_kit.io.bed import BedRecord
    from hyenadna_kit.io.genome import Genome
    from hyenadna_kit.windows.similarity import SimilarityIndex
    from hyenadna_kit.windows.split_folder import Split

_NAMED_COLUMNS, _FOLD_COLUMNS = 6, 4


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """Divide windows of a genome into train.bed, validation.bed and test.bed.

    Whole contigs, ranges, the folds of a BED file, or groups of similar windows go to one side. Two
    sides never share a base. report.json and similarity.png tell, however the sides were made, how much
    of each test window the training windows hold.
    """

    genome: str
    """Genome store or FASTA."""
    out: str
    """Folder of the three BED files, report.json and similarity.png."""
    by: Literal["contig", "range", "folds", "similarity"]
    """What decides on the side of a window."""
    length: int | None = None
    """Bases of a window: the genome is tiled; what is left at the end of a contig is not used."""
    stride: int | None = None
    """Bases from the start of one window to that of the next; default: the length."""
    bed: str | None = None
    """BED file of the windows, instead of --length."""
    validation: tuple[str, ...] = ()
    """Contigs, ranges CONTIG:START-END (1-based, inclusive) or folds, separated by commas."""
    test: tuple[str, ...] = ()
    """The same for the test side; what is on neither is for training."""
    folds: str | None = None
    """With --by folds: BED file with the name of the fold in column 4."""
    fractions: tuple[float, ...] = (0.8, 0.1, 0.1)
    """With --by similarity: parts of the windows for training, validation and test, together 1."""
    seed: int = 0
    """With --by similarity: of the draw."""
    min_containment: float = 0.1
    """Windows that share this part of their k-mers are similar."""
    max_windows: int = 100
    """K-mers that are in more windows are ignored: they are of repeats."""
    sketch_size: int = 256
    """K-mers that are sampled of a window."""
    overwrite: bool = False
    """Replace a split that is in ``out`` already."""


def run(options: SplitOptions) -> int:
    """Write the split and say in one line what came of it.

    Raises:
        InputError: matplotlib is missing, options do not fit together, a contig, range or fold is
            unknown, regions of two sides overlap, a side is empty, or ``out`` is not to be replaced.
    """
    from hyenadna_kit.config import to_mapping
    from hyenadna_kit.files import refuse_existing
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.plots.histogram import require_matplotlib
    from hyenadna_kit.windows.split_folder import SPLIT_FILES, write_split
    from hyenadna_kit.windows.splits import SIDES

    require_matplotlib()
    _refuse_misfits(options)
    refuse_existing(Path(options.out), SPLIT_FILES, "split", overwrite=options.overwrite)
    genome = open_genome(options.genome)
    records = _records(options, genome)
    make = _split_by_groups if options.by == "similarity" else _split_by_place
    split = make(options, genome, records)
    histogram = write_split(Path(options.out), split, to_mapping(options))
    counts = Counter(split.sides)
    print(
        f"{options.out}: {', '.join(f'{counts[side]:,} {side}' for side in SIDES)} windows, "
        f"{sum(split.left_out.values()):,} left out; {histogram.num_similar:,} test windows are similar to a "
        "training window"
    )
    return 0


def _refuse_misfits(options: SplitOptions) -> None:
    from hyenadna_kit.windows.splits import SIDES, check_fractions

    by = options.by
    if (options.length is None) == (options.bed is None):
        raise InputError("say what the windows are by either --length N or --bed FILE")
    if options.stride is not None and options.bed is not None:
        raise InputError("--stride is of windows of one --length, not of those in --bed")
    if (options.folds is None) == (by == "folds"):
        raise InputError("--by folds and --folds FILE go together")
    if by == "similarity" and (options.validation or options.test):
        raise InputError("--validation and --test name regions, which --by similarity does not use")
    if by != "similarity" and not (options.validation and options.test):
        raise InputError(f"--by {by} needs --validation NAME[,...] and --test NAME[,...]")
    if by != "similarity" and options.fractions != SplitOptions.fractions:
        raise InputError(f"--fractions go with --by similarity, not with --by {by}")
    if len(options.fractions) != 3:
        raise InputError(
            f"--fractions are three, for training, validation and test, got {len(options.fractions)}"
        )
    check_fractions(dict(zip(SIDES, options.fractions, strict=True)))


def _records(options: SplitOptions, genome: "Genome") -> "list[BedRecord]":
    """Return the windows, as tiles of every contig or as the BED file has them."""
    from hyenadna_kit.io.bed import BedRecord, read_bed_records
    from hyenadna_kit.io.regions import check_inside, whole_genome
    from hyenadna_kit.windows.layout import tile

    if options.bed is not None:
        records = [
            BedRecord(
                check_inside(record.interval, genome, options.bed),
                record.name,
                record.score,
                record.has_strand,
            )
            for record in read_bed_records(Path(options.bed), num_columns=_NAMED_COLUMNS)
        ]
        if not records:
            raise InputError(f"BED file {options.bed} holds no intervals")
        return records
    assert options.length is not None
    tiles = [
        BedRecord(window)
        for contig in whole_genome(genome)
        for window in tile(contig, options.length, stride=options.stride, partial="drop")
    ]
    if not tiles:
        raise InputError(
            f"{genome.path} has no window of {options.length} bp: its longest contig has "
            f"{max(genome.contigs.values(), default=0)} bp; choose a smaller --length"
        )
    return tiles


def _index(options: SplitOptions, genome: "Genome", records: "list[BedRecord]") -> "SimilarityIndex":
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.windows.similarity import SimilarityIndex
    from hyenadna_kit.windows.sketch import SketchConfig
    from hyenadna_kit.windows.splits import GenomeWindows

    sketch = SketchConfig(
        min_containment=options.min_containment,
        max_windows=options.max_windows,
        sketch_size=options.sketch_size,
    )
    windows = GenomeWindows(genome, [record.interval for record in records])
    with show_progress("windows") as on_progress:
        return SimilarityIndex(windows, sketch, on_progress=on_progress)


def _split_by_groups(options: SplitOptions, genome: "Genome", records: "list[BedRecord]") -> "Split":
    """Put windows that overlap, or resemble each other, on one side."""
    from hyenadna_kit.windows.similarity import merge_groups
    from hyenadna_kit.windows.split_folder import Split
    from hyenadna_kit.windows.splits import SIDES, fill_sides, overlapping_pairs

    index = _index(options, genome, records)
    groups = merge_groups(index.groups, *overlapping_pairs([record.interval for record in records]))
    sides = fill_sides(groups, dict(zip(SIDES, options.fractions, strict=True)), seed=options.seed)
    return Split(genome=genome, records=records, sides=sides, left_out={}, index=index, groups=groups)


def _split_by_place(options: SplitOptions, genome: "Genome", records: "list[BedRecord]") -> "Split":
    """Put windows on the sides whose contigs, ranges or folds they touch."""
    from hyenadna_kit.io.regions import parse_regions
    from hyenadna_kit.windows.split_folder import Split
    from hyenadna_kit.windows.splits import SIDES, TEST, TRAIN, VALIDATION, require_sides, split_by_regions

    rest: str | None = TRAIN
    if options.by == "folds":
        regions, rest = _fold_regions(options, genome), None
    else:
        named = {VALIDATION: options.validation, TEST: options.test}
        if options.by == "contig":
            for contig in (*options.validation, *options.test):
                genome.names.resolve(contig, str(genome.path))
        regions = {side: parse_regions(names, genome) for side, names in named.items()}
    all_sides = split_by_regions([record.interval for record in records], regions, rest=rest)
    require_sides(all_sides, SIDES)
    kept = [record for record, side in zip(records, all_sides, strict=True) if side in SIDES]
    return Split(
        genome=genome,
        records=kept,
        sides=[side for side in all_sides if side in SIDES],
        left_out=Counter(side for side in all_sides if side not in SIDES),
        index=_index(options, genome, kept),
        groups=None,
    )


def _fold_regions(options: SplitOptions, genome: "Genome") -> "dict[str, list[Interval]]":
    """Return the regions of each side: of the folds named for it, and of all others for training."""
    from hyenadna_kit.config import nearest
    from hyenadna_kit.io.bed import read_bed_records
    from hyenadna_kit.io.regions import check_inside
    from hyenadna_kit.windows.splits import SIDES, TEST, TRAIN, VALIDATION

    assert options.folds is not None
    side_of_fold = dict.fromkeys(options.validation, VALIDATION)
    for fold in options.test:
        if side_of_fold.setdefault(fold, TEST) != TEST:
            raise InputError(f"fold {fold!r} is given to both --validation and --test")
    regions: dict[str, list[Interval]] = {side: [] for side in SIDES}
    folds = set()
    for record in read_bed_records(Path(options.folds), num_columns=_FOLD_COLUMNS):
        region = check_inside(record.interval, genome, options.folds)
        if not record.name:
            raise InputError(f"{options.folds}: {region.region} has no fold in column 4")
        folds.add(record.name)
        regions[side_of_fold.get(record.name, TRAIN)].append(region)
    for fold in side_of_fold:
        if fold not in folds:
            raise InputError(f"{options.folds} has no fold {fold!r}{nearest(fold, sorted(folds))}")
    return regions
