"""Contig names under their aliases."""

import pickle

import pytest

from hyenadna_kit.errors import ContigNotFoundError
from hyenadna_kit.genome.contigs import ContigNames

UCSC = ("chr1", "chr2", "chrX", "chrM", "chrUn_KI270442v1")
ENSEMBL = ("1", "2", "X", "MT")
YEAST = ("I", "II", "Mito")
MIXED = ("chr1", "2", "chr10", "1_alt")


@pytest.mark.parametrize(
    ("genome", "name", "expected"),
    [
        pytest.param(UCSC, "chr1", "chr1", id="as it is"),
        pytest.param(UCSC, "1", "chr1", id="prefix added"),
        pytest.param(ENSEMBL, "chrX", "X", id="prefix removed"),
        pytest.param(UCSC, "MT", "chrM", id="ensembl mitochondrion in ucsc"),
        pytest.param(UCSC, "M", "chrM", id="short mitochondrion"),
        pytest.param(ENSEMBL, "chrM", "MT", id="ucsc mitochondrion in ensembl"),
        pytest.param(YEAST, "chrM", "Mito", id="ucsc mitochondrion in yeast"),
        pytest.param(YEAST, "chrII", "II", id="yeast with prefix"),
        pytest.param(UCSC, "Un_KI270442v1", "chrUn_KI270442v1", id="unplaced contig"),
        pytest.param(MIXED, "1", "chr1", id="each contig by itself: with prefix"),
        pytest.param(MIXED, "chr2", "2", id="each contig by itself: without"),
        pytest.param(UCSC, "chr3", None, id="absent"),
        pytest.param(ENSEMBL, "chrchr1", None, id="prefix is removed once"),
        pytest.param(UCSC, "CHR1", None, id="case counts"),
        pytest.param(MIXED, "1_al", None, id="no part of a name"),
        pytest.param(("1chr", "a1"), "1", None, id="prefix, not substring"),
        pytest.param(UCSC, "", None, id="empty"),
        pytest.param((), "chr1", None, id="no contigs"),
    ],
)
def test_find(genome, name, expected):
    assert ContigNames(genome).find(name) == expected


def test_own_name_wins_over_every_alias():
    both = ContigNames(("chr1", "1", "MT", "chrM"), aliases={"1": "chr1"})
    assert [both.find(name) for name in ("1", "chr1", "MT", "chrM")] == ["1", "chr1", "MT", "chrM"]


def test_user_alias_wins_over_the_prefix():
    names = ContigNames(UCSC, aliases={"NC_000001.11": "chr1", "2": "chr1"})
    assert names.find("NC_000001.11") == "chr1"
    assert names.find("2") == "chr1"


def test_user_alias_to_an_absent_contig_is_passed_over():
    names = ContigNames(UCSC, aliases={"2": "chr77", "foo": "chr77"})
    assert names.find("2") == "chr2"
    assert names.find("foo") is None


def test_resolve_names_contig_source_and_what_there_is():
    with pytest.raises(
        ContigNotFoundError,
        match=r"^contig 'chr9' is not in a\.fa; it has chr1, chr2, chrX, \.\.\. \(5 in all\)$",
    ):
        ContigNames(UCSC).resolve("chr9", "a.fa")
    assert ContigNames(UCSC).resolve("X", "a.fa") == "chrX"


@pytest.mark.parametrize(
    ("names", "expected"),
    [((), "no contigs"), (("a",), "a (1 in all)"), (("a", "b", "c"), "a, b, c (3 in all)")],
    ids=["none", "one", "three"],
)
def test_summary(names, expected):
    assert ContigNames(names).summary() == expected


def test_names_survive_pickling():
    names = pickle.loads(pickle.dumps(ContigNames(iter(UCSC), aliases={"one": "chr1"})))
    assert names.find("one") == names.find("1") == "chr1"
