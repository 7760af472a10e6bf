"""GenBank: records and gene models."""

from hyenadna_kit.io.annotation import read_annotation
from hyenadna_kit.io.genbank import read_genbank

RECORD = (
    b"LOCUS       c                         80 bp    DNA     circular UNK 01-JAN-1980\n"
    b"DEFINITION  A record\n            of two lines.\n"
    b"ACCESSION   c\n"
    b"VERSION     c.1\n"
    b"KEYWORDS    .\n"
    b"SOURCE      .\n"
    b"  ORGANISM  .\n            .\n"
    b"COMMENT     Nothing.\n"
    b"FEATURES             Location/Qualifiers\n"
    b"     source          1..80\n"
    b"     gene            complement(<11..60)\n"
    b'                     /gene="g"\n'
    b"     mRNA            complement(join(11..30,41..60))\n"
    b'                     /gene="g"\n'
    b"     CDS             complement(join(21..30,41..55))\n"
    b'                     /gene="g"\n'
    b"                     /codon_start=2\n"
    b'                     /note="a ""quoted"" text\n'
    b'                     of two lines"\n'
    b"     CDS             join(71..80,1..9)\n"
    b"                     /pseudo\n"
    b"ORIGIN\n"
    b"        1 acgtacgtac acgtacgtac acgtacgtac acgtacgtac acgtacgtac acgtacgtac\n"
    b"       61 acgtacgtac nnnnnacgta\n"
    b"//\n"
)

SEEDS = [RECORD, RECORD + RECORD.replace(b"circular", b"linear  ").replace(b"join(71..80,1..9)", b"7^8")]


def parse(path):
    """Read every record, and the gene models."""
    for record in read_genbank(path):
        assert len(record.sequence) in (0, record.length)
    read_annotation(path)
