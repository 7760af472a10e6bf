"""BED lines to intervals and records, and back."""

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.bed import BedRecord, read_bed, read_bed_records, write_bed
from hyenadna_kit.io.fasta import Fasta
from tests.oracles.vcf import write_bgzip

TOO_BIG = str(2**63)


def read(tmp_path, text):
    path = tmp_path / "r.bed"
    path.write_text(text)
    return list(read_bed(path))


def read_record(tmp_path, line, **options):
    path = tmp_path / "r.bed"
    path.write_text(f"# header\nchr1\t0\t1\n{line}\n")
    return list(read_bed_records(path, **options))[1]


@pytest.mark.parametrize(
    ("line", "interval"),
    [
        ("chr1\t0\t10", Interval("chr1", 0, 10)),
        ("chr1\t5\t5", Interval("chr1", 5, 5)),
        ("chr1\t5\t9\tname\t0\t-\tmore\tcolumns", Interval("chr1", 5, 9, Strand.REVERSE)),
        ("chr1\t5\t9\tname\t0\t+", Interval("chr1", 5, 9)),
        ("chr1\t5\t9\tname\t0\t.", Interval("chr1", 5, 9)),
        ("chr1 5 9 name", Interval("chr1", 5, 9)),
        ("a b\t5\t9", Interval("a b", 5, 9)),
        ("chr1\t5\t9\r", Interval("chr1", 5, 9)),
        ("tracks1\t5\t9", Interval("tracks1", 5, 9)),
        ("browser.2\t5\t9", Interval("browser.2", 5, 9)),
    ],
    ids=[
        "three",
        "empty",
        "reverse",
        "forward",
        "dot",
        "blanks",
        "blank in name",
        "CRLF",
        "track-",
        "browser-",
    ],
)
def test_line_is_read(tmp_path, line, interval):
    assert read(tmp_path, line + "\n") == [interval]


def test_order_is_that_of_the_file_and_other_lines_are_passed_over(tmp_path):
    headers = 'browser position chr7:1-9\ntrack name="a b"\n#comment\n\n'
    text = headers + "b\t3\t4\n  \n# x\na\t1\t2\ntrack\tx=y\nb\t3\t4"
    assert read(tmp_path, text) == [Interval("b", 3, 4), Interval("a", 1, 2), Interval("b", 3, 4)]


BAD_INTERVALS = [
    pytest.param("chr1\t5", r"expected contig, start and end \(0-based\), got 'chr1\\t5'", id="two columns"),
    pytest.param("chr1\tfive\t9", "expected contig, start and end", id="word"),
    pytest.param("chr1\t-1\t9", "expected contig, start and end", id="negative"),
    pytest.param("chr1\t1.5\t9", "expected contig, start and end", id="fraction"),
    pytest.param("chr1\t1_0\t90", "expected contig, start and end", id="underscore"),
    pytest.param(f"chr1\t1\t{TOO_BIG}", "whole numbers from 0 to 9223372036854775807", id="overflow"),
    pytest.param(f"chr1\t1\t{'9' * 5000}", "whole numbers from 0", id="5000 digits"),
    pytest.param("\t1\t9", "expected contig, start and end", id="no contig"),
    pytest.param("chr1\t9\t5", "end 5 lies before start 9", id="backwards"),
    pytest.param("chr1\t5\t9\tn\t0\t*", r"strand must be \+, - or \., got '\*'", id="strand"),
]


@pytest.mark.parametrize("reader", [read_bed, read_bed_records])
@pytest.mark.parametrize(("line", "message"), BAD_INTERVALS)
def test_bad_line_is_named_with_its_number(tmp_path, reader, line, message):
    path = tmp_path / "r.bed"
    path.write_text(f"# header\nchr1\t0\t1\n{line}\n")
    with pytest.raises(InputError, match=rf"r\.bed, line 3: .*{message}") as caught:
        list(reader(path))
    assert "\n" not in str(caught.value)


def test_largest_number_is_read(tmp_path):
    assert read(tmp_path, f"c\t0\t{2**63 - 1}\n") == [Interval("c", 0, 2**63 - 1)]


def test_long_line_is_not_repeated_whole(tmp_path):
    with pytest.raises(InputError) as caught:
        read(tmp_path, "x" * 10_000)
    assert len(str(caught.value)) < 300


def test_missing_and_truncated_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.bed cannot be read: No such file"):
        list(read_bed(tmp_path / "none.bed"))
    path = tmp_path / "r.bed.gz"
    path.write_bytes(gzip.compress(b"chr1\t0\t10\n" * 100)[:-9])
    with pytest.raises(InputError, match=r"r\.bed\.gz cannot be read: the data end early"):
        list(read_bed(path))


def test_compressed_files_are_read(tmp_path):
    path = tmp_path / "r.bed"
    path.write_bytes(gzip.compress(b"chr1\t0\t10\n"))
    assert list(read_bed(path)) == [Interval("chr1", 0, 10)]
    write_bgzip(path, b"chr1\t0\t10\n" * 60)
    assert list(read_bed(path)) == [Interval("chr1", 0, 10)] * 60


REVERSE = Interval("c", 10, 40, Strand.REVERSE)


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ("c\t10\t40", BedRecord(Interval("c", 10, 40))),
        ("c\t10\t40\tgene A", BedRecord(Interval("c", 10, 40), "gene A")),
        ("c\t10\t40\t.\t.\t.", BedRecord(Interval("c", 10, 40))),
        ("c\t10\t40\tx\t604.984\t-", BedRecord(REVERSE, "x", 604.984, has_strand=True)),
        (
            "c\t10\t40\tx\t0\t-\t12\t30",
            BedRecord(REVERSE, "x", 0.0, True, Interval("c", 12, 30, Strand.REVERSE)),
        ),
        ("c\t10\t40\tx\t0\t-\t10\t10\t0", BedRecord(REVERSE, "x", 0.0, True)),
        ("c\t10\t40\tx\t0\t-\t0\t0\t255,0,7", BedRecord(REVERSE, "x", 0.0, True, rgb=(255, 0, 7))),
        (
            "c\t10\t40\tx\t0\t+\t.\t.\t.\t2\t5,10\t0,20",
            BedRecord(
                Interval("c", 10, 40), "x", 0.0, True, blocks=(Interval("c", 10, 15), Interval("c", 30, 40))
            ),
        ),
        (
            "c\t10\t40\tx\t0\t-\t10\t40\t1,2,3\t2\t5,10,\t0,20,\tmore\t",
            BedRecord(
                REVERSE,
                "x",
                0.0,
                True,
                thick=REVERSE,
                rgb=(1, 2, 3),
                blocks=(Interval("c", 10, 15, Strand.REVERSE), Interval("c", 30, 40, Strand.REVERSE)),
                extra=("more", ""),
            ),
        ),
    ],
    ids=["BED3", "BED4", "dots", "BED6", "BED8", "no thick", "BED9", "BED12", "BED12+2"],
)
def test_record_is_read(tmp_path, line, record):
    assert read_record(tmp_path, line) == record


def test_columns_of_another_meaning_are_kept_as_they_are(tmp_path):
    line = "c\t10\t40\tpeak\t13\t.\t182.5\t5.0e-3\t-1\t7"
    record = read_record(tmp_path, line, num_columns=6)
    assert record == BedRecord(Interval("c", 10, 40), "peak", 13.0, extra=("182.5", "5.0e-3", "-1", "7"))
    with pytest.raises(InputError, match="thickStart and thickEnd must be whole numbers"):
        read_record(tmp_path, line)
    with pytest.raises(InputError, match=r"num_columns must be one of .* got 7"):
        read_record(tmp_path, line, num_columns=7)


START = "c\t10\t40\tx\t0\t+"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("c\t10\t40\tx\thigh\t+", "score must be a number or ., got 'high'", id="score"),
        pytest.param("c\t10\t40\tx\tnan\t+", "score must be a number or ., got 'nan'", id="nan"),
        pytest.param(f"{START}\t9\t30", "the thick part 9-30 is not within 10-40", id="thick before"),
        pytest.param(f"{START}\t12\t41", "the thick part 12-41 is not within 10-40", id="thick after"),
        pytest.param(f"{START}\t30\t12", "whole numbers in order, got '30' and '12'", id="thick backwards"),
        pytest.param(f"{START}\t12", "got '12' and ''", id="thick alone"),
        pytest.param(f"{START}\t10\t40\tred", "itemRgb must be 0 or like 255,0,0, got 'red'", id="rgb"),
        pytest.param(f"{START}\t10\t40\t1,2", "itemRgb", id="rgb of two"),
        pytest.param(f"{START}\t10\t40\t1,2,256", "itemRgb", id="rgb too big"),
        pytest.param(f"{START}\t10\t40\t0\t1", "expected blockCount and as many", id="count alone"),
        pytest.param(f"{START}\t10\t40\t0\t3\t5,10\t0,20", "got '3' '5,10' '0,20'", id="count"),
        pytest.param(f"{START}\t10\t40\t0\t0\t\t", "expected blockCount", id="no blocks"),
        pytest.param(f"{START}\t10\t40\t0\t2\t5,x\t0,20", "got '2' '5,x'", id="size"),
        pytest.param(f"{START}\t10\t40\t0\t2\t5,10\t1,20", "reach from 11 to 40, .* 10-40", id="first"),
        pytest.param(f"{START}\t10\t40\t0\t2\t5,9\t0,20", "reach from 10 to 39", id="last"),
        pytest.param(f"{START}\t10\t40\t0\t2\t21,10\t0,20", "overlap or descend", id="overlap"),
        pytest.param(f"{START}\t10\t40\t0\t2\t10,5\t20,0", "overlap or descend", id="order"),
        pytest.param(f"{START}\t10\t40\t0\t3\t5,0,10\t0,9,20", "a block holds no base", id="empty block"),
        pytest.param(f"{START}\t10\t40\t0\t2\t5,10,,\t0,20", "expected blockCount", id="two commas"),
    ],
)
def test_bad_record_is_named_with_its_line(tmp_path, line, message):
    with pytest.raises(InputError, match=rf"r\.bed, line 3: .*{message}"):
        read_record(tmp_path, line)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"thick": Interval("c", 5, 20)}, "thick part 5-20 does not lie within"),
        ({"thick": Interval("c", 20, 20)}, "thick part 20-20 does not lie within"),
        ({"blocks": (Interval("c", 10, 39),)}, "reach from 10 to 39"),
        ({"interval": REVERSE}, "reverse strand and has_strand is False"),
    ],
    ids=["thick", "empty thick", "blocks", "strand"],
)
def test_impossible_record_is_refused(fields, message):
    with pytest.raises(InputError, match=message):
        BedRecord(**({"interval": Interval("c", 10, 40)} | fields))


WORDS = st.text(
    st.characters(min_codepoint=33, exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), max_size=6
)
NAMES = WORDS.filter(lambda word: word not in ("", ".", "track", "browser") and word[0] not in "#\ufeff")


@st.composite
def record_fields(draw, *, has_blocks):
    """What a record is made of: the record itself is made by the test, as its checks draw random items."""
    strand = draw(st.sampled_from(["+", "-", "."]))
    start = draw(st.integers(0, 1 << 40))
    borders = sorted(draw(st.sets(st.integers(0, 3000), min_size=2, max_size=12)))
    borders = [start + border - borders[0] for border in borders[: len(borders) // 2 * 2]]
    side = Strand.REVERSE if strand == "-" else Strand.FORWARD
    interval = Interval(draw(NAMES), start, borders[-1], side)
    blocks = tuple(
        Interval(interval.contig, one, two, side)
        for one, two in zip(borders[::2], borders[1::2], strict=True)
    )
    thick = sorted(draw(st.tuples(st.integers(start, borders[-1]), st.integers(start, borders[-1]))))
    return (
        interval,
        draw(st.just("") | NAMES),
        draw(st.none() | st.floats(allow_nan=False, allow_infinity=False)),
        strand != ".",
        Interval(interval.contig, *thick, side) if thick[0] < thick[1] else None,
        draw(st.none() | st.tuples(*[st.integers(0, 255)] * 3)),
        blocks if has_blocks else (),
    )


@settings(deadline=None, max_examples=60)
@given(st.data(), st.booleans(), st.sampled_from(["a.bed", "a.bed.gz"]))
def test_written_records_are_read_back(data, has_blocks, name):
    drawn = data.draw(st.lists(record_fields(has_blocks=has_blocks), min_size=1, max_size=4))
    written = [BedRecord(*fields) for fields in drawn]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_bed(path, written)
        assert list(read_bed_records(path)) == written
        assert list(read_bed(path)) == [record.interval for record in written]


@settings(deadline=None, max_examples=60)
@given(record_fields(has_blocks=True))
def test_written_blocks_follow_the_definition_of_the_columns(fields):
    record = BedRecord(*fields)
    with tempfile.TemporaryDirectory() as folder:
        write_bed(Path(folder) / "a.bed", [record])
        columns = (Path(folder) / "a.bed").read_text().rstrip("\n").split("\t")
    start, sizes, starts = int(columns[1]), *(columns[i].rstrip(",").split(",") for i in (10, 11))
    assert int(columns[9]) == len(sizes) == len(starts)
    found = [
        (start + int(one), start + int(one) + int(size)) for size, one in zip(sizes, starts, strict=True)
    ]
    assert found == [(block.start, block.end) for block in record.blocks]


@pytest.mark.parametrize(
    ("records", "options", "lines"),
    [
        ([BedRecord(Interval("c", 1, 2))], {}, ["c\t1\t2"]),
        ([], {}, []),
        (
            [BedRecord(Interval("c", 1, 2)), BedRecord(Interval("c", 1, 2), "x")],
            {},
            ["c\t1\t2\t.", "c\t1\t2\tx"],
        ),
        ([BedRecord(Interval("c", 1, 5), score=3.0)], {}, ["c\t1\t5\t.\t3"]),
        ([BedRecord(Interval("c", 1, 5))], {"num_columns": 6}, ["c\t1\t5\t.\t.\t."]),
        (
            [BedRecord(Interval("c", 1, 5), extra=("7",))],
            {},
            ["c\t1\t5\t.\t.\t.\t1\t1\t0\t1\t4,\t0,\t7"],
        ),
        ([BedRecord(Interval("c", 1, 5), extra=("7",))], {"num_columns": 3}, ["c\t1\t5\t7"]),
    ],
    ids=["BED3", "none", "as many as one needs", "BED5", "as many as asked", "extra", "BED3+1"],
)
def test_columns_that_are_written(tmp_path, records, options, lines):
    write_bed(tmp_path / "a.bed", records, **options)
    assert (tmp_path / "a.bed").read_text().splitlines() == lines


@pytest.mark.parametrize(
    ("record", "options", "message"),
    [
        (BedRecord(Interval("c", 1, 5), "x"), {"num_columns": 3}, "needs 4 columns, got num_columns=3"),
        (BedRecord(Interval("c", 1, 5)), {"num_columns": 7}, "num_columns must be one of"),
        (BedRecord(Interval("c", 1, 5), "a\tb"), {}, r"record 1: 'a\\tb' at 1-5: a column holds a tab"),
        (BedRecord(Interval("c", 1, 5), "a\nb"), {}, "line end"),
        (BedRecord(Interval("", 1, 5)), {}, "cannot begin with '' and 1"),
        (BedRecord(Interval("#c", 1, 5)), {}, "cannot begin with '#c'"),
        (BedRecord(Interval("track", 1, 5)), {}, "cannot begin with 'track'"),
        (BedRecord(Interval("c", -1, 5)), {}, "cannot begin with 'c' and -1"),
        (BedRecord(Interval("c", 5, 5)), {"num_columns": 12}, "has no bases to fill a block"),
    ],
    ids=["columns", "seven", "tab", "line end", "no contig", "comment", "track", "negative", "empty"],
)
def test_record_that_no_line_can_hold_is_refused(tmp_path, record, options, message):
    with pytest.raises(InputError, match=message):
        write_bed(tmp_path / "a.bed", [record], **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.real_data
def test_yeast_orfs_start_with_atg(data):
    yeast = data / "genomes" / "yeast"
    genome = Fasta(yeast / "Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz")
    orfs = list(read_bed(yeast / "Scer_nondubious_ORFs_and_blocked_reading_frames.bed"))
    starts = [
        Interval(orf.contig, orf.start, orf.start + 3, orf.strand)
        if orf.strand is Strand.FORWARD
        else Interval(orf.contig, orf.end - 3, orf.end, orf.strand)
        for orf in orfs
    ]
    assert len(orfs) == 5889
    assert sum(genome.fetch(start) == "ATG" for start in starts) == 5884


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "num_records"),
    [
        ("Scer_nondubious_ORFs_and_blocked_reading_frames.bed", 5889),
        ("Scer_polIItranscripts-adjustedTSS.bed", 6445),
        ("Scer_transcripts_w_verifiedORFs.bed", 5088),
        ("Scer_transcripts_w_verifiedORFs-nonoverlapping.bed", 3522),
        ("rhee2012-TATAboxes-cleaned.bed", 572),
    ],
)
def test_yeast_bed_is_read_and_written_without_loss(data, tmp_path, name, num_records):
    path = data / "genomes" / "yeast" / name
    records = list(read_bed_records(path))
    assert len(records) == num_records
    for record, line in zip(records, path.read_text().splitlines(), strict=True):
        contig, start, end, label, score, strand = line.split("\t")
        assert record.interval == Interval(contig, int(start), int(end), Strand(strand))
        assert (record.name, record.score, record.has_strand) == (label, float(score), True)
    write_bed(tmp_path / "a.bed", records)
    assert list(read_bed_records(tmp_path / "a.bed")) == records
