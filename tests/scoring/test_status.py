"""Why an ALT has no score, told by a table."""

import pytest

from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.scoring.status import Site, Status, examine

#        0         1         2         3         4
#        012345678901234567890123456789012345678901
CONTIGS = {
    "chr1": "ACGTTGCATCaaacccgggtttNNNNNRACGTACGATTACAA",
    "2": "GATTACA",
    "chrM": "ACGTACGT",
}


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


@pytest.fixture(scope="module")
def mitochondria(write_genome):
    return {name: write_genome({"1": "ACGT", name: "ACGT"}) for name in ("MT", "M", "chrM", "chrMT")}


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (("chr1", 0, "A", ("C",)), "PASS"),
        (("chr1", 0, "a", ("c",)), "PASS"),
        (("chr1", 10, "AAA", ("A",)), "PASS"),
        (("chr1", 0, "A", ("A",)), "PASS"),
        (("chr1", 41, "A", ("T",)), "PASS"),
        (("chr1", 0, "C", ("A",)), "REF_MISMATCH"),
        (("chr1", 0, "AT", ("A",)), "REF_MISMATCH"),  # what is left after trimming would match
        (("chr1", 0, "ACGA", ("TCGA",)), "REF_MISMATCH"),
        (("chr1", 41, "AA", ("A",)), "REF_MISMATCH"),
        (("chr1", 42, "A", ("C",)), "REF_MISMATCH"),
        (("chr1", 9_999_999_999, "A", ("C",)), "REF_MISMATCH"),
        (("chr1", 22, "A", ("C",)), "REF_MISMATCH"),
        (("chr1", 27, "A", ("C",)), "REF_MISMATCH"),
        (("chr1", -1, "A", ("C",)), "REF_MISMATCH"),
        (("chr1", -1, "A", ("<DEL>",)), "SYMBOLIC"),
        (("chr1", -1, "N", ("C",)), "NON_ACGT"),
        (("chr9", 0, "A", ("C",)), "NO_CONTIG"),
        (("", 0, "A", ("C",)), "NO_CONTIG"),
        (("1hr", 0, "A", ("C",)), "NO_CONTIG"),  # a prefix is taken off, not letters
        (("rhc1", 0, "A", ("C",)), "NO_CONTIG"),
        (("chr9", 0, "A", ("*",)), "STAR"),
        (("chr9", 0, "N", ("C",)), "NO_CONTIG"),
        (("chr1", 0, "A", ("<DEL>",)), "SYMBOLIC"),
        (("chr1", 0, "A", ("<INS:ME:ALU>",)), "SYMBOLIC"),
        (("chr1", 0, "A", ("<*>",)), "SYMBOLIC"),
        (("chr1", 0, "A", ("A]chr2:5]",)), "SYMBOLIC"),
        (("chr1", 0, "A", ("[chr2:5[A",)), "SYMBOLIC"),
        (("chr1", 0, "A", (".A",)), "SYMBOLIC"),
        (("chr1", 0, "A", ("A.",)), "SYMBOLIC"),
        (("chr1", 0, "A", ("*",)), "STAR"),
        (("chr1", 0, "A", (".",)), "NO_ALT"),
        (("chr1", 0, "A", ()), ""),
        (("chr1", 22, "N", ("C",)), "NON_ACGT"),
        (("chr1", 27, "R", ("C",)), "NON_ACGT"),
        (("chr1", 21, "TN", ("T",)), "NON_ACGT"),
        (("chr1", 0, "A", ("N",)), "NON_ACGT"),
        (("chr1", 0, "A", ("AR",)), "NON_ACGT"),
        (("chr1", 0, "A", ("a?",)), "NON_ACGT"),
        (("chr1", 0, "A", ("U",)), "NON_ACGT"),
        (("chr1", 0, "A", ("C", "*", "<DEL>", "N", "G")), "PASS STAR SYMBOLIC NON_ACGT PASS"),
        (("1", 0, "A", ("C",)), "PASS"),
        (("chr2", 0, "G", ("C",)), "PASS"),
        (("MT", 0, "A", ("C",)), "PASS"),
        (("M", 0, "A", ("C",)), "PASS"),
    ],
    ids=str,
)
def test_every_alt_has_its_status(genome, site, expected):
    alleles = examine(Site(*site), genome, "skip")
    assert " ".join(allele.status for allele in alleles) == expected
    assert all((allele.variant is not None) == (allele.status == "PASS") for allele in alleles)
    assert all(allele.sign == 1 for allele in alleles)


@pytest.mark.parametrize("asked", ["MT", "M", "chrM", "chrMT"])
@pytest.mark.parametrize("own", ["MT", "M", "chrM", "chrMT"])
def test_names_of_the_mitochondrion_are_one(mitochondria, own, asked):
    (allele,) = examine(Site(asked, 1, "C", ("T",)), mitochondria[own], "skip")
    assert allele.variant == Variant(own, 1, "C", "T")


def test_aliases_are_decided_contig_by_contig(genome):
    sites = [
        Site(name, 0, CONTIGS[own][0], ("C",)) for name, own in (("1", "chr1"), ("2", "2"), ("MT", "chrM"))
    ]
    found = [examine(site, genome, "skip")[0].variant.contig for site in sites]
    assert found == ["chr1", "2", "chrM"]


def test_exact_name_comes_before_an_alias(write_genome):
    both = write_genome({"chr1": "AAAA", "1": "CCCC"})
    assert examine(Site("1", 0, "C", ("T",)), both, "skip")[0].status == Status.PASS
    assert examine(Site("chr1", 0, "A", ("T",)), both, "skip")[0].status == Status.PASS


@pytest.mark.parametrize("policy", ["skip", "error"])
def test_mismatch_is_told_and_not_scored(genome, policy):
    (allele,) = examine(Site("chr1", 0, "C", ("A",)), genome, policy)
    assert allele == (Status.REF_MISMATCH, None, 1)


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (("chr1", 0, "C", ("A",)), (Variant("chr1", 0, "A", "C"), -1)),
        (("1", 0, "c", ("a",)), (Variant("chr1", 0, "A", "C"), -1)),
        (("chr1", 0, "C", ("ACG",)), (Variant("chr1", 0, "ACG", "C"), -1)),
        (("chr1", 0, "ACC", ("A",)), (Variant("chr1", 0, "A", "ACC"), -1)),
        (("chr1", 0, "A", ("C",)), (Variant("chr1", 0, "A", "C"), 1)),
        (("chr1", 0, "C", ("T",)), None),
        (("chr1", -1, "C", ("A",)), None),
    ],
    ids=str,
)
def test_swap_takes_the_alt_that_the_genome_has(genome, site, expected):
    (allele,) = examine(Site(*site), genome, "swap")
    if expected is None:
        assert allele == (Status.REF_MISMATCH, None, 1)
    else:
        status = Status.PASS if expected[1] == 1 else Status.REF_MISMATCH
        assert allele == (status, *expected)


def test_swap_decides_alt_by_alt(genome):
    alleles = examine(Site("chr1", 0, "C", ("A", "T", "*")), genome, "swap")
    assert [(allele.status, allele.sign) for allele in alleles] == [
        ("REF_MISMATCH", -1),
        ("REF_MISMATCH", 1),
        ("STAR", 1),
    ]
    assert alleles[1].variant is None
