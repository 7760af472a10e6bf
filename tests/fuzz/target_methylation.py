"""MM and ML tags in a BAM: compressed as it is on disk, and its bytes, which no checksum protects here."""

import array
import gzip
import tempfile
from itertools import chain
from pathlib import Path

import pysam

from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.methylation import MethylationCalling, count_methylation
from hyenadna_kit.io.read_filter import ReadFilter

SUFFIX = ".bam"

_TAGS = [
    ("MM", "C+mh?,1;G-m.,0;"),
    ("Mm", "C+m,0,1;C+h;"),
    ("MM", "N+27551,2;A+a?;"),
    ("MM", "C+m;"),
]
_CALLINGS = [MethylationCalling(), MethylationCalling(codes=("h", "m", "a"), base="N")]


def _seed():
    header = pysam.AlignmentHeader.from_references(["chr1"], [100])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reads.bam"
        with pysam.AlignmentFile(str(path), "wb", header=header) as handle:
            for number, (name, text) in enumerate(_TAGS):
                read = pysam.AlignedSegment(header)
                read.query_name, read.flag, read.mapping_quality = f"r{number}", 16 * (number % 2), 60
                read.reference_id, read.reference_start = 0, 10 + number
                read.query_sequence, read.cigarstring = "ACGTCCGGACGT", "2S4M1I2M2D3M"
                read.set_tag(name, text)
                values = [255, 3, 128][: 3 if number == 0 else 2 if number == 1 else 1]
                if number < 3:
                    read.set_tag("ML" if name == "MM" else "Ml", array.array("B", values))
                read.set_tag("MN", 12)
                handle.write(read)
        return path.read_bytes()


SEEDS = [_seed(), gzip.decompress(_seed())]


def parse(path):
    """Count the labels of every read, on both strands and by several rules."""
    content = path.read_bytes()
    if content.startswith(b"BAM\x01"):
        with pysam.BGZFile(str(path), "wb") as handle:
            handle.write(content)
    keep_all = ReadFilter(keep_secondary=True, keep_unmapped=True, keep_supplementary=True)
    for calling in _CALLINGS:
        segments = chain.from_iterable(Bam(path).segments(read_filter=keep_all))
        count_methylation(segments, Interval("chr1", -5, 120), calling, source=path.name)
