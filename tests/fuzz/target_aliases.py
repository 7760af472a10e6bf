"""Tables of aliases of contigs."""

import gzip

from hyenadna_kit.io.contig_aliases import read_aliases

SEEDS = [
    b"#alias\tchrom\tsource\nNC_000001.11\tchr1\trefseq\n\nJ01415.2\tchrM\r\n",
    gzip.compress(b"NC_1\tchr1\n", mtime=0),
]


def parse(path):
    """Read every alias."""
    for other, contig in read_aliases(path).items():
        assert other.strip()
        assert contig.strip()
