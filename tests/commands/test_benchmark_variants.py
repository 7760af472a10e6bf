"""``hyenadna-kit benchmark-variants``: the numbers, the files and the page, and one line for each mistake."""

import csv
import gzip
import json
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from hyenadna_kit import cli
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.testing import tiny_model
from tests.oracles.page import Page

RANDOM = random.Random(0)
BASES = "".join(RANDOM.choices("ACGT", k=400))
NAMES = ["chrom", "pos", "ref", "alt", "gene", "kind", "effect", "CADD", "clinical"]
CLINICAL = ["Pathogenic", "Benign", "Uncertain"]
ANNOTATION = "chr1\t.\tgene\t101\t160\t.\t+\t.\tID=g\nchr1\t.\texon\t101\t160\t.\t+\t.\tParent=g\n"


def made_rows():
    """Return 80 variants in four genes: SNVs, deletions without an anchor, and some that cannot be scored."""
    rows = []
    for number in range(80):
        position = 60 + 4 * number
        ref = BASES[position - 1]
        alt = "-" if number % 10 == 3 else "ACGT"["ACGT".index(ref) - 1]
        effect = round(RANDOM.gauss(0, 1), 3)
        cadd = "NA" if number % 9 == 0 else str(round(effect + RANDOM.gauss(0, 1), 3))
        kind = ["missense", "synonymous"][number % 2]
        about = [f"gene{number // 20}", kind, str(effect), cadd, CLINICAL[number % 3]]
        rows.append(["chr1", str(position), ref, alt, *about])
    rows[5][2] = "ACGT"["ACGT".index(rows[5][2]) - 2]
    rows[6][0] = "chr9"
    rows[7][6] = "NA"
    rows[8][1] = "NA"
    return rows


ROWS = made_rows()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a genome ``g.fa``, a model ``m``, genes ``g.gff3`` and the table ``v.tsv``."""
    monkeypatch.chdir(tmp_path)
    Path("g.fa").write_text(f">chr1\n{BASES}\n")
    Path("g.gff3").write_text(f"##gff-version 3\n{ANNOTATION}")
    tiny_model().save_pretrained("m")
    write(ROWS)
    return tmp_path


def write(rows, names=NAMES, name="v.tsv"):
    Path(name).write_text("".join("\t".join(row) + "\n" for row in [names, *rows]))


def run(*words, out="b", **options):
    given = {"variants": "v.tsv", "effect": "effect", "num_resamples": 40, "out": out} | options
    words = [*words, *(str(word) for name, value in given.items() for word in (f"--{name}", value))]
    return cli.main(["benchmark-variants", *words])


def found(out="b"):
    return json.loads((Path(out) / "metrics.json").read_text())


def line_of(report, predictor, minus=None, part=0):
    lines = report["parts"][part]["lines"]
    (line,) = [each for each in lines if (each["predictor"], each["minus"]) == (predictor, minus)]
    return line


def table_of(out="b"):
    with gzip.open(Path(out) / "variants.tsv.gz", "rt") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def column(rows, name):
    return np.array([np.nan if row[name] in (".", "NA") else float(row[name]) for row in rows])


def naive_scores():
    """Return the score of each row, one variant at a time, as a VCF spells it; NaN where there is none."""
    genome = Fasta("g.fa")
    model, placement = HyenaDNA.from_pretrained("m"), Placement.for_window(64)
    scorer = VariantScorer(model, placement, scores=["delta_ll"], engine="full")
    scores = []
    for contig, position, ref, alt, *_ in ROWS:
        if contig != "chr1" or position == "NA" or BASES[int(position) - 1] != ref:
            scores.append(np.nan)
            continue
        start = int(position) - 1
        before = BASES[start - 1]
        variant = (
            Variant("chr1", start - 1, before + ref, before)
            if alt == "-"
            else Variant("chr1", start, ref, alt)
        )
        scores.append(scorer.score(genome, [variant])[0].values["delta_ll"])
    return np.array(scores)


def test_every_row_comes_out_with_its_score_or_a_reason(folder, capsys):
    assert run(model="m", genome="g.fa") == 0
    rows = table_of()
    assert [[row[name] for name in NAMES] for row in rows] == ROWS
    assert column(rows, "hk_delta_ll") == pytest.approx(naive_scores(), abs=1e-4, nan_ok=True)
    unscored = {5: "REF_MISMATCH", 6: "NO_CONTIG", 8: "NO_VARIANT"}
    for number, row in enumerate(rows):
        assert row["hk_status"] in ([unscored[number]] if number in unscored else ["PASS", "EDGE_PADDED"])
    assert found()["counts"] == {"rows": 80, "left_out": 0, "with_effect": 79, "scored": 77}
    assert {found()["statuses"][status] for status in unscored.values()} == {1}
    out, err = capsys.readouterr()
    assert out.startswith("part\tpredictor\tvariants\tspearman\tpearson\nall\tdelta_ll\t76\t")
    assert "80 rows, 79 with an effect, 77 scored" in err


def test_correlations_are_those_of_scipy_and_a_difference_is_on_what_both_have(folder):
    assert run(model="m", genome="g.fa", compare="CADD", negate="delta_ll") == 0
    effects, scores, cadd = column(table_of(), "effect"), naive_scores(), column(table_of(), "CADD")
    report = found()
    both = ~(np.isnan(effects) | np.isnan(scores) | np.isnan(cadd))
    expected = {
        ("-delta_ll", None): spearman(effects, -scores),
        ("CADD", None): spearman(effects, cadd),
        ("-delta_ll", "CADD"): spearman(effects[both], -scores[both]) - spearman(effects[both], cadd[both]),
    }
    for (predictor, minus), value in expected.items():
        line = line_of(report, predictor, minus)
        assert line["metrics"]["spearman"]["value"] == pytest.approx(value, abs=1e-3)
        assert line["metrics"]["spearman"]["low"] < value < line["metrics"]["spearman"]["high"]
    assert line_of(report, "-delta_ll", "CADD")["variants"] == both.sum()


def spearman(effects, values):
    known = ~(np.isnan(effects) | np.isnan(values))
    return stats.spearmanr(effects[known], values[known]).statistic


def test_size_of_an_effect_is_compared_with_the_size_of_a_score_too(folder):
    assert run("--unsigned", model="m", genome="g.fa", scores="delta_ll,l2") == 0
    report = found()
    assert report["effect"] == "|effect|"
    assert [line["predictor"] for line in report["parts"][0]["lines"]] == ["delta_ll", "|delta_ll|", "l2"]
    effects = np.abs(column(table_of(), "effect"))
    value = line_of(report, "|delta_ll|")["metrics"]["spearman"]["value"]
    assert value == pytest.approx(spearman(effects, np.abs(naive_scores())), abs=1e-3)


def test_two_classes_are_told_apart_without_a_model(folder, capsys):
    assert run(effect="clinical", compare="CADD", positive="Pathogenic", negative="Benign") == 0
    rows = [row for row in table_of() if row["clinical"] != "Uncertain" and row["CADD"] != "NA"]
    is_positive = [row["clinical"] == "Pathogenic" for row in rows]
    metrics = line_of(found(), "CADD")["metrics"]
    assert metrics["auroc"]["value"] == pytest.approx(roc_auc_score(is_positive, column(rows, "CADD")))
    assert metrics["auprc"]["value"] == pytest.approx(
        average_precision_score(is_positive, column(rows, "CADD"))
    )
    assert found()["counts"]["with_effect"] == sum(row[-1] != "Uncertain" for row in ROWS)
    assert "There is no baseline from classes" in Path("b/report.html").read_text()
    assert capsys.readouterr().out.startswith("part\tpredictor\tvariants\tauroc\tauprc\nall\tCADD\t")


def test_column_of_noughts_and_ones_is_two_classes(folder):
    write([[*row, str(number % 2)] for number, row in enumerate(ROWS)], [*NAMES, "is_bad"])
    assert run(effect="is_bad", compare="CADD") == 0
    assert found()["effect_kind"] == "class"


def test_class_alone_is_predicted_from_the_other_groups(folder):
    assert run(compare="CADD", group="gene", stratify="kind") == 0
    rows = [row for row in table_of() if row["effect"] != "NA"]
    effects = column(rows, "effect")
    kinds, genes = (np.array([row[name] for row in rows]) for name in ("kind", "gene"))
    expected = [
        effects[(kinds == kind) & (genes != gene)].mean() for kind, gene in zip(kinds, genes, strict=True)
    ]
    report = found()
    assert line_of(report, "class alone")["metrics"]["spearman"]["value"] == pytest.approx(
        stats.spearmanr(effects, expected).statistic
    )
    names = [part["name"] for part in report["parts"]]
    assert names[:2] == ["all", "within groups"]
    assert sorted(names[2:]) == ["missense", "synonymous"]
    assert (report["counts"]["groups"], report["counts"]["loci"]) == (4, 4)


def test_groups_that_share_a_position_are_one_locus(folder):
    write([*ROWS, ["chr1", ROWS[0][1], *ROWS[0][2:4], "gene3", *ROWS[0][5:]]])
    assert run(compare="CADD", group="gene") == 0
    assert (found()["counts"]["groups"], found()["counts"]["loci"]) == (4, 3)
    assert {(row["gene"], row["hk_locus"]) for row in table_of()} == {
        *(("gene0", "gene0"), ("gene1", "gene1"), ("gene2", "gene2"), ("gene3", "gene0"))
    }


def test_consequences_come_from_an_annotation(folder):
    assert run(model="m", genome="g.fa", annotation="g.gff3") == 0
    for row in table_of():
        if row["hk_status"] in ("PASS", "EDGE_PADDED"):
            inside = 101 <= int(row["pos"]) <= 160
            expected = "non_coding_transcript_exon_variant" if inside else "intergenic_variant"
            assert row["hk_consequence"] == expected
    names = {part["name"] for part in found()["parts"]}
    assert names == {"all", "intergenic_variant", "non_coding_transcript_exon_variant"}


def test_positions_of_chromosomes_are_read_from_headers(folder):
    shifted = [[*row[:1], row[1] if row[1] == "NA" else str(int(row[1]) + 5000), *row[2:]] for row in ROWS]
    Path("p.fa").write_text(f">chr1 chr7:5001-5400\n{BASES}\n")
    write(shifted, name="p.tsv")
    assert run(model="m", genome="g.fa") == 0
    assert run(model="m", genome="p.fa", variants="p.tsv", positions="header", out="p") == 0
    assert [row["hk_delta_ll"] for row in table_of("p")] == [row["hk_delta_ll"] for row in table_of()]


def test_conditions_leave_rows_out_and_count_them(folder):
    assert run(compare="CADD", where="kind=missense,effect>0") == 0
    kept = [row for row in ROWS if row[5] == "missense" and row[6] != "NA" and float(row[6]) > 0]
    assert found()["counts"] == {"rows": len(kept), "left_out": 80 - len(kept), "with_effect": len(kept)}


def test_equal_commands_write_equal_files(folder):
    for out in ("one", "two"):
        assert run(model="m", genome="g.fa", compare="CADD", group="gene", stratify="kind", out=out) == 0
    assert Path("one/metrics.tsv").read_bytes() == Path("two/metrics.tsv").read_bytes()
    assert Path("one/report.html").read_bytes() == Path("two/report.html").read_bytes()


def test_page_stands_alone_and_shows_what_the_figures_say(folder):
    write([[*row[:5], "a<b>" if row[5] == "missense" else row[5], *row[6:]] for row in ROWS])
    assert run(model="m", genome="g.fa", compare="CADD", group="gene", stratify="kind") == 0
    page = Page(Path("b/report.html").read_text())
    assert page.open == []
    assert page.fetched == []
    assert "script" not in page.tags
    assert "a<b>" in page.words
    value = line_of(found(), "delta_ll", "CADD")["metrics"]["spearman"]
    assert "{value:.3f} [{low:.3f}, {high:.3f}]".format(**value) in page.words
    lines = list(csv.DictReader(Path("b/metrics.tsv").read_text().splitlines(), delimiter="\t"))
    assert len(lines) == 2 * sum(len(part["lines"]) for part in found()["parts"])
    assert float(lines[0]["value"]) == line_of(found(), "delta_ll")["metrics"]["spearman"]["value"]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_browser_shows_the_page(folder):
    assert run(compare="CADD", group="gene", stratify="kind") == 0
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"file://{folder}/b/report.html"]
    done = subprocess.run(["chromium", *words], capture_output=True, text=True, check=True, timeout=120)
    assert "Within groups" in done.stdout
    assert "<svg" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "there is nothing to measure: give --model, columns with --compare, or both"),
        ({"model": "m"}, "--model needs the bases of the variants; give their reference with --genome"),
        ({"compare": "CAD"}, "v.tsv: there is no column 'CAD'; did you mean 'CADD'?"),
        (
            {"compare": "kind"},
            "v.tsv, line 2, column 'kind': expected a number, or NA where there is none",
        ),
        ({"compare": "CADD", "effect": "kind"}, "got 'missense'; mend it or leave the row out; classes are"),
        ({"compare": "CADD", "negate": "CAD"}, "--negate CAD is none of CADD; did you mean 'CADD'?"),
        ({"compare": "CADD,CADD"}, "--compare CADD has the name of another predictor; rename the column"),
        ({"compare": "CADD", "negative": "x"}, "--negative names one of two classes; name the other"),
        (
            {"compare": "CADD", "effect": "clinical", "positive": "Pathogen"},
            "no row has 'Pathogen' in",
        ),
        ({"compare": "CADD", "where": "gene=gene1", "group": "gene"}, "of one locus, 'gene1'; intervals are"),
        ({"compare": "CADD", "where": "kind=nonsense"}, "v.tsv: none of 80 rows has kind=nonsense"),
        (
            {"compare": "CADD", "stratify": "kind", "annotation": "g.gff3", "genome": "g.fa"},
            "both give",
        ),
        ({"compare": "CADD", "positions": "header"}, "reads the headers of a FASTA; name it with --genome"),
        ({"compare": "CADD", "num_resamples": 0}, "--num_resamples must be at least 1, got 0"),
        (
            {"compare": "CADD", "position": "kind"},
            "line 2, column 'kind': expected a whole number (1-based)",
        ),
        ({"compare": "CADD", "out": "g.fa"}, "--out g.fa is a file; give a folder"),
        (
            {"model": "m", "genome": "g.fa", "positions": "header"},
            "g.fa: the header 'chr1' names no place behind the contig",
        ),
    ],
)
def test_mistake_is_one_line_that_names_it(folder, capsys, options, message):
    assert run(**options) == 1
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1
    assert not Path("b").exists()


def test_group_without_a_value_is_named_with_its_row(folder, capsys):
    write([[*ROWS[0][:4], "", *ROWS[0][5:]], *ROWS[1:]])
    assert run(compare="CADD", group="gene") == 1
    assert (
        "v.tsv, line 2, column 'gene': expected what the variant belongs to, got ''"
        in capsys.readouterr().err
    )


def test_reference_of_other_variants_is_told(folder, capsys):
    write([[*row[:2], "N", *row[3:]] for row in ROWS])
    assert run(model="m", genome="g.fa") == 1
    err = capsys.readouterr().err.splitlines()[-1]
    assert "v.tsv: none of 80 variants could be scored, 78 of them NON_ACGT; is g.fa their reference" in err


@pytest.mark.real_data
def test_reporter_assay_is_measured_on_its_elements(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny_model().save_pretrained("m")
    with gzip.open(data / "variants/mpra_elements.tsv.gz", "rt") as lines:
        names, *rows = csv.reader(lines, delimiter="\t")
    wanted = ("HBB", "LDLR", "LDLR.2", "MSMB")
    of_element = {name: [row for row in rows if row[9] == name and row[10] == "GRCh38"] for name in wanted}
    missing = [row for row in of_element["MSMB"] if row[1] == "NA"]
    few = [row for name in wanted for row in of_element[name][:150:3]]
    write([*few, *missing, rows[0]], names)
    status = run(
        effect="Coefficient",
        contig="Element",
        group="Element",
        positions="header",
        genome=data / "variants/mpra_elements_GRCh38.fa",
        model="m",
        where="Element!=BCL11A",
        stratify="Alt",
    )
    assert status == 0
    report = found()
    scorable = sum(row[1] != "NA" for row in few)
    assert report["counts"] == {
        "rows": len(few) + len(missing),
        "left_out": 1,
        "with_effect": len(few) + len(missing),
        "scored": scorable,
        "groups": 4,
        "loci": 3,
    }
    assert report["statuses"]["NO_VARIANT"] == len(few) + len(missing) - scorable
    assert "-" in [part["name"] for part in report["parts"]]
    assert capsys.readouterr().out.count("\n") > 4
