"""The report of a job: counts that add up, distributions that are exact, a page that stands alone."""

import json

import numpy as np
import pytest

from hyenadna_kit import cli
from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.consequence_finder import ConsequenceFinder
from hyenadna_kit.io.annotation import read_annotation
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genetic_codes import genetic_codes
from hyenadna_kit.io.placed_annotation import place_annotation
from hyenadna_kit.scoring.job_report import report_scores, variant_class
from hyenadna_kit.scoring.job_report_html import ShardTiming, render_report
from tests.oracles.page import Page
from tests.oracles.vcf import write_bcf, write_bgzip, write_plain

HEADER = (
    "##fileformat=VCFv4.2\n"
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    '##INFO=<ID=HK_DELTA_LL,Number=A,Type=Float,Description="d">\n'
    '##INFO=<ID=HK_LLR,Number=A,Type=Float,Description="l">\n'
    '##INFO=<ID=HK_NTOK,Number=A,Type=Integer,Description="n">\n'
    '##INFO=<ID=HK_NFRAC,Number=A,Type=Float,Description="f">\n'
    '##INFO=<ID=HK_STATUS,Number=.,Type=String,Description="s">\n'
    "##contig=<ID=chr1,length=1000>\n##contig=<ID=chr2,length=1000>\n"
    "##hyenadna_kit_version=1 <script>\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
ROWS = [
    # contig, POS, REF, ALT, our INFO; what lies there is in GENES below
    ("chr1", 15, "A", "C", "HK_DELTA_LL=-1;HK_LLR=-0.5;HK_NTOK=8;HK_NFRAC=0;HK_STATUS=PASS"),
    ("chr1", 25, "A", "C,<DEL>", "HK_DELTA_LL=2,.;HK_LLR=1,.;HK_NTOK=8,.;HK_STATUS=PASS,SYMBOLIC"),
    ("chr1", 35, "AT", "A", "HK_DELTA_LL=0.25;HK_LLR=.;HK_NTOK=8;HK_STATUS=REF_MISMATCH|EDGE_PADDED"),
    ("chr1", 95, "A", ".", "HK_STATUS=NO_ALT"),
    ("chr2", 15, "AT", "GC", "HK_DELTA_LL=4;HK_LLR=3;HK_NTOK=8;HK_NFRAC=0;HK_STATUS=PASS"),
    ("chr2", 16, "T", "TA", "HK_DELTA_LL=.;HK_LLR=.;HK_NTOK=.;HK_NFRAC=.;HK_STATUS=NAN"),
]  # fmt: skip
# A gene on chr1 (here called 1): exons [10, 30) and [50, 60), of which [20, 30) is translated.
GENES = "1\t10\t60\tg\t0\t+\t20\t30\t0\t2\t20,10\t0,40\n"
WRITERS = {".vcf": write_plain, ".vcf.gz": write_bgzip, ".bcf": write_bcf}


def write(path, rows=ROWS, header=HEADER):
    lines = (f"{c}\t{pos}\t.\t{ref}\t{alt}\t.\t.\tDP=7;{info}\n" for c, pos, ref, alt, info in rows)
    WRITERS["".join(path.suffixes)](path, (header + "".join(lines)).encode())
    return path


@pytest.fixture
def genes(tmp_path):
    (tmp_path / "genes.bed").write_text(GENES)
    return tmp_path / "genes.bed"


@pytest.mark.parametrize("form", WRITERS)
def test_counts_are_those_of_the_file(tmp_path, form):
    report = report_scores(write(tmp_path / f"scored{form}"))
    assert (report.num_records, report.num_alts, report.num_scored) == (6, 6, 4)
    assert report.unscored_fraction == pytest.approx(1 / 3)
    statuses = ("PASS", "SYMBOLIC", "REF_MISMATCH", "EDGE_PADDED", "NO_ALT", "NAN")
    assert report.statuses == dict(zip(statuses, (3, 1, 1, 1, 1, 1), strict=True))
    assert {name: dict(counts) for name, counts in report.classes.items()} == {
        "SNV": {"scored": 2},
        "symbolic": {"unscored": 1},
        "deletion": {"scored": 1},
        "MNV": {"scored": 1},
        "insertion": {"unscored": 1},
    }
    assert list(report.scores) == ["HK_DELTA_LL", "HK_LLR"]
    delta = report.scores["HK_DELTA_LL"]
    assert (delta.count, delta.minimum, delta.maximum) == (4, -1, 4)
    assert delta.mean == pytest.approx(np.mean([-1, 2, 0.25, 4]))
    assert delta.standard_deviation == pytest.approx(np.std([-1, 2, 0.25, 4]))
    assert report.regions == {}
    assert report.provenance == ("##hyenadna_kit_version=1 <script>",)


def test_alts_of_a_file_without_windows_are_scored_where_they_have_a_value(tmp_path):
    # As a lookup writes it: one score, and the status.
    header = "".join(line for line in HEADER.splitlines(True) if "NTOK" not in line and "DELTA" not in line)
    rows = [
        ("chr1", 15, "A", "C,G", "HK_LLR=-0.5,.;HK_STATUS=PASS,NOT_IN_TABLE"),
        ("chr1", 16, "A", "AC", "HK_LLR=.;HK_STATUS=NOT_IN_TABLE"),
    ]
    report = report_scores(write(tmp_path / "scored.vcf", rows, header))
    assert (report.num_alts, report.num_scored, report.scores["HK_LLR"].count) == (3, 1, 1)


def test_alt_is_scored_though_its_scores_are_none_of_its_kind(tmp_path):
    # A deletion with --scores llr.
    row = ("chr1", 15, "AC", "A", "HK_LLR=.;HK_NTOK=8;HK_STATUS=PASS")
    report = report_scores(write(tmp_path / "scored.vcf", [row]))
    assert (report.num_scored, report.scores["HK_LLR"].count) == (1, 0)


def test_regions_are_those_of_the_annotation(tmp_path, genes):
    report = report_scores(write(tmp_path / "scored.vcf"), read_annotation(genes))
    found = {
        kind: (scores["HK_DELTA_LL"].count, scores["HK_DELTA_LL"].mean)
        for kind, scores in report.regions.items()
    }
    assert found == {
        "CDS": (1, 2.0),
        "non-coding exon": (1, -1.0),
        "intron": (1, 0.25),
        "intergenic": (1, 4.0),
    }


@pytest.mark.parametrize(
    ("position", "ref", "kind"),
    [
        (10, "A", "intergenic"),
        (11, "A", "non-coding exon"),
        (20, "A", "non-coding exon"),
        (21, "A", "CDS"),
        (30, "A", "CDS"),
        (31, "A", "intron"),
        (20, "AC", "CDS"),
        (49, "ACG", "non-coding exon"),
        (60, "A", "non-coding exon"),
        (61, "A", "intergenic"),
        (0, "A", "intergenic"),
    ],
)
def test_region_is_that_of_the_bases_of_ref(tmp_path, genes, position, ref, kind):
    row = ("chr1", position, ref, "T", "HK_DELTA_LL=1;HK_NTOK=8;HK_STATUS=PASS")
    report = report_scores(write(tmp_path / "scored.vcf", [row]), read_annotation(genes))
    assert [name for name, scores in report.regions.items() if scores["HK_DELTA_LL"].count] == [kind]


@pytest.mark.parametrize(
    ("ref", "alt", "name"),
    [
        ("A", "C", "SNV"),
        ("AAC", "AGC", "SNV"),
        ("AC", "GT", "MNV"),
        ("A", "AT", "insertion"),
        ("CAT", "CT", "deletion"),
        ("CAT", "GG", "delins"),
        ("a", "A", "no change"),
        ("A", "<DEL>", "symbolic"),
        ("A", "A]chr2:5]", "symbolic"),
        ("A", "*", "star"),
    ],
)
def test_class_is_that_of_what_differs(ref, alt, name):
    assert variant_class(ref, alt) == name


def test_file_without_scores_is_refused(tmp_path):
    plain = "".join(line for line in HEADER.splitlines(keepends=True) if "HK_STATUS" not in line)
    with pytest.raises(InputError, match=r"scored\.vcf has no INFO/HK_STATUS: it is not scored"):
        report_scores(write(tmp_path / "scored.vcf", header=plain, rows=[]))


def test_file_without_records_has_a_report(tmp_path):
    report = report_scores(write(tmp_path / "scored.vcf", rows=[]))
    assert (report.num_records, report.unscored_fraction) == (0, 0)
    assert "<svg" not in render_report(report)


def test_page_is_whole_and_needs_no_network(tmp_path, genes):
    report = report_scores(write(tmp_path / "scored.vcf"), read_annotation(genes))
    page = Page(
        render_report(report, [ShardTiming("0000.vcf.gz", 6, 2.0), ShardTiming("0001.vcf.gz", 0, 1.0)])
    )
    assert page.open == []
    assert page.fetched == []
    assert "script" not in page.tags
    # One of each score in all, one in each region that has one, and a scale; LLR has none in the intron.
    assert page.tags.count("svg") == 2 + (4 + 1) + (3 + 1)
    for word in (
        "SYMBOLIC",
        "deletion",
        "Scores by region",
        "intergenic",
        "##hyenadna_kit_version=1 <script>",
        "2.0",
        "3.0",
    ):
        assert word in page.words


def test_every_bin_is_a_bar(tmp_path):
    report = report_scores(write(tmp_path / "scored.vcf"))
    page = Page(render_report(report))
    assert page.tags.count("rect") == sum(len(each.bins) for each in report.scores.values())


# One coding gene on chr1, CTG ATG TGG AAA TAA C from base 10 on: codons from ATG at 13 to TAA.
CODING = "chr1\t10\t26\tg\t0\t+\t13\t25\n"
CODING_BASES = {"1": "A" * 10 + "CTG" "ATGTGGAAATAA" "C" + "A" * 900, "chr2": "T" * 1000}  # fmt: skip
CODING_ROWS = [
    ("chr1", 5, "A", "C", "HK_DELTA_LL=0.5;HK_LLR=0.5;HK_NTOK=8;HK_STATUS=PASS"),
    ("chr1", 18, "G", "T,A,*", "HK_DELTA_LL=-1,-8,.;HK_LLR=-1,-8,.;HK_NTOK=8,8,.;HK_STATUS=PASS,PASS,STAR"),
    ("chr1", 19, "G", "A,C", "HK_DELTA_LL=-6,-2;HK_LLR=-6,.;HK_NTOK=8,8;HK_STATUS=PASS,PASS"),
    ("chr1", 22, "A", "G", "HK_DELTA_LL=0.25;HK_LLR=0.25;HK_NTOK=8;HK_STATUS=PASS"),
    ("chr1", 30, "A", ".", "HK_STATUS=NO_ALT"),
    ("2", 7, "T", "G", "HK_DELTA_LL=1.5;HK_LLR=1;HK_NTOK=8;HK_STATUS=PASS"),
    ("unknown", 7, "T", "G", "HK_DELTA_LL=.;HK_LLR=.;HK_NTOK=.;HK_STATUS=NO_CONTIG"),
]  # fmt: skip


@pytest.fixture
def coding(tmp_path):
    """Return a scored file, the annotation of its genome and that genome, as files."""
    (tmp_path / "coding.bed").write_text(CODING)
    (tmp_path / "g.fa").write_text("".join(f">{name}\n{bases}\n" for name, bases in CODING_BASES.items()))
    return write(tmp_path / "scored.vcf", CODING_ROWS), tmp_path / "coding.bed", tmp_path / "g.fa"


def test_scores_are_told_apart_by_consequence_the_most_severe_first(coding):
    scored, annotation, genome = coding
    genome = Fasta(genome)
    placed = place_annotation(read_annotation(annotation), genome, "coding.bed")
    report = report_scores(scored, placed, finder=ConsequenceFinder(placed, genome, codes=genetic_codes()))
    found = {
        str(name): [(scores[field].count, scores[field].mean) for field in ("HK_DELTA_LL", "HK_LLR")]
        for name, scores in report.consequences.items()
    }
    # TGG>TTG, TAG and TGA, TGC; AAA>AAG; and beside genes.
    assert list(found.items()) == [
        ("stop_gained", [(2, -7), (2, -7)]),
        ("missense_variant", [(2, -1.5), (1, -1)]),
        ("synonymous_variant", [(1, 0.25), (1, 0.25)]),
        ("intergenic_variant", [(2, 1), (2, 0.75)]),
    ]
    assert {kind: scores["HK_DELTA_LL"].count for kind, scores in report.regions.items()} == {
        "CDS": 5,
        "non-coding exon": 0,
        "intron": 0,
        "intergenic": 2,
    }
    assert (report.num_alts, report.num_scored) == (9, 7)


def test_page_has_consequences_in_place_of_regions(coding):
    scored, annotation, genome = coding
    genome = Fasta(genome)
    placed = place_annotation(read_annotation(annotation), genome, "coding.bed")
    text = render_report(
        report_scores(scored, placed, finder=ConsequenceFinder(placed, genome, codes=genetic_codes()))
    )
    words = Page(text).words
    assert "Scores by consequence" in words
    assert "Scores by region" not in words
    names = [word for word in words if word.endswith("_variant") or word == "stop_gained"]
    assert names == ["stop_gained", "missense_variant", "synonymous_variant", "intergenic_variant"] * 2


def test_command_tells_consequences_where_it_has_the_genome(coding, tmp_path):
    scored, annotation, genome = coding
    words = ["report-scores", "--scored", scored, "--annotation", annotation, "--out", tmp_path / "report"]
    assert cli.main([*map(str, [*words, "--genome", genome])]) == 0
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    assert found["consequences"]["stop_gained"]["HK_LLR"]["count"] == 2
    assert found["meanings"] == {"HK_DELTA_LL": "d", "HK_LLR": "l"}
    # By the table of mitochondria TGA stands for W; TAG is a stop there, too.
    assert cli.main([*map(str, [*words, "--genome", genome, "--genetic_code", 2])]) == 0
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    counts = {name: scores["HK_LLR"]["count"] for name, scores in found["consequences"].items()}
    assert (counts["stop_gained"], counts["synonymous_variant"]) == (1, 2)
    assert cli.main([*map(str, words)]) == 0
    assert json.loads((tmp_path / "report" / "report.json").read_text())["consequences"] == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--genome", "g.fa"], "--genome g.fa is for the consequences; give --annotation as well"),
        (["--genome", "g.fa", "--annotation", "other.bed"], "no contig of other.bed (seven) is in g.fa"),
        (
            ["--genome", "g.fa", "--annotation", "coding.bed", "--genetic_code", "99"],
            "genetic code 99 is none of those known; give one of 1, 2, 3",
        ),
    ],
)
def test_genome_that_does_not_fit_is_refused(coding, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.bed").write_text("seven\t1\t5\n")
    assert cli.main(["report-scores", "--scored", "scored.vcf", "--out", "report", *words]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_scored_contig_that_the_genome_has_not_is_refused(coding, tmp_path, capsys):
    _, annotation, genome = coding
    row = ("seven", 5, "A", "C", "HK_DELTA_LL=1;HK_LLR=1;HK_NTOK=8;HK_STATUS=PASS")
    scored = write(tmp_path / "scored.vcf", [row], HEADER.replace("ID=chr2", "ID=seven"))
    words = ["--scored", scored, "--annotation", annotation, "--genome", genome, "--out", tmp_path / "report"]
    assert cli.main(["report-scores", *map(str, words)]) == 1
    assert (
        "contig 'seven' is not in the genome of the consequences; it has 1, chr2" in capsys.readouterr().err
    )


def test_command_writes_page_and_numbers(tmp_path, genes, capsys):
    scored, out = write(tmp_path / "scored.vcf.gz"), tmp_path / "report"
    shards = [{"name": "0000.vcf.gz", "num_records": 6, "first": "", "last": "", "sites_sha256": ""}]
    (tmp_path / "manifest.json").write_text(json.dumps({"vcf": "v", "vcf_sha256": "", "shards": shards}))
    (tmp_path / "0000.tsv").write_text("s\th:m:s\n1.5\t0:00:01\n")
    words = ["--scored", scored, "--out", out, "--annotation", genes]
    words += ["--manifest", tmp_path / "manifest.json", "--timings", tmp_path]
    assert cli.main(["report-scores", *map(str, words)]) == 0
    assert str(out / "report.html") in capsys.readouterr().err
    found = json.loads((out / "report.json").read_text())
    assert found["statuses"]["PASS"] == 3
    assert found["regions"]["CDS"]["HK_LLR"]["mean"] == 1
    assert found["shards"] == [{"shard": "0000.vcf.gz", "records": 6, "seconds": 1.5}]
    assert "<!DOCTYPE html>" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("table", "message"),
    [("s\n", "has no column s with seconds"), ("h\n1\n", "has no column s"), ("s\nx\n", "has no column s")],
)
def test_damaged_timing_is_refused(tmp_path, capsys, table, message):
    shards = [{"name": "0000.vcf.gz", "num_records": 6, "first": "", "last": "", "sites_sha256": ""}]
    (tmp_path / "manifest.json").write_text(json.dumps({"vcf": "v", "vcf_sha256": "", "shards": shards}))
    (tmp_path / "0000.tsv").write_text(table)
    words = ["--scored", write(tmp_path / "scored.vcf"), "--out", tmp_path / "report"]
    words += ["--manifest", tmp_path / "manifest.json", "--timings", tmp_path]
    assert cli.main(["report-scores", *map(str, words)]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_manifest_without_timings_is_refused(tmp_path, capsys):
    words = ["--scored", write(tmp_path / "scored.vcf"), "--out", tmp_path, "--manifest", tmp_path / "m.json"]
    assert cli.main(["report-scores", *map(str, words)]) == 1
    assert "--manifest and --timings go together" in capsys.readouterr().err
