"""GTF: features and gene models."""

from hyenadna_kit.io.annotation import read_annotation
from hyenadna_kit.io.gff import read_features

WHOLE = (
    b"#!genome-build x\n"
    b'c\t.\tgene\t11\t90\t.\t-\t.\tgene_id "g"; gene_name "a;b"; tag "x"; tag "y";\n'
    b'c\t.\ttranscript\t11\t90\t.\t-\t.\tgene_id "g"; transcript_id "t";\n'
    b'c\t.\texon\t41\t90\t.\t-\t.\tgene_id "g"; transcript_id "t"; exon_number 1;\n'
    b'c\t.\tCDS\t44\t60\t.\t-\t0\tgene_id "g"; transcript_id "t"; note "a \\"b\\"";\n'
    b'c\t.\tstop_codon\t41\t43\t.\t-\t0\tgene_id "g"; transcript_id "t";\n'
)
EXONS = (
    b'c\t.\texon\t1\t9\t1e3\t.\t.\tgene_id "g"; transcript_id "t"\r\n'
    b'c\t.\texon\t21\t29\t.\t+\t.\tgene_id "g"; # x\n'
)

SEEDS = [WHOLE, EXONS]


def parse(path):
    """Read every feature, and the gene models."""
    features = list(read_features(path))
    assert all(0 <= feature.interval.start < feature.interval.end for feature in features)
    read_annotation(path)
