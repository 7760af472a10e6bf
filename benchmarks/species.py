"""Tell six bacteria apart by windows of 16,384 and of 1,024 bases, of ranges held out of every contig.

    python benchmarks/species.py FOLDER MODEL RUNS

FOLDER holds the genomes, MODEL is a pretrained model (yeast-tiny: it has seen none of them), RUNS a folder
for tables and runs. MODEL is pretrained on the training stretches of the six genomes, without labels, by
configs/pretrain/bacteria.yaml; then linear discriminants are fitted on its mean states of training and
validation windows, of both strands and after every block, as `hyenadna-kit embed --probe` does. Prints and
records the accuracy on the test windows, beside that of a logistic regression on counts of k-mers of the
same windows.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gue import minutes
from record import record

from hyenadna_kit.evaluation.linear_floors import LabelledSequences, fit_floor
from hyenadna_kit.evaluation.metrics import evaluate_predictions
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.genome import open_genome
from hyenadna_kit.windows.splits import SIDES, TEST, TRAIN, VALIDATION

CONFIG = Path(__file__).parents[1] / "configs" / "pretrain" / "bacteria.yaml"
GENOMES = {
    "ecoli": "ecoli_K12_MG1655.fna.gz",
    "salmonella": "salmonella_LT2_GCF_000006945.1.fna.gz",
    "legionella": "legionella_pneumophila_GCF_000048645.fna.gz",
    "pseudomonas": "pseudomonas_aeruginosa_GCF_000006765.fna.gz",
    "anthrax": "bacillus_anthracis_GCF_000008445.fna.gz",
    "haemophilus": "haemophilus_influenzae_GCA_000027305.fna.gz",
}
COLUMNS = ("contig", "start", "end", "strand", "label", "side")
STATES = ("--layer", "1,2,3,4,-1", "--average_strands")
METRICS = ("accuracy", "mcc")


class Windows(NamedTuple):
    """Windows of one length."""

    length: int
    """Bases."""
    count: int
    """Of each species: 70 % for training, 10 % for validation, 20 % for the test."""


ALL_WINDOWS = (Windows(16_384, 300), Windows(1024, 2000))


def main(folder: str, model: str, runs: str) -> None:
    """Train, measure, record."""
    tasks = [make_task(Path(folder), Path(runs) / str(each.length), each) for each in ALL_WINDOWS]
    store = Path(runs) / "genomes"
    model = pretrained(Path(folder), store, model, tasks)
    found: dict[str, Any] = {"minutes_of_pretraining": minutes(Path(model))}
    for windows, task in zip(ALL_WINDOWS, tasks, strict=True):
        rows = rows_of(task)
        found[str(windows.length)] = {
            "windows_of_each_species": windows.count,
            "model": probed(model, rows, store, task.with_name("states.h5"), windows.length),
            "kmer": kmer_floor(rows, store),
        }
        path = record("species", "python benchmarks/species.py FOLDER MODEL RUNS", found)
    print(path.read_text())


def make_task(folder: Path, out: Path, windows: Windows) -> Path:
    """Return the folder of the tables of one length."""
    task = out / "task"
    if not (task / "task.json").exists():
        genomes = ",".join(f"{name}={folder / file}" for name, file in GENOMES.items())
        sizes = ["--length", str(windows.length), "--count", str(windows.count), "--test_fraction", "0.2"]
        run("make-species-task", "--genomes", genomes, *sizes, "--out", str(task))
    return task


def pretrained(folder: Path, store: Path, model: str, tasks: list[Path]) -> str:
    """Return the model after pretraining on what no task validates or tests on."""
    species = sorted(GENOMES)
    if not store.exists():
        files = [str(folder / GENOMES[name]) for name in species]
        run("prepare", *files, "--species", ",".join(species), "--out", str(store))
    held_out = {
        f"{name}.{region}"
        for task in tasks
        for name, stretches in json.loads((task / "task.json").read_text())["stretches"].items()
        for side in (VALIDATION, TEST)
        for region in stretches[side]
    }
    out = store.with_name("pretrained")
    words = ["--config", str(CONFIG), "--start_from", model, "--genome", str(store)]
    run("pretrain", *words, "--held_out", ",".join(sorted(held_out)), "--out", str(out))
    return str(out)


def rows_of(task: Path) -> dict[str, list[dict[str, str]]]:
    """Return the windows of each side, contigs named as in the store of all species."""
    found = {}
    for side in SIDES:
        with (task / f"{side}.csv").open() as lines:
            rows = list(csv.DictReader(lines))
        found[side] = [row | {"contig": f"{row['label']}.{row['contig']}"} for row in rows]
    return found


def probed(
    model: str, rows: dict[str, list[dict[str, str]]], store: Path, out: Path, length: int
) -> dict[str, Any]:
    """Return what a linear model reads off the states of both strands."""
    table = out.with_suffix(".csv")
    with table.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for side, of_side in rows.items():
            writer.writerows(row | {"side": side} for row in of_side)
    words = ["--model", model, "--input", str(table), "--genome", str(store), "--length", str(length)]
    words += [*STATES, "--precision", "auto", "--probe", str(table), "--classifier", "discriminant"]
    run("embed", *words, "--out", str(out))
    found: dict[str, Any] = json.loads(out.with_suffix(".probe.json").read_text())
    return found


def kmer_floor(rows: dict[str, list[dict[str, str]]], store: Path) -> dict[str, float]:
    """Return the figures of the k-mer floor; its penalty is chosen on the validation windows."""
    genome, names = open_genome(store), sorted(GENOMES)

    def of_side(side: str) -> LabelledSequences:
        places = [
            Interval(row["contig"], int(row["start"]), int(row["end"]), Strand(row["strand"]))
            for row in rows[side]
        ]
        labels = np.array([names.index(row["label"]) for row in rows[side]])
        return LabelledSequences([genome.tokens(place) for place in places], labels)

    train, validation, test = map(of_side, (TRAIN, VALIDATION, TEST))
    floor = fit_floor("kmer", "multiclass", train, validation=validation, num_classes=len(names), refit=True)
    found = evaluate_predictions("multiclass", test.labels, floor.predict(test.sequences))
    return {name: round(found[name], 4) for name in METRICS}


def run(*words: str) -> None:
    """Run a command of the package."""
    subprocess.run(["hyenadna-kit", *words], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
