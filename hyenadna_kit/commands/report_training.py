"""``hyenadna-kit report-training``: the folder of a run in, a page about it out."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyenadna_kit.evaluation.anchors import Anchor
    from hyenadna_kit.training.run_summary import RunSummary

POSITIONAL = ("run",)

PAGE_NAME, FIGURES_NAME = "report.html", "report.json"


@dataclass(frozen=True, kw_only=True)
class ReportTrainingOptions:
    """Write report.html and report.json of a run: losses, anchors, filters, options.

    They come to lie in its folder, and the page needs no network. pretrain writes both when it ends; this
    does so at any time.
    """

    run: str
    """Folder of a run of pretrain, finished or going on."""
    genome: str | None = None
    """Genome that it is trained on, where it no longer lies where the run found it."""


def run(options: ReportTrainingOptions) -> int:
    """Write the two files.

    Raises:
        InputError: There is no run in the folder, or its genome is not to be found.
        CheckpointError: The checkpoint of the run is damaged.
    """
    write_training_report(Path(options.run), options.genome)
    print(f"wrote {Path(options.run) / PAGE_NAME} and {FIGURES_NAME}", file=sys.stderr)
    return 0


def write_training_report(folder: Path, genome: str | None = None) -> None:
    """Write the page of a run and the figures behind it into its folder.

    Args:
        folder: Of the run.
        genome: Where the genome lies; None is where the run found it.

    Raises:
        InputError: There is no run in the folder, or its genome is not to be found.
        CheckpointError: The checkpoint of the run is damaged.
    """
    import json

    from hyenadna_kit.commands.training_page import TrainingReport, figures_of, render_training
    from hyenadna_kit.files import atomic_file
    from hyenadna_kit.interpretation.filters import filter_shapes
    from hyenadna_kit.training.run_summary import model_of_run, read_run

    run = read_run(folder)
    model = model_of_run(run)
    report = TrainingReport(
        run=run,
        anchors=tuple(_anchors(run, genome)),
        filters=() if model is None else tuple(filter_shapes(model, run.config.lengths.final)),
        num_parameters=None if model is None else model.num_parameters,
    )
    texts = {
        PAGE_NAME: render_training(report),
        FIGURES_NAME: json.dumps(figures_of(report), indent=1) + "\n",
    }
    for name, text in texts.items():
        with atomic_file(folder / name) as temporary:
            temporary.write_text(text)


def _anchors(run: "RunSummary", path: str | None) -> "list[Anchor]":
    """Return what other models cost on the bases of the validation."""
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.evaluation.anchors import anchors_beside, only_uniform
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.regions import parse_regions
    from hyenadna_kit.training.pretrain_data import masking_of
    from hyenadna_kit.windows.layout import spread_windows

    if masking_of(run.config) is not None:
        return only_uniform("the model sees both sides of a hidden base, and they see one")
    if run.config.reads is not None or run.config.genome is None:
        return only_uniform("they are fitted on a genome, and the run is trained on reads")
    genome = open_genome(run.config.genome if path is None else path)
    if genome.fingerprint != run.record["genome_fingerprint"]:
        raise InputError(
            f"{genome.path} is not the genome that {run.folder} is trained on, their fingerprints differ; "
            "name that one by --genome"
        )
    windows = spread_windows(
        parse_regions(run.record["validation"], genome), run.config.lengths.final, run.config.validation_bases
    )
    train = parse_regions(run.record["train"], genome)
    return anchors_beside(genome, train, [window.scored for window in windows])
