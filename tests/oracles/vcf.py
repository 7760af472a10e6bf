"""Variant files for tests: written in every format, read back by htslib, stripped of our values."""

import gzip
from pathlib import Path

import pysam
import pysam.bcftools

COLUMNS = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"

HEADER = (
    b"##fileformat=VCFv4.2\n"
    b'##FILTER=<ID=q10,Description="Quality below 10">\n'
    b'##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    b'##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency, of each ALT">\n'
    b'##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n'
    b'##INFO=<ID=NOTE,Number=1,Type=String,Description="Free text">\n'
    b'##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    b'##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    b"##contig=<ID=chr1,length=1000000>\n"
    b"##contig=<ID=chr2,length=500000>\n"
)

SITES = HEADER + COLUMNS + b"\n"
SAMPLES = HEADER + COLUMNS + b"\tFORMAT\tNA1\tNA2\n"


def write_plain(path: Path, text: bytes) -> None:
    """Write the text as it is."""
    path.write_bytes(text)


def write_gzip(path: Path, text: bytes) -> None:
    """Write two members, whose border lies in the middle of a line, as `cat a.gz b.gz` makes them."""
    half = len(text) // 2
    path.write_bytes(gzip.compress(text[:half]) + gzip.compress(text[half:]))


def write_bgzip(path: Path, text: bytes) -> None:
    """Write blocks of about 200 bytes."""
    with pysam.BGZFile(str(path), "wb") as handle:
        for start in range(0, len(text), 200):
            handle.write(text[start : start + 200])
            handle.flush()


def write_bcf(path: Path, text: bytes) -> None:
    """Write BCF, compressed."""
    _convert(path, text, "-Ob")


def write_stored_bcf(path: Path, text: bytes) -> None:
    """Write BCF in blocks that are not compressed, as it goes through pipes."""
    _convert(path, text, "-Ou")


def write_plain_bcf(path: Path, text: bytes) -> None:
    """Write the bytes of a BCF without blocks around them."""
    write_bcf(path, text)
    path.write_bytes(gzip.decompress(path.read_bytes()))


WRITERS = {
    "plain": write_plain,
    "gzip": write_gzip,
    "bgzip": write_bgzip,
    "bcf": write_bcf,
    "stored_bcf": write_stored_bcf,
    "plain_bcf": write_plain_bcf,
}


def records_by_htslib(path: Path) -> list[str]:
    """Return the record lines that htslib makes of any variant file."""
    verbosity = pysam.set_verbosity(0)
    text = pysam.bcftools.view("--no-version", "-H", str(path))
    pysam.set_verbosity(verbosity)
    return text.splitlines()


def without_info(line: str, prefix: str) -> str:
    """Return a record line without the INFO entries whose key begins with ``prefix``."""
    columns = line.split("\t")
    kept = [entry for entry in columns[7].split(";") if not entry.startswith(prefix)]
    return "\t".join([*columns[:7], ";".join(kept) or ".", *columns[8:]])


def _convert(path: Path, text: bytes, output: str) -> None:
    source = path.with_name(f"{path.name}.source.vcf")
    source.write_bytes(text)
    pysam.bcftools.view("--no-version", output, "-o", str(path), str(source), catch_stdout=False)
    source.unlink()
