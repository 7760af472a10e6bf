"""``hyenadna-kit make-task``: a genome and its annotation in, labelled tables out."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    from hyenadna_kit.tasks.make_task import TaskRequest


@dataclass(frozen=True, kw_only=True)
class MakeTaskOptions:
    """Make train, validation and test tables of windows with labels.

    Classes are equally large. Windows that overlap or resemble each other, on either strand, are on one
    side. task.json tells how many there are, what was left out and why, and the GC content of the
    classes.
    """

    task: str
    """coding: inside one CDS segment, or touching no gene. promoters: around a transcription start site,
    or background of the same GC content. splice_sites: around the first two bases of an intron (donor),
    its last two (acceptor), or a GT or AG of a gene that is neither (decoy)."""
    genome: str
    """Genome store or FASTA."""
    annotation: str
    """GFF3, GTF, BED12 or GenBank file, plain or gzip; told by content."""
    out: str
    """Folder of the tables and task.json."""
    length: int | None = None
    """Bases of a window; a site is in its middle unless --upstream says otherwise."""
    upstream: int | None = None
    """Bases of a window before the start site, or before the two bases of the splice site."""
    downstream: int | None = None
    """Bases of a window from the site on: with --upstream, instead of --length."""
    max_per_class: int | None = None
    """Most examples of a class; default: as many as the smallest class has."""
    validation_fraction: float = 0.1
    """Part of the examples for validation; 0 writes no such table."""
    test_fraction: float = 0.1
    """Part of the examples for the test; 0 writes no such table."""
    seed: int = 0
    """Of every draw."""
    format: Literal["csv", "tsv", "parquet"] = "csv"
    """Of the tables."""
    columns: Literal["coordinates", "sequence", "both"] = "coordinates"
    """What a row holds beside its label: contig, start, end (0-based, half-open) and strand; the bases;
    or both."""
    overwrite: bool = False
    """Replace a task that is in ``out`` already."""


def run(options: MakeTaskOptions) -> int:
    """Write the tables and say in a few lines what is in them.

    Raises:
        InputError: Options do not fit together, a file is malformed, the annotation is of another
            genome, a class has no window, a side is empty, or ``out`` is not to be replaced.
    """
    from hyenadna_kit.commands.progress import show_progress
    from hyenadna_kit.config import to_mapping
    from hyenadna_kit.files import fingerprint, refuse_existing
    from hyenadna_kit.io.annotation import read_annotation
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.placed_annotation import place_annotation
    from hyenadna_kit.tasks.make_task import make_task
    from hyenadna_kit.tasks.task_folder import TASK_FILES, write_task

    request, out = _request(options), Path(options.out)
    refuse_existing(out, TASK_FILES, "task", overwrite=options.overwrite)
    genome = open_genome(options.genome)
    path = Path(options.annotation)
    annotation = place_annotation(read_annotation(path), genome, str(path))
    with show_progress("windows") as on_progress:
        made = make_task(genome, annotation, request, on_progress=on_progress)
    origin = {
        "parameters": to_mapping(request),
        "genome": {"path": str(genome.path), "fingerprint": genome.fingerprint},
        "annotation": {
            "path": str(path),
            "sha256": fingerprint(path),
            "num_genes": len(annotation.genes),
            "num_transcripts": len(annotation.transcripts),
            "num_left_out": len(annotation.left_out),
        },
    }
    report = write_task(
        out, genome, made, table_format=options.format, columns=options.columns, origin=origin
    )
    print(_told(options.out, report))
    return 0


def _request(options: MakeTaskOptions) -> "TaskRequest":
    from hyenadna_kit.tasks.make_task import TaskRequest

    return TaskRequest(
        task=options.task,
        length=_length(options),
        upstream=options.upstream,
        max_per_class=options.max_per_class,
        validation_fraction=options.validation_fraction,
        test_fraction=options.test_fraction,
        seed=options.seed,
    )


def _length(options: MakeTaskOptions) -> int:
    length, upstream, downstream = options.length, options.upstream, options.downstream
    if downstream is None and length is not None:
        return length
    if upstream is None or downstream is None:
        raise InputError("say how long windows are by --length N, or by --upstream N and --downstream N")
    if length not in (None, upstream + downstream):
        raise InputError(
            f"--length {length} is not --upstream {upstream} and --downstream {downstream} together; "
            "leave out one of them"
        )
    return upstream + downstream


def _told(out: str, report: dict[str, Any]) -> str:
    lines = [f"{out}: {report['parameters']['task']}"]
    for side, classes in report["sides"].items():
        lines.append(f"{side}: " + ", ".join(f"{count:,} {label}" for label, count in classes.items()))
    left_out = sum(sum(reasons.values()) for reasons in report["left_out"].values())
    lines.append(f"{left_out:,} left out; the reasons are in task.json")
    if report["similarity"] is not None:
        similar = report["similarity"]["num_similar"]
        lines.append(f"{similar:,} test windows are similar to a training window")
    return "\n".join(lines)
