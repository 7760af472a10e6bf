"""Labelled tables as text."""

from pathlib import Path

from hyenadna_kit.io.tables import read_labelled_table

SUFFIX = ".csv"

SEEDS = [
    b"sequence,label\nACGTN,1\nrYu,0\n",
    b'\xef\xbb\xbf"sequence",note,label\r\nACG,"a, ""b""",x\r\n',
    b"contig,start,end,strand,label,gc\nchr1,0,10,-,a,0.5\nchr2,5,9,.,b,-1e-3\n",
]


def parse(path: Path) -> None:
    """Read every row."""
    read_labelled_table(path)
