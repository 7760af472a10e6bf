"""VCF and BCF with genotypes, as haplotypes and consensus sequences of a small genome."""

import tempfile
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.haplotype_fasta import write_haplotype
from hyenadna_kit.io.haplotype_rules import HaplotypeRules
from tests.oracles.vcf import HEADER, WRITERS

_BASES = "ACGTACGTNNacgtRYACGT"
_COLUMNS = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA1\tNA2\n"
_RECORDS = (
    b"chr1\t2\t.\tC\tG\t.\tPASS\t.\tGT:PS\t0|1:2\t1/1:.\n"
    b"chr1\t4\t.\tT\tTA,<DEL>\t.\t.\t.\tGT:DP\t1|2:3\t0/1\n"
    b"chr1\t5\t.\tACG\tA,*\t.\tq10\t.\tGT\t1\t.|2\n"
    b"chr1\t9\t.\tNNA\tN\t.\tPASS\t.\tDP\t3\t4\n"
    b"chr2\t20\t.\tT\t.\t.\tPASS\t.\tGT\t0/0\t./.\n"
)
_RULES = [
    HaplotypeRules(),
    HaplotypeRules(sample="NA2", filters=("PASS", ".")),
    HaplotypeRules(sample="NA1", haplotype=1, unphased="iupac", phase_sets="join"),
    HaplotypeRules(sample="NA2", haplotype=2, unphased="alternative", overlaps="error"),
]


def _encoded(form):
    with tempfile.TemporaryDirectory() as folder:
        text = HEADER + b'##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Set">\n' + _COLUMNS + _RECORDS
        WRITERS[form](Path(folder) / "calls", text)
        return (Path(folder) / "calls").read_bytes()


SEEDS = [_encoded(form) for form in WRITERS]


def parse(path):
    """Write every kind of sequence; the last error is raised when all were tried."""
    failure = None
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "genome.fa").write_text(f">chr1\n{_BASES}\n>chr2\n{_BASES}\n")
        genome = Fasta(Path(folder) / "genome.fa")
        for rules in _RULES:
            try:
                write_haplotype(genome, path, Path(folder) / "out.fa", rules)
            except InputError as error:
                failure = error
    if failure is not None:
        raise failure
