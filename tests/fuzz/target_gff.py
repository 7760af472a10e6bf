"""GFF3: features and gene models."""

import gzip

from hyenadna_kit.io.annotation import read_annotation
from hyenadna_kit.io.gff import read_features

EUKARYOTE = (
    b"##gff-version 3\n##sequence-region c 1 100\n"
    b"c\t.\tgene\t11\t90\t.\t-\t.\tID=g;Name=a%3Bb;gene_biotype=protein_coding\n"
    b"c\t.\tmRNA\t11\t90\t0.5\t-\t.\tID=t;Parent=g\n"
    b"c\t.\texon\t41\t90\t.\t-\t.\tParent=t,u\n"
    b"c\t.\texon\t11\t30\t.\t-\t.\tParent=t\n"
    b"c\t.\tCDS\t21\t30\t.\t-\t2\tID=p;Parent=t\n"
    b"c\t.\tCDS\t41\t60\t.\t-\t0\tID=p;Parent=t;Note=x,y\n"
    b"##FASTA\n>c\nACGT\n"
)
BACTERIUM = (
    b"c%20d\tsrc\tgene\t1\t90\t.\t+\t.\tID=g\n"
    b"c%20d\tsrc\tCDS\t1\t60\t.\t+\t0\tID=p;Parent=g;partial=true\n"
    b"c%20d\tsrc\tCDS\t60\t90\t.\t+\t0\tID=p;Parent=g\r\n"
    b"c%20d\tsrc\ttRNA\t1\t60\t.\t?\t.\t.\n"
)

SEEDS = [EUKARYOTE, BACTERIUM, gzip.compress(EUKARYOTE, mtime=0)]


def parse(path):
    """Read every feature, and the gene models."""
    features = list(read_features(path))
    assert all(0 <= feature.interval.start < feature.interval.end for feature in features)
    read_annotation(path)
