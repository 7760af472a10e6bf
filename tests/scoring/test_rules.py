"""The rules of variant scoring, one test each, for every kind of model and both engines.

A new kind of model is one line of MODELS. What is expected comes from the oracle, which knows contigs
as strings and two whole forward passes.
"""

import functools
import gzip
import os
import random
import subprocess
import sys
from pathlib import Path

import pysam
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.scoring.alleles import allele_windows
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.score_records import ScoringRun
from hyenadna_kit.scoring.score_vcf import score_vcf
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.scores import SCORES
from hyenadna_kit.windows.alleles import OrientedContig
from tests.oracles import mutated_contig as oracle

SMALL = FilterConfig(filter_order=8)
MODELS = {
    "order 2": HyenaDNAConfig(
        backbone=BackboneConfig(
            d_model=16, num_layers=2, d_inner=16, context_length=64, mixer=HyenaConfig(filter=SMALL)
        )
    ),
    "order 3, own head": HyenaDNAConfig(
        backbone=BackboneConfig(
            d_model=16, num_layers=2, d_inner=16, context_length=64, mixer=HyenaConfig(order=3, filter=SMALL)
        ),
        head=LanguageModelHeadConfig(tied=False),
    ),
    "hybrid": HyenaDNAConfig(
        backbone=BackboneConfig(
            d_model=16,
            num_layers=2,
            d_inner=16,
            context_length=64,
            mixer=HyenaConfig(filter=SMALL),
            other_mixer=AttentionConfig(num_heads=2),
            other_layers=(1,),
        )
    ),
}
GRID = Placement(window=32, horizon=8, min_left_context=16)
CENTRED = Placement(window=32, horizon=8, min_left_context=8, kind="centred")
ROOT = Path(__file__).parents[2]

_RNG = random.Random(20)
ONE = "".join(_RNG.choices("ACGT", k=150)) + "N" * 40 + "".join(_RNG.choices("ACGT", k=110))
REPEAT = "".join(_RNG.choices("ACGT", k=30)) + "CAG" * 2 + "".join(_RNG.choices("ACGT", k=30))
CONTIGS = {"chr1": ONE, "2": REPEAT, "chrM": ONE[:60].lower()}
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


@functools.cache
def draw(name):
    """Return a model of one kind, with weights that make scores of the order of 1."""
    model = MODELS[name].build().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    return model


def engines_of(name):
    """Return the engines that run a model; attention cannot share what it makes of a window."""
    return ["full"] if name == "hybrid" else ["full", "shared"]


@pytest.fixture(params=MODELS)
def kind(request):
    return request.param


@pytest.fixture(params=[(name, engine) for name in MODELS for engine in engines_of(name)], ids="-".join)
def scorer(request):
    name, engine = request.param
    return VariantScorer(draw(name), GRID, engine=engine)


def other(base, step=1):
    return "ACGT"["ACGT".index(base.upper()) - step]


def line(position, ref=None, alt=None, contig="chr1", identifier="."):
    """Return a record at a POS of chr1: a substitution where nothing else is said."""
    ref = ref or ONE[position - 1]
    return f"{contig}\t{position}\t{identifier}\t{ref}\t{alt or other(ref[0])}\t29.50\tq1\tDP=7"


def score(scorer, genome, folder, lines, **run):
    """Score lines; return INFO of each record as a mapping."""
    (folder / "in.vcf").write_text(HEADER + "".join(f"{each}\n" for each in lines))
    score_vcf(scorer, genome, folder / "in.vcf", folder / "out.vcf", ScoringRun(**run))
    found = [each for each in (folder / "out.vcf").read_text().splitlines() if each[0] != "#"]
    return [dict(entry.partition("=")[::2] for entry in each.split("\t")[7].split(";")) for each in found]


def delta(info, place=0):
    return float(info["HK_DELTA_LL"].split(",")[place])


def expected(model, position, ref, alt, contig="chr1"):
    """Return the oracle's scores of a change at a POS."""
    before = CONTIGS[contig].upper()
    return oracle.scores(model, before, oracle.mutate(before, position - 1, ref, alt), GRID)


def test_rule_01_positions_of_a_vcf_count_from_1_and_lie_in_the_middle_on_either_strand(genome):
    for strand, first in ((Strand.FORWARD, 16), (Strand.REVERSE, 15)):
        contig = OrientedContig(genome, "chr1", strand)
        windows = allele_windows(contig, Variant("chr1", 99, ONE[99], other(ONE[99])), CENTRED)
        assert windows.first == first
        assert (windows.ref != windows.alt).nonzero()[0].tolist() == [first]


def test_rule_02_the_alt_window_is_a_slice_of_the_changed_contig(genome):
    rng = random.Random(2)
    for _ in range(2000):
        position = rng.randrange(300)
        ref = ONE[position : position + rng.choice([0, 1, 3, 9])]
        alt = "".join(rng.choices("ACGT", k=rng.choice([len(ref), 0, 2, 20])))
        if "N" in ref or ref == alt:
            continue
        for strand in Strand:
            windows = allele_windows(
                OrientedContig(genome, "chr1", strand), Variant("chr1", position, ref, alt), GRID
            )
            pair = oracle.windows(ONE, oracle.mutate(ONE, position, ref, alt), GRID, strand.value)
            assert windows.alt.tolist() == oracle.token_ids(pair.alt)
            assert windows.ref.tolist() == oracle.token_ids(pair.ref)


def test_rule_03_both_sums_have_the_same_terms_and_their_number_is_told(scorer, genome, tmp_path):
    changes = [(100, ONE[99], other(ONE[99])), (90, ONE[89:93], ONE[89]), (90, ONE[89], ONE[89] + "ACGTT")]
    found = score(scorer, genome, tmp_path, [line(*change) for change in changes])
    for info, change in zip(found, changes, strict=True):
        wanted = expected(scorer.model, *change)
        assert delta(info) == pytest.approx(wanted.delta_ll, rel=6e-6, abs=1e-5)
        assert int(info["HK_NTOK"]) == wanted.num_tokens == 8


def test_rule_04_a_score_does_not_depend_on_what_else_is_scored(kind, genome, tmp_path):
    lines = [line(position) for position in range(20, 140, 3)]
    for engine in engines_of(kind):
        together = score(VariantScorer(draw(kind), GRID, engine=engine), genome, tmp_path, lines)
        alone = VariantScorer(draw(kind), GRID, engine=engine, batch_size=1)
        for index in (0, 17, 39):
            (one,) = score(alone, genome, tmp_path, [lines[index]])
            assert delta(one) == pytest.approx(delta(together[index]), rel=6e-6, abs=1e-6)


def test_rule_05_every_spelling_of_a_change_has_one_score(scorer, genome, tmp_path):
    repeat = REPEAT.index("CAG" * 2)
    lines = [
        line(repeat + 3 * unit, REPEAT[repeat + 3 * unit - 1 :][:4], REPEAT[repeat + 3 * unit - 1], "2")
        for unit in range(2)
    ] + [line(repeat - 3, REPEAT[repeat - 4 : repeat + 3], REPEAT[repeat - 4 : repeat], "2")]
    values = [delta(info) for info in score(scorer, genome, tmp_path, lines)]
    assert values == pytest.approx([values[0]] * 3, rel=6e-6, abs=1e-6)
    assert abs(values[0]) > 1e-3


def test_rule_06_ref_is_checked_whole_before_trimming_and_without_case(scorer, genome, tmp_path):
    wrong_end = ONE[89:92] + other(ONE[92])
    lines = [line(90, wrong_end, ONE[89]), line(90, ONE[89:93].lower(), ONE[89])]
    assert [i["HK_STATUS"] for i in score(scorer, genome, tmp_path, lines)] == ["REF_MISMATCH", "PASS"]
    with pytest.raises(InputError, match=r"record 1 \(chr1:90\)"):
        score(scorer, genome, tmp_path, lines, on_ref_mismatch="error")
    (info,) = score(scorer, genome, tmp_path, [line(100, other(ONE[99]), ONE[99])], on_ref_mismatch="swap")
    wanted = expected(scorer.model, 100, ONE[99], other(ONE[99])).delta_ll
    assert delta(info) == pytest.approx(-wanted, rel=6e-6, abs=1e-5)


def test_rule_07_every_record_comes_out_in_order_with_a_reason(scorer, genome, tmp_path):
    cases = {
        line(100): "PASS",
        line(100, other(ONE[99])): "REF_MISMATCH",
        line(5, "A", "C", contig="9"): "NO_CONTIG",
        line(100, alt="<DEL>"): "SYMBOLIC",
        line(100, alt="*"): "STAR",
        line(100, alt="."): "NO_ALT",
        line(100, alt="R"): "NON_ACGT",
        line(60, ONE[59:93], ONE[59]): "TOO_LONG",
        line(1): "EDGE_PADDED",
        line(150, ONE[149], ONE[149] + other(ONE[149])): "N_WINDOW",
    }
    found = score(scorer, genome, tmp_path, cases)
    assert [info["HK_STATUS"] for info in found] == list(cases.values())


def test_rule_08_every_alt_is_scored_in_its_place(scorer, genome, tmp_path):
    alts = [base for base in "ACGT" if base != ONE[99]]
    (info,) = score(scorer, genome, tmp_path, [line(100, alt=",".join([alts[0], "<DEL>", *alts[1:]]))])
    assert info["HK_STATUS"] == "PASS,SYMBOLIC,PASS,PASS"
    assert info["HK_DELTA_LL"].split(",")[1] == "."
    for place, alt in zip((0, 2, 3), alts, strict=True):
        wanted = expected(scorer.model, 100, ONE[99], alt).delta_ll
        assert delta(info, place) == pytest.approx(wanted, rel=6e-6, abs=1e-5)


def test_rule_09_what_is_no_sequence_is_no_deletion(scorer, genome, tmp_path):
    alts = {
        ".": "NO_ALT",
        "*": "STAR",
        "<DEL>": "SYMBOLIC",
        "<INS>": "SYMBOLIC",
        f"{ONE[99]}]chr1:5]": "SYMBOLIC",
        f".{ONE[99]}": "SYMBOLIC",
    }
    found = score(scorer, genome, tmp_path, [line(100, alt=alt) for alt in alts])
    assert [info["HK_STATUS"] for info in found] == list(alts.values())


def test_rule_10_contigs_are_found_under_their_usual_names(scorer, genome, tmp_path):
    names = ["chr1", "1", "2", "chr2", "chrM", "MT", "M"]
    first = {"1": ONE, "2": REPEAT, "M": ONE}
    lines = [line(30, first[name.removeprefix("chr")[0]][29], contig=name) for name in names]
    found = score(scorer, genome, tmp_path, lines)
    assert {info["HK_STATUS"] for info in found} <= {"PASS", "EDGE_PADDED"}
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert found[4] == found[5] == found[6]
    (unknown,) = score(scorer, genome, tmp_path, [line(30, contig="c1")])
    assert unknown["HK_STATUS"] == "NO_CONTIG"  # a prefix is taken off, not characters


def test_rule_11_the_header_stays_and_tells_where_values_come_from(scorer, genome, tmp_path):
    score(scorer, genome, tmp_path, [line(100)])
    text = (tmp_path / "out.vcf").read_text()
    ours = text.split("#CHROM")[0].removeprefix(HEADER.split("#CHROM", maxsplit=1)[0])
    for word in (scorer.model.fingerprint(), genome.fingerprint, "window=32", f"engine={scorer.engine.name}"):
        assert word in ours
    with pysam.VariantFile(str(tmp_path / "out.vcf")) as handle:
        assert handle.header.info["HK_DELTA_LL"].number == "A"


def test_rule_12_values_are_differences_with_six_digits(scorer, genome, tmp_path):
    (info,) = score(scorer, genome, tmp_path, [line(100)])
    for name, field in zip(SCORES, ("DELTA_LL", "LLR", "ENTROPY", "L2", "COS"), strict=True):
        wanted = getattr(expected(scorer.model, 100, ONE[99], other(ONE[99])), name)
        assert float(info[f"HK_{field}"]) == pytest.approx(wanted, rel=6e-6, abs=1e-5)
        assert len(info[f"HK_{field}"].lstrip("-0.").replace(".", "").partition("e")[0]) <= 6


def test_rule_13_case_means_nothing_and_iupac_is_n_or_no_allele(scorer, genome, write_genome, tmp_path):
    lower = write_genome({"chr1": ONE.lower()})
    lines = [line(100), line(100, ONE[99].lower(), other(ONE[99]).lower())]
    assert score(scorer, lower, tmp_path, lines[:1]) == score(scorer, genome, tmp_path, lines)[1:]
    iupac = write_genome({"chr1": ONE[:103] + "R" + ONE[104:]})
    unknown = write_genome({"chr1": ONE[:103] + "N" + ONE[104:]})
    assert score(scorer, iupac, tmp_path, lines[:1]) == score(scorer, unknown, tmp_path, lines[:1])
    assert score(scorer, genome, tmp_path, [line(100, alt="R")])[0]["HK_STATUS"] == "NON_ACGT"


def test_rule_14_ends_are_padded_and_n_is_told(scorer, genome, tmp_path):
    inserted = line(150, ONE[149], ONE[149] + other(ONE[149]))
    found = score(scorer, genome, tmp_path, [line(1), line(300), line(147), inserted])
    statuses = [info["HK_STATUS"] for info in found]
    assert statuses == ["EDGE_PADDED", "EDGE_PADDED", "PASS", "N_WINDOW"]
    assert [info["HK_NFRAC"] for info in found[:3]] == ["0.5", "0.375", "0.3125"]


def test_rule_15_duplicates_and_unsorted_records_stay_as_they_are(scorer, genome, tmp_path):
    lines = [line(p, identifier="rs1") for p in (120, 30, 30, 90, 30)]
    found = score(scorer, genome, tmp_path, lines)
    assert found[1] == found[2] == found[4]
    out = [each for each in (tmp_path / "out.vcf").read_text().splitlines() if each[0] != "#"]
    assert [each.split("\t")[1:3] for each in out] == [[p, "rs1"] for p in ("120", "30", "30", "90", "30")]


def test_rule_16_replacements_of_several_bases_are_scored(scorer, genome, tmp_path):
    changes = [(90, ONE[89:92], "".join(map(other, ONE[89:92]))), (90, ONE[89:91], other(ONE[89]) + "GATTA")]
    found = score(scorer, genome, tmp_path, [*(line(*c) for c in changes), line(50, ONE[49:83], ONE[49])])
    for info, change in zip(found, changes, strict=False):
        wanted = expected(scorer.model, *change).delta_ll
        assert delta(info) == pytest.approx(wanted, rel=6e-6, abs=1e-5)
    assert found[2]["HK_STATUS"] == "TOO_LONG"


def test_rule_17_every_byte_but_our_info_is_that_of_the_input(scorer, genome, tmp_path):
    rows = [line(100), line(100, alt="<DEL>"), line(101).replace("DP=7", "XX=1234567.8;DB;;E=")]
    score(scorer, genome, tmp_path, rows)
    text = (tmp_path / "out.vcf").read_text()
    left = [
        "\t".join([*fields[:7], ";".join(e for e in fields[7].split(";") if not e.startswith("HK_"))])
        for fields in (each.split("\t") for each in text.splitlines() if each[0] != "#")
    ]
    assert left == rows


def test_rule_18_a_cut_file_ends_with_its_record_and_nothing_under_the_name(kind, genome, tmp_path):
    draw(kind).save_pretrained(tmp_path / "model")
    whole = (HEADER + "".join(f"{line(position)}\n" for position in range(20, 140))).encode()
    (tmp_path / "cut.vcf.gz").write_bytes(gzip.compress(whole)[:-300])
    command = [sys.executable, "-m", "hyenadna_kit.cli", "score", "--model", "model", "--vcf", "cut.vcf.gz"]
    run = subprocess.run(
        [*command, "--genome", str(genome.path), "--out", "out.vcf", "--window", "32"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "cut.vcf.gz: damaged after record " in run.stderr
    assert not (tmp_path / "out.vcf").exists()


@pytest.mark.slow
def test_rule_19_few_records_wait_however_long_the_file(scorer, genome):
    from hyenadna_kit.io.vcf import VariantRecord
    from hyenadna_kit.scoring.score_records import score_records

    read = 0

    def records():
        nonlocal read
        for read in range(1, 1501):
            position = 20 + read % 100
            yield VariantRecord(read, "chr1", position, ONE[position], (other(ONE[position]),), (), b"")

    waiting = [
        read - done
        for done, _ in enumerate(score_records(scorer, genome, records(), ScoringRun(), source="x"), 1)
    ]
    assert len(waiting) == 1500
    assert max(waiting) <= 1024 + 64


def test_rule_20_sums_are_exact_and_the_number_format_is_told(kind, genome, tmp_path):
    scorer = VariantScorer(draw(kind), GRID)
    (exact,) = score(scorer, genome, tmp_path, [line(100)])
    assert "dtype=float32,products=float32>" in (tmp_path / "out.vcf").read_text()
    with torch.autocast("cpu", torch.bfloat16):
        (rounded,) = score(scorer, genome, tmp_path, [line(100)])
    assert "dtype=float32,products=bfloat16>" in (tmp_path / "out.vcf").read_text()
    assert delta(rounded) == pytest.approx(delta(exact), abs=0.1)
    assert delta(rounded) != delta(exact)
    unchanged = Variant("chr1", 100, ONE[100], ONE[100])
    (same,) = scorer.score(genome, [unchanged])
    assert same.values["delta_ll"] == 0
