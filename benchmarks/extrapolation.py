"""Bits per base in windows far longer than the trained ones, with filters that continue and that end there.

    python benchmarks/extrapolation.py MODEL ecoli_K12_MG1655.fna.gz NC_000913.3:4177487-4641652

The model was trained on windows of 1,024 bases; it is measured in windows of 1,024 and of 65,536, end to end.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from record import record

LENGTHS = "1k,64k"


def main(model: str, genome: str, region: str) -> None:
    """Measure and record."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "lengths.json"
        words = ["--model", model, "--genome", genome, "--regions", region, "--lengths", LENGTHS]
        subprocess.run(["hyenadna-kit", "evaluate", *words, "--json", str(figures)], check=True)
        found = json.loads(figures.read_text())
    command = f"python benchmarks/extrapolation.py {Path(model).name} {Path(genome).name} {region}"
    print(record("extrapolation", command, summary(found)).read_text())


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Return what is found, without the curves by position."""
    return {
        "trained_length": found["trained_length"],
        "bits_per_base": {
            mode: {row["length"]: round(row["bits_per_base"], 4) for row in rows}
            for mode, rows in found["modes"].items()
        },
        "share_of_energy_from_taps_beyond_by_layer": found["tail_shares"],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
