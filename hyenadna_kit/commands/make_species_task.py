"""``hyenadna-kit make-species-task``: genomes in, labelled tables of their windows out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hyenadna_kit.errors import InputError

if TYPE_CHECKING:
    from hyenadna_kit.io.genome import Genome
    from hyenadna_kit.tasks.species import SpeciesRequest, SpeciesTask, SpeciesWindow


@dataclass(frozen=True, kw_only=True)
class MakeSpeciesTaskOptions:
    """Make train, validation and test tables of windows of genomes, labelled by species.

    Every contig gives a stretch of its own to validation and test, so that no side shares a base with
    another. Each row names its genome: hyenadna-kit finetune --data FOLDER reads the tables without --genome.
    """

    genomes: tuple[str, ...]
    """NAME=GENOME for each species, a genome store or FASTA."""
    length: int
    """Bases of a window."""
    count: int
    """Windows of each species, on all sides together."""
    out: str
    """Folder of the tables and task.json."""
    validation_fraction: float = 0.1
    """Part of every contig and of the windows for validation; 0 writes no such table."""
    test_fraction: float = 0.1
    """Part of every contig and of the windows for the test; 0 writes no such table."""
    seed: int = 0
    """Of every draw."""
    format: Literal["csv", "tsv", "parquet"] = "csv"
    """Of the tables."""
    overwrite: bool = False
    """Replace a task that is in ``out`` already."""


def run(options: MakeSpeciesTaskOptions) -> int:
    """Write the tables and say in a few lines what is in them.

    Raises:
        InputError: An option is wrong, a genome cannot be read or has no room for its windows, or ``out`` is
            not to be replaced.
    """
    from hyenadna_kit.files import refuse_existing
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.tasks.species import SpeciesRequest, make_species_task
    from hyenadna_kit.tasks.task_folder import TASK_FILES

    request = SpeciesRequest(
        length=options.length,
        count=options.count,
        validation_fraction=options.validation_fraction,
        test_fraction=options.test_fraction,
        seed=options.seed,
    )
    out, paths = Path(options.out), _paths(options.genomes)
    refuse_existing(out, TASK_FILES, "task", overwrite=options.overwrite)
    genomes = {species: open_genome(path) for species, path in paths.items()}
    task = make_species_task(genomes, request)
    _write(options, task, genomes, request)
    sizes = ", ".join(f"{len(each) // len(genomes):,} for {side}" for side, each in task.windows.items())
    print(f"{options.out}: {len(genomes)} species, of each {sizes}")
    return 0


def _write(
    options: MakeSpeciesTaskOptions,
    task: "SpeciesTask",
    genomes: Mapping[str, "Genome"],
    request: "SpeciesRequest",
) -> None:
    """Write the folder, all of it or nothing."""
    from hyenadna_kit.config import to_mapping
    from hyenadna_kit.files import atomic_folder
    from hyenadna_kit.tasks.task_folder import REPORT_FILE

    report = {
        "format": "hyenadna_kit.task/1",
        "parameters": {"task": "species"} | to_mapping(request),
        "genomes": {
            species: {"path": str(genome.path), "fingerprint": genome.fingerprint}
            for species, genome in genomes.items()
        },
        "stretches": {
            species: {side: [each.region for each in of_side] for side, of_side in sides.items()}
            for species, sides in task.stretches.items()
        },
    }
    with atomic_folder(Path(options.out).resolve()) as temporary:
        for side, windows in task.windows.items():
            _write_table(temporary / f"{side}.{options.format}", windows, genomes)
        (temporary / REPORT_FILE).write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")


def _write_table(path: Path, windows: Sequence["SpeciesWindow"], genomes: Mapping[str, "Genome"]) -> None:
    from hyenadna_kit.io.label_columns import GENOME, LABEL
    from hyenadna_kit.io.tables import LabelledTable, write_labelled_table

    columns = {
        GENOME: tuple(str(genomes[each.species].path) for each in windows),
        LABEL: tuple(each.species for each in windows),
    }
    table = LabelledTable(intervals=tuple(each.window for each in windows), columns=columns)
    write_labelled_table(path, table)


def _paths(genomes: tuple[str, ...]) -> dict[str, Path]:
    """Return where the genome of each species lies, from the root on."""
    paths: dict[str, Path] = {}
    for given in genomes:
        name, is_named, path = given.partition("=")
        if not (name and is_named and path):
            raise InputError(f"genomes must be NAME=GENOME, got {given!r}; give each species a name")
        if name in paths:
            raise InputError(f"genomes must differ in their names, got {name!r} twice; rename one")
        paths[name] = Path(path).absolute()
    return paths
