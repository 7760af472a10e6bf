"""Headers that say where a contig lies: read, and held against its length."""

import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.fasta_places import read_fasta_places


def test_place_is_the_word_behind_the_name(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(">a chr1:11-15 GRCh38 + strand\nACG\nTT\n>b chrX:1-1\nN\n")
    assert read_fasta_places(path) == {"a": Interval("chr1", 10, 15), "b": Interval("chrX", 0, 1)}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("a", "header 'a' names no place"),
        ("a human", "header 'a human' names no place"),
        ("a chr1:1-4", "contig 'a' has 3 bases and its header says chr1:1-4, which are 4"),
    ],
)
def test_header_without_its_place_is_refused(tmp_path, header, message):
    path = tmp_path / "g.fa"
    path.write_text(f">{header}\nACG\n")
    with pytest.raises(InputError, match=message):
        read_fasta_places(path)
