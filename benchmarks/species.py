"""Tell six bacteria apart by windows of 1,024 and of 16,384 bases, of ranges held out of every contig.

    python benchmarks/species.py FOLDER MODEL RUNS

FOLDER holds the genomes, MODEL is a pretrained model (yeast-tiny: it has seen none of them), RUNS a folder
for tables and runs; the recipe is configs/finetune/bacteria.yaml. The model of the short windows is where the
long ones begin. Prints and records the accuracy on the test windows of the model and of the baselines, and
minutes.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from record import record

from hyenadna_kit.windows.splits import TEST

CONFIG = Path(__file__).parents[1] / "configs" / "finetune" / "bacteria.yaml"
GENOMES = {
    "ecoli": "ecoli_K12_MG1655.fna.gz",
    "salmonella": "salmonella_LT2_GCF_000006945.1.fna.gz",
    "legionella": "legionella_pneumophila_GCF_000048645.fna.gz",
    "pseudomonas": "pseudomonas_aeruginosa_GCF_000006765.fna.gz",
    "anthrax": "bacillus_anthracis_GCF_000008445.fna.gz",
    "haemophilus": "haemophilus_influenzae_GCA_000027305.fna.gz",
}
METRICS = ("accuracy", "balanced_accuracy", "mcc")


class Windows(NamedTuple):
    """Windows of one length."""

    length: int
    """Bases."""
    count: int
    """Of each species: 70 % for training, 10 % for validation, 20 % for the test."""
    batch_size: int
    """Windows of a step."""
    epochs: int
    """Passes over the training windows."""


ALL_WINDOWS = (Windows(1024, 2000, 32, 4), Windows(16_384, 150, 8, 4))


def main(folder: str, model: str, runs: str) -> None:
    """Train, measure, record."""
    found = {}
    for windows in ALL_WINDOWS:
        out = Path(runs) / str(windows.length)
        found[str(windows.length)] = of_windows(Path(folder), model, out, windows)
        model = str(out / "run/seeds/0")
    print(record("species", "python benchmarks/species.py FOLDER MODEL RUNS", found).read_text())


def of_windows(folder: Path, model: str, out: Path, windows: Windows) -> dict[str, Any]:
    """Return the figures of one length."""
    task = ["--genomes", ",".join(f"{name}={folder / file}" for name, file in GENOMES.items())]
    task += ["--length", str(windows.length), "--count", str(windows.count), "--test_fraction", "0.2"]
    if not (out / "task/task.json").exists():
        run("make-species-task", *task, "--out", str(out / "task"))
    begun = time.perf_counter()
    words = ["--config", str(CONFIG), "--model", model, "--data", str(out / "task")]
    words += ["--length", str(windows.length), "--batch_size", str(windows.batch_size)]
    run("finetune", *words, "--epochs", str(windows.epochs), "--out", str(out / "run"))
    metrics = json.loads((out / "run/metrics.json").read_text())
    return {
        "windows_of_each_species": windows.count,
        "model": {name: metrics[TEST][name] for name in METRICS},
        "baselines": {
            name: {metric: round(each[TEST][metric]["mean"], 4) for metric in METRICS}
            for name, each in metrics["baselines"].items()
        },
        "minutes": round((time.perf_counter() - begun) / 60, 1),
    }


def run(*words: str) -> None:
    """Run a command of the package."""
    subprocess.run(["hyenadna-kit", *words], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
