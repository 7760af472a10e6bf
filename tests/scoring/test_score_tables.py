"""Tables in and out: every row and ALT in order, the values of the scorer to the last digit, or a reason."""

import csv
import gzip
import random
from collections import Counter

import pyarrow.parquet as pq
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.score_records import ScoringRun
from hyenadna_kit.scoring.score_tables import score_file
from hyenadna_kit.scoring.score_vcf import score_vcf
from hyenadna_kit.scoring.scorer import VariantScorer
from tests.oracles import mutated_contig as oracle
from tests.oracles.vcf import records_by_htslib, write_bcf, write_bgzip, write_plain

GRID = Placement(window=32, horizon=8, min_left_context=16)
SCORES = ["delta_ll", "llr", "entropy", "l2", "cosine"]
OURS = [*SCORES, "ntok", "nfrac", "status"]
TABLES = [".tsv", ".tsv.gz", ".parquet"]

_RNG = random.Random(5)
BASES = "".join(_RNG.choices("ACGT", k=300))
CONTIGS = {"chr1": BASES, "2": "".join(_RNG.choices("ACGT", k=90)) + "N" * 30}
TWO = CONTIGS["2"]


def other(base, step=1):
    """Return another base."""
    return "ACGT"["ACGT".index(base) + step - 4]


def base(position):
    """Return the base of chr1 at a POS (from 1)."""
    return BASES[position - 1]


ROWS = [
    # contig, POS, REF, ALT, note, statuses
    ("chr1", 100, base(100), other(base(100)), "plain", ["PASS"]),
    ("1", 102, base(102).lower(), other(base(102)).lower(), "007", ["PASS"]),
    ("chr2", 5, TWO[4], other(TWO[4]), 'say "no"', ["EDGE_PADDED"]),
    ("chr1", 90, BASES[89:93], BASES[89], "+5", ["PASS"]),
    ("chr1", 90, base(90), f"{base(90)}ACGT", ".", ["PASS"]),
    ("chr1", 100, base(100), ",".join([other(base(100)), "*", "<DEL>", other(base(100), 2), "R"]), "a,b",
     ["PASS", "STAR", "SYMBOLIC", "PASS", "NON_ACGT"]),
    ("chr1", 100, base(100), ".", "none", ["NO_ALT"]),
    ("chr1", 100, other(base(100)), base(100), "swapped", ["REF_MISMATCH"]),
    ("chr9", 7, "A", "C", "elsewhere", ["NO_CONTIG"]),
    ("chr1", 0, "N", "<DEL>", "telomere", ["SYMBOLIC"]),
    ("chr1", 60, BASES[59:99], BASES[59], "long", ["TOO_LONG"]),
    ("chr2", 91, "N", "A", "", ["NON_ACGT"]),
    ("chr1", 100, base(100), other(base(100)), "again", ["PASS"]),
]  # fmt: skip
STATUSES = [status for *_, statuses in ROWS for status in statuses]
SPLIT = [
    # contig, POS, REF, one ALT, note
    (contig, pos, ref, alt, note)
    for contig, pos, ref, alts, note, _ in ROWS
    for alt in alts.split(",")
]

VCF_HEADER = (
    '##fileformat=VCFv4.2\n##FILTER=<ID=q1,Description="Quality">\n##FILTER=<ID=q2,Description="Quality">\n'
    '##ALT=<ID=DEL,Description="Deletion">\n##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    + "".join(f"##contig=<ID={name}>\n" for name in ("chr1", "1", "chr2", "chr9"))
    + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
FILTERS = ["PASS", "q1;q2", "."]
IDS = ["rs1", ".", "a;b"]


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


@pytest.fixture(scope="module")
def scorer(model):
    return VariantScorer(model, GRID)


def write_table(path, rows=ROWS):
    """Write rows in the format of the suffix, by the csv module or pyarrow."""
    names, cells = ("note", "chrom", "alt", "pos", "ref"), [(r[4], r[0], r[3], r[1], r[2]) for r in rows]
    if path.suffix == ".parquet":
        import pyarrow as pa

        columns = zip(*cells, strict=True) if cells else [()] * 5
        pq.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), path)
        return path
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", newline="") as handle:
        writer = csv.writer(handle, delimiter="," if ".csv" in path.name else "\t", lineterminator="\n")
        writer.writerows([names, *cells])
    return path


def write_vcf(path, rows=ROWS):
    """Write rows as VCF or BCF."""
    lines = (
        f"{contig}\t{pos}\t{IDS[i % 3]}\t{ref}\t{alt}\t29.50\t{FILTERS[i % 3]}\tDP=7\n"
        for i, (contig, pos, ref, alt, *_) in enumerate(rows)
    )
    writers = {".vcf": write_plain, ".gz": write_bgzip, ".bcf": write_bcf}
    writers[path.suffix](path, (VCF_HEADER + "".join(lines)).encode())
    return path


def read_out(path):
    """Return the names and the rows of a table; in text every hole is None and numbers are numbers."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return table.column_names, [tuple(row.values()) for row in table.to_pylist()]
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="") as handle:
        names, *rows = csv.reader(handle, delimiter="\t")
    kinds = {"pos": int, "ntok": int, **dict.fromkeys([*SCORES, "nfrac"], float)}
    read = [kinds.get(name, str) for name in names]
    return names, [
        tuple(
            kind(cell) if kind is str or cell != "." else None for kind, cell in zip(read, row, strict=True)
        )
        for row in rows
    ]


def scores_of(path):
    """Return our columns, row by row."""
    return [row[-len(OURS) :] for row in read_out(path)[1]]


@pytest.fixture(scope="module")
def expected(scorer, genome):
    """Return the values of the scorer for every row of the output, from one variant at a time."""
    found, names = [], {"chr1": "chr1", "1": "chr1", "chr2": "2"}
    for (contig, pos, ref, alt, _), status in zip(SPLIT, STATUSES, strict=True):
        if status not in ("PASS", "EDGE_PADDED"):
            found.append((*(None for _ in OURS[:-1]), status))
            continue
        (scores,) = scorer.score(genome, [Variant(names[contig], pos - 1, ref.upper(), alt.upper())])
        found.append((*scores.values.values(), scores.num_tokens, scores.n_fraction, status))
    return found


def assert_scores(found, expected):
    """Compare row by row: holes and counts exactly, scores but for the rounding of another batch."""
    assert len(found) == len(expected)
    for mine, wanted in zip(found, expected, strict=True):
        assert mine[-3:] == wanted[-3:]
        assert [value is None for value in mine] == [value is None for value in wanted]
        for value, known in zip(mine[:-3], wanted[:-3], strict=True):
            assert value is None or value == pytest.approx(known, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("out", TABLES)
@pytest.mark.parametrize("form", [".tsv", ".csv.gz", ".parquet"])
def test_table_becomes_a_table_with_one_row_an_alt(scorer, genome, tmp_path, expected, form, out):
    report = score_file(scorer, genome, write_table(tmp_path / f"in{form}"), tmp_path / f"out{out}")
    names, rows = read_out(tmp_path / f"out{out}")
    assert names == ["note", "chrom", "alt", "pos", "ref", *OURS]
    assert [row[:5] for row in rows] == [(note, c, alt, pos, ref) for c, pos, ref, alt, note in SPLIT]
    assert_scores(scores_of(tmp_path / f"out{out}"), expected)
    assert dict(report.statuses) == Counter(STATUSES)
    assert (report.num_records, report.num_alts) == (len(ROWS), len(SPLIT) - 1)
    assert report.num_scored == sum(row[-1] in ("PASS", "EDGE_PADDED") for row in expected)
    assert report.index_skipped_reason is None


@pytest.mark.parametrize("out", TABLES)
@pytest.mark.parametrize("form", [".vcf", ".vcf.gz", ".bcf"])
def test_variant_file_becomes_a_table(scorer, genome, tmp_path, expected, form, out):
    score_file(scorer, genome, write_vcf(tmp_path / f"in{form}"), tmp_path / f"out{out}")
    names, rows = read_out(tmp_path / f"out{out}")
    assert names == ["chrom", "pos", "id", "ref", "alt", "filter", *OURS]
    sites = [
        (contig, pos, IDS[i % 3], ref, alt, FILTERS[i % 3])
        for i, (contig, pos, ref, alts, *_) in enumerate(ROWS)
        for alt in alts.split(",")
    ]
    if out == ".parquet":
        sites = [tuple(None if cell == "." else cell for cell in site) for site in sites]
    assert [row[:6] for row in rows] == sites
    assert_scores(scores_of(tmp_path / f"out{out}"), expected)


@pytest.mark.parametrize("out", [".vcf", ".vcf.gz", ".bcf"])
def test_variant_file_becomes_what_score_vcf_makes_of_it(scorer, genome, tmp_path, out):
    write_vcf(tmp_path / "in.vcf")
    report = score_file(scorer, genome, tmp_path / "in.vcf", tmp_path / f"a{out}")
    wanted = score_vcf(scorer, genome, tmp_path / "in.vcf", tmp_path / f"b{out}")
    assert (tmp_path / f"a{out}").read_bytes() == (tmp_path / f"b{out}").read_bytes()
    assert report == wanted
    assert len(records_by_htslib(tmp_path / f"a{out}")) == len(ROWS)


def test_every_table_holds_the_same_numbers_to_the_last_digit(scorer, genome, tmp_path):
    write_table(tmp_path / "in.tsv")
    write_vcf(tmp_path / "in.vcf")
    found = []
    for name in ("in.tsv", "in.vcf"):
        for out in TABLES:
            score_file(scorer, genome, tmp_path / name, tmp_path / f"{name}{out}")
            found.append(scores_of(tmp_path / f"{name}{out}"))
    assert all(rows == found[0] for rows in found)
    digits = [len(repr(abs(row[0]))) for row in found[0] if row[0]]
    assert max(digits) > 14


@pytest.mark.parametrize("strands", [(Strand.FORWARD,), tuple(Strand)], ids=["forward", "both"])
def test_values_are_those_of_two_forward_passes(model, genome, tmp_path, strands):
    score_file(
        VariantScorer(model, GRID, strands=strands),
        genome,
        write_table(tmp_path / "in.tsv"),
        tmp_path / "out.parquet",
    )
    found = scores_of(tmp_path / "out.parquet")
    for place, (contig, pos, ref, alt, _) in enumerate(SPLIT):
        if STATUSES[place] == "PASS" and contig == "chr1":
            after = oracle.mutate(BASES, pos - 1, ref, alt)
            wanted = oracle.mean_scores(model, BASES, after, GRID, [strand.value for strand in strands])
            assert found[place][0] == pytest.approx(wanted.delta_ll, abs=1e-4)
            assert found[place][1] == pytest.approx(wanted.llr, abs=1e-4)
            assert found[place][5] == wanted.num_tokens


def test_swapped_alleles_have_the_sign_of_the_row(scorer, genome, tmp_path):
    rows = [
        ("chr1", 100, other(base(100)), base(100), "", []),
        ("chr1", 100, base(100), other(base(100)), "", []),
    ]
    run = ScoringRun(on_ref_mismatch="swap")
    score_file(scorer, genome, write_table(tmp_path / "in.tsv", rows), tmp_path / "out.tsv", run)
    swapped, plain = scores_of(tmp_path / "out.tsv")
    assert swapped[-1] == "REF_MISMATCH|PASS"
    assert swapped[:5] == (-plain[0], -plain[1], *plain[2:5])


def test_scores_that_were_asked_for_are_written(model, genome, tmp_path):
    scorer = VariantScorer(model, GRID, scores=("cosine", "llr"))
    score_file(scorer, genome, write_table(tmp_path / "in.tsv"), tmp_path / "out.tsv")
    names, _ = read_out(tmp_path / "out.tsv")
    assert names[5:] == ["llr", "cosine", "ntok", "nfrac", "status"]


def test_nan_is_a_status_and_never_a_number(nan_model, genome, tmp_path):
    report = score_file(
        VariantScorer(nan_model, GRID), genome, write_table(tmp_path / "in.tsv"), tmp_path / "out.parquet"
    )
    found = scores_of(tmp_path / "out.parquet")
    assert all(set(row[:-1]) == {None} for row in found)
    assert [row[-1] for row in found] == [
        "NAN" if status in ("PASS", "EDGE_PADDED") else status for status in STATUSES
    ]
    assert report.num_scored == 0


@pytest.mark.parametrize("out", TABLES)
def test_table_without_rows_comes_out_without_rows(scorer, genome, tmp_path, out):
    report = score_file(scorer, genome, write_table(tmp_path / "in.tsv", []), tmp_path / f"out{out}")
    names, rows = read_out(tmp_path / f"out{out}")
    assert (names[5:], rows, report.num_records) == (OURS, [], 0)


def test_parquet_says_where_its_scores_come_from(scorer, model, genome, tmp_path):
    score_file(scorer, genome, write_table(tmp_path / "in.tsv"), tmp_path / "out.parquet")
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.metadata[b"hyenadna_kit_model_sha256"] == model.fingerprint().encode()
    assert schema.metadata[b"hyenadna_kit_genome_sha256"] == genome.fingerprint.encode()
    assert schema.metadata[b"hyenadna_kit_scorer"].startswith(b"<window=32,horizon=8,min_left_context=16,")
    kinds = [str(schema.field(name).type) for name in OURS]
    assert kinds == ["double"] * 5 + ["int64", "double", "string"]


def test_scored_table_without_its_scores_is_scored_again_alike(scorer, genome, tmp_path):
    score_file(scorer, genome, write_table(tmp_path / "in.tsv"), tmp_path / "once.parquet")
    once = pq.read_table(tmp_path / "once.parquet")
    pq.write_table(once.drop_columns(OURS), tmp_path / "split.parquet")
    score_file(scorer, genome, tmp_path / "split.parquet", tmp_path / "twice.parquet")
    again = pq.read_table(tmp_path / "twice.parquet").drop_columns(SCORES)
    assert again.to_pylist() == once.drop_columns(SCORES).to_pylist()
    assert_scores(scores_of(tmp_path / "twice.parquet"), scores_of(tmp_path / "once.parquet"))


def test_progress_is_told_row_by_row(scorer, genome, tmp_path):
    told = []
    run = ScoringRun(on_progress=lambda *numbers: told.append(numbers))
    score_file(scorer, genome, write_table(tmp_path / "in.tsv"), tmp_path / "out.tsv", run)
    assert told == [(done, len(ROWS)) for done in range(1, len(ROWS) + 1)]


class KilledError(Exception):
    """Stands for the end of a process."""


@pytest.mark.parametrize(
    ("form", "out"),
    [
        (".tsv", ".tsv.gz"), (".csv.gz", ".parquet"), (".parquet", ".tsv"), (".vcf", ".tsv.gz"),
        (".bcf", ".parquet"),
    ],
)  # fmt: skip
def test_stopped_run_goes_on_and_gives_the_same_bytes(model, genome, tmp_path, monkeypatch, form, out):
    rows = [("chr1", pos, base(pos), other(base(pos)), "", []) for pos in range(20, 280, 2)]
    source = tmp_path / f"in{form}"
    (write_vcf if form in (".vcf", ".bcf") else write_table)(source, rows)
    scorer = VariantScorer(model, GRID, batch_size=4)
    score_file(scorer, genome, source, tmp_path / f"whole{out}")

    def stop(done, _):
        if done == 70:
            raise KilledError

    target = tmp_path / f"out{out}"
    with pytest.raises(KilledError):
        score_file(scorer, genome, source, target, ScoringRun(on_progress=stop))
    assert not target.exists()
    assert (tmp_path / f"out{out}.journal").exists()
    computed, score_windows = [], scorer.score_windows
    monkeypatch.setattr(scorer, "score_windows", lambda each: computed.extend(each) or score_windows(each))
    score_file(scorer, genome, source, target)
    assert target.read_bytes() == (tmp_path / f"whole{out}").read_bytes()
    assert 0 < len(computed) <= len(rows) - 70
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [source.name, f"whole{out}", f"out{out}"]
    )


def test_journal_of_other_options_is_refused(model, genome, tmp_path):
    def stop(*_):
        raise KilledError

    source, out = write_table(tmp_path / "in.tsv"), tmp_path / "out.tsv"
    with pytest.raises(KilledError):
        score_file(VariantScorer(model, GRID), genome, source, out, ScoringRun(on_progress=stop))
    with pytest.raises(InputError, match=r"holds scores of another job \(scores differ\)"):
        score_file(VariantScorer(model, GRID, scores=("llr",)), genome, source, out)


@pytest.mark.parametrize("name", ["out.vcf", "out.vcf.gz", "out.bcf", "-"])
def test_table_does_not_become_vcf(scorer, genome, tmp_path, name):
    out = name if name == "-" else tmp_path / name
    with pytest.raises(InputError, match="is a table and has no header to make a VCF of") as caught:
        score_file(scorer, genome, write_table(tmp_path / "in.tsv"), out)
    assert ".tsv, .tsv.gz, .parquet" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.tsv"]


@pytest.mark.parametrize("name", ["out.csv", "out.txt", "out", "out.parquet.gz"])
@pytest.mark.parametrize("form", [".tsv", ".vcf"])
def test_unknown_suffix_is_refused_with_the_known_ones(scorer, genome, tmp_path, form, name):
    known = r"must end in \.vcf, \.vcf\.gz, \.bcf, \.tsv, \.tsv\.gz, \.parquet, or be - for VCF"
    with pytest.raises(InputError, match=known):
        score_file(scorer, genome, tmp_path / f"in{form}", tmp_path / name)


@pytest.mark.parametrize("form", [".tsv", ".parquet"])
def test_input_is_never_overwritten(scorer, genome, tmp_path, form):
    path = write_table(tmp_path / f"in{form}")
    before = path.read_bytes()
    with pytest.raises(InputError, match="is the input itself; choose another name"):
        score_file(scorer, genome, path, tmp_path / "." / path.name)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", OURS)
def test_column_of_the_input_is_never_replaced(scorer, genome, tmp_path, name):
    path = write_table(tmp_path / "in.tsv")
    path.write_text(path.read_text().replace("note", name, 1))
    with pytest.raises(InputError, match=f"in.tsv: column '{name}' has the name of a score's column; rename"):
        score_file(scorer, genome, path, tmp_path / "out.tsv")
    assert [path.name for path in tmp_path.iterdir()] == ["in.tsv"]


def test_name_of_a_score_that_is_not_written_is_free(model, genome, tmp_path):
    path = write_table(tmp_path / "in.tsv")
    path.write_text(path.read_text().replace("note", "cosine", 1))
    score_file(VariantScorer(model, GRID, scores=("llr",)), genome, path, tmp_path / "out.tsv")
    header, first, *_ = (tmp_path / "out.tsv").read_text().splitlines()
    assert header.split("\t") == ["cosine", "chrom", "alt", "pos", "ref", "llr", "ntok", "nfrac", "status"]
    assert first.startswith("plain\tchr1\t")


def test_position_far_beyond_the_contig_is_a_mismatch(scorer, genome, tmp_path):
    rows = [("chr1", (1 << 63) - 1, "A", "C", "", []), ("chr1", 301, "A", "C", "", [])]
    score_file(scorer, genome, write_table(tmp_path / "in.parquet", rows), tmp_path / "out.parquet")
    assert [row[-1] for row in scores_of(tmp_path / "out.parquet")] == ["REF_MISMATCH"] * 2


@pytest.mark.parametrize("out", TABLES)
def test_bad_row_leaves_what_was_there(scorer, genome, tmp_path, out):
    path = write_table(tmp_path / "in.tsv", [*ROWS * 4, ("chr1", "1e6", "A", "C", "", [])])
    target = tmp_path / f"out{out}"
    target.write_text("older")
    with pytest.raises(InputError) as caught:
        score_file(scorer, genome, path, target)
    assert str(caught.value) == (
        f"{path}, line {4 * len(ROWS) + 2}, column 'pos': expected a whole number (1-based), got '1e6'; "
        "mend or remove it"
    )
    assert target.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tsv", target.name]


def test_mismatch_ends_the_run_where_it_must(scorer, genome, tmp_path):
    path = write_table(tmp_path / "in.tsv")
    with pytest.raises(InputError, match=rf"in\.tsv, record 8 \(chr1:100\): REF '{other(base(100))}' is not"):
        score_file(scorer, genome, path, tmp_path / "out.tsv", ScoringRun(on_ref_mismatch="error"))
    assert [path.name for path in tmp_path.iterdir()] == ["in.tsv"]


def test_folder_is_not_replaced(scorer, genome, tmp_path):
    (tmp_path / "out.tsv").mkdir()
    with pytest.raises(InputError, match=r"out\.tsv is a folder"):
        score_file(scorer, genome, write_table(tmp_path / "in.tsv"), tmp_path / "out.tsv")


@pytest.mark.dist
def test_table_does_not_depend_on_the_number_of_processes(scorer, genome, tmp_path):
    path = write_table(tmp_path / "in.tsv", ROWS * 12)
    for workers in (0, 2):
        score_file(scorer, genome, path, tmp_path / f"{workers}.tsv", ScoringRun(num_workers=workers))
    assert (tmp_path / "0.tsv").read_bytes() == (tmp_path / "2.tsv").read_bytes()
