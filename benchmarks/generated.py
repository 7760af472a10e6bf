"""Genomes and reads for the benchmarks, drawn from a seed: no benchmark needs data of its own."""

from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

CONTIG = "chr1"
MEAN_MASKED_BASES = 300
"""Of a soft-masked run, and of the gap between two: about half of a human genome lies in such runs."""
LINE = 60


def write_fasta(path: Path, num_bases: int) -> None:
    """Write one contig of random bases, half of them soft-masked in runs, with a run of N of 1 %."""
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)[rng.integers(0, 4, num_bases, dtype=np.uint8)]
    num_borders = int(2.2 * num_bases / MEAN_MASKED_BASES)
    borders = np.cumsum(rng.geometric(1 / MEAN_MASKED_BASES, num_borders))
    changes = np.zeros(num_bases, dtype=np.uint8)
    changes[borders[borders < num_bases]] = 1
    letters |= (np.cumsum(changes, dtype=np.uint8) & 1) << 5  # the bit that makes a letter lower case
    letters[num_bases // 2 : num_bases // 2 + num_bases // 100] = ord("N")
    with path.open("wb") as handle:
        handle.write(b">%s\n" % CONTIG.encode())
        handle.write(_in_lines(letters))


def write_bam(path: Path, num_bases: int, *, depth: int, read_length: int) -> None:
    """Write reads over a contig of ``num_bases``, sorted and indexed; one in four has an indel or a clip.

    Args:
        path: File to write; its index lies beside it.
        num_bases: Length of the contig.
        depth: Mean number of reads over a base.
        read_length: Bases of a read.
    """
    rng = np.random.default_rng(0)
    starts = np.sort(rng.integers(0, num_bases - 2 * read_length, depth * num_bases // read_length))
    half = read_length // 2
    cigars = [f"{read_length}M"] * 5 + [
        f"{half}M3D{read_length - half}M",
        f"{half}M2I{read_length - half - 2}M",
        f"5S{read_length - 5}M",
    ]
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": CONTIG, "LN": num_bases}]}
    with pysam.AlignmentFile(str(path), "wb", header=header) as bam:
        for number, start in enumerate(starts.tolist()):
            read = pysam.AlignedSegment(bam.header)
            read.query_name, read.reference_id, read.reference_start = f"read{number}", 0, start
            read.cigarstring = cigars[number % len(cigars)]
            read.query_sequence = "".join(rng.choice(list("ACGT"), read_length))
            read.query_qualities = pysam.qualitystring_to_array("F" * read_length)
            read.mapping_quality = 60
            bam.write(read)
    pysam.index(str(path))


def _in_lines(letters: NDArray[np.uint8]) -> bytes:
    whole = letters[: letters.size // LINE * LINE].reshape(-1, LINE)
    line_ends = np.full((len(whole), 1), ord("\n"), dtype=np.uint8)
    rest = letters[whole.size :].tobytes()
    return np.hstack([whole, line_ends]).tobytes() + (rest + b"\n" if rest else b"")
