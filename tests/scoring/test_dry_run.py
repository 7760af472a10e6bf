"""What a job is told to take, against what it does."""

import random

import pytest

from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.io.vcf import VariantRecord
from hyenadna_kit.scoring.dry_run import dry_run
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.prepare import Preparation
from hyenadna_kit.scoring.score_records import ScoringRun
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.status import Site

GRID = Placement(window=32, horizon=8, min_left_context=16)
BASES = "".join(random.Random(4).choices("ACGT", k=400)) + "N" * 40


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome({"chr1": BASES})


def record(number, position, alts):
    return VariantRecord(number, "chr1", position, BASES[position], alts, (), b"")


def records():
    """Return substitutions of every third base, some records without a score, and one with three ALTs."""
    found = [record(1 + p, p, ("ACGT"["ACGT".index(BASES[p]) - 1],)) for p in range(0, 399, 3)]
    found.append(record(900, 7, tuple(base for base in "ACGT" if base != BASES[7])))
    return [*found, record(901, 9, ("<DEL>",)), record(902, 9, ()), record(903, 410, ("A",))]


@pytest.mark.parametrize("strands", [(Strand.FORWARD,), tuple(Strand)], ids=["forward", "both"])
@pytest.mark.parametrize(("engine", "tokens_an_alt"), [("shared", 8), ("full", 32)])
def test_counts_are_those_of_the_job(model, genome, engine, tokens_an_alt, strands):
    scorer = VariantScorer(model, GRID, strands=strands, engine=engine)
    found = dry_run(scorer, genome, records(), ScoringRun(), source="here")
    preparation = Preparation(genome=genome, placement=GRID, strands=strands, on_ref_mismatch="skip")
    sites = [Site(each.contig, each.position, each.ref, each.alts) for each in records()]
    alleles = [allele for row in preparation.alleles(sites) for allele in row]
    keys = {windows.key for allele in alleles for windows in allele.windows}
    work, num_scored = found.work, sum(bool(allele.windows) for allele in alleles)
    assert (work.num_records, work.num_alts, work.num_scorable) == (137, 138, num_scored)
    assert work.num_windows == len(keys)
    assert work.num_tokens == 32 * len(keys) + tokens_an_alt * num_scored * len(strands)
    assert found.seconds > 0
    assert found.added_bytes > 50 * 138


def test_a_file_without_scores_takes_no_time(model, genome):
    found = dry_run(VariantScorer(model, GRID), genome, records()[-3:], ScoringRun(), source="here")
    assert (found.work.num_records, found.work.num_tokens, found.seconds) == (3, 0, None)
