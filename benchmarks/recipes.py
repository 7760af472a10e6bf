"""What was tried to find the recipe of E. coli: each try's validation bits per base, in one table.

    python benchmarks/recipes.py ecoli_K12_MG1655.fna.gz FOLDER [NAME ...]

Every try is configs/pretrain/ecoli_tiny.yaml with the flags below, trained on the same range and validated
on the same bases. The test range is never read here. A try that is finished is not run again: the table is
that of all that stand in FOLDER.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean

from record import record

from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.strict_yaml import load_yaml

CONFIG = Path(__file__).parents[1] / "configs" / "pretrain" / "ecoli_tiny.yaml"
SHORT = ("--max_steps", "800")
TRIES: dict[str, tuple[str, ...]] = {
    "base, 5000 steps": ("--max_steps", "5000"),
    "base": SHORT,
    "learning rate 6e-3": (*SHORT, "--optimizer.learning_rate", "6e-3"),
    "6 layers": (*SHORT, "--model.backbone.num_layers", "6"),
    "order 3": (*SHORT, "--model.backbone.mixer.order", "3"),
    "windows of 2048": (*SHORT, "--model.backbone.context_length", "2048", "--batch_size", "8"),
    "filters at 1e-3": (*SHORT, "--optimizer.filter_learning_rate", "1e-3"),
    "dropout 0.1 after the embedding": (*SHORT, "--model.backbone.embed_dropout", "0.1"),
    "one strand": (*SHORT, "--reverse_fraction", "0"),
    "weight decay 0.3": (*SHORT, "--optimizer.weight_decay", "0.3"),
    "d_model 192": (*SHORT, "--model.backbone.d_model", "192"),
    "batch 8, twice the steps": ("--max_steps", "1600", "--batch_size", "8"),
    "beta2 0.98": (*SHORT, "--optimizer.beta2", "0.98"),
}


def main(genome: str, folder: str, *names: str) -> None:
    """Run the tries that are named, and record all that are there."""
    for name in names or TRIES:
        words = ["--config", str(CONFIG), "--genome", genome, "--out", str(place(folder, name)), *TRIES[name]]
        subprocess.run(["hyenadna-kit", "pretrain", *words], check=True)
    rows = {name: figures(place(folder, name)) for name in TRIES if is_finished(place(folder, name))}
    path = record("recipes", f"python benchmarks/recipes.py {Path(genome).name} FOLDER", {"tries": rows})
    print(path.read_text())


def place(folder: str, name: str) -> Path:
    """Return the run folder of a try."""
    return Path(folder) / name.replace(",", "").replace(" ", "_")


def is_finished(run: Path) -> bool:
    """Say whether a run has come to its end."""
    return (run / "model.safetensors").exists()


def figures(run: Path) -> dict[str, float | str]:
    """Return what a finished run came to."""
    options = load_yaml(run / "config.resolved.yaml")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    validation = [row["validation_bits_per_base"] for row in rows if "validation_bits_per_base" in row]
    training = [row["bits_per_base"] for row in rows if "bits_per_base" in row]
    length = options["length"] or options["model"]["backbone"]["context_length"]
    return {
        "parameters": HyenaDNA.from_pretrained(run).num_parameters,
        "megabases": round(options["max_steps"] * options["batch_size"] * length / 1e6, 1),
        "validation_bits_per_base": round(validation[-1], 4),
        "training_bits_per_base": round(fmean(training[-20:]), 4),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
