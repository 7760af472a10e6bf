"""``score --lookup``: a VCF with the scores of a table, without a model."""

import csv
import re

import pysam
import pytest

from hyenadna_kit import cli
from tests.commands.score_folder import BASES, SNVS, Folder, other, record, save_small_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(tmp_path, model):
    """A folder with the scores of every SNV in ``all.tsv.gz``."""
    folder = Folder(tmp_path, model)
    words = ["--model", model, "--genome", folder.genome, "--out", tmp_path / "all.tsv.gz"]
    assert cli.main(["score-genome", *map(str, words)]) == 0
    return folder


def look_up(folder, vcf, *more, out=None):
    words = ["--lookup", folder.path / "all.tsv.gz", "--genome", folder.genome, "--vcf", vcf]
    return cli.main(["score", *map(str, [*words, "--out", out or folder.out, *more])])


def test_figures_are_those_of_the_model(folder, capsys):
    vcf = folder.write([*SNVS, record(100, BASES[99], f"{BASES[99]}A")])
    looked, computed = folder.path / "looked.tsv", folder.path / "computed.tsv"
    capsys.readouterr()
    assert look_up(folder, vcf, out=looked) == 0
    assert "looked.tsv: 161 records, 160 of 161 ALTs scored" in capsys.readouterr().err
    assert folder.run(vcf, out=computed) == 0
    ours, theirs = (
        list(csv.DictReader(path.read_text().splitlines(), delimiter="\t")) for path in (looked, computed)
    )
    assert list(ours[0])[-2:] == ["llr", "status"]
    for one, two in zip(ours[:-1], theirs[:-1], strict=True):
        assert float(one["llr"]) == pytest.approx(float(two["llr"]), abs=1e-5)
    assert (ours[-1]["llr"], ours[-1]["status"]) == (".", "NOT_IN_TABLE")


def test_vcf_has_the_score_and_says_where_it_comes_from(folder):
    vcf = folder.write(SNVS)
    assert look_up(folder, vcf) == 0
    with pysam.VariantFile(str(folder.out)) as handle:
        assert [name for name in handle.header.info if name.startswith("HK_")] == ["HK_LLR", "HK_STATUS"]
        assert len(list(handle)) == len(SNVS)
    table = dict(re.findall(r"##hyenadna_kit_(\w+)=(.*)", folder.out.read_text()))
    assert table["scorer"] == "<window=32,horizon=8,min_left_context=16,placement=grid,strands=forward>"
    assert len(table["model_sha256"]) == 64
    assert not (folder.path / "out.vcf.journal").exists()


def test_records_that_are_not_asked_for_come_out_as_they_were(folder, capsys):
    lines = [*SNVS[:3], SNVS[3].replace("PASS", "q10")]
    assert look_up(folder, folder.write(lines), "--include", "PASS") == 0
    assert folder.out.read_text().splitlines()[-1] == lines[-1][:-1] + "HK_LLR=.;HK_STATUS=FILTERED"
    assert "status: PASS 3, FILTERED 1" in capsys.readouterr().err


def test_what_was_not_asked_for_is_no_failure(folder):
    lines = [SNVS[0], *(line.replace("PASS", "q10") for line in SNVS[1:])]
    assert look_up(folder, folder.write(lines), "--include", "PASS") == 0
    assert folder.run(folder.path / "in.vcf", "--include", "PASS", "--max_unscored", "0") == 0
    assert folder.run(folder.path / "in.vcf", "--include", "s50", "--max_unscored", "0") == 0


def test_many_outside_the_table_have_an_exit_status_of_their_own(folder, capsys):
    lines = [record(position, BASES[position - 1], f"{BASES[position - 1]}A") for position in range(50, 60)]
    assert look_up(folder, folder.write(lines)) == 3
    assert "10 of them NOT_IN_TABLE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "m"], "--lookup takes scores from a table, without --model; leave one of them out"),
        (["--background", "b.vcf"], "without --background"),
        (["--dry_run"], "without --dry_run"),
        (["--strands", "both"], "without --strands"),
    ],
)
def test_what_a_table_cannot_answer_is_refused(folder, capsys, words, message):
    assert look_up(folder, folder.write(SNVS), *words) == 1
    assert message in capsys.readouterr().err
    assert not folder.out.exists()


def test_table_of_another_genome_is_refused(folder, capsys):
    folder.genome.write_text(f">chr1\n{other(BASES[0])}{BASES[1:]}\n")
    assert look_up(folder, folder.write(SNVS)) == 1
    assert "all.tsv.gz holds scores of another genome" in capsys.readouterr().err


def test_neither_model_nor_table(folder, capsys):
    words = ["--genome", folder.genome, "--vcf", folder.write(SNVS), "--out", folder.out]
    assert cli.main(["score", *map(str, words)]) == 1
    assert "--model is missing: give a model folder, or a table of score-genome" in capsys.readouterr().err
