"""CRAM, with the reference that it was written with."""

import tempfile
from pathlib import Path

import pysam

from hyenadna_kit.io.bam import Bam
from tests.fuzz.target_bam import EVERYTHING, READS
from tests.oracles.alignments import CONTIGS, write_bam

SUFFIX = ".cram"


def _write_reference(folder):
    path = Path(folder) / "genome.fa"
    path.write_text("".join(f">{name}\n{'ACGTA' * (length // 5)}\n" for name, length in CONTIGS.items()))
    pysam.faidx(str(path))
    return path


def _seed():
    with tempfile.TemporaryDirectory() as folder:
        path, reference = Path(folder) / "reads.cram", str(_write_reference(folder))
        return write_bam(path, READS, mode="wc", index=False, reference=reference).read_bytes()


SEEDS = [_seed()]


def parse(path):
    """Read every record."""
    with tempfile.TemporaryDirectory() as folder:
        list(Bam(path, _write_reference(folder)).reads(read_filter=EVERYTHING))
