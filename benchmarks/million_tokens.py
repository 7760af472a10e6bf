"""Train on windows of 1,048,576 bases with configs/pretrain/ecoli_1m.yaml; record memory and each loss.

    python benchmarks/million_tokens.py ecoli_K12_MG1655.fna.gz RUN_FOLDER

The memory is the largest resident set of the process that trains.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from record import record

from hyenadna_kit.strict_yaml import load_yaml

CONFIG = Path(__file__).parents[1] / "configs" / "pretrain" / "ecoli_1m.yaml"


def main(genome: str, out: str) -> None:
    """Train and record."""
    started = time.perf_counter()
    words = ["--config", str(CONFIG), "--genome", genome, "--out", out]
    subprocess.run(["hyenadna-kit", "pretrain", *words], check=True)
    seconds = time.perf_counter() - started
    rows = [json.loads(line) for line in (Path(out) / "metrics.jsonl").read_text().splitlines()]
    path = record(
        "million_tokens",
        f"python benchmarks/million_tokens.py {Path(genome).name} RUN_FOLDER",
        {
            **load_yaml(CONFIG)["model"]["backbone"],
            "bits_per_base": [round(row["bits_per_base"], 4) for row in rows if "bits_per_base" in row],
            "seconds_with_start_and_validation": round(seconds, 1),
            "peak_gib": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20, 2),
        },
    )
    print(path.read_text())


if __name__ == "__main__":
    main(*sys.argv[1:])
