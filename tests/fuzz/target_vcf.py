"""VCF and BCF, in every encoding."""

import tempfile
from pathlib import Path

from hyenadna_kit.io.vcf import read_variants
from tests.oracles.vcf import SAMPLES, WRITERS

TEXT = SAMPLES + (
    b"chr1\t100\trs1\tA\tC\t29.5\tPASS\tDP=3\tGT:DP\t0/1:3\t1|1:4\n"
    b"chr1\t200\t.\tACGT\tA,*,<DEL>\t10\tq10\tDP=3;NOTE=x\tGT\t.\t0\n"
    b"chr2\t7\t.\tA\t.\t.\tPASS\t.\tGT\t0/0\t0/0\n"
)


def encoded(form):
    """Return the text in one encoding."""
    with tempfile.TemporaryDirectory() as folder:
        WRITERS[form](Path(folder) / "calls", TEXT)
        return (Path(folder) / "calls").read_bytes()


SEEDS = [encoded(form) for form in WRITERS]


def parse(path):
    """Read every record and its variants."""
    with read_variants(path) as reader:
        for record in reader:
            assert len(record.variants()) == len(record.alts)
