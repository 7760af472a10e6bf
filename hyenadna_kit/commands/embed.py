"""``hyenadna-kit embed``: a model and sequences or places in, a file of embeddings out."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyenadna_kit.config import check_least
from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hyenadna_kit.evaluation.embeddings import Embedder
    from hyenadna_kit.evaluation.probe import ProbeResult
    from hyenadna_kit.evaluation.probe_labels import ProbeLabels
    from hyenadna_kit.io.records import RecordFile


_SUFFIXES = (".h5", ".hdf5")


@dataclass(frozen=True, kw_only=True)
class EmbedOptions:
    """Write what a model makes of sequences: one vector of each, or one of every base.

    The records come out in the order of the input, with their names and places. A run that was stopped
    goes on where it was when the same command is given again.
    """

    model: str
    """Model folder, or the name of a model that comes with the package."""
    input: str | None = None
    """FASTA (.fa, .fasta, .fna), BED, or a table (.csv, .tsv, .parquet) with the column sequence, or contig,
    start and end; the text ones may be compressed."""
    bed: str | None = None
    """BED file; the same as --input."""
    genome: str | None = None
    """Genome store or FASTA, where the input holds places."""
    out: str
    """HDF5 file (.h5, .hdf5): values, first_rows, names and, of places, contig, start, end and strand."""
    layer: tuple[int, ...] = (-1,)
    """0: the embeddings of the tokens; k: the residual stream after block k; -1: after the final norm, which
    heads read; -2: after the last block, before that norm. Several, as 1,2,-1, stand side by side."""
    pool: Literal["mean", "max", "last", "first", "centre", "none"] = "mean"
    """How one vector is made of all bases; none writes a row for every base."""
    average_strands: bool = False
    """Take the mean of both strands at each base: a sequence and its reverse complement are then the same to
    every pooling that does not ask where a base stands. Takes twice the time."""
    dtype: Literal["float32", "float16"] = "float32"
    """Number format of the file."""
    length: int | None = None
    """Longest sequence in bases; default: the model's context length. A longer one is refused."""
    probe: str | None = None
    """Table of labels: measure what a linear model reads off the embeddings, on rows that it was not fitted
    on. Rows are matched by the column name, or else are those of the input. A column side, train, validation
    or test, says what is held out; without it every fifth is, in turn. X.probe.json beside X.h5 has the
    figures."""
    label_columns: tuple[str, ...] = ("label",)
    """Columns of --probe that are predicted, and colour --pca."""
    task: Literal["binary", "multiclass", "multilabel", "regression"] | None = None
    """What --probe predicts; default: classes where labels are text, or up to 20 whole numbers from 0 on."""
    classifier: Literal["logistic", "discriminant"] = "logistic"
    """What tells the classes of --probe apart: a logistic regression with a penalty, or linear discriminants
    with a shrunk covariance, which suit few rows of many numbers."""
    pca: str | None = None
    """Picture (.png, .svg or .pdf) of the first two principal components, coloured by the labels of
    --probe."""
    seed: int = 0
    """Of the folds and intervals of --probe."""
    batch_size: int = 16
    """Sequences that the model reads at a time. It changes nothing but rounding."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """Number format of matrix products; bf16 is faster and rounds, auto takes it where the device has it."""
    max_memory: str | None = None
    """Memory that a pass of the model may take, as 4G or 512M; default: what is free."""

    def __post_init__(self) -> None:
        check_least(self, {"length": 1, "batch_size": 1})


def run(options: EmbedOptions) -> int:
    """Write the file; by choice probe it and draw it.

    Raises:
        InputError: An option does not fit, a record is wrong or too long, or ``out`` holds something else.
        CheckpointError: The model folder is damaged.
    """
    from hyenadna_kit.commands.computing import computing
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.evaluation.embeddings import embed_records

    kind = _check(options)
    embedder, records = _open(options)
    labels = _labels(options, records)
    out = Path(options.out)
    with show_progress("bases") as on_progress, computing(embedder.model, options.precision):
        count = embed_records(embedder, records, out, number=options.dtype, on_progress=on_progress)
    print(f"{out}: {count:,} records, {embedder.width} numbers a row", file=sys.stderr)
    if labels is not None or kind is not None:
        _look_at(options, labels, kind)
    return 0


def _check(options: EmbedOptions) -> str | None:
    """Refuse options that contradict each other, and return the format of the picture."""
    if Path(options.out).suffix.lower() not in _SUFFIXES:
        raise InputError(f"--out {options.out} must end in {' or '.join(_SUFFIXES)}: it is an HDF5 file")
    if (options.input is None) == (options.bed is None):
        raise InputError("name what is embedded by either --input FILE or --bed FILE")
    for name in ("probe", "pca"):
        if getattr(options, name) is not None and options.pool == "none":
            raise InputError(f"--{name} takes one vector a record; give another --pool than none")
    if options.probe is None and (options.classifier != "logistic" or options.task is not None):
        raise InputError("--classifier and --task are for --probe; name a table of labels by it")
    if options.pca is None:
        return None
    from hyenadna_kit.plots.histogram import require_matplotlib
    from hyenadna_kit.plots.lengths import figure_format

    require_matplotlib()
    return figure_format(Path(options.pca), "--pca")


def _open(options: EmbedOptions) -> "tuple[Embedder, RecordFile]":
    from hyenadna_kit.commands.computing import load_model, with_length
    from hyenadna_kit.evaluation.embeddings import Embedder
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.records import Reading, open_records

    model = load_model(options.model, options.device, options.max_memory)
    model = with_length(model, options.length)
    reading = Reading(
        tokenizer=model.tokenizer,
        genome=None if options.genome is None else open_genome(options.genome),
        longest=options.length or model.context_length,
    )
    embedder = Embedder(
        model=model,
        layers=options.layer,
        pooling=options.pool,
        average_strands=options.average_strands,
        batch_size=options.batch_size,
    )
    return embedder, open_records(Path(options.input or options.bed or ""), reading)


def _labels(options: EmbedOptions, records: "RecordFile") -> "ProbeLabels | None":
    """Return the labels of all records, so that a wrong table is told before the work and not after it."""
    if options.probe is None:
        return None
    from hyenadna_kit.evaluation.probe import check_probe
    from hyenadna_kit.evaluation.probe_labels import read_probe_labels

    names = [record.name for record in records]
    labels = read_probe_labels(Path(options.probe), names, options.label_columns, options.task)
    try:
        check_probe(labels, classifier=options.classifier, seed=options.seed)
    except InputError as error:
        raise InputError(f"{options.probe}: {error}") from None
    return labels


def _look_at(options: EmbedOptions, labels: "ProbeLabels | None", kind: str | None) -> None:
    """Probe the embeddings and draw them."""
    import numpy as np

    from hyenadna_kit.evaluation.probe import probe
    from hyenadna_kit.io.embedding_file import Embeddings

    found = Embeddings(options.out)
    rows = found.rows(0, found.num_records).astype(np.float32)
    if labels is not None:
        _say(options, probe(rows, labels, classifier=options.classifier, seed=options.seed))
    if options.pca is not None and kind is not None:
        _draw(Path(options.pca), kind, rows, labels)


def _say(options: EmbedOptions, result: "ProbeResult") -> None:
    """Write the figures of a probe and print them."""
    import json

    from hyenadna_kit.files import atomic_file

    path = Path(options.out).with_suffix(".probe.json")
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(result.as_plain_data(), indent=2, allow_nan=False) + "\n")
    print(f"{result.labels.objective} probe, {result.num_held_out:,} rows held out, 95 % interval")
    for name, each in result.metrics.items():
        print(f"{name:<18}{each.value:8.4f}  ({each.low:.4f} to {each.high:.4f})")
    print(f"wrote {path}", file=sys.stderr)


def _draw(path: Path, kind: str, rows: "NDArray[np.float32]", labels: "ProbeLabels | None") -> None:
    from hyenadna_kit.evaluation.principal_components import principal_components
    from hyenadna_kit.files import atomic_file
    from hyenadna_kit.plots.components import components_figure

    found = principal_components(rows)
    picture = components_figure(
        found.places,
        found.shares,
        labels=None if labels is None else labels.colours(),
        title=f"{len(rows):,} embeddings",
        kind=kind,
    )
    with atomic_file(path) as temporary:
        temporary.write_bytes(picture)
    print(f"wrote {path}", file=sys.stderr)
