"""``hyenadna-kit predict``: a fine-tuned model and new sequences in, what it says of each out."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyenadna_kit.config import check_least
from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hyenadna_kit.io.prediction_tables import Line
    from hyenadna_kit.io.prediction_tracks import TrackLayout
    from hyenadna_kit.io.records import Reading, RecordFile
    from hyenadna_kit.training.predictor import Predictor


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Write what a fine-tuned model says of every record of a file, in the order of the file.

    A run that was stopped goes on where it was when the same command is given again. A record that cannot be
    read ends the command before anything is predicted.
    """

    model: str
    """Folder of a fine-tuning run, whose seeds' predictions are averaged, or of one model."""
    input: str
    """FASTA (.fa, .fasta, .fna), BED, or a table (.csv, .tsv, .parquet) with the column sequence, or contig,
    start and end; of a variant-effect model VCF, BCF, or a table with chrom, pos (from 1), ref and alt. With
    --tile a FASTA or a genome store."""
    genome: str | None = None
    """Genome store or FASTA, where the input holds places or variants."""
    out: str
    """X.tsv, X.csv or X.parquet: columns of the input, then probability_CLASS or predicted_COLUMN. Or, of
    places, X.bedGraph: a sorted track for a genome browser, of the second of two classes; of more classes or
    columns X.NAME.bedGraph each."""
    tile: int | None = None
    """Cut the contigs of --input into windows of so many bases: best as many as the model was trained on."""
    stride: int | None = None
    """Bases from one window of --tile to the next; default: those of a window. Where windows overlap, each
    has the bases around its middle in a track."""
    both_strands: bool | None = None
    """Predict means over both strands; default: as the model was trained."""
    window: int | None = None
    """Of variants, bases around each that are read; default: as the model was trained."""
    length: int | None = None
    """Longest sequence in bases; default: the model's context length. A longer one is refused."""
    batch_size: int = 16
    """Sequences that the model reads at a time. It changes nothing but rounding."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    precision: Literal["fp32", "bf16", "auto"] | None = None
    """Number format of matrix products; bf16 is faster and rounds, auto takes it where the device has it.
    Default: as in the training, so that a table gives what its figures were made of."""
    max_memory: str | None = None
    """Memory that a pass of the model may take, as 4G or 512M; default: what is free."""

    def __post_init__(self) -> None:
        check_least(self, dict.fromkeys(("tile", "stride", "window", "length", "batch_size"), 1))


def run(options: PredictOptions) -> int:
    """Predict every record, and write the table or the tracks.

    Raises:
        InputError: An option does not fit, a record is wrong or too long, or parts of another job lie beside
            the output.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import computing
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.files import refuse_input
    from hyenadna_kit.io.prediction_rows import prediction_rows
    from hyenadna_kit.io.prediction_tables import check_columns
    from hyenadna_kit.io.prediction_tracks import track_paths, write_tracks
    from hyenadna_kit.training.predictor import predict_records, survey

    out = Path(options.out)
    is_track = _is_track(out)
    refuse_input(out, (options.input, options.genome))
    predictor, records = _open(options)
    track = _lay_out(out, predictor, records) if is_track else None
    if track is None:
        check_columns(out, [*records.columns, *_bin_columns(predictor), *_columns(predictor)])
    total = survey(predictor, records)
    width = predictor.head.num_outputs
    with (
        show_progress("predictions") as on_progress,
        computing(predictor.models[0], predictor.precision),
        prediction_rows(out, _job(options, predictor, records), width) as rows,
    ):
        predict_records(predictor, records, rows, lambda done: on_progress(done, total))
        if track is None:
            paths = [out]
            _write_table(out, predictor, records, rows.read())
        else:
            paths = track_paths(out, _track_names(predictor))
            write_tracks(paths, track, rows.read(), bin_size=predictor.bin_size)
    print(f"{', '.join(map(str, paths))}: {total:,} predictions", file=sys.stderr)
    return 0


def _is_track(out: Path) -> bool:
    """Say what is written, or refuse a suffix that nothing has."""
    from hyenadna_kit.io.prediction_tables import PARQUET, TABLE_SUFFIXES
    from hyenadna_kit.io.prediction_tracks import TRACK_SUFFIXES

    suffix = Path(out.name.lower().removesuffix(".gz")).suffix
    is_known = suffix in (*TABLE_SUFFIXES, *TRACK_SUFFIXES)
    if not is_known or out.name.lower().endswith(f"{PARQUET}.gz"):
        raise InputError(
            f"--out {out} must end in .tsv, .csv or .bedGraph, with or without .gz, or in .parquet"
        )
    return suffix in TRACK_SUFFIXES


def _open(options: PredictOptions) -> "tuple[Predictor, RecordFile]":
    from hyenadna_kit.commands.computing import load_model, with_length
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.records import Reading
    from hyenadna_kit.training.predictor import Predictor, model_folders, trained_options

    folders = model_folders(options.model)
    trained = trained_options(folders[0])
    predictor = Predictor(
        models=tuple(
            with_length(load_model(str(folder), options.device, options.max_memory), options.length)
            for folder in folders
        ),
        both_strands=trained.both_strands if options.both_strands is None else options.both_strands,
        batch_size=options.batch_size,
        precision=options.precision or trained.precision,
    )
    model = predictor.models[0]
    reading = Reading(
        tokenizer=model.tokenizer,
        genome=None if options.genome is None else open_genome(options.genome),
        longest=options.length or model.context_length,
    )
    if predictor.reads_variants:
        window = options.window or trained.window or model.context_length
        return predictor, _open_variants(options, reading, window)
    return predictor, _open_sequences(options, reading)


def _open_variants(options: PredictOptions, reading: "Reading", window: int) -> "RecordFile":
    from hyenadna_kit.io.variant_tables import is_variant_table
    from hyenadna_kit.windows.placed_records import VariantRecords

    path = Path(options.input)
    is_vcf = path.name.lower().endswith((".vcf", ".vcf.gz", ".vcf.bgz", ".bcf"))
    if not is_vcf and not is_variant_table(path):
        raise InputError(
            f"--model {options.model} reads variants: --input must be VCF, BCF or a table of them, got {path}"
        )
    if reading.genome is None:
        raise InputError(f"{path} holds variants; name their genome by --genome")
    if options.tile is not None or options.stride is not None:
        raise InputError(
            "--tile and --stride are for sequences, and the model reads variants; leave them out"
        )
    return VariantRecords(path, reading, window)


def _open_sequences(options: PredictOptions, reading: "Reading") -> "RecordFile":
    from dataclasses import replace

    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.records import open_records
    from hyenadna_kit.windows.placed_records import open_tiles

    path = Path(options.input)
    if options.window is not None:
        raise InputError("--window is for variants, and the model reads sequences; --tile cuts contigs")
    if options.tile is None:
        if options.stride is not None:
            raise InputError("--stride is of the windows of --tile; give both")
        return open_records(path, reading)
    if reading.genome is not None:
        raise InputError("--tile cuts the contigs of --input itself; leave --genome out")
    of_genome = replace(reading, genome=open_genome(path))
    return open_tiles(path, of_genome, length=options.tile, stride=options.stride)


def _lay_out(out: Path, predictor: "Predictor", records: "RecordFile") -> "TrackLayout":
    """Return how the track is laid out, or refuse input that no track is made of."""
    from hyenadna_kit.io.prediction_tracks import lay_out_track, track_paths

    if predictor.reads_variants or not records.has_places:
        raise InputError(
            f"a track is of places, and {records.path} holds none; give a BED, --tile, or --out X.tsv"
        )
    track_paths(out, _track_names(predictor))
    intervals = (record.interval for record in records if record.interval is not None)
    return lay_out_track(out, intervals, may_overlap=records.may_overlap)


def _track_names(predictor: "Predictor") -> Sequence[str]:
    labels = predictor.head.labels
    return labels[-1:] if predictor.head.objective == "binary" else labels


def _job(options: PredictOptions, predictor: "Predictor", records: "RecordFile") -> dict[str, object]:
    """Return what decides the predictions."""
    from importlib.metadata import version

    from hyenadna_kit.files import fingerprint

    return {
        "models": [model.fingerprint() for model in predictor.models],
        "input": fingerprint(records.path) if records.path.is_file() else str(records.path),
        "genome": [genome.fingerprint for genome in records.genomes_read],
        "device": next(predictor.models[0].parameters()).device.type,
        "both_strands": predictor.both_strands,
        "precision": predictor.precision,
        "versions": {name: version(name) for name in ("hyenadna_kit", "torch")},
    } | {name: getattr(options, name) for name in ("tile", "stride", "window", "length", "batch_size")}


def _bin_columns(predictor: "Predictor") -> tuple[str, ...]:
    return () if predictor.bin_size is None else ("bin_start", "bin_end")


def _columns(predictor: "Predictor") -> list[str]:
    head = predictor.head
    kind = "predicted" if head.objective == "regression" else "probability"
    return [f"{kind}_{label}" for label in head.labels]


def _write_table(
    out: Path, predictor: "Predictor", records: "RecordFile", rows: "NDArray[np.float32]"
) -> None:
    from hyenadna_kit.io.prediction_tables import write_prediction_table

    first = next(iter(records))
    keys: dict[str, type[int | str]] = {
        name: int if type(cell) is int else str
        for name, cell in zip(records.columns, first.keys, strict=True)
    }
    keys |= dict.fromkeys(_bin_columns(predictor), int)
    write_prediction_table(out, keys, _columns(predictor), _lines(predictor, records, rows))


def _lines(predictor: "Predictor", records: "RecordFile", rows: "NDArray[np.float32]") -> Iterator["Line"]:
    from hyenadna_kit.genome.interval import Strand
    from hyenadna_kit.io.prediction_tables import Line

    is_binary = predictor.head.objective == "binary"
    number = 0
    for record in records:
        is_reverse = record.interval is not None and record.interval.strand is Strand.REVERSE
        start = 0 if record.interval is None else record.interval.start
        for place in range(predictor.num_rows(record)):
            keys = record.keys
            if predictor.bin_size is not None:
                first = place * predictor.bin_size
                first = start + (record.length - first - predictor.bin_size if is_reverse else first)
                keys = (*keys, first, first + predictor.bin_size)
            values: list[float] = rows[number].tolist()
            yield Line(keys, [1 - values[0], values[0]] if is_binary else values)
            number += 1
