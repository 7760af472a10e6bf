"""BAM: compressed as it is on disk, and its records alone, which no checksum protects here."""

import gzip
import tempfile
from pathlib import Path

import pysam
from pysam.utils import SamtoolsError

from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.htslib import quiet
from hyenadna_kit.io.read_filter import ReadFilter
from hyenadna_kit.io.read_store import build_read_store
from tests.oracles.alignments import PAIRED, REVERSE, SECONDARY, UNMAPPED, Alignment, write_bam

SUFFIX = ".bam"

READS = [
    Alignment(10, "3S20M2I5M", PAIRED, mate_start=15),
    Alignment(15, "10M4D10M", PAIRED | REVERSE, mate_start=10),
    Alignment(20, "5H12M", SECONDARY, sequence=None),
    Alignment(50, "8M20N8M3I", qualities=None, contig="chr2"),
    Alignment(0, "", UNMAPPED, contig=None, sequence="ACGTN"),
]
EVERYTHING = ReadFilter(
    keep_unmapped=True,
    keep_secondary=True,
    keep_supplementary=True,
    keep_duplicates=True,
    keep_qc_fail=True,
)
_LONGEST_TRACK = 10_000


def _seeds():
    with tempfile.TemporaryDirectory() as folder:
        compressed = write_bam(Path(folder) / "reads.bam", READS, index=False).read_bytes()
    return [compressed, gzip.decompress(compressed)]


SEEDS = _seeds()


def parse(path):
    """Read every record, every track, and pack the reads."""
    if path.read_bytes().startswith(b"BAM\x01"):
        path = _compressed(path)
    bam = Bam(path)
    list(bam.reads(read_filter=EVERYTHING))
    if _is_indexed(path):
        for contig, length in bam.contigs.items():
            interval = Interval(contig, 0, min(length, _LONGEST_TRACK))
            bam.coverage(interval, read_filter=EVERYTHING)
            bam.coverage(interval, read_filter=EVERYTHING, min_base_quality=10)
            bam.insertions(interval, read_filter=EVERYTHING)
            bam.five_prime_ends(interval, read_filter=EVERYTHING)
    with tempfile.TemporaryDirectory() as folder:
        build_read_store(path, Path(folder) / "store", read_filter=EVERYTHING)


def _compressed(path):
    """Write the records as a BAM has them, with checksums that fit."""
    target = path.with_name(f"compressed_{path.name}")
    with pysam.BGZFile(str(target), "wb", None) as handle:
        handle.write(path.read_bytes())
    return target


def _is_indexed(path):
    with quiet():
        try:
            pysam.index(str(path))
        except SamtoolsError:
            return False
    return True
