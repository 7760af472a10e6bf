"""bigWig tracks."""

from pathlib import Path

from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.bigwig import BigWig
from tests.oracles.bigwig import BEDGRAPH, FIXED_STEP, VARIABLE_STEP, bigwig_bytes

SUFFIX = ".bw"

_CONTIGS = {"chr1": 100, "2": 90}
_SECTIONS = [
    ("chr1", BEDGRAPH, [(3, 9, 1.5), (9, 12, -2.0)]),
    ("chr1", VARIABLE_STEP, [(20, 1.0), (40, 2.0)]),
    ("2", FIXED_STEP, [1.0, 2.0]),
]
_READ_BASES = 10_000

SEEDS = [
    bigwig_bytes(_CONTIGS, _SECTIONS),
    bigwig_bytes(_CONTIGS, _SECTIONS, compress=False),
    bigwig_bytes(_CONTIGS, _SECTIONS, order=">"),
]


def parse(path: Path) -> None:
    """Read the beginning of every contig."""
    track = BigWig(path)
    try:
        for contig, length in track.contigs.items():
            track.values(Interval(contig, 0, min(length, _READ_BASES)))
    finally:
        track.close()
