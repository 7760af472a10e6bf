"""Speed of the sequence half: tokenizer and genome store, as ratios to plain Python in one run.

    python benchmarks/sequence.py

Needs no data: 100 Mb of random bases are written to a temporary folder.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from record import record

from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome_store import build_store
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

NUM_BASES = 100_000_000
NUM_BASES_PLAIN = 2_000_000
NUM_WINDOWS, WINDOW = 20_000, 1024
REPEATS = 3
PLAIN_IDS = {"A": 7, "C": 8, "G": 9, "T": 10, "N": 11}


def seconds(function: Callable[[], object]) -> float:
    """Return the shortest of a few runs."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Measure and record."""
    rng = np.random.default_rng(0)
    sequence = np.frombuffer(b"ACGTacgt", dtype=np.uint8)[rng.integers(0, 8, NUM_BASES)].tobytes().decode()
    tokenizer = NucleotideTokenizer()
    ours = NUM_BASES / seconds(lambda: tokenizer.encode(sequence))
    short = sequence[:NUM_BASES_PLAIN].upper()
    plain = NUM_BASES_PLAIN / seconds(lambda: [PLAIN_IDS[base] for base in short])
    with tempfile.TemporaryDirectory() as folder:
        fasta = Path(folder) / "genome.fa"
        lines = "\n".join(sequence[i : i + 80] for i in range(0, NUM_BASES, 80))
        fasta.write_text(f">contig\n{lines}\n")
        started = time.perf_counter()
        store = build_store([fasta], Path(folder) / "store")
        build = NUM_BASES / (time.perf_counter() - started)
        starts = rng.integers(0, NUM_BASES - WINDOW, NUM_WINDOWS).tolist()
        windows = [Interval("contig", start, start + WINDOW) for start in starts]
        reads = NUM_WINDOWS / seconds(lambda: [store.tokens(window) for window in windows])
    figures = {
        "tokenizer_megabases_per_second": round(ours / 1e6),
        "plain_python_megabases_per_second": round(plain / 1e6, 1),
        "tokenizer_over_plain_python": round(ours / plain, 1),
        "store_build_megabases_per_second": round(build / 1e6),
        "windows_of_1024_bp_per_second": round(reads),
    }
    print(record("sequence", "python benchmarks/sequence.py", figures).read_text())


if __name__ == "__main__":
    main()
