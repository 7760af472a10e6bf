"""What a pretraining run reads: the windows of a genome, or of sequencing reads.

In: the options of the run. Out: where windows come from, those of validation, and what is written
down about them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import fingerprint
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.interval_set import IntervalSet
from hyenadna_kit.heads.masked_language_model import MaskedLanguageModelHeadConfig
from hyenadna_kit.io.bam_file import alignment_format
from hyenadna_kit.io.genome import Genome, open_genome
from hyenadna_kit.io.read_store import ReadStore, build_read_store
from hyenadna_kit.io.regions import parse_regions, refuse_overlap, whole_genome
from hyenadna_kit.pretrained.hub import model_folder
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.training.run_folder import SEEN_BEFORE, RunFolder, seen_ranges
from hyenadna_kit.windows.dataset import LossWeights, TokenSource, Windows
from hyenadna_kit.windows.layout import TiledWindow, spread_windows, tile
from hyenadna_kit.windows.loss_weights import SoftMaskWeights
from hyenadna_kit.windows.masking import Masking
from hyenadna_kit.windows.reads import ReadContigs, ReadStream, divide_reads, spread_reads
from hyenadna_kit.windows.sampling import build_stream
from hyenadna_kit.windows.stream import LengthSchedule

_SCANNED = 1 << 20  # bases that are searched at a time for one that counts


@dataclass(frozen=True, kw_only=True)
class DataPlan:
    """What one run reads."""

    source: TokenSource
    """Where the bases are."""
    stream: Windows
    """Training windows without end."""
    lengths: LengthSchedule
    """Their length at each step."""
    validation: list[TiledWindow]
    """Windows of one length, all scored on their second half or more."""
    weigh: LossWeights | None
    """How much each base counts in training."""
    masking: Masking | None
    """Which bases are hidden; None where each base is predicted from those before it."""
    record: dict[str, Any]
    """Fingerprint and parts, which decide the result beside the options."""


@dataclass(frozen=True)
class Regions:
    """The parts of a genome in one run."""

    train: list[Interval]
    """Where windows are drawn."""
    validation: list[Interval]
    """The end of the training range, never drawn from."""
    held_out: list[Interval]
    """Never seen."""


def plan_data(config: PretrainConfig, folder: RunFolder) -> DataPlan:
    """Open what the options name, and divide it.

    Raises:
        InputError: The data are too short, regions overlap, or nothing is left to train on.
        ContigNotFoundError: A region is on no contig of the data.
    """
    if config.reads is not None:
        return _plan_reads(config, _open_reads(config, folder))
    assert config.genome is not None  # the options hold one of the two
    return _plan_genome(config, open_genome(config.genome))


def masking_of(config: PretrainConfig) -> Masking | None:
    """Return which bases are hidden, as the head of the model says."""
    head = config.model.head
    if not isinstance(head, MaskedLanguageModelHeadConfig):
        return None
    return Masking(
        hidden_fraction=head.hidden_fraction,
        masked_fraction=head.masked_fraction,
        random_fraction=head.random_fraction,
        seed=config.seed,
    )


def _plan_genome(config: PretrainConfig, genome: Genome) -> DataPlan:
    regions = choose_regions(config, genome)
    before = [] if config.start_from is None else seen_ranges(model_folder(config.start_from))
    for seen in before:
        if seen.genome_fingerprint == genome.fingerprint:
            refuse_overlap(
                regions.held_out,
                parse_regions(seen.ranges, genome),
                f"{config.start_from} was trained on what is held out; hold out other regions",
            )
    weigh = None if config.soft_mask_weight == 1 else SoftMaskWeights(genome, config.soft_mask_weight)
    stream = build_stream(
        genome,
        regions.train,
        lengths=config.lengths,
        sampling=config.sampling,
        batch_size=config.windows_per_step,
        seed=config.seed,
        reverse_fraction=config.reverse_fraction,
    )
    validation = spread_windows(regions.validation, config.lengths.final, config.validation_bases)
    _refuse_nothing_to_learn(genome, stream.regions, weigh)
    _refuse_nothing_to_measure(genome, validation, str(genome.path))
    return DataPlan(
        source=genome,
        stream=stream,
        lengths=config.lengths,
        validation=validation,
        weigh=weigh,
        masking=masking_of(config),
        record={
            "genome_fingerprint": genome.fingerprint,
            "train": [region.region for region in regions.train],
            "validation": [region.region for region in regions.validation],
            "held_out": [region.region for region in regions.held_out],
            "sampling_files": [
                fingerprint(Path(path))
                for path in (config.sampling.exclude, config.sampling.features)
                if path is not None
            ],
        }
        | ({SEEN_BEFORE: [seen.as_plain_data() for seen in before]} if before else {}),
    )


def _open_reads(config: PretrainConfig, folder: RunFolder) -> ReadStore:
    """Return the store that was named, or pack the reads of the BAM or CRAM into the run folder."""
    assert config.reads is not None
    path = Path(config.reads)
    if config.genome is not None and (path.is_dir() or alignment_format(path) == "BAM"):
        raise InputError(
            f"{path} holds its own bases, and --genome {config.genome} is for reads the FASTA of a CRAM; "
            "leave one of the two out"
        )
    if path.is_dir():
        return ReadStore(path)
    reference = None if config.genome is None else Path(config.genome)
    return build_read_store(path, folder.reads, read_filter=config.read_filter, reference=reference)


def _plan_reads(config: PretrainConfig, reads: ReadStore) -> DataPlan:
    held_out = parse_regions(config.held_out, reads)
    sides = divide_reads(reads, held_out, config.validation_fraction)
    lengths = _lengths_on(config, reads)
    contigs = ReadContigs(reads)
    stream = ReadStream(
        reads,
        sides.train,
        lengths,
        batch_size=config.windows_per_step,
        seed=config.seed,
        reverse_fraction=config.reverse_fraction,
    )
    validation = spread_windows(
        spread_reads(reads, sides.validation, config.validation_bases), lengths.final, config.validation_bases
    )
    _refuse_nothing_to_measure(contigs, validation, str(config.reads))
    return DataPlan(
        source=contigs,
        stream=stream,
        lengths=lengths,
        validation=validation,
        weigh=contigs.weights if config.quality_weights else None,
        masking=masking_of(config),
        record={
            "genome_fingerprint": reads.fingerprint,
            "train": [f"{sides.train.size} reads"],
            "validation": [f"{sides.validation.size} reads"],
            "held_out": [region.region for region in held_out],
        },
    )


def _refuse_nothing_to_learn(genome: Genome, regions: Sequence[Interval], weigh: LossWeights | None) -> None:
    """Refuse regions in which no base has a part in the loss."""
    parts = (part for region in regions for part in tile(region, _SCANNED))
    if not any((_is_base(genome, part) & (weigh is None or weigh(part) > 0)).any() for part in parts):
        num_bases = sum(region.length for region in regions)
        raise InputError(
            f"{genome.path}: none of the {num_bases:,} bp to train on is an A, C, G or T that counts in the "
            "loss; choose other regions, or a soft_mask_weight above 0"
        )


def _refuse_nothing_to_measure(source: TokenSource, windows: Sequence[TiledWindow], name: str) -> None:
    """Refuse validation windows that hold no base."""
    if not any(_is_base(source, window.scored).any() for window in windows):
        num_bases = sum(window.scored.length for window in windows)
        raise InputError(
            f"{name}: no A, C, G or T is among the {num_bases:,} bp to validate on; change "
            "validation_fraction or train_regions"
        )


def _is_base(source: TokenSource, interval: Interval) -> NDArray[np.bool_]:
    tokens = source.tokens(interval)
    return (tokens >= FIRST_BASE) & (tokens <= LAST_BASE)


def _lengths_on(config: PretrainConfig, reads: ReadStore) -> LengthSchedule:
    """Return the schedule, by default no longer than the longest read has bases to predict."""
    if config.length is not None:
        return config.lengths
    return replace(config.lengths, final=min(config.lengths.final, max(2, int(reads.lengths.max()) - 1)))


def choose_regions(config: PretrainConfig, genome: Genome) -> Regions:
    """Divide the genome as the options say.

    Raises:
        InputError: A training region covers a held-out base, or nothing is left to train on.
    """
    held_out = parse_regions(config.held_out, genome)
    if config.train_regions:
        train = parse_regions(config.train_regions, genome)
        for index, region in enumerate(train):
            refuse_overlap([region], train[index + 1 :], "train_regions must be apart from each other")
        refuse_overlap(train, held_out, "train_regions and held_out must be apart")
    else:
        left_out = IntervalSet(held_out)
        train = [part for contig in whole_genome(genome) for part in left_out.subtract_from(contig)]
    num_bases = sum(region.length for region in train)
    num_kept = round(num_bases * (1 - config.validation_fraction))
    kept: list[Interval] = []
    validation: list[Interval] = []
    for region in train:
        border = min(region.end, region.start + num_kept)
        num_kept -= border - region.start
        kept += [Interval(region.contig, region.start, border)] if border > region.start else []
        validation += [Interval(region.contig, border, region.end)] if border < region.end else []
    if not kept or not validation:
        raise InputError(
            f"{num_bases} bp of {genome.path} with validation_fraction {config.validation_fraction} "
            "leave nothing to train on or nothing to validate on; keep more of the genome, and a fraction "
            "between 0 and 1"
        )
    return Regions(kept, validation, held_out)
