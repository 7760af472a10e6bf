"""The table of every SNV: its text, its digits, its index, and what is read back from it."""

import gzip
import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io import genome_scores_table as table
from hyenadna_kit.io.genome_scores_reader import GenomeScores
from hyenadna_kit.io.genome_scores_table import Scored, assemble, check_table_path, rounded, write_lines

HEADER = [
    "##hyenadna_kit_version=1.0",
    "##hyenadna_kit_model_sha256=aa",
    "##hyenadna_kit_genome_sha256=bb",
    "##hyenadna_kit_scorer=<window=8>",
]
NAN = np.nan
COLUMNS = "#contig\tpos\tref\tA\tC\tG\tT"


def scored(contig, start, text, rows):
    tokens = np.array(["ACGTN".index(base) + 7 for base in text], dtype=np.uint8)
    return Scored(
        Interval(contig, start, start + len(text)), tokens, np.array(rows, dtype=np.float32).reshape(-1, 4)
    )


def numbered(contig, start, length):
    """Return a stretch of A whose C is its position, from 1."""
    positions = np.arange(start + 1, start + length + 1)
    rows = np.stack([np.full(length, NAN), positions, positions / 8, -positions], axis=1)
    return scored(contig, start, "A" * length, rows)


def write_table(path, stretches, *, reach=1000):
    """Write every stretch as a part of its own and put them together."""
    parts = []
    for number, stretch in enumerate(stretches):
        parts.append(path.parent / f"{number}.gz")
        write_lines(parts[-1], [stretch])
    assemble(path, HEADER, parts, reach=reach)
    return path


def test_lines_are_positions_from_1_and_points_where_there_is_no_score(tmp_path):
    rows = [[NAN, 1.5, -0.25, 1e-7], [-0.0, NAN, 123456.7, -2.3456789], [NAN] * 4]
    path = write_table(tmp_path / "x.tsv.gz", [scored("chr1", 10, "ACN", rows), numbered("2", 0, 1)])
    assert gzip.decompress(path.read_bytes()).decode().splitlines() == [
        *HEADER,
        COLUMNS,
        "chr1\t11\tA\t.\t1.5\t-0.25\t1e-7",
        "chr1\t12\tC\t0\t.\t123457\t-2.34568",
        "chr1\t13\tN\t.\t.\t.\t.",
        "2\t1\tA\t.\t1\t0.125\t-1",
    ]


def test_many_lines_are_written_piece_by_piece_without_a_seam(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "_ROWS_AT_A_TIME", 7)
    path = write_table(tmp_path / "x.tsv.gz", [numbered("c", 5, 30)])
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()[len(HEADER) + 1 :]
    assert lines == [f"c\t{pos}\tA\t.\t{pos}\t{pos / 8:g}\t{-pos}" for pos in range(6, 36)]


@given(st.floats(-9e5, 9e5, allow_subnormal=False, width=32).filter(lambda x: x == 0 or abs(x) > 1e-15))
def test_six_digits_are_those_of_c(value):
    found = float(rounded(np.array([value], dtype=np.float32))[0])
    assert len(f"{found!r}".split("e")[0].replace(".", "").strip("-0")) <= 6
    # At a tie of the seventh digit the product may fall to the other side.
    assert found == pytest.approx(float(f"{np.float32(value):.6g}"), rel=0.50001e-5, abs=0)
    assert abs(found - float(np.float32(value))) <= 0.5001e-5 * abs(value)


def test_missing_numbers_stay_missing_when_rounded():
    assert np.isnan(rounded(np.array([NAN, 1.0], dtype=np.float32))).tolist() == [True, False]


def test_table_is_one_bgzip_file_with_one_end(tmp_path):
    path = write_table(tmp_path / "x.tsv.gz", [numbered("c", start, 9) for start in range(0, 90, 9)])
    end = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    assert path.read_bytes().count(end) == 1
    assert path.read_bytes().endswith(end)


@pytest.mark.skipif(shutil.which("tabix") is None, reason="needs tabix (Debian package tabix)")
@pytest.mark.parametrize("region", ["c:40-45", "d:1-3", "c:99-99"])
def test_tabix_finds_the_lines_without_a_warning(tmp_path, region):
    path = write_table(
        tmp_path / "x.tsv.gz", [numbered("c", 0, 60), numbered("c", 60, 50), numbered("d", 0, 9)]
    )
    done = subprocess.run(["tabix", str(path), region], capture_output=True, text=True, check=True)
    contig, span = region.split(":")
    first, last = map(int, span.split("-"))
    assert done.stderr == ""
    assert [line.split("\t")[:2] for line in done.stdout.splitlines()] == [
        [contig, str(pos)] for pos in range(first, last + 1)
    ]


@pytest.mark.parametrize(("reach", "suffix"), [(2**29, ".tbi"), (2**29 + 1, ".csi")])
def test_index_suits_the_longest_contig_and_replaces_the_other(tmp_path, reach, suffix):
    path = tmp_path / "x.tsv.gz"
    for other in (".tbi", ".csi"):
        path.with_name(path.name + other).write_bytes(b"stale")
    write_table(path, [numbered("c", 2**29 - 5, 6 if suffix == ".csi" else 5)], reach=reach)
    indices = sorted(each.name for each in tmp_path.glob("x.tsv.gz.*"))
    assert indices == [f"x.tsv.gz{suffix}"]
    last = 2**29 - 1 + (suffix == ".csi")
    with GenomeScores(path) as scores:
        assert scores.llr("c", last, "A", "G") == pytest.approx((last + 1) / 8, rel=1e-5)
        assert scores.llr("c", last + 1, "A", "G") is None


@pytest.mark.parametrize(
    ("name", "message"),
    [("x.tsv", "must be named X.tsv.gz"), (".tsv.gz", "must be named"), ("x.gz", "must be named")],
)
def test_other_names_are_refused(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        check_table_path(tmp_path / name)


def test_folder_is_refused(tmp_path):
    (tmp_path / "x.tsv.gz").mkdir()
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        check_table_path(tmp_path / "x.tsv.gz")


@pytest.fixture
def written(tmp_path):
    """Return a table with a gap from 100,000 to 120,000 and one other contig."""
    stretches = [numbered("chr1", 40_000, 60_000), numbered("chr1", 120_000, 10), numbered("MT", 0, 3)]
    return write_table(tmp_path / "x.tsv.gz", stretches)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (("chr1", 40_000, "A", "C"), 40_001),
        (("1", 99_999, "a", "c"), 100_000),
        (("chr1", 49_151, "A", "G"), 6144),
        (("chr1", 49_152, "A", "T"), -49_153),
        (("chrM", 2, "A", "C"), 3),
        (("chr1", 120_009, "A", "C"), 120_010),
        (("chr1", 39_999, "A", "C"), None),
        (("chr1", 100_000, "A", "C"), None),
        (("chr1", 120_010, "A", "C"), None),
        (("chr1", 10**8, "A", "C"), None),
        (("chr1", -1, "A", "C"), None),
        (("chr2", 5, "A", "C"), None),
        (("chr1", 50_000, "C", "G"), None),
        (("chr1", 50_000, "A", "A"), None),
        (("chr1", 50_000, "A", "N"), None),
        (("chr1", 50_000, "A", "CG"), None),
        (("chr1", 50_000, "A", ""), None),
    ],
    ids=lambda part: "-".join(map(str, part)) if isinstance(part, tuple) else "",
)
def test_score_of_one_change(written, where, expected):
    with GenomeScores(written) as scores:
        assert scores.llr(*where) == expected


def test_neighbours_are_read_once(written, monkeypatch):
    with GenomeScores(written) as scores:
        fetched, fetch = [], scores._table.fetch
        monkeypatch.setattr(
            scores,
            "_table",
            SimpleNamespace(
                contigs=scores._table.contigs,
                fetch=lambda *where: fetched.append(where) or fetch(*where),
                close=scores._table.close,
            ),
        )
        found = [scores.llr("chr1", position, "A", "C") for position in range(60_000, 70_000, 40)]
        assert found == list(range(60_001, 70_001, 40))
    assert fetched == [("chr1", 49_152, 65_536), ("chr1", 65_536, 81_920)]


def test_header_is_there_to_be_asked(written):
    with GenomeScores(written) as scores:
        assert scores.metadata == {
            "version": "1.0",
            "model_sha256": "aa",
            "genome_sha256": "bb",
            "scorer": "<window=8>",
        }


def damage_missing(path):
    path.unlink()


def damage_no_index(path):
    path.with_name(f"{path.name}.tbi").unlink()


def damage_garbled_index(path):
    path.with_name(f"{path.name}.tbi").write_bytes(b"garbled")


def damage_other_table(path):
    path.unlink()
    with pysam.BGZFile(str(path), "wb") as handle:
        handle.write(b"chr1\t1\t2\n")
    pysam.tabix_index(str(path), force=True, preset="bed", keep_original=True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_missing, "do not exist"),
        (damage_no_index, "cannot be read"),
        (damage_garbled_index, "cannot be read"),
        (damage_other_table, "is no table of score-genome"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(written, capfd, damage, message):
    damage(written)
    with pytest.raises(InputError, match=message) as caught:
        GenomeScores(written)
    assert str(caught.value).count("\n") == 0
    assert "x.tsv.gz" in str(caught.value)
    assert capfd.readouterr().err == ""


def test_damaged_block_is_refused_with_its_place(written):
    with GenomeScores(written) as scores:
        assert scores.llr("chr1", 40_000, "A", "C") is not None
    data = bytearray(written.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    written.write_bytes(data)
    with GenomeScores(written) as scores, pytest.raises(InputError, match=r"x.tsv.gz is damaged at chr1:\d+"):
        [scores.llr("chr1", position, "A", "C") for position in range(40_000, 100_000, 16_384)]
