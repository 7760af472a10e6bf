"""Contig names under their aliases."""

import pickle

import pytest

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.genome.contigs import ContigNames, check_species_label, qualified

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


TWO_SPECIES = ("human.chr1", "human.chrM", "yeast.I", "yeast.Mito", "NC_1.1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("human.chr1", "human.chr1", id="as it is"),
        pytest.param("human.1", "human.chr1", id="prefix added behind the label"),
        pytest.param("yeast.chrI", "yeast.I", id="prefix removed behind the label"),
        pytest.param("human.MT", "human.chrM", id="mitochondrion of one"),
        pytest.param("yeast.chrM", "yeast.Mito", id="mitochondrion of the other"),
        pytest.param("chrhuman.1", None, id="no prefix before the label"),
        pytest.param("chr1", None, id="without a label"),
        pytest.param("human.I", None, id="contig of the other"),
        pytest.param("mouse.chr1", None, id="unknown label"),
        pytest.param("NC_1.1", "NC_1.1", id="dot that ends no label"),
        pytest.param("chrNC_1.1", "NC_1.1", id="prefix before a dot that ends no label"),
    ],
)
def test_find_in_a_genome_of_several_species(name, expected):
    assert ContigNames(TWO_SPECIES, species=["human", "yeast"]).find(name) == expected


def test_label_is_one_only_where_it_was_given():
    assert ContigNames(TWO_SPECIES).find("human.1") is None


def test_alias_of_an_alias_is_none():
    names = ContigNames(UCSC, aliases={"a": "1", "b": "a"})
    assert [names.find(name) for name in ("1", "a", "b", "a")] == ["chr1", None, None, None]


def test_names_are_found_again_after_others():
    names = ContigNames(UCSC)
    for _ in range(2):
        found = [names.find(name) for name in ("1", "chr1", "MT", "chrMT", "chr3")]
        assert found == ["chr1", "chr1", "chrM", "chrM", None]


def test_label_and_contig_are_joined_as_in_maf():
    assert qualified(check_species_label("hg38"), "chr1") == "hg38.chr1"
    with pytest.raises(InputError, match=r"species label 'hg\.38'"):
        check_species_label("hg.38")
