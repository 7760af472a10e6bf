"""A genome in, a table and tracks out: whole, in order, and after a stop exactly as without it."""

import gzip
import random
import re

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.bigwig_writer import write_bigwig
from hyenadna_kit.io.genome_scores_reader import GenomeScores
from hyenadna_kit.scoring import genome_scores_parts
from hyenadna_kit.scoring.genome_scores import GenomeScorer
from hyenadna_kit.scoring.genome_scores_file import score_genome
from hyenadna_kit.scoring.genome_scores_parts import divide
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.scorer import VariantScorer

RNG = random.Random(5)
CONTIGS = {
    "chr2": "".join(RNG.choices("ACGT", k=200)),
    "short": "ACG",
    "chr1": "".join(RNG.choices("acgtACGT", k=60)) + "N" * 40 + "".join(RNG.choices("ACGT", k=20)),
    "gap": "NN",
}
PLACEMENT = Placement(window=32, horizon=8, min_left_context=16)
NUM_PARTS = 7


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Cut parts after 48 bp."""
    monkeypatch.setattr(genome_scores_parts, "_PART_BASES", 48)


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


@pytest.fixture
def scorer(model):
    return GenomeScorer(model, PLACEMENT, strands=tuple(Strand), batch_size=4)


def lines(path):
    """Return the header and the rows of a table."""
    text = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [line for line in text if line.startswith("#")], [
        line.split("\t") for line in text if not line.startswith("#")
    ]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_table_has_a_line_a_base_with_the_scores_of_single_variants(model, genome, scorer, tmp_path):
    out = tmp_path / "x.tsv.gz"
    report = score_genome(scorer, genome, out)
    header, rows = lines(out)
    assert names(tmp_path) == ["x.tsv.gz", "x.tsv.gz.tbi"]
    assert (report.num_bases, report.num_scored) == (325, 283)
    assert [row[:3] for row in rows] == [
        [contig, str(pos), base]
        for contig, text in CONTIGS.items()
        for pos, base in enumerate(text.upper(), 1)
    ]
    alone = VariantScorer(model, PLACEMENT, strands=tuple(Strand), scores=["llr"], batch_size=64)
    for contig, pos, ref, *cells in rows:
        assert [cell == "." for cell in cells] == [ref in ("N", base) for base in "ACGT"]
        if int(pos) % 13 == 0 or contig == "short":
            alts = [base for base in "ACGT" if ref not in ("N", base)]
            scores = alone.score(genome, [Variant(contig, int(pos) - 1, ref, alt) for alt in alts])
            found = [float(cell) for cell in cells if cell != "."]
            assert found == pytest.approx([each.values["llr"] for each in scores], abs=1e-5)
    assert header == [
        "##hyenadna_kit_version=0.1.0",
        f"##hyenadna_kit_model_sha256={model.fingerprint()}",
        f"##hyenadna_kit_genome_sha256={genome.fingerprint}",
        "##hyenadna_kit_scorer=<window=32,horizon=8,min_left_context=16,placement=grid,strands=both>",
        "##hyenadna_kit_device=<device=cpu,dtype=float32,products=float32>",
        "##hyenadna_kit_columns=<pos from 1; A to T: log p of that base as ALT minus log p of ref, in nats>",
        "#contig\tpos\tref\tA\tC\tG\tT",
    ]


def test_regions_come_out_in_the_order_of_the_genome(genome, scorer, tmp_path):
    regions = [Interval("chr1", 90, 110), Interval("chr2", 150, 200), Interval("chr2", 3, 70)]
    report = score_genome(scorer, genome, tmp_path / "x.tsv.gz", regions=regions)
    score_genome(scorer, genome, tmp_path / "all.tsv.gz")
    _, rows = lines(tmp_path / "x.tsv.gz")
    _, every = lines(tmp_path / "all.tsv.gz")
    spans = [("chr2", 4, 70), ("chr2", 151, 200), ("chr1", 91, 110)]
    expected = [
        row for span in spans for row in every if row[0] == span[0] and span[1] <= int(row[1]) <= span[2]
    ]
    assert [row[:3] for row in rows] == [row[:3] for row in expected]
    assert report.num_bases == len(expected) == 137
    values = [[float(cell) for row in table for cell in row[3:] if cell != "."] for table in (rows, expected)]
    assert values[0] == pytest.approx(values[1], abs=2e-6)


def test_regions_that_overlap_are_refused(genome, scorer, tmp_path):
    regions = [Interval("chr2", 50, 60), Interval("chr2", 3, 51)]
    with pytest.raises(InputError, match="chr2:4-51 and chr2:51-60 overlap"):
        score_genome(scorer, genome, tmp_path / "x.tsv.gz", regions=regions)
    assert names(tmp_path) == []


def test_contig_that_would_be_a_comment_is_refused(write_genome, scorer, tmp_path):
    with pytest.raises(InputError, match="contig '#1' begins with '#'"):
        score_genome(scorer, write_genome({"#1": "ACGT"}), tmp_path / "x.tsv.gz")


def test_tracks_hold_the_numbers_of_the_table(genome, scorer, tmp_path):
    bigwig = pytest.importorskip("hyenadna_kit.io.bigwig")
    pytest.importorskip("pybigtools", reason="pybigtools is in the extra bigwig")
    report = score_genome(scorer, genome, tmp_path / "x.y.tsv.gz", bigwig=True)
    assert [path.name for path in report.paths] == ["x.y.tsv.gz", *(f"x.y.{base}.bw" for base in "ACGT")]
    assert names(tmp_path) == sorted([*(path.name for path in report.paths), "x.y.tsv.gz.tbi"])
    _, rows = lines(tmp_path / "x.y.tsv.gz")
    for column, base in enumerate("ACGT", 3):
        track = bigwig.BigWig(tmp_path / f"x.y.{base}.bw")
        for contig, text in CONTIGS.items():
            expected = [
                np.nan if row[column] == "." else float(row[column]) for row in rows if row[0] == contig
            ]
            if contig in track.contigs:
                found = track.values(Interval(contig, 0, len(text)))
                np.testing.assert_allclose(found, expected, rtol=1e-5)
            else:
                assert np.isnan(expected).all()
        assert list(track.contigs) == sorted(track.contigs)  # other readers search them by name
        track.close()


@pytest.mark.parametrize("number", [0, 1, 500])
@pytest.mark.parametrize("failure", [OSError("disk"), KeyboardInterrupt()], ids=["disk", "interrupt"])
def test_track_that_fails_on_the_way_is_not_there(tmp_path, capfd, failure, number):
    pytest.importorskip("pybigtools", reason="pybigtools is in the extra bigwig")

    def stretches():
        for start in range(number):
            yield Interval("c", start, start + 1), np.ones(1, dtype=np.float32)
        raise failure

    with pytest.raises(type(failure)):
        write_bigwig(tmp_path / "x.bw", {"c": 1000}, stretches())
    assert names(tmp_path) == []
    assert capfd.readouterr().err == ""


def test_track_without_a_value_is_refused(genome, scorer, tmp_path, capfd):
    pytest.importorskip("pybigtools", reason="pybigtools is in the extra bigwig")
    gap = [Interval("gap", 0, 2)]
    with pytest.raises(InputError, match=r"x.A.bw: no base has a score"):
        score_genome(scorer, genome, tmp_path / "x.tsv.gz", regions=gap, bigwig=True)
    assert names(tmp_path) == []
    assert capfd.readouterr().err == ""
    assert score_genome(scorer, genome, tmp_path / "x.tsv.gz", regions=gap).num_scored == 0


def stop_after(number):
    """Return what stops a run when so many parts are done."""
    calls = []

    def on_progress(done):
        calls.append(done)
        if len(calls) == number:
            raise KeyboardInterrupt

    return on_progress


@pytest.mark.parametrize("number", [1, 4, NUM_PARTS])
def test_stopped_run_is_finished_without_computing_again(genome, scorer, tmp_path, monkeypatch, number):
    pytest.importorskip("pybigtools", reason="pybigtools is in the extra bigwig")
    whole, again = tmp_path / "whole", tmp_path / "again"
    score_genome(scorer, genome, whole / "x.tsv.gz", bigwig=True)
    with pytest.raises(KeyboardInterrupt):
        score_genome(scorer, genome, again / "x.tsv.gz", bigwig=True, on_progress=stop_after(number))
    assert names(again) == ["x.tsv.gz.parts"]
    computed, llr, done = [], scorer.llr, []
    monkeypatch.setattr(scorer, "llr", lambda *given: computed.append(given) or llr(*given))
    score_genome(scorer, genome, again / "x.tsv.gz", bigwig=True, on_progress=done.append)
    assert len(computed) == NUM_PARTS - number
    assert len(done) == NUM_PARTS
    assert done[-1] == 325
    assert contents(again) == contents(whole)


def test_half_written_part_is_computed_again(genome, scorer, tmp_path):
    out = tmp_path / "x.tsv.gz"
    with pytest.raises(KeyboardInterrupt):
        score_genome(scorer, genome, out, on_progress=stop_after(2))
    (tmp_path / "x.tsv.gz.parts" / ".7-a.tmp.00000002.gz").write_bytes(b"half")
    (tmp_path / ".7-a.tmp.x.tsv.gz").write_bytes(b"half")
    (tmp_path / ".7-a.tmp.x.tsv.gz.tbi").write_bytes(b"half")
    score_genome(scorer, genome, out)
    assert names(tmp_path) == ["x.tsv.gz", "x.tsv.gz.tbi"]


@pytest.mark.parametrize(
    ("options", "differs"),
    [
        ({"batch_size": 5}, "batch_size"),
        ({"strands": (Strand.FORWARD,)}, "header"),
        ({"regions": [Interval("chr2", 0, 5)]}, "regions"),
        ({"bigwig": True}, "bigwig"),
    ],
    ids=["batch_size", "strands", "regions", "bigwig"],
)
def test_parts_of_another_job_are_refused_and_stay(model, genome, scorer, tmp_path, options, differs):
    out = tmp_path / "x.tsv.gz"
    with pytest.raises(KeyboardInterrupt):
        score_genome(scorer, genome, out, on_progress=stop_after(1))
    before = names(tmp_path / "x.tsv.gz.parts")
    strands, batch_size = options.pop("strands", tuple(Strand)), options.pop("batch_size", 4)
    other = GenomeScorer(model, PLACEMENT, strands=strands, batch_size=batch_size)
    with pytest.raises(InputError, match=rf"x.tsv.gz.parts holds parts of another job \({differs} differ\)"):
        score_genome(other, genome, out, **options)
    assert names(tmp_path / "x.tsv.gz.parts") == before


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"notes.txt": "mine"}, "is no folder of score-genome; move it away"),
        ({"job.json": "{"}, "is damaged; remove the folder"),
        ({"job.json": "[]"}, "is damaged; remove the folder"),
    ],
)
def test_foreign_folder_is_refused_and_stays(genome, scorer, tmp_path, files, message):
    folder = tmp_path / "x.tsv.gz.parts"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(InputError, match=message):
        score_genome(scorer, genome, tmp_path / "x.tsv.gz")
    assert {path.name: path.read_text() for path in folder.iterdir()} == files


def test_folder_that_was_killed_at_its_first_file_is_taken(genome, scorer, tmp_path):
    folder = tmp_path / "x.tsv.gz.parts"
    folder.mkdir()
    (folder / ".7-a.tmp.job.json").write_text("")
    score_genome(scorer, genome, tmp_path / "x.tsv.gz")
    assert names(tmp_path) == ["x.tsv.gz", "x.tsv.gz.tbi"]


def test_model_without_numbers_leaves_nothing(nan_model, genome, tmp_path):
    with pytest.raises(InputError, match="no finite score"):
        score_genome(GenomeScorer(nan_model, PLACEMENT), genome, tmp_path / "x.tsv.gz")
    assert names(tmp_path) == []


@pytest.mark.parametrize("stride", [1, 7, 48, 100])
def test_parts_hold_every_base_once_and_are_cut_between_windows(stride):
    regions = [Interval("a", 5, 1000), Interval("b", 0, 3), Interval("b", 10, 12), Interval("c", 95, 98)]
    parts = list(divide(regions, stride, 4))
    pieces = [piece for part in parts for piece in part]
    covered = [(piece.contig, base) for piece in pieces for base in range(piece.start, piece.end)]
    assert covered == [
        (region.contig, base) for region in regions for base in range(region.start, region.end)
    ]
    starts = {(region.contig, region.start) for region in regions}
    assert all(piece.start % stride == 0 or (piece.contig, piece.start) in starts for piece in pieces)
    longest = max(4 * stride, 48 + stride)
    assert all(sum(piece.length for piece in part) < 2 * longest for part in parts)


def test_another_genome_than_the_scored_one_is_refused(genome, scorer, write_genome, tmp_path):
    score_genome(scorer, genome, tmp_path / "x.tsv.gz", regions=[Interval("short", 0, 3)])
    other = write_genome(CONTIGS | {"short": "ACT"})
    with GenomeScores(tmp_path / "x.tsv.gz") as scores:
        found = re.escape(f"(sha256 {genome.fingerprint[:12]}...) than {other.path}")
        with pytest.raises(InputError, match=rf"x.tsv.gz holds scores of another genome {found}"):
            scores.check_genome(other)
