"""BED3 to BED12."""

import gzip

from hyenadna_kit.io.bed import read_bed, read_bed_records

BED3 = b"track name=x\n#comment\nchr1\t0\t10\nchr2 5 9\n"
BED6 = b"chr1\t10\t40\tname\t604.98\t-\nchr1\t10\t10\t.\t.\t.\r\n"
BED12 = b"c\t10\t90\tt\t0\t-\t20\t85\t255,0,7\t3\t20,20,10,\t0,30,70,\textra\n"

SEEDS = [BED3, BED6, BED12, gzip.compress(BED12, mtime=0)]


def parse(path):
    """Read intervals and records, and find the same in both."""
    intervals = list(read_bed(path))
    assert [record.interval for record in read_bed_records(path)] == intervals
