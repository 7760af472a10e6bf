"""FASTA, plain, gzip and bgzip."""

import tempfile
from pathlib import Path

from hyenadna_kit.io.fasta import read_fasta
from tests.oracles.vcf import write_bgzip, write_gzip, write_plain

PLAIN = b">chr1 first\nACGTNacgtn\nRYSWKM\n\n>chr2\r\nGATTACA\r\n"


def encoded(write):
    """Return the text as ``write`` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "genome", PLAIN)
        return (Path(folder) / "genome").read_bytes()


SEEDS = [encoded(write) for write in (write_plain, write_gzip, write_bgzip)]


def parse(path):
    """Read every block."""
    for block in read_fasta(path):
        assert len(block.bases) == block.tokens.size > 0
