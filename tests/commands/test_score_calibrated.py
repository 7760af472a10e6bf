"""``score --calibration``: what it adds, what it leaves alone, and what it refuses."""

import csv
import re

import pysam
import pytest

from hyenadna_kit import cli
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.scoring.calibration import Calibration
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.score_records import ScoringRun
from hyenadna_kit.scoring.score_tables import score_file
from hyenadna_kit.scoring.scorer import VariantScorer
from tests.commands.score_folder import BASES, SNVS, Folder, other, record, save_small_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(tmp_path, model):
    """A folder with null scores in ``null.npz``."""
    folder = Folder(tmp_path, model)
    assert calibrate(folder) == 0
    return folder


def calibrate(folder, *more):
    words = ["--model", folder.model, "--genome", folder.genome, "--out", null_of(folder), *more]
    return cli.main(["calibrate", "--num_variants", "400", *map(str, words)])


def null_of(folder):
    return folder.path / "null.npz"


def table_of(path):
    with path.open() as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


VARIANTS = [
    *SNVS[:20],
    record(100, BASES[99], f"{BASES[99]}ACGT"),
    record(120, BASES[119:123], BASES[119]),
    record(130, alt="<DEL>"),
    record(131, BASES[130], f"{other(BASES[130])},*"),
]


def test_every_scored_alt_stands_beside_its_null(folder):
    out = folder.path / "out.tsv"
    assert folder.run(folder.write(VARIANTS), "--calibration", null_of(folder), out=out) == 0
    null, genome, rows = Calibration.load(null_of(folder)), Fasta(folder.genome), table_of(out)
    assert [row["alt"] for row in rows[-4:]] == [rows[-4]["alt"], "<DEL>", other(BASES[130]), "*"]
    for row in rows:
        if row["status"] not in ("PASS", "EDGE_PADDED"):
            assert (row["z"], row["pct"]) == (".", ".")
            continue
        variant = Variant("chr1", int(row["pos"]) - 1, row["ref"], row["alt"])
        expected = null.of(variant, genome, float(row["delta_ll"]))
        assert (float(row["z"]), float(row["pct"])) == (expected.z, expected.percentile)


def test_vcf_says_what_the_figures_are_and_where_they_come_from(folder):
    vcf = folder.write(VARIANTS)
    assert folder.run(vcf, "--calibration", null_of(folder)) == 0
    digest = Calibration.load(null_of(folder)).fingerprint
    text = folder.out.read_text()
    assert f"##hyenadna_kit_calibration=<score=delta_ll,sha256={digest}>\n" in text
    with pysam.VariantFile(str(folder.out)) as handle:
        assert handle.header.info["HK_Z"].number == handle.header.info["HK_PCT"].number == "A"
        last = list(handle)[-1]
        assert last.info["HK_PCT"][1] is None
        assert 0 < last.info["HK_PCT"][0] <= 1
    assert folder.run(vcf, out=folder.path / "plain.vcf") == 0
    without = [re.sub(r"HK_(Z|PCT)=[^;\t]*;?", "", line) for line in lines_of(folder.out)]
    assert without == lines_of(folder.path / "plain.vcf")


def lines_of(path):
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def test_swapped_alleles_have_no_null(folder):
    swapped = record(100, other(BASES[99]), BASES[99])
    out = folder.path / "out.tsv"
    words = ("--calibration", null_of(folder), "--on_ref_mismatch", "swap")
    assert folder.run(folder.write([swapped, SNVS[0]]), *words, out=out) == 0
    first, second = table_of(out)
    assert first["delta_ll"]
    assert (first["z"], first["pct"]) == (".", ".")
    assert second["z"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--window", "16"], r"null\.npz was made with window 32, here it is 16; take the same model"),
        (["--strands", "both"], r"was made with strands forward, here it is forward and reverse"),
        (["--scores", "llr"], r"null\.npz calibrates delta_ll, but the scores are llr; ask for delta_ll too"),
        (["--precision", "bf16"], r"was made with products float32, here it is bfloat16"),
    ],
    ids=["window", "strands", "scores", "precision"],
)
def test_null_of_other_options_is_refused(folder, capsys, words, message):
    assert folder.run(folder.write(SNVS), "--calibration", null_of(folder), *words) == 1
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "hyenadna-kit score:" in line)
    assert re.search(message, line)
    assert not folder.out.exists()


def test_null_that_is_none_is_refused(folder, capsys):
    vcf = folder.write(SNVS)
    assert folder.run(vcf, "--calibration", vcf) == 1
    assert "in.vcf is no calibration or a damaged one" in capsys.readouterr().err


def test_null_of_the_reference_says_nothing_of_a_haplotype(folder, capsys):
    words = ("--calibration", null_of(folder), "--background", "b.vcf")
    assert folder.run(folder.write(SNVS), *words) == 1
    assert "compares with null variants of the reference, not of a haplotype" in capsys.readouterr().err


def test_null_that_is_not_there_is_told_by_its_option(folder, capsys):
    for path in ("none.npz", str(folder.path)):
        assert folder.run(folder.write(SNVS), "--calibration", path) == 1
        assert f"--calibration {path} is no file; make one with" in capsys.readouterr().err


def test_stopped_run_goes_on_with_the_same_calibration_alone(folder, capsys):
    vcf, words = folder.write(SNVS), ("--calibration", null_of(folder))
    assert folder.run(vcf, *words, out=folder.path / "whole.vcf") == 0
    stop_halfway(folder, vcf)
    assert (folder.path / "out.vcf.journal").exists()
    capsys.readouterr()
    assert folder.run(vcf) == 1
    assert "holds scores of another job (provenance differ)" in capsys.readouterr().err
    assert folder.run(vcf, *words) == 0
    assert folder.out.read_bytes() == (folder.path / "whole.vcf").read_bytes()


def stop_halfway(folder, vcf):
    """Score as the command does, and end as Ctrl-C would after 100 records."""

    def stop(done, _):
        if done == 100:
            raise KeyboardInterrupt

    model = HyenaDNA.from_pretrained(folder.model)
    scorer = VariantScorer(model, Placement.for_window(model.context_length))
    run = ScoringRun(calibration=Calibration.load(null_of(folder)), on_progress=stop)
    with pytest.raises(KeyboardInterrupt):
        score_file(scorer, Fasta(folder.genome), vcf, folder.out, run)
