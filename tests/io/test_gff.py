"""GFF3 and GTF lines to features and back, and every way in which a line can be wrong."""

import gzip
import re
import tempfile
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.gff import Feature, read_dialect, read_features, write_gff3, write_gtf
from hyenadna_kit.io.gff_attributes import parse_gff3, parse_gtf
from tests.oracles.vcf import write_bgzip

GFF3 = "##gff-version 3\n"


def read(tmp_path, text):
    path = tmp_path / "a.gff"
    path.write_text(text)
    return list(read_features(path))


@pytest.mark.parametrize(
    ("line", "feature"),
    [
        (
            "chr1\tsrc\texon\t101\t105\t.\t+\t.\tID=e1;Parent=t1,t2",
            Feature(
                Interval("chr1", 100, 105), "exon", "src", attributes={"ID": ("e1",), "Parent": ("t1", "t2")}
            ),
        ),
        (
            "chr1\t.\tCDS\t1\t1\t-2.5e-3\t-\t2\tID=c",
            Feature(Interval("chr1", 0, 1, Strand.REVERSE), "CDS", ".", -0.0025, True, 2, {"ID": ("c",)}),
        ),
        ("c\t.\tgap\t5\t9\t7\t.\t.\t.", Feature(Interval("c", 4, 9), "gap", ".", 7.0, has_strand=False)),
        ("c\t.\tgap\t5\t9\t.\t?\t.\t", Feature(Interval("c", 4, 9), "gap", has_strand=False)),
        (
            "c%09d\ta%20b\tk%3Bl\t5\t9\t.\t+\t.\tNote=50%25%3B a%2Cb,c;Ali%3Das=%C3%A4",
            Feature(
                Interval("c\td", 4, 9), "k;l", "a b", attributes={"Note": ("50%; a,b", "c"), "Ali=as": ("ä",)}
            ),
        ),
    ],
    ids=["plus", "minus", "no strand", "unknown strand", "percent codes"],
)
def test_gff3_line_is_read(tmp_path, line, feature):
    assert read(tmp_path, GFF3 + line + "\n") == [feature]


@pytest.mark.parametrize(
    ("column", "attributes"),
    [
        ("ID=a;", {"ID": ("a",)}),
        (" ID=a ; Name=b c ;; ", {"ID": ("a",), "Name": ("b c",)}),
        ("ID=a;pseudo", {"ID": ("a",), "pseudo": ()}),
        ("Note=", {"Note": ("",)}),
        ("Note=a=b", {"Note": ("a=b",)}),
        ("Note=a;Note=b,c", {"Note": ("a", "b", "c")}),
        ("Note=100%", {"Note": ("100%",)}),
        (".", {}),
        ("", {}),
    ],
)
def test_gff3_attributes(column, attributes):
    assert parse_gff3(column) == attributes


@pytest.mark.parametrize(
    ("column", "attributes"),
    [
        ('gene_id "g1"; transcript_id "t1";', {"gene_id": ("g1",), "transcript_id": ("t1",)}),
        ('gene_id "g1"; transcript_id "t1"', {"gene_id": ("g1",), "transcript_id": ("t1",)}),
        ('gene_id "g;1 x"; note "a # b";', {"gene_id": ("g;1 x",), "note": ("a # b",)}),
        ('gene_id "g"; exon_number 3; level 2;', {"gene_id": ("g",), "exon_number": ("3",), "level": ("2",)}),
        ('tag "basic"; tag "CCDS";', {"tag": ("basic", "CCDS")}),
        ('gene_id "";', {"gene_id": ("",)}),
        (r'note "a \"b\" \\ \n";', {"note": (r'a "b" \ \n',)}),
        ('  gene_id  "g" ;transcript_id "t";  # by hand', {"gene_id": ("g",), "transcript_id": ("t",)}),
        ("partial;", {"partial": ()}),
        (".", {}),
        ("", {}),
    ],
)
def test_gtf_attributes(column, attributes):
    assert parse_gtf(column) == attributes


def test_gtf_line_is_not_percent_decoded(tmp_path):
    text = 'chr%31\tsrc\texon\t101\t105\t.\t-\t.\tgene_id "50%25"; transcript_id "t";\n'
    attributes = {"gene_id": ("50%25",), "transcript_id": ("t",)}
    interval = Interval("chr%31", 100, 105, Strand.REVERSE)
    assert read(tmp_path, text) == [Feature(interval, "exon", "src", attributes=attributes)]


LINE = "c\t.\tgene\t1\t9\t.\t+\t.\t"


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        (LINE + "ID=a\n", "GFF3"),
        (LINE + 'gene_id "a";\n', "GTF"),
        (LINE + "gene_id a;\n", "GTF"),
        (LINE + 'gene_id "a=b";\n', "GTF"),
        (LINE + ".\n" + LINE + 'gene_id "a";\n', "GTF"),
        ("# x\n\n##gff-version 3.1.26\n" + LINE + "note\n", "GFF3"),
        ("##gff-version 2\n" + LINE + "ID=a\n", "GTF"),
        (LINE + ".\n", "GFF3"),
        ("", "GFF3"),
    ],
)
def test_dialect_is_told_by_content(tmp_path, text, dialect):
    (tmp_path / "a").write_text(text)
    assert read_dialect(tmp_path / "a") == dialect


@pytest.mark.parametrize("end", ["##FASTA\n>c\nACGT\tA\n", "##FASTA\nACGT\n", ">c\nACGT\n"])
def test_sequences_end_the_features(tmp_path, end):
    text = f"{GFF3}#comment\n\n{LINE}ID=a\n###\n{LINE}ID=b\r\n{end}{LINE}ID=c\n"
    assert [feature.first("ID") for feature in read(tmp_path, text)] == ["a", "b"]


def test_first_value_of_several_keys():
    feature = Feature(Interval("c", 0, 1), "gene", attributes={"a": (), "b": ("",), "c": ("x", "y")})
    assert feature.first("a", "b", "c") == "x"
    assert feature.first("a", "b", "d") == ""


BAD_LINES = [
    pytest.param("c\t.\tgene\t1\t9\t.\t+\t.", "expected 9 columns parted by tabs, got 8", id="eight columns"),
    pytest.param(LINE + "ID=a\tmore", "expected 9 columns parted by tabs, got 10", id="ten columns"),
    pytest.param(LINE.replace("\t", " "), "got 1: 'c . gene", id="blanks"),
    pytest.param("c\t.\tgene\t0\t9\t.\t+\t.\t.", "from 1 to 9223372036854775807, got '0' and '9'", id="zero"),
    pytest.param("c\t.\tgene\t-3\t9\t.\t+\t.\t.", "got '-3' and '9'", id="negative"),
    pytest.param("c\t.\tgene\t1.0\t9\t.\t+\t.\t.", "got '1.0' and '9'", id="fraction"),
    pytest.param("c\t.\tgene\tx\t9\t.\t+\t.\t.", "got 'x' and '9'", id="word"),
    pytest.param(f"c\t.\tgene\t1\t{2**63}\t.\t+\t.\t.", "got '1' and '9223372036854775808'", id="overflow"),
    pytest.param("c\t.\tgene\t9\t5\t.\t+\t.\t.", "start 9 lies after end 5", id="backwards"),
    pytest.param("c\t.\tgene\t1\t9\thigh\t+\t.\t.", "score must be a number or ., got 'high'", id="score"),
    pytest.param("c\t.\tgene\t1\t9\t.\t*\t.\t.", r"strand must be \+, -, \. or \?, got '\*'", id="strand"),
    pytest.param("c\t.\tgene\t1\t9\t.\t\t.\t.", "got ''; mend column 7", id="no strand"),
    pytest.param("c\t.\tCDS\t1\t9\t.\t+\t3\t.", "phase must be 0, 1, 2 or ., got '3'", id="phase"),
    pytest.param("\t.\tgene\t1\t9\t.\t+\t.\t.", "contig or type is empty", id="no contig"),
    pytest.param("c\t.\t\t1\t9\t.\t+\t.\t.", "contig or type is empty", id="no type"),
]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        *BAD_LINES,
        pytest.param(LINE + "=x", "attribute '=x' has no key", id="no key"),
        pytest.param(LINE + "ID=%FF", "percent codes of '%FF' are not UTF-8", id="codes"),
    ],
)
def test_bad_gff3_line_is_named_with_its_number(tmp_path, line, message):
    path = tmp_path / "a.gff"
    path.write_text(f"{GFF3}{LINE}ID=a\n{line}\n")
    found = []
    with pytest.raises(InputError, match=rf"a\.gff, line 3: .*{message}") as caught:
        found.extend(read_features(path))
    assert len(found) == 1
    assert len(str(caught.value).replace(str(path), "")) < 300


@pytest.mark.parametrize(
    ("line", "message"),
    [
        *BAD_LINES,
        pytest.param(LINE + 'gene_id "a', "got 'gene_id \"a'", id="open quote"),
        pytest.param(LINE + "ID=a", "attributes must be key \"value\"; .* got 'ID=a'", id="gff3"),
        pytest.param(LINE + 'gene_id "a" "b";', 'got \'gene_id "a" "b";\'', id="two values"),
        pytest.param(LINE + 'gene_id "a"; ; x "b"', "got '; x", id="nothing"),
    ],
)
def test_bad_gtf_line_is_named_with_its_number(tmp_path, line, message):
    path = tmp_path / "a.gtf"
    path.write_text(f'{LINE}gene_id "a";\n{line}\n')
    with pytest.raises(InputError, match=rf"a\.gtf, line 2: .*{message}"):
        list(read_features(path))


@pytest.mark.parametrize("size", [2_000_000, 900_000], ids=["line too long", "long column"])
def test_long_line_is_one_short_message(tmp_path, size):
    path = tmp_path / "a.gff"
    path.write_text(f"{GFF3}{LINE.replace('gene', 'x' * size, 1).replace('1', 'y', 1)}\n")
    with pytest.raises(InputError, match="line 2: ") as caught:
        list(read_features(path))
    assert len(str(caught.value)) < 400


def test_truncated_and_binary_files_are_named(tmp_path):
    path = tmp_path / "a.gff.gz"
    path.write_bytes(gzip.compress((GFF3 + LINE + "ID=a\n").encode() * 50)[:-9])
    with pytest.raises(InputError, match=r"GFF file .*a\.gff\.gz cannot be read: the data end early"):
        list(read_features(path))
    path.write_bytes(GFF3.encode() + LINE.encode() + b"ID=a\0b\n")
    with pytest.raises(InputError, match="line 2: holds a NUL byte"):
        list(read_features(path))


def test_compressed_files_are_read(tmp_path):
    text = GFF3 + (LINE + "ID=a\n") * 40
    plain = read(tmp_path, text)
    for write in (write_bgzip, lambda path, content: path.write_bytes(gzip.compress(content))):
        write(tmp_path / "z", text.encode())
        assert list(read_features(tmp_path / "z")) == plain


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), max_size=8)
KEYS = st.text("abcXYZ_09äß", min_size=1, max_size=6)


@st.composite
def feature_fields(draw, names, keys, values):
    """What a feature is made of: the feature itself is made by the test, as its checks draw random items."""
    start = draw(st.integers(0, 1 << 50))
    strand = draw(st.sampled_from(["+", "-", "."]))
    side = Strand.REVERSE if strand == "-" else Strand.FORWARD
    return (
        Interval(draw(names.filter(bool)), start, start + draw(st.integers(1, 1 << 40)), side),
        draw(names.filter(bool)),
        draw(names),
        draw(st.none() | st.floats(allow_nan=False, allow_infinity=False)),
        strand != ".",
        draw(st.sampled_from([None, 0, 1, 2])),
        draw(st.dictionaries(keys, st.lists(values, max_size=3).map(tuple), max_size=3)),
    )


@settings(deadline=None, max_examples=100)
@given(
    st.lists(feature_fields(TEXTS, TEXTS.filter(bool), TEXTS), max_size=4), st.sampled_from(["a.gff", "a.gz"])
)
def test_gff3_round_trip(fields, name):
    features = [Feature(*values) for values in fields]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_gff3(path, features)
        assert list(read_features(path)) == features


@pytest.mark.parametrize("contig", ["#c", ">c", "##FASTA", " c ", "%23c"])
def test_gff3_contig_that_looks_like_another_line_is_read_back(tmp_path, contig):
    feature = Feature(Interval(contig, 1, 5), "gene", attributes={" k ": (" v ", "")})
    write_gff3(tmp_path / "a", [feature])
    assert list(read_features(tmp_path / "a")) == [feature]


@settings(deadline=None, max_examples=100)
@given(st.lists(feature_fields(PLAIN, KEYS, PLAIN), max_size=4), st.sampled_from(["a.gtf", "a.gz"]))
def test_gtf_round_trip(fields, name):
    # The first attribute is what tells GTF from GFF3, as in every real file.
    features = [Feature(*most, {"gene_id": ("g",)} | attributes) for *most, attributes in fields]
    features = [feature for feature in features if feature.interval.contig[0] not in "#>"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_gtf(path, features)
        assert list(read_features(path)) == features


@settings(deadline=None)
@given(feature_fields(PLAIN, KEYS, PLAIN))
def test_written_gff3_line_follows_the_definition_of_the_columns(fields):
    """By a line splitter of its own: the file splits at tabs, semicolons, equal signs and commas."""
    feature = Feature(*fields)
    with tempfile.TemporaryDirectory() as folder:
        write_gff3(Path(folder) / "a", [feature])
        header, line, _ = (Path(folder) / "a").read_bytes().decode().split("\n")
    contig, source, kind, first, last, score, strand, phase, attributes = line.split("\t")
    assert header == "##gff-version 3"
    assert (unquote(contig), unquote(source), unquote(kind)) == (feature.interval.contig, *fields[2:0:-1])
    assert (int(first), int(last)) == (feature.interval.start + 1, feature.interval.end)
    assert (None if score == "." else float(score)) == feature.score
    assert strand == (feature.interval.strand.value if feature.has_strand else ".")
    assert phase == ("." if feature.phase is None else str(feature.phase))
    found = {}
    for entry in attributes.split(";") if attributes != "." else []:
        key, equals, values = entry.partition("=")
        found[unquote(key)] = tuple(map(unquote, values.split(","))) if equals else ()
    assert found == feature.attributes


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (Feature(Interval("c", 5, 5), "gene"), "c:6-5 has no bases"),
        (Feature(Interval("c", -1, 5), "gene"), "lies before its contig"),
        (Feature(Interval("", 1, 5), "gene"), "cannot write 'gene' on ''"),
        (Feature(Interval("c", 1, 5), ""), "cannot write '' on 'c'"),
        (Feature(Interval("c", 1, 5), "gene", attributes={"": ("x",)}), r"\('x',\) has no key"),
    ],
    ids=["empty", "negative", "contig", "type", "key"],
)
@pytest.mark.parametrize("write", [write_gff3, write_gtf])
def test_feature_that_no_line_can_hold_is_refused(tmp_path, write, feature, message):
    with pytest.raises(InputError, match=rf"out, record 1: .*{message}"):
        write(tmp_path / "out", [feature])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (Feature(Interval("a\tb", 1, 5), "gene"), "GTF cannot write 'gene' on"),
        (Feature(Interval("#c", 1, 5), "gene"), "GTF cannot write 'gene' on"),
        (Feature(Interval("c", 1, 5), "gene", attributes={"k": ("a\tb",)}), "GTF cannot write"),
        (Feature(Interval("c", 1, 5), "gene", attributes={"k": ("a\nb",)}), "line end"),
        (Feature(Interval("c", 1, 5), "gene", attributes={"a b": ("x",)}), "GTF cannot write the key 'a b'"),
    ],
    ids=["tab", "comment", "tab in a value", "line end", "key"],
)
def test_what_gtf_has_no_code_for_is_refused(tmp_path, feature, message):
    with pytest.raises(InputError, match=message):
        write_gtf(tmp_path / "out", [feature])


def by_hand(path):
    """Type, contig and 1-based coordinates of each line, by the plainest splitter."""
    for line in gzip.decompress(path.read_bytes()).decode().split("\n"):
        if line and line[0] != "#":
            columns = line.split("\t")
            yield columns[2], columns[0], int(columns[3]), int(columns[4]), columns[6]


# Without the checks of annotations, which take ten times as long as reading.
@pytest.mark.usefixtures("no_shape_checks")
@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    [
        "bacteria/ecoli_K12_MG1655.gff.gz",
        "eukaryote_1pct/athaliana/1pct.gff3.gz",
        "eukaryote_1pct/celegans/1pct.gff3.gz",
        "eukaryote_1pct/dmelanogaster/1pct.gff3.gz",
    ],
)
def test_real_gff3_is_read_as_split_by_hand_and_written_without_loss(data, tmp_path, name):
    path = data / "genomes" / name
    features = list(read_features(path))
    assert [
        (
            f.kind,
            f.interval.contig,
            f.interval.start + 1,
            f.interval.end,
            f.interval.strand.value if f.has_strand else ".",
        )
        for f in features
    ] == list(by_hand(path))
    write_gff3(tmp_path / "a.gff3.gz", features)
    assert list(read_features(tmp_path / "a.gff3.gz")) == features


@pytest.mark.real_data
def test_ecoli_has_its_features(data):
    features = list(read_features(data / "genomes" / "bacteria" / "ecoli_K12_MG1655.gff.gz"))
    kinds = Counter(feature.kind for feature in features)
    assert (kinds["gene"], kinds["CDS"], kinds["tRNA"], kinds["rRNA"]) == (4494, 4337, 86, 22)
    decoded = next(f for f in features if f.first("locus_tag") == "b0240" and f.kind == "CDS")
    assert decoded.first("orig_protein_id") == "gnl|b0240|CDS=250"
    assert all(re.fullmatch(r"[0-2]", str(f.phase)) for f in features if f.kind == "CDS")
