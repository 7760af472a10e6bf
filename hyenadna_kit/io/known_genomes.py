"""Public genomes by a short name: where each lies, and where its server writes down its checksum.

The table holds addresses alone: what arrives is compared with the checksum file beside it.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import NamedTuple

_NCBI = "https://ftp.ncbi.nlm.nih.gov/genomes/all"
_UCSC = "https://hgdownload.soe.ucsc.edu/goldenPath"


class KnownGenome(NamedTuple):
    """One assembly and the file that holds it."""

    name: str
    """What the user calls it."""
    organism: str
    """Species and strain."""
    accession: str
    """Assembly accession of NCBI."""
    num_bases: str
    """Length, rounded, with its unit."""
    contigs: str
    """What the contigs of the file are called, by an example."""
    url: str
    """Address of the FASTA, gzip."""
    checksums_url: str
    """Address of the server's own list of MD5 sums."""


def _ncbi(name: str, organism: str, assembly: str, num_bases: str, contigs: str) -> KnownGenome:
    """Return a genome of NCBI, whose folders are named after the digits of the accession."""
    kind, number = assembly.split("_")[:2]
    digits = number.partition(".")[0]
    folder = "/".join([_NCBI, kind, digits[:3], digits[3:6], digits[6:], assembly])
    return KnownGenome(
        name=name,
        organism=organism,
        accession=f"{kind}_{number}",
        num_bases=num_bases,
        contigs=contigs,
        url=f"{folder}/{assembly}_genomic.fna.gz",
        checksums_url=f"{folder}/md5checksums.txt",
    )


def _ucsc(name: str, organism: str, accession: str, num_bases: str) -> KnownGenome:
    folder = f"{_UCSC}/{name}/bigZips"
    return KnownGenome(
        name=name,
        organism=organism,
        accession=accession,
        num_bases=num_bases,
        contigs="chr1",
        url=f"{folder}/{name}.fa.gz",
        checksums_url=f"{folder}/md5sum.txt",
    )


_GENOMES: Sequence[KnownGenome] = (
    _ucsc("hg38", "Homo sapiens, GRCh38", "GCA_000001405.15", "3.2 Gbp"),
    _ucsc("hg19", "Homo sapiens, GRCh37", "GCA_000001405.1", "3.1 Gbp"),
    _ncbi("chm13", "Homo sapiens, T2T-CHM13", "GCF_009914755.1_T2T-CHM13v2.0", "3.1 Gbp", "NC_060925.1"),
    _ucsc("mm39", "Mus musculus, GRCm39", "GCA_000001635.9", "2.7 Gbp"),
    _ncbi("yeast", "Saccharomyces cerevisiae S288C, R64", "GCF_000146045.2_R64", "12.2 Mbp", "NC_001133.9"),
    _ncbi("ecoli", "Escherichia coli K-12 MG1655", "GCF_000005845.2_ASM584v2", "4.6 Mbp", "NC_000913.3"),
    _ncbi("lambda", "phage lambda", "GCF_000840245.1_ViralProj14204", "48.5 kbp", "NC_001416.1"),
    _ncbi("phix174", "phage phiX174", "GCF_000819615.1_ViralProj14015", "5.4 kbp", "NC_001422.1"),
    _ncbi("sars-cov-2", "SARS-CoV-2 Wuhan-Hu-1", "GCF_009858895.2_ASM985889v3", "29.9 kbp", "NC_045512.2"),
)

KNOWN_GENOMES = MappingProxyType({genome.name: genome for genome in _GENOMES})
"""The genomes by name, in the order in which they are listed."""

_OTHER_NAMES = MappingProxyType({
    "grch38": "hg38",
    "grch37": "hg19",
    "hs1": "chm13",
    "t2t-chm13": "chm13",
    "grcm39": "mm39",
    "r64": "yeast",
    "saccer3": "yeast",
    "ecoli-k12": "ecoli",
    "mg1655": "ecoli",
    "phix": "phix174",
    "sarscov2": "sars-cov-2",
})  # fmt: skip


def find_genome(name: str) -> KnownGenome | None:
    """Return the genome of this name, other usual name or accession, in any case, or None."""
    wanted = name.lower()
    found = KNOWN_GENOMES.get(_OTHER_NAMES.get(wanted, wanted))
    return found or next((g for g in _GENOMES if g.accession.lower() == wanted), None)
