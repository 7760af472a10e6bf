"""Variants on a sample's haplotype, against two passes over contigs that are built as strings."""

import random

import pytest

from hyenadna_kit.genome.haplotype import Haplotype, apply_variants
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.haplotype_genome import HaplotypeGenome
from hyenadna_kit.io.haplotype_rules import HaplotypeRules
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.prepare import Preparation
from hyenadna_kit.scoring.score_vcf import score_vcf
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.status import Site
from tests.oracles import mutated_contig as oracle

GRID = Placement(window=32, horizon=8, min_left_context=16)
BASES = "".join(random.Random(9).choices("ACGT", k=200))


def other(base):
    return "ACGT"["ACGT".index(base) - 1]


OWN = [
    Variant("chr1", 60, BASES[60], other(BASES[60])),
    Variant("chr1", 70, "", "GAT"),
    Variant("chr1", 90, BASES[90:94], ""),
]
CHANGED = apply_variants(BASES, OWN)


@pytest.fixture(scope="module")
def genome(write_genome):
    return HaplotypeGenome(write_genome({"chr1": BASES}), [Haplotype("chr1", 200, OWN)])


def alleles_of(variant):
    """Return POS, REF and ALT as a file writes them, with the base before."""
    anchor = BASES[variant.position - 1]
    return variant.position, anchor + variant.ref, anchor + variant.alt


def scores_of(scorer, genome, variants):
    """Return status and score of records of the reference."""
    written = [alleles_of(variant) for variant in variants]
    sites = [Site("chr1", position - 1, ref, (alt,)) for position, ref, alt in written]
    preparation = Preparation(genome=genome, placement=GRID, strands=scorer.strands, on_ref_mismatch="skip")
    alleles = [allele for (allele,) in preparation.alleles(sites)]
    values = iter(scorer.score_windows([allele.windows for allele in alleles if allele.windows]))
    return [
        ("|".join(each.statuses), each.sign * next(values).values["delta_ll"] if each.windows else None)
        for each in alleles
    ]


@pytest.mark.parametrize("engine", ["full", "shared"])
@pytest.mark.parametrize("strand", Strand)
def test_a_variant_is_scored_among_the_others_of_its_haplotype(model, genome, strand, engine):
    scorer = VariantScorer(model, GRID, strands=(strand,), engine=engine)
    new = [Variant("chr1", p, BASES[p], other(BASES[p])) for p in (30, 58, 64, 75, 88, 97, 150)]
    found = scores_of(scorer, genome, new)
    for variant, (status, value) in zip(new, found, strict=True):
        both = apply_variants(BASES, sorted([*OWN, variant], key=lambda each: each.position))
        wanted = oracle.scores(model, CHANGED, both, GRID, strand.value).delta_ll
        assert status == "PASS"
        assert value == pytest.approx(wanted, rel=0, abs=1e-5)


@pytest.mark.parametrize("engine", ["full", "shared"])
def test_a_variant_that_the_haplotype_has_is_scored_against_its_absence(model, genome, engine):
    scorer = VariantScorer(model, GRID, engine=engine)
    for variant, (status, value) in zip(OWN, scores_of(scorer, genome, OWN), strict=True):
        without = apply_variants(BASES, [each for each in OWN if each is not variant])
        wanted = -oracle.scores(model, CHANGED, without, GRID).delta_ll
        assert status == "PASS"
        assert value == pytest.approx(wanted, rel=0, abs=1e-5)
        assert abs(value) > 1e-3


def test_a_variant_of_what_the_haplotype_lacks_is_a_mismatch(model, genome):
    deleted = Variant("chr1", 91, BASES[91], other(BASES[91]))
    (found,) = scores_of(VariantScorer(model, GRID), genome, [deleted])
    assert found == ("REF_MISMATCH", None)


def records(path):
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def test_a_file_is_scored_on_the_haplotype_of_a_sample(model, write_genome, tmp_path):
    reference, sample = write_genome({"chr1": BASES}), tmp_path / "sample.vcf"
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "NA1"]
    rows = [
        ["chr1", str(position), ".", ref, alt, ".", ".", ".", "GT", "0|1"]
        for position, ref, alt in map(alleles_of, OWN)
    ]
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr1>", *map("\t".join, [columns, *rows])]
    sample.write_text("\n".join(lines) + "\n")
    scorer = VariantScorer(model, GRID)
    score_vcf(scorer, reference, sample, tmp_path / "0.vcf")
    for number in (1, 2):
        background = HaplotypeGenome.read(reference, sample, HaplotypeRules(haplotype=number))
        score_vcf(scorer, background, sample, tmp_path / f"{number}.vcf")
        assert background.fingerprint in (tmp_path / f"{number}.vcf").read_text()
    assert records(tmp_path / "1.vcf") == records(tmp_path / "0.vcf")  # it has no variant
    assert records(tmp_path / "2.vcf") != records(tmp_path / "0.vcf")
