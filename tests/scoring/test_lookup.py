"""Scores looked up in a table of every SNV, against those that a model computes."""

import random

import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genome_scores_reader import GenomeScores
from hyenadna_kit.io.vcf import VariantRecord
from hyenadna_kit.scoring.genome_scores import GenomeScorer
from hyenadna_kit.scoring.genome_scores_file import score_genome
from hyenadna_kit.scoring.lookup import TableScores, look_up
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.score_records import ScoringRun
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.testing import tiny_model

TEXT = "".join(random.Random(2).choices("ACGT", k=300))
PLACEMENT = Placement.for_window(64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A genome and a table of the bases 20 to 280 of its contig ``chr2``, and of N."""
    folder = tmp_path_factory.mktemp("lookup")
    (folder / "genome.fa").write_text(f">chr2\n{TEXT[:100].lower()}{TEXT[100:]}\n>chr1\nACGTNNACGT\n")
    genome = Fasta(folder / "genome.fa")
    regions = [Interval("chr2", 20, 280), Interval("chr1", 0, 10)]
    score_genome(GenomeScorer(tiny_model(), PLACEMENT), genome, folder / "x.tsv.gz", regions=regions)
    return folder


@pytest.fixture
def genome(folder):
    return Fasta(folder / "genome.fa")


@pytest.fixture
def table(folder):
    with GenomeScores(folder / "x.tsv.gz") as table:
        yield table


def other(base, step=1):
    return "ACGT"["ACGT".index(base.upper()) - step]


def looked_up(table, genome, *records, **run):
    """Return what became of the ALTs of records: position, ref, alts and maybe more."""
    made = [
        VariantRecord(number, contig, position, ref, alts, filters, b"")
        for number, (position, ref, alts, contig, filters) in enumerate(map(complete, records), 1)
    ]
    scored = TableScores(table, genome, ScoringRun(**run)).score(iter(made), source="x.vcf", journal=None)
    found = list(scored)
    assert [each.record for each in found] == made
    return [[(allele.status, allele.value("llr")) for allele in each.alleles] for each in found]


def complete(record):
    position, ref, alts, *rest = record
    return (position, ref, alts, *rest, *("chr2", ())[len(rest) :])


def test_every_snv_has_the_score_that_the_model_gives(table, genome):
    alts = [tuple(other(base, step) for step in (1, 2, 3)) for base in TEXT[20:280]]
    found = looked_up(table, genome, *((20 + i, TEXT[20 + i], alt) for i, alt in enumerate(alts)))
    variants = [Variant("chr2", 20 + i, TEXT[20 + i], alt) for i, some in enumerate(alts) for alt in some]
    expected = VariantScorer(tiny_model(), PLACEMENT, scores=("llr",)).score(genome, variants)
    statuses, values = zip(*(each for record in found for each in record), strict=True)
    assert set(statuses) == {"PASS"}
    assert values == pytest.approx([each.values["llr"] for each in expected], abs=1e-5)


def test_one_changed_base_in_any_spelling_is_the_same_change(table, genome):
    alt = other(TEXT[30])
    spellings = [
        (30, TEXT[30], (alt,)),
        (29, TEXT[29:32].lower(), (TEXT[29] + alt.lower() + TEXT[31],)),
        (30, TEXT[30:33], (alt + TEXT[31:33],), "2"),
    ]
    first, *rest = looked_up(table, genome, *spellings)
    assert first[0][0] == "PASS"
    assert rest == [first, first]


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ((30, TEXT[30], (TEXT[30] + "A",)), "NOT_IN_TABLE"),
        ((30, TEXT[30:32], (TEXT[30],)), "NOT_IN_TABLE"),
        ((30, TEXT[30:32], (other(TEXT[30]) + other(TEXT[31]),)), "NOT_IN_TABLE"),
        ((30, TEXT[30], (TEXT[30],)), "NOT_IN_TABLE"),
        ((10, TEXT[10], (other(TEXT[10]),)), "NOT_IN_TABLE"),
        ((30, other(TEXT[30]), (TEXT[30],)), "REF_MISMATCH"),
        ((29, other(TEXT[29]) + TEXT[30], (other(TEXT[29]) + other(TEXT[30]),)), "REF_MISMATCH"),
        ((4, "N", ("A",), "chr1"), "NON_ACGT"),
        ((-1, "N", ("A",)), "NON_ACGT"),
        ((30, TEXT[30], (other(TEXT[30]),), "chr3"), "NO_CONTIG"),
        ((30, TEXT[30], ("*",)), "STAR"),
        ((30, TEXT[30], ("<DEL>",)), "SYMBOLIC"),
    ],
)
def test_what_the_table_cannot_tell_has_a_reason(table, genome, record, status):
    assert looked_up(table, genome, record) == [[(status, None)]]


def test_record_without_alt_has_none(table, genome):
    assert looked_up(table, genome, (30, TEXT[30], ())) == [[]]


def test_records_that_are_not_asked_for_are_filtered(table, genome):
    alts = (other(TEXT[30]),)
    records = [(30, TEXT[30], alts, "chr2", filters) for filters in [(), ("PASS",), ("q10",), ("q10", "s50")]]
    for include, passed in [(("PASS", "."), [1, 1, 0, 0]), (("s50",), [0, 0, 0, 1]), ((), [1, 1, 1, 1])]:
        found = looked_up(table, genome, *records, include=include)
        assert [each[0][0] for each in found] == ["PASS" if one else "FILTERED" for one in passed]


def test_swapped_alleles_have_the_score_negated(table, genome):
    alt = other(TEXT[30])
    ((plain,), (swapped,)) = looked_up(
        table, genome, (30, TEXT[30], (alt,)), (30, alt, (TEXT[30],)), on_ref_mismatch="swap"
    )
    assert swapped == ("REF_MISMATCH|PASS", -plain[1])


def test_mismatch_is_an_error_where_it_must_be(table, genome):
    records = [(30, TEXT[30], (other(TEXT[30]),)), (31, other(TEXT[31]), (TEXT[31],))]
    with pytest.raises(
        InputError, match=r"x\.vcf, record 2 \(chr2:32\): REF '\w' is not what the genome has"
    ):
        looked_up(table, genome, *records, on_ref_mismatch="error")


def test_another_genome_is_refused(table, tmp_path):
    (tmp_path / "other.fa").write_text(">chr2\nACGT\n")
    with pytest.raises(InputError, match="holds scores of another genome"):
        TableScores(table, Fasta(tmp_path / "other.fa"), ScoringRun())


def test_single_look(table):
    alt = other(TEXT[30])
    assert look_up(table, Variant("chr2", 30, TEXT[30], alt)) == table.llr("chr2", 30, TEXT[30], alt)
    assert look_up(table, Variant("chr2", 30, TEXT[30], alt + "A")) is None
