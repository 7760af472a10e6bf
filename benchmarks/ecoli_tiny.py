"""Pretrain configs/pretrain/ecoli_tiny.yaml and evaluate it once on the held-out part of E. coli.

    python benchmarks/ecoli_tiny.py ecoli_K12_MG1655.fna.gz RUN_FOLDER

Prints what the commands print, and records minutes and bits per base.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from record import record

from hyenadna_kit.strict_yaml import load_yaml

CONFIG = Path(__file__).parents[1] / "configs" / "pretrain" / "ecoli_tiny.yaml"
TEST_REGION = "NC_000913.3:4177487-4641652"


def main(genome: str, out: str) -> None:
    """Train, evaluate, record."""
    started = time.perf_counter()
    run("pretrain", "--config", str(CONFIG), "--genome", genome, "--out", out)
    minutes = (time.perf_counter() - started) / 60
    figures = Path(out) / "evaluation.json"
    run("evaluate", "--model", out, "--genome", genome, "--regions", TEST_REGION, "--json", str(figures))
    evaluation = json.loads(figures.read_text())
    path = record(
        "ecoli_tiny",
        f"python benchmarks/ecoli_tiny.py {Path(genome).name} RUN_FOLDER",
        {
            "max_steps": load_yaml(CONFIG)["max_steps"],
            "minutes_of_training": round(minutes, 2),
            "test_bits_per_base": round(evaluation["bits_per_base"], 4),
            "markov_bits_per_base": {name: round(bits, 4) for name, bits in evaluation["baselines"].items()},
        },
    )
    print(path.read_text())


def run(*words: str) -> None:
    """Run one command of the toolkit."""
    subprocess.run(["hyenadna-kit", *words], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
