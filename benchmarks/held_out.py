"""Pretrain a recipe of configs/pretrain/ and evaluate it once on the part of the genome that was held out.

    python benchmarks/held_out.py ecoli_tiny ecoli_K12_MG1655.fna.gz RUN_FOLDER
    python benchmarks/held_out.py yeast Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz RUN_FOLDER
    python benchmarks/held_out.py human_pieces STORE RUN_FOLDER

The pieces of the human genome are 1:1-1000000, 17:1-1000000, 20:9995001-11095000 (GRCh37) and 20:1-1000000
(GRCh38) as contigs of a store; tested is 20:1000001-2000000 (GRCh37), there the contig z. They are trained on
by the recipe of yeast, for 1,500 steps. Prints what the commands print; records minutes from begin to end,
and bits per base.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from record import record

from hyenadna_kit.strict_yaml import load_yaml

CONFIGS = Path(__file__).parents[1] / "configs" / "pretrain"


class Case(NamedTuple):
    """A recipe and what it is tested on."""

    config: str
    flags: tuple[str, ...]
    test: str


CASES = {
    "ecoli_tiny": Case("ecoli_tiny.yaml", (), "NC_000913.3:4177487-4641652"),
    "yeast": Case("yeast.yaml", (), "XV:832225-1091291,XVI"),
    "human_pieces": Case("yeast.yaml", ("--held_out", "z", "--max_steps", "1500"), "z"),
}


def main(name: str, genome: str, out: str) -> None:
    """Train, evaluate, record."""
    case = CASES[name]
    config = CONFIGS / case.config
    run("pretrain", "--config", str(config), "--genome", genome, "--out", out, *case.flags)
    begun, ended = (
        (Path(out) / name).stat().st_mtime for name in ("config.resolved.yaml", "model.safetensors")
    )
    figures = Path(out) / "evaluation.json"
    run("evaluate", "--model", out, "--genome", genome, "--regions", case.test, "--json", str(figures))
    evaluation = json.loads(figures.read_text())
    path = record(
        f"held_out_{name}",
        f"python benchmarks/held_out.py {name} {Path(genome).name} RUN_FOLDER",
        {
            "recipe": {key: value for key, value in load_yaml(config).items() if key != "held_out"},
            "flags": " ".join(case.flags),
            "test": case.test,
            "minutes_of_training": round((ended - begun) / 60, 1),
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
