"""``hyenadna-kit split``: a folder of BED files with a report, by place and by similarity."""

import json
import sys
from itertools import pairwise

import numpy as np
import pytest

from hyenadna_kit import cli
from hyenadna_kit.io.genome import open_genome
from hyenadna_kit.io.genome_store import build_store
from tests.oracles.copies import random_bases, reverse, substituted

FILES = {"train.bed", "validation.bed", "test.bed", "report.json", "similarity.png"}
SIDES = ("train", "validation", "test")
CONTIGS = {"chr1": 20_000, "chr2": 8000, "chr3": 6050}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder with a genome ``g.fa``, of which chr3 holds copies of chr1."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    bases = {name: random_bases(rng, length) for name, length in CONTIGS.items()}
    copies = [bases["chr1"][:500], reverse(bases["chr1"][1000:1500], rng), bases["chr1"][2250:2750]]
    copies.append(substituted(bases["chr1"][3000:3500], rng))
    bases["chr3"] = "".join(copies) + bases["chr3"][2000:]
    (tmp_path / "g.fa").write_text("".join(f">{name}\n{of}\n" for name, of in bases.items()))
    return tmp_path


def split(capsys, *options, out="s"):
    words = ["split", "--genome", "g.fa", "--out", out, *options]
    return cli.main(words), *capsys.readouterr()


def beds(folder):
    """Return the lines of each BED file as ``contig, start, end, ...``."""
    return {
        side: [
            (line.split("\t")[0], *map(int, line.split("\t")[1:3]), *line.split("\t")[3:])
            for line in (folder / f"{side}.bed").read_text().splitlines()
        ]
        for side in SIDES
    }


def report(folder):
    return json.loads((folder / "report.json").read_text())


def tiles(contig, length, stride=None):
    return [
        (contig, start, start + length) for start in range(0, CONTIGS[contig] - length + 1, stride or length)
    ]


def test_split_by_contig(folder, capsys):
    status, out, err = split(
        capsys, "--by", "contig", "--length", "500", "--validation", "2", "--test", "chr3"
    )
    assert status == 0
    assert out == (
        "s: 40 train, 16 validation, 12 test windows, 0 left out; 4 test windows are similar to a training "
        "window\n"
    )
    assert "66 windows in" in err  # equal ones are sketched once
    found = beds(folder / "s")
    assert found == {
        "train": tiles("chr1", 500),
        "validation": tiles("chr2", 500),
        "test": tiles("chr3", 500),
    }
    assert {path.name for path in (folder / "s").iterdir()} == FILES
    content = report(folder / "s")
    assert content["sides"]["test"] == {"windows": 12, "bases": 6000}
    assert content["left_out"] == {
        "touch two sides": 0,
        "touch no side": 0,
        "overlap a window of another side": 0,
    }
    assert content["groups"] is None
    similarity = content["similarity"]
    # Two equal copies, half a copy, and one that is 90 % identical: each in its bin of 0.05.
    assert sum(similarity["counts"]) == similarity["windows"] == 12
    assert (similarity["counts"][0], similarity["counts"][-1]) == (8, 2)
    assert (similarity["num_similar"], similarity["num_equal"]) == (4, 2)
    assert content["parameters"]["test"] == ["chr3"]
    assert content["genome"] == {"path": "g.fa", "fingerprint": open_genome(folder / "g.fa").fingerprint}


def test_split_by_range_leaves_out_what_straddles(folder, capsys):
    ranges = ("--validation", "chr2:1-1000", "--test", "chr2:1501-2400,3")
    status, out, _ = split(capsys, "--by", "range", "--length", "400", "--stride", "200", *ranges)
    assert status == 0
    found = beds(folder / "s")
    assert found["test"] == [
        *[("chr2", start, start + 400) for start in range(1200, 2400, 200)],
        *tiles("chr3", 400, 200),
    ]
    assert found["validation"] == [("chr2", start, start + 400) for start in range(0, 1000, 200)]
    # [1000, 1400) touches no range but overlaps [1200, 1600), which is in the test side whole.
    assert ("chr2", 1000, 1400) not in found["train"]
    assert ("chr2", 2400, 2800) not in found["train"]
    assert ("chr2", 2600, 3000) in found["train"]
    assert ", 2 left out;" in out
    assert report(folder / "s")["left_out"]["overlap a window of another side"] == 2


def test_split_by_folds(folder, capsys):
    (folder / "folds.bed").write_text(
        "chr1\t0\t5000\tfold0\nchr1\t5000\t9000\tfold1\nchr1\t12000\t16000\tfold3\n"
        "chr2\t0\t4000\tfold4\nchr3\t0\t6050\tfold1\n"
    )
    options = ("--by", "folds", "--folds", "folds.bed", "--validation", "fold3", "--test", "fold4")
    status, out, _ = split(capsys, "--length", "1000", *options)
    assert status == 0
    assert out.startswith("s: 15 train, 4 validation, 4 test windows, 11 left out;")
    found = beds(folder / "s")
    assert found["train"] == tiles("chr1", 1000)[:9] + tiles("chr3", 1000)
    assert found["validation"] == tiles("chr1", 1000)[12:16]
    assert found["test"] == tiles("chr2", 1000)[:4]
    assert report(folder / "s")["left_out"]["touch no side"] == 11


def test_split_by_similarity_keeps_planted_copies_together(folder, capsys):
    status, out, _ = split(capsys, "--by", "similarity", "--length", "500", "--seed", "3")
    assert status == 0
    assert out.endswith(" 0 left out; 0 test windows are similar to a training window\n")
    side_of = {window: side for side, windows in beds(folder / "s").items() for window in windows}
    assert set(side_of) == {tile for contig in CONTIGS for tile in tiles(contig, 500)}
    for copy, original in ((0, 0), (500, 1000), (1000, 2000), (1000, 2500), (1500, 3000)):
        assert side_of["chr3", copy, copy + 500] == side_of["chr1", original, original + 500]
    content = report(folder / "s")
    assert [content["sides"][side]["windows"] for side in SIDES] == [54, 7, 7]
    assert content["groups"] == {"windows_in_groups": 9, "largest": 3}
    assert content["similarity"]["num_similar"] == 0


def test_same_options_give_the_same_files_from_a_store_too(folder, capsys):
    build_store([folder / "g.fa"], folder / "store")
    options = ("--by", "similarity", "--length", "500", "--fractions", "0.6,0.2,0.2")
    assert split(capsys, *options)[0] == 0
    words = ["split", "--genome", "store", "--out", "t", *options]
    assert cli.main(words) == 0
    for name in FILES - {"report.json"}:
        assert (folder / "s" / name).read_bytes() == (folder / "t" / name).read_bytes()
    one, other = report(folder / "s"), report(folder / "t")
    assert one["genome"]["fingerprint"] == other["genome"]["fingerprint"]
    assert one["similarity"] == other["similarity"]


def test_windows_of_a_bed_file_keep_name_score_and_strand(folder, capsys):
    lines = [
        f"1\t{start}\t{start + 300}\tw{start}\t{start}\t{'+-'[start // 300 % 2]}"
        for start in range(0, 9000, 300)
    ]
    (folder / "w.bed").write_text("\n".join(["track name=x", *lines, "chr2\t5\t100\tlast\t.\t."]) + "\n")
    status, _, _ = split(capsys, "--by", "similarity", "--bed", "w.bed", "--fractions", "0.5,0.3,0.2")
    assert status == 0
    written = [line for side in SIDES for line in (folder / "s" / f"{side}.bed").read_text().splitlines()]
    assert sorted(written) == sorted(["chr" + line for line in lines] + ["chr2\t5\t100\tlast\t.\t."])


def test_windows_that_share_few_bases_are_on_one_side_too(folder, capsys):
    # Three chains of 10 windows, of which each shares 20 bases (4 %) with the next, and 50 apart.
    chains = [[(f"chr{n}", start, start + 500) for start in range(0, 4800, 480)] for n in (1, 2)]
    chains.append([("chr1", start, start + 500) for start in range(6000, 10_800, 480)])
    apart = [("chr1", start, start + 100) for start in range(12_000, 17_000, 100)]
    windows = [window for group in [*chains, apart] for window in group]
    (folder / "w.bed").write_text("".join(f"{c}\t{start}\t{end}\n" for c, start, end in windows))
    assert split(capsys, "--by", "similarity", "--bed", "w.bed", "--fractions", "0.5,0.25,0.25")[0] == 0
    side_of = {window: side for side, of in beds(folder / "s").items() for window in of}
    for chain in chains:
        assert len({side_of[window] for window in chain}) == 1
    assert report(folder / "s")["groups"] == {"windows_in_groups": 30, "largest": 10}


def test_files_keep_the_order_of_the_windows(folder, capsys):
    split(capsys, "--by", "similarity", "--length", "250")
    for windows in beds(folder / "s").values():
        assert all(one < other for one, other in pairwise(windows))


def test_existing_split_is_replaced_only_when_asked(folder, capsys):
    options = ("--by", "similarity", "--length", "500")
    assert split(capsys, *options)[0] == 0
    before = (folder / "s" / "train.bed").read_bytes()
    status, _, err = split(capsys, *options, "--seed", "1")
    assert (status, err) == (
        1,
        "hyenadna-kit split: s is a split already; overwrite it (--overwrite) or choose another folder\n",
    )
    assert (folder / "s" / "train.bed").read_bytes() == before
    assert split(capsys, *options, "--seed", "1", "--overwrite")[0] == 0
    assert (folder / "s" / "train.bed").read_bytes() != before
    assert {path.name for path in folder.iterdir()} == {"g.fa", "s"}


def test_folder_that_is_no_split_is_never_replaced(folder, capsys):
    (folder / "s").mkdir()
    assert split(capsys, "--by", "similarity", "--length", "500")[0] == 0
    (folder / "s" / "thesis.doc").write_text("all of it")
    for out, message in (
        (
            "s",
            "s holds 'thesis.doc', which is no part of a split, and is not replaced; choose another folder",
        ),
        ("g.fa", "g.fa is a file; choose a folder for the split"),
        (".", ". is the current folder and is not replaced; choose another folder"),
    ):
        status, _, err = split(capsys, "--by", "similarity", "--length", "500", "--overwrite", out=out)
        assert (status, err) == (1, f"hyenadna-kit split: {message}\n")
    assert (folder / "s" / "thesis.doc").read_text() == "all of it"


def test_missing_matplotlib_is_said_before_anything_is_read(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    (folder / "g.fa").unlink()
    status, out, err = split(capsys, "--by", "similarity", "--length", "500")
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert "pip install 'hyenadna_kit[plot]'" in err


BY_CONTIG = ("--by", "contig", "--length", "500")
BY_RANGE = ("--by", "range", "--length", "500")
BY_FOLDS = ("--by", "folds", "--length", "500", "--folds", "f.bed")
BY_SIMILARITY = ("--by", "similarity")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((*BY_CONTIG, "--validation", "chr9", "--test", "chr3"), "contig 'chr9' is not in g.fa; it has chr1"),
        ((*BY_CONTIG, "--validation", "chr2", "--test", "chr3:1-5"), "contig 'chr3:1-5' is not in g.fa"),
        (
            (*BY_CONTIG, "--validation", "chr2", "--test", "chr3,2"),
            "chr2:1-8000 of side validation overlaps a region of side test",
        ),
        ((*BY_CONTIG, "--test", "chr3"), "--by contig needs --validation NAME[,...] and --test NAME[,...]"),
        (
            (*BY_CONTIG, "--validation", "chr1,chr2", "--test", "chr3"),
            "side train has no window (56 validation",
        ),
        (
            (*BY_RANGE, "--validation", "chr1:1-900", "--test", "chr1:900-2000"),
            "chr1:1-900 of side validation overlaps a region of side test",
        ),
        ((*BY_RANGE, "--validation", "chr1:1-900", "--test", "chr3:6000-7000"), "which has 6050 bp"),
        (
            (*BY_RANGE, "--validation", "chr1:1-900", "--test", "chr1:5-x"),
            "region 'chr1:5-x' is not CONTIG:START-END",
        ),
        ((*BY_RANGE, "--validation", "chr1:1-9", "--test", "chr3:6010-6050"), "side test has no window"),
        ((*BY_FOLDS, "--validation", "fold1", "--test", "fold9"), "f.bed has no fold 'fold9'; did you mean"),
        ((*BY_FOLDS, "--validation", "fold1", "--test", "fold1"), "fold 'fold1' is given to both"),
        ((*BY_FOLDS, "--validation", "fold1", "--test", "fold2"), "side train has no window"),
        (
            ("--by", "folds", "--length", "9", "--folds", "3.bed", "--validation", "a", "--test", "b"),
            "3.bed: chr1:1-900 has no fold in column 4",
        ),
        (("--by", "folds", "--length", "9", "--validation", "a", "--test", "b"), "--folds FILE go together"),
        ((*BY_CONTIG, "--folds", "f.bed", "--validation", "a", "--test", "b"), "--folds FILE go together"),
        (
            (*BY_CONTIG, "--fractions", "0.5,0.3,0.2", "--validation", "chr1", "--test", "chr2"),
            "not with --by contig",
        ),
        (BY_SIMILARITY, "by either --length N or --bed FILE"),
        ((*BY_SIMILARITY, "--length", "9", "--bed", "3.bed"), "by either --length N or --bed FILE"),
        ((*BY_SIMILARITY, "--stride", "9", "--bed", "3.bed"), "--stride is of windows of one --length"),
        ((*BY_SIMILARITY, "--length", "500", "--test", "chr1"), "which --by similarity does not use"),
        ((*BY_SIMILARITY, "--length", "500", "--fractions", "0.5,0.5"), "--fractions are three"),
        (
            (*BY_SIMILARITY, "--length", "500", "--fractions", "0.5,0.4,0.2"),
            "above 0 and together 1, got train 0.5, validation 0.4, test 0.2",
        ),
        (
            (*BY_SIMILARITY, "--length", "500", "--stride", "100"),
            "are connected by overlap or similarity, more than half",
        ),
        ((*BY_SIMILARITY, "--length", "500", "--seed", "-1"), "seed must be at least 0, got -1"),
        ((*BY_SIMILARITY, "--length", "10"), "window 1 has 10 bp, and windows are compared by k-mers of 11"),
        ((*BY_SIMILARITY, "--length", "0"), "length and stride must be at least 1, got 0 and 0"),
        (
            (*BY_SIMILARITY, "--length", "90000"),
            "g.fa has no window of 90000 bp: its longest contig has 20000",
        ),
        ((*BY_SIMILARITY, "--length", "9000"), "side validation has no window (2 train)"),
        ((*BY_SIMILARITY, "--bed", "text.bed"), "text.bed, line 2: expected contig, start and end"),
        (
            (*BY_SIMILARITY, "--bed", "past.bed"),
            "past.bed: chr2:1-8001 must hold a base and end inside contig",
        ),
        ((*BY_SIMILARITY, "--bed", "empty.bed"), "BED file empty.bed holds no intervals"),
        ((*BY_SIMILARITY, "--bed", "none.bed"), "none.bed"),
        ((*BY_SIMILARITY, "--length", "500", "--min_containment", "0"), "min_containment must be above 0"),
        ((*BY_SIMILARITY, "--length", "500", "--genome", "h.fa"), "is given twice"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_bad_input_is_one_line_and_leaves_nothing(folder, capsys, options, message):
    (folder / "f.bed").write_text("chr1\t0\t900\tfold1\nchr1\t900\t2000\tfold2\n")
    (folder / "3.bed").write_text("chr1\t0\t900\n")
    (folder / "text.bed").write_text("chr1\t0\t900\nDear reader, this is no BED.\n")
    (folder / "past.bed").write_text("chr1\t0\t900\nchr2\t0\t8001\n")
    (folder / "empty.bed").write_text("# nothing\n")
    before = {path.name for path in folder.iterdir()}
    status, out, err = split(capsys, *options)
    lines = [line for line in err.splitlines() if " windows in " not in line]
    assert (status, out, len(lines)) == (2 if "twice" in message else 1, "", 1)
    assert lines[0].startswith("hyenadna-kit split: ")
    assert message in lines[0]
    assert {path.name for path in folder.iterdir()} == before


@pytest.mark.real_data
@pytest.mark.slow
def test_contig_split_of_yeast_shows_its_leakage_and_similarity_has_none(data, tmp_path, capsys):
    genome = str(data / "genomes/yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz")
    common = ["split", "--genome", genome, "--length", "1000"]
    by_contig = [*common, "--by", "contig", "--validation", "chrII", "--test", "chrIV"]
    assert cli.main([*by_contig, "--out", str(tmp_path / "contig")]) == 0
    assert cli.main([*common, "--by", "similarity", "--out", str(tmp_path / "similarity")]) == 0
    # Chromosome IV has Ty elements and subtelomeres whose copies are on most other chromosomes.
    assert report(tmp_path / "contig")["similarity"]["num_similar"] > 50
    assert report(tmp_path / "similarity")["similarity"]["num_similar"] == 0
    sides = report(tmp_path / "similarity")["sides"]
    assert [sides[side]["windows"] for side in SIDES] == pytest.approx([9718, 1215, 1215], abs=2)
