"""Whole files: every record out as it was, in order, with a score of its own or a reason."""

import gzip
import random
import re
from collections import Counter

import numpy as np
import pysam
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.score_records import ScoringRun
from hyenadna_kit.scoring.score_vcf import score_vcf
from hyenadna_kit.scoring.scorer import VariantScorer
from tests.oracles import mutated_contig as oracle
from tests.oracles.vcf import records_by_htslib, without_info, write_bcf, write_bgzip

FORWARD, REVERSE = Strand
GRID = Placement(window=32, horizon=8, min_left_context=16)
FIELDS = (
    *("HK_DELTA_LL", "HK_LLR", "HK_ENTROPY", "HK_L2", "HK_COS"),
    *("HK_NTOK", "HK_NFRAC", "HK_STATUS"),
)

_RNG = random.Random(11)
CONTIGS = {
    "chr1": "".join(_RNG.choices("ACGT", k=150)) + "N" * 40 + "".join(_RNG.choices("ACGTacgt", k=110)),
    "2": "ACGTTGCATCA" + "CAG" * 12 + "TTTTTTT" + "GATTACA" * 5 + "CA" * 12 + "GGATCCTA",
    "chrM": "".join(_RNG.choices("ACGT", k=60)),
}
ONE = CONTIGS["chr1"].upper()

HEADER = (
    "##fileformat=VCFv4.2\n"
    '##FILTER=<ID=q1,Description="Quality">\n'
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    '##ALT=<ID=DEL,Description="Deletion">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "##contig=<ID=chr1,length=300>\n##contig=<ID=chr2,length=121>\n##contig=<ID=MT,length=60>\n"
    "##contig=<ID=chr9>\n"
)
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA1\n"


def other(base, step=1):
    """Return another base."""
    return "ACGT"["ACGT".index(base.upper()) + step - 4]


def base(position):
    """Return the base of chr1 at a POS (from 1)."""
    return ONE[position - 1]


TABLE = [
    # contig, POS, REF, ALT, statuses
    ("chr1", 100, base(100), other(base(100)), "PASS"),
    ("1", 100, base(100).lower(), other(base(100)).lower(), "PASS"),
    ("chr2", 5, "T", "G", "EDGE_PADDED"),
    ("MT", 30, CONTIGS["chrM"][29], other(CONTIGS["chrM"][29]), "PASS"),
    ("M", 30, CONTIGS["chrM"][29], other(CONTIGS["chrM"][29]), "PASS"),
    ("chr1", 90, ONE[89:93], ONE[89], "PASS"),
    ("chr1", 90, base(90), base(90) + "ACGTACGTACGTACGTACGTACGTACGTACGTACGTACGT", "PASS"),
    ("chr1", 90, ONE[89:91], "TTTTT", "PASS"),
    ("chr1", 80, base(80), base(80), "PASS"),
    ("chr1", 1, base(1), other(base(1)), "EDGE_PADDED"),
    ("chr1", 300, base(300), other(base(300)), "EDGE_PADDED"),
    ("chr1", 60, ONE[59:93], ONE[59], "TOO_LONG"),
    ("chr1", 100, other(base(100)), base(100), "REF_MISMATCH"),
    ("chr1", 100, other(base(100)), other(base(100), 2), "REF_MISMATCH"),
    ("chr1", 301, "A", "C", "REF_MISMATCH"),
    ("chr1", 0, "A", "C", "REF_MISMATCH"),
    ("chr1", 0, "N", "<DEL>", "SYMBOLIC"),
    ("chr9", 7, "A", "C", "NO_CONTIG"),
    ("chr1", 100, base(100), "<DEL>", "SYMBOLIC"),
    ("chr1", 100, base(100), f"{base(100)}]chr2:5]", "SYMBOLIC"),
    ("chr1", 100, base(100), f".{base(100)}", "SYMBOLIC"),
    ("chr1", 100, base(100), "*", "STAR"),
    ("chr1", 100, base(100), ".", "NO_ALT"),
    ("chr1", 160, "N", "A", "NON_ACGT"),
    ("chr1", 100, base(100), "N", "NON_ACGT"),
    ("chr1", 150, base(150), base(150) + "AC", "N_WINDOW"),
    ("chr1", 100, base(100), ",".join([other(base(100)), "*", "<DEL>", other(base(100), 2), "R"]),
     "PASS,STAR,SYMBOLIC,PASS,NON_ACGT"),
    ("chr1", 100, base(100), other(base(100)), "PASS"),
    ("chr1", 20, base(20), other(base(20)), "PASS"),
]  # fmt: skip
LINES = [
    f"{c}\t{pos}\trs{i % 3}\t{ref}\t{alt}\t29.50\tq1\tDP=7\tGT\t0/1"
    for i, (c, pos, ref, alt, _) in enumerate(TABLE)
]

DECLARED = ("chr1", "chr2", "MT", "chr9")
# htslib cannot index a BCF with two records at POS 0.
SORTED = sorted(
    (line for line in LINES if line.split("\t")[0] in DECLARED and line.split("\t")[1] != "0"),
    key=lambda line: (DECLARED.index(line.split("\t")[0]), int(line.split("\t")[1])),
)


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


@pytest.fixture(scope="module")
def scorer(model):
    return VariantScorer(model, GRID)


def write(path, lines):
    path.write_text(HEADER + COLUMNS + "".join(f"{line}\n" for line in lines))
    return path


def text_of(path):
    data = path.read_bytes()
    return (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()


def records(path):
    return [line for line in text_of(path).splitlines() if not line.startswith("#")]


def info(line):
    return dict(entry.partition("=")[::2] for entry in line.split("\t")[7].split(";"))


def score_lines(scorer, genome, folder, lines, **run):
    """Score lines and return what came out, line by line."""
    score_vcf(scorer, genome, write(folder / "in.vcf", lines), folder / "out.vcf", ScoringRun(**run))
    return records(folder / "out.vcf")


def numbers(lines):
    """Return every value of the Float fields, NaN for holes."""
    texts = [info(line).get(name, ".").split(",") for line in lines for name in FIELDS[:2]]
    return [float(text) if text != "." else np.nan for each in texts for text in each]


def test_every_record_comes_out_in_order_with_a_status_an_alt(scorer, genome, tmp_path):
    report = score_vcf(scorer, genome, write(tmp_path / "in.vcf", LINES), tmp_path / "out.vcf")
    found = records(tmp_path / "out.vcf")
    assert [info(line)["HK_STATUS"] for line in found] == [status for *_, status in TABLE]
    assert [without_info(line, "HK_") for line in found] == LINES
    counts = Counter(status for *_, statuses in TABLE for status in statuses.split(","))
    assert dict(report.statuses) == counts
    assert report.num_records == len(TABLE)
    assert report.num_alts == len(TABLE) - 1 + 4
    assert report.num_scored == counts["PASS"] + counts["EDGE_PADDED"]
    assert report.unscored_fraction == pytest.approx(1 - report.num_scored / report.num_alts)


def test_input_is_never_overwritten(scorer, genome, tmp_path):
    path = write(tmp_path / "in.vcf", [])
    before = path.read_bytes()
    with pytest.raises(InputError, match="is the input itself; choose another name"):
        score_vcf(scorer, genome, path, tmp_path / "." / "in.vcf")
    assert path.read_bytes() == before


def test_holes_are_dots_and_every_alt_has_its_place(scorer, genome, tmp_path):
    for line, (_, _, _, alt, status) in zip(score_lines(scorer, genome, tmp_path, LINES), TABLE, strict=True):
        if alt == ".":
            assert {key: value for key, value in info(line).items() if key.startswith("HK_")} == {
                "HK_STATUS": "NO_ALT"
            }
            continue
        for name in ("HK_DELTA_LL", "HK_NTOK", "HK_NFRAC"):
            values = info(line)[name].split(",")
            assert [value != "." for value in values] == [
                s in ("PASS", "EDGE_PADDED") for s in status.split(",")
            ]
        assert len(info(line)["HK_LLR"].split(",")) == len(values)


def expected(model, contig, vcf_position, ref, alt, strands=(FORWARD,)):
    before = CONTIGS[contig].upper()
    after = oracle.mutate(before, vcf_position - 1, ref, alt)
    return oracle.mean_scores(model, before, after, GRID, [strand.value for strand in strands])


def assert_written(line, place, wanted, sign=1):
    """Compare with what is written, which has 6 significant digits."""
    for name, value in (("HK_DELTA_LL", wanted.delta_ll), ("HK_LLR", wanted.llr)):
        text = info(line)[name].split(",")[place]
        assert (text == ".") == (value is None)
        assert value is None or float(text) == pytest.approx(sign * value, rel=6e-6, abs=1e-5)
    assert info(line)["HK_NTOK"].split(",")[place] == str(wanted.num_tokens)


@pytest.mark.parametrize(
    "strands", [(FORWARD,), (REVERSE,), (FORWARD, REVERSE)], ids=["forward", "reverse", "both"]
)
def test_values_are_those_of_two_forward_passes(model, genome, tmp_path, strands):
    own = {"1": "chr1", "chr1": "chr1", "chr2": "2", "MT": "chrM", "M": "chrM"}
    found = score_lines(VariantScorer(model, GRID, strands=strands), genome, tmp_path, LINES)
    compared = 0
    for line, (contig, position, ref, alts, statuses) in zip(found, TABLE, strict=True):
        for place, (alt, status) in enumerate(zip(alts.split(","), statuses.split(","), strict=True)):
            if status in ("PASS", "EDGE_PADDED") and ref.upper() != alt.upper():
                wanted = expected(model, own[contig], position, ref, alt.upper(), strands)
                assert_written(line, place, wanted)
                compared += 1
    assert compared == 14


def test_swap_gives_the_score_of_ref_to_alt(model, genome, tmp_path):
    lines = [
        f"chr1\t100\t.\t{other(base(100))}\t{base(100)},{other(base(100), 2)}\t.\t.\t.\tGT\t0/1",
        f"chr1\t90\t.\t{ONE[89:92]}TT\t{ONE[89:92]}\t.\t.\t.\tGT\t0/1",
        f"chr1\t5\t.\t{other(base(5))}\t{base(5)}\t.\t.\t.\tGT\t0/1",
    ]
    found = score_lines(VariantScorer(model, GRID), genome, tmp_path, lines, on_ref_mismatch="swap")
    assert [info(line)["HK_STATUS"] for line in found] == [
        "REF_MISMATCH|PASS,REF_MISMATCH",
        "REF_MISMATCH|PASS",
        "REF_MISMATCH|EDGE_PADDED",
    ]
    assert_written(found[0], 0, expected(model, "chr1", 100, base(100), other(base(100))), sign=-1)
    assert info(found[0])["HK_LLR"].endswith(",.")
    inserted = expected(model, "chr1", 90, ONE[89:92], f"{ONE[89:92]}TT")
    assert_written(found[1], 0, inserted, sign=-1)
    assert_written(found[2], 0, expected(model, "chr1", 5, base(5), other(base(5))), sign=-1)


def test_swapped_score_is_the_unswapped_one_of_the_changed_genome(model, genome, write_genome, tmp_path):
    changed = {**CONTIGS, "chr1": oracle.mutate(ONE, 99, base(100), other(base(100)))}
    line = f"chr1\t100\t.\t{other(base(100))}\t{base(100)}\t.\t.\t.\tGT\t0/1"
    scorer = VariantScorer(model, GRID)
    (swapped,) = score_lines(scorer, genome, tmp_path, [line], on_ref_mismatch="swap")
    (plain,) = score_lines(scorer, write_genome(changed), tmp_path, [line])
    assert numbers([swapped]) == pytest.approx(numbers([plain]), rel=6e-6, abs=1e-6)


def test_tokens_and_share_of_n_are_counted(scorer, genome, tmp_path):
    lines = [
        f"chr1\t{position}\t.\t{base(position)}\t{other(base(position))}\t.\t.\t.\tGT\t0/1"
        for position in (1, 9, 100, 147, 195, 300)
    ]
    found = score_lines(scorer, genome, tmp_path, lines)
    # Windows of 32 from 16 before each multiple of 8; N in [150, 190), the contig ends at 300.
    assert [info(line)["HK_NTOK"] for line in found] == ["8", "8", "8", "4", "8", "1"]
    assert [info(line)["HK_NFRAC"] for line in found] == ["0.5", "0.25", "0", "0.3125", "0.4375", "0.375"]


def test_floats_have_six_significant_digits(scorer, genome, tmp_path):
    for line in score_lines(scorer, genome, tmp_path, LINES):
        for name in ("HK_DELTA_LL", "HK_LLR", "HK_NFRAC"):
            for text in info(line).get(name, ".").split(","):
                digits = re.fullmatch(r"-?(?:0\.0*)?(\d*\.?\d*)(?:e-\d+)?", text)
                assert text == "." or 0 <= len(digits[1].replace(".", "")) <= 6
    assert any(
        len(info(line)["HK_DELTA_LL"]) >= 7 for line in score_lines(scorer, genome, tmp_path, LINES[:1])
    )


def test_nan_is_a_status_and_never_a_number(nan_model, genome, tmp_path):
    write(tmp_path / "in.vcf", LINES)
    report = score_vcf(VariantScorer(nan_model, GRID), genome, tmp_path / "in.vcf", tmp_path / "out.vcf")
    found = records(tmp_path / "out.vcf")
    expected = [re.sub("PASS|EDGE_PADDED", "NAN", status) for *_, status in TABLE]
    assert [info(line)["HK_STATUS"] for line in found] == expected
    for line in found:
        for name in FIELDS[:4]:
            assert set(info(line).get(name, ".")) <= {".", ","}
        assert "nan" not in line
    assert (report.num_scored, report.unscored_fraction) == (0, 1)


def test_nan_of_one_alt_leaves_its_neighbours(make_unigram, genome, tmp_path):
    model = make_unigram([-1.0, -2.0, -4.0, -8.0, -9.0], answer_to_n=float("nan"))
    found = score_lines(VariantScorer(model, GRID), genome, tmp_path, LINES[:11])
    expected = [status.replace("EDGE_PADDED", "NAN") for *_, status in TABLE[:11]]
    assert [info(line)["HK_STATUS"] for line in found] == expected


def draw_lines(number, seed=0):
    """Return unsorted lines with duplicates, on all contigs, of all classes."""
    rng, lines = random.Random(seed), []
    names = {"chr1": "chr1", "2": "chr2", "chrM": "MT"}
    while len(lines) < number:
        contig = rng.choice(sorted(names))
        bases = CONTIGS[contig].upper()
        position = rng.randrange(len(bases))
        ref = bases[position : position + rng.choice([1, 1, 1, 3, 9])]
        alts = {
            "".join(rng.choices("ACGT", k=rng.choice([1, 1, 1, 4]))) for _ in range(rng.choice([1, 1, 2]))
        }
        lines.append(
            f"{names[contig]}\t{position + 1}\t.\t{ref}\t{','.join(sorted(alts))}\t.\t.\tDP=1\tGT\t0/1"
        )
    return lines + lines[: number // 10]


def assert_same_scores(found, wanted):
    assert [without_info(line, "HK_") for line in found] == [without_info(line, "HK_") for line in wanted]
    for name in ("HK_STATUS", "HK_NTOK", "HK_NFRAC"):
        assert [info(line)[name] for line in found] == [info(line)[name] for line in wanted]
    np.testing.assert_allclose(numbers(found), numbers(wanted), rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def many(model, genome, tmp_path_factory):
    """Return 165 lines and what they become."""
    lines = draw_lines(150)
    folder = tmp_path_factory.mktemp("many")
    return lines, score_lines(VariantScorer(model, GRID, strands=tuple(Strand)), genome, folder, lines)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_scores_do_not_depend_on_the_batch_size(model, genome, tmp_path, many, batch_size):
    scorer = VariantScorer(model, GRID, strands=tuple(Strand), batch_size=batch_size)
    assert_same_scores(score_lines(scorer, genome, tmp_path, many[0]), many[1])


def test_scores_do_not_depend_on_the_order(model, genome, tmp_path, many):
    order = random.Random(1).sample(range(len(many[0])), len(many[0]))
    scorer = VariantScorer(model, GRID, strands=tuple(Strand))
    found = score_lines(scorer, genome, tmp_path, [many[0][i] for i in order])
    assert_same_scores(found, [many[1][i] for i in order])


def test_scores_do_not_depend_on_the_rest_of_the_file(model, genome, tmp_path, many):
    scorer = VariantScorer(model, GRID, strands=tuple(Strand))
    parts = [score_lines(scorer, genome, tmp_path, many[0][part]) for part in (slice(0, 71), slice(71, None))]
    assert_same_scores(parts[0] + parts[1], many[1])


@pytest.mark.dist
def test_scores_do_not_depend_on_the_number_of_processes(model, genome, tmp_path, many):
    scorer = VariantScorer(model, GRID, strands=tuple(Strand))
    assert_same_scores(score_lines(scorer, genome, tmp_path, many[0], num_workers=2), many[1])


def test_duplicates_have_one_score(many):
    lines, found = many
    assert_same_scores(found[150:], found[:15])
    assert lines[150:] == lines[:15]


def test_statuses_and_values_are_not_all_alike(many):
    statuses = Counter(status for line in many[1] for status in info(line)["HK_STATUS"].split(","))
    assert min(statuses["PASS"], statuses["EDGE_PADDED"], statuses["NON_ACGT"]) > 10
    known = [value for value in numbers(many[1]) if value == value]
    assert len(set(known)) > 150


WRITERS = {".vcf": lambda path, text: path.write_bytes(text), ".vcf.gz": write_bgzip, ".bcf": write_bcf}


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("form", WRITERS)
def test_every_format_gives_the_same_records(scorer, genome, tmp_path, form, suffix):
    text = (HEADER + COLUMNS + "".join(f"{line}\n" for line in SORTED)).encode()
    WRITERS[form](tmp_path / f"in{form}", text)
    (tmp_path / "plain.vcf").write_bytes(text)
    report = score_vcf(scorer, genome, tmp_path / f"in{form}", tmp_path / f"out{suffix}")
    wanted = score_vcf(scorer, genome, tmp_path / "plain.vcf", tmp_path / "plain.out.vcf")
    assert report.statuses == wanted.statuses
    found = records_by_htslib(tmp_path / f"out{suffix}")
    assert found == records_by_htslib(tmp_path / "plain.out.vcf")
    assert [without_info(line, "HK_") for line in found] == records_by_htslib(tmp_path / "plain.vcf")
    assert report.index_skipped_reason is None
    index = {".vcf": set(), ".vcf.gz": {".tbi"}, ".bcf": {".csi"}}[suffix]
    assert {path.suffix for path in tmp_path.glob("out*")} - {".vcf", ".gz", ".bcf"} == index


def test_header_declares_the_fields_and_tells_where_values_come_from(model, genome, tmp_path):
    placement = Placement(window=31, horizon=7, min_left_context=9, kind="centred")
    scorer = VariantScorer(model, placement, strands=(FORWARD, REVERSE))
    score_vcf(scorer, genome, write(tmp_path / "in.vcf", LINES[:1]), tmp_path / "out.vcf")
    header = text_of(tmp_path / "out.vcf").split("#CHROM")[0]
    assert header.startswith(HEADER)
    ours = header.removeprefix(HEADER).splitlines()
    declared = [
        re.fullmatch(r'##INFO=<ID=(\w+),Number=(.),Type=(\w+),Description="[^"]+">', line)
        for line in ours[:8]
    ]
    assert [match.groups() for match in declared] == [
        ("HK_DELTA_LL", "A", "Float"),
        ("HK_LLR", "A", "Float"),
        ("HK_ENTROPY", "A", "Float"),
        ("HK_L2", "A", "Float"),
        ("HK_COS", "A", "Float"),
        ("HK_NTOK", "A", "Integer"),
        ("HK_NFRAC", "A", "Float"),
        ("HK_STATUS", ".", "String"),
    ]
    assert [line.partition("=")[0] for line in ours[8:]] == [
        "##hyenadna_kit_version",
        "##hyenadna_kit_model_sha256",
        "##hyenadna_kit_genome_sha256",
        "##hyenadna_kit_scorer",
        "##hyenadna_kit_device",
    ]
    assert ours[9:] == [
        f"##hyenadna_kit_model_sha256={model.fingerprint()}",
        f"##hyenadna_kit_genome_sha256={genome.fingerprint}",
        "##hyenadna_kit_scorer=<window=31,horizon=7,min_left_context=9,placement=centred,strands=both,engine=full>",
        "##hyenadna_kit_device=<device=cpu,dtype=float32,products=float32>",
    ]
    with pysam.VariantFile(str(tmp_path / "out.vcf")) as handle:
        assert all(line in str(handle.header) for line in ours)
        numbers_declared = [handle.header.info[name].number for name in FIELDS]
    assert numbers_declared == [*"AAAAAAA", "."]


def test_scoring_a_scored_file_gives_the_same_file(scorer, genome, tmp_path):
    score_vcf(scorer, genome, write(tmp_path / "in.vcf", LINES), tmp_path / "once.vcf")
    score_vcf(scorer, genome, tmp_path / "once.vcf", tmp_path / "twice.vcf")
    assert text_of(tmp_path / "twice.vcf") == text_of(tmp_path / "once.vcf")


def test_older_values_do_not_stay_where_there_are_none_now(scorer, genome, tmp_path):
    stale = f"chr1\t100\t.\t{base(100)}\t.\t.\t.\tHK_LLR=9;DP=1;HK_DELTA_LL=9;HK_STATUS=PASS\tGT\t0/1"
    (line,) = score_lines(scorer, genome, tmp_path, [stale])
    assert line.split("\t")[7] == "DP=1;HK_STATUS=NO_ALT"


def test_file_without_records_comes_out_without_records(scorer, genome, tmp_path):
    report = score_vcf(scorer, genome, write(tmp_path / "in.vcf", []), tmp_path / "out.vcf.gz")
    assert records(tmp_path / "out.vcf.gz") == []
    assert (report.num_records, report.num_alts, report.unscored_fraction) == (0, 0, 0.0)
    assert not report.statuses


def test_unsorted_records_stay_unsorted_and_the_index_is_left_out_with_a_reason(scorer, genome, tmp_path):
    report = score_vcf(scorer, genome, write(tmp_path / "in.vcf", LINES), tmp_path / "out.vcf.gz")
    assert [without_info(line, "HK_") for line in records(tmp_path / "out.vcf.gz")] == LINES
    assert "out of order" in report.index_skipped_reason


def test_progress_is_told_record_by_record(scorer, genome, tmp_path):
    told = []
    score_lines(scorer, genome, tmp_path, LINES, on_progress=lambda *numbers: told.append(numbers))
    assert told == [(done, len(LINES)) for done in range(1, len(LINES) + 1)]


def test_mismatch_ends_the_run_where_it_must(scorer, genome, tmp_path):
    lines = [*draw_lines(150), "chr1\t100\trs7\tACGTAC\tA\t.\t.\t.\tGT\t0/1"]
    out = tmp_path / "out.vcf"
    out.write_text("older")
    with pytest.raises(InputError) as caught:
        score_lines(scorer, genome, tmp_path, lines, on_ref_mismatch="error")
    for part in ("in.vcf", f"record {len(lines)}", "chr1:100", "'ACGTAC'", "--on_ref_mismatch skip"):
        assert part in str(caught.value)
    assert str(caught.value).count("\n") == 0
    assert out.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf", "out.vcf"]


def test_policy_error_lets_matching_records_pass(scorer, genome, tmp_path):
    lines = [line for line, (*_, status) in zip(LINES, TABLE, strict=True) if "MISMATCH" not in status]
    assert_same_scores(
        score_lines(scorer, genome, tmp_path, lines[:5], on_ref_mismatch="error"),
        score_lines(scorer, genome, tmp_path, lines[:5]),
    )
    assert len(score_lines(scorer, genome, tmp_path, lines, on_ref_mismatch="error")) == len(lines)


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
@pytest.mark.parametrize("kept", [0.3, 0.97])
def test_truncated_input_leaves_what_was_there(scorer, genome, tmp_path, kept, suffix):
    text = (HEADER + COLUMNS + "".join(f"{line}\n" for line in draw_lines(200))).encode()
    write_bgzip(tmp_path / "whole.vcf.gz", text)
    data = (tmp_path / "whole.vcf.gz").read_bytes()
    (tmp_path / "whole.vcf.gz").unlink()
    (tmp_path / "cut.vcf.gz").write_bytes(data[: int(kept * len(data))])
    out = tmp_path / f"out{suffix}"
    out.write_text("older")
    with pytest.raises(InputError, match=r"cut\.vcf\.gz: damaged after record \d+: .*truncated"):
        score_vcf(scorer, genome, tmp_path / "cut.vcf.gz", out)
    assert out.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.vcf.gz", out.name]


def test_negative_number_of_processes_is_refused():
    with pytest.raises(InputError, match="num_workers must be 0 or more, got -1"):
        ScoringRun(num_workers=-1)
