"""GenBank records against Biopython: locations by extraction, and files that are damaged."""

import gzip
import io
import tempfile
from pathlib import Path

import pytest
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqFeature import CompoundLocation, SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import reverse_complement
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genbank import GenbankFeature, read_genbank

SEQUENCE = "ACGTTGCAAGGCCTTAGCATGCCGATTACAGATTACACTGACTGGCATGCATCAGGTTAC"


def genbank(features, sequence=SEQUENCE, topology="linear", name="CP1"):
    """Return a record as Biopython writes it."""
    annotations = {"molecule_type": "DNA", "topology": topology}
    record = SeqRecord(Seq(sequence), id=f"{name}.2", name=name, annotations=annotations, features=features)
    text = io.StringIO()
    SeqIO.write(record, text, "genbank")
    return text.getvalue()


def with_location(location, topology="linear"):
    """Return a record with one CDS whose location is written as it stands."""
    feature = SeqFeature(SimpleLocation(0, 9, 1), type="CDS", qualifiers={"gene": ["x"]})
    return genbank([feature], topology=topology).replace("1..9", location)


def read(tmp_path, text):
    path = tmp_path / "a.gb"
    path.write_text(text)
    return list(read_genbank(path))


def extract(sequence, parts):
    """Return the bases of parts, joined in reading order."""
    pieces = (sequence[part.start : part.end] for part in parts)
    turned = (
        piece if part.strand is Strand.FORWARD else reverse_complement(piece)
        for piece, part in zip(pieces, parts, strict=True)
    )
    return "".join(turned)


def at(start, end, strand=Strand.FORWARD, contig="CP1.2"):
    return Interval(contig, start, end, strand)


REVERSE = Strand.REVERSE


@pytest.mark.parametrize(
    ("location", "parts", "is_partial"),
    [
        ("3..9", [at(2, 9)], False),
        ("7", [at(6, 7)], False),
        ("complement(3..9)", [at(2, 9, REVERSE)], False),
        ("join(1..3,7..9)", [at(0, 3), at(6, 9)], False),
        ("order(1..3,7..9)", [at(0, 3), at(6, 9)], False),
        ("complement(join(1..3,7..9))", [at(6, 9, REVERSE), at(0, 3, REVERSE)], False),
        ("join(complement(7..9),complement(1..3))", [at(6, 9, REVERSE), at(0, 3, REVERSE)], False),
        ("join(complement(1..3),7..9)", [at(0, 3, REVERSE), at(6, 9)], False),
        ("join(55..60,1..3)", [at(54, 60), at(0, 3)], False),
        ("<3..>9", [at(2, 9)], True),
        ("(3.5)..9", [at(2, 9)], True),
        ("3^4", [at(3, 3)], False),
        ("join(1..3,J00194.1:7..9)", [at(0, 3), at(6, 9, contig="J00194.1")], False),
    ],
)
def test_location_becomes_parts_in_reading_order(tmp_path, location, parts, is_partial):
    (record,) = read(tmp_path, with_location(location, "circular"))
    assert record.features == (GenbankFeature("CDS", tuple(parts), is_partial, {"gene": ("x",)}),)
    assert (record.contig, record.length, record.is_circular) == ("CP1.2", 60, True)


@st.composite
def locations(draw):
    """Any location that Biopython can write: of one or several parts, on one strand or two."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, 58))
        end = draw(st.integers(start + 1, 60))
        parts.append(SimpleLocation(start, end, draw(st.sampled_from([1, -1]))))
    return parts[0] if len(parts) == 1 else CompoundLocation(parts)


@settings(deadline=None)
@given(st.lists(locations(), max_size=4), st.sampled_from(["linear", "circular"]))
def test_parts_extract_what_biopython_extracts(places, topology):
    features = [SeqFeature(place, type="CDS") for place in places]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gb"
        path.write_text(genbank(features, topology=topology))
        (record,) = read_genbank(path)
    assert record.sequence == SEQUENCE
    assert record.is_circular == (topology == "circular")
    assert [extract(record.sequence, feature.parts) for feature in record.features] == [
        str(feature.extract(Seq(SEQUENCE))) for feature in features
    ]


def test_qualifiers_are_kept_with_all_their_values(tmp_path):
    qualifiers = {"gene": ["x"], "db_xref": ["a:1", "b:2"], "note": ['a "quoted" text ' * 9], "pseudo": [""]}
    (record,) = read(
        tmp_path, genbank([SeqFeature(SimpleLocation(0, 9, 1), type="CDS", qualifiers=qualifiers)])
    )
    (feature,) = record.features
    assert feature.first("locus_tag", "db_xref") == "a:1"
    assert feature.qualifiers["db_xref"] == ("a:1", "b:2")
    assert feature.qualifiers["note"] == tuple(qualifiers["note"])
    assert "pseudo" in feature.qualifiers
    assert feature.first("locus_tag") == ""


def test_records_of_a_compressed_file_are_read_in_order(tmp_path):
    text = (
        "a preamble of\nthe release\n\n"
        + genbank([], name="CP1")
        + "\n"
        + genbank([], "ACGTN" * 3, name="CP2")
    )
    (tmp_path / "a").write_bytes(gzip.compress(text.replace("\n", "\r\n").encode()))
    found = [(record.contig, record.sequence) for record in read_genbank(tmp_path / "a")]
    assert found == [("CP1.2", SEQUENCE), ("CP2.2", "ACGTN" * 3)]


def test_record_without_a_sequence_has_a_length(tmp_path):
    text = genbank([])
    text = text[: text.index("ORIGIN")] + "CONTIG      join(J00194.1:1..60)\n//\n"
    (record,) = read(tmp_path, text)
    assert (record.length, record.sequence) == (60, "")


WHOLE = genbank([SeqFeature(SimpleLocation(0, 9, 1), type="CDS", qualifiers={"gene": ["x"]})])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "no line begins with LOCUS; give a GenBank flat file", id="empty"),
        pytest.param(">chr1\nACGT\n", "is not GenBank", id="fasta"),
        pytest.param(WHOLE[:-3], "ends within the record of line 1: it is truncated", id="no end"),
        pytest.param(WHOLE[:250], "ends within the record of line 1", id="cut in the header"),
        pytest.param(WHOLE + WHOLE[:250], r"ends within the record of line 15", id="second record cut"),
        pytest.param(
            WHOLE[:-3] + WHOLE, "line 14: a record begins before the end '//' of that of line 1", id="no //"
        ),
        pytest.param(
            WHOLE.replace("ggttac", "ggtt"), "record 1 .*has 58 bases and LOCUS says 60", id="short"
        ),
        pytest.param(WHOLE.replace("60 bp", "61 bp"), "has 60 bases and LOCUS says 61", id="length"),
        pytest.param(WHOLE.replace("60 bp", "60 aa"), "names no length in bp", id="protein"),
        pytest.param(WHOLE.replace("60 bp", "9" * 30 + " bp"), "names no length in bp", id="huge length"),
        pytest.param(WHOLE.replace("ggttac", "ggt*ac"), r"'\*' in the sequence", id="letter"),
        pytest.param(WHOLE.replace("1..9", "1..61"), r"CDS 1\.\.61 lies beyond the 60 bp", id="beyond"),
        pytest.param(WHOLE.replace("1..9", "0..9"), "location of a feature 'CDS' cannot be read", id="zero"),
        pytest.param(WHOLE.replace("1..9", "9..1"), "location of a feature 'CDS'", id="backwards"),
        pytest.param(WHOLE.replace("1..9", "a..b"), "location of a feature 'CDS'", id="letters"),
        pytest.param(WHOLE.replace("1..9", "join(1..3"), "garbled|location", id="open bracket"),
        pytest.param(
            WHOLE.replace("1..9", "?..9"), "CDS has the location|location of a feature", id="unknown"
        ),
        pytest.param(WHOLE.replace("ORIGIN", "\0RIGIN"), "holds a NUL byte", id="nul"),
    ],
)
def test_damaged_file_is_one_line_with_the_file(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "a.gb") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_truncation_is_an_error(tmp_path):
    path = tmp_path / "a.gb"
    for length in range(0, len(WHOLE) - 1, 37):
        path.write_text(WHOLE[:length])
        with pytest.raises(InputError):
            list(read_genbank(path))


@pytest.mark.usefixtures("no_shape_checks")
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "fasta", "num_features"),
    [
        ("phage/sars2_MN908947_reference.gb", None, 27),
        ("bacteria/portiera_GCF_000292685.gbk", "bacteria/portiera_GCF_000292685.fna", None),
        ("bacteria/ecoli_K12_MG1655.gbff.gz", "bacteria/ecoli_K12_MG1655.fna.gz", None),
    ],
    ids=["sars2", "portiera", "ecoli"],
)
def test_real_records_extract_what_biopython_extracts(data, name, fasta, num_features):
    path = data / "genomes" / name
    (record,) = read_genbank(path)
    raw = path.read_bytes()
    text = gzip.decompress(raw) if name.endswith(".gz") else raw
    expected = SeqIO.read(io.StringIO(text.decode()), "genbank")
    assert record.sequence == str(expected.seq)
    assert len(record.features) == len(expected.features) == (num_features or len(expected.features))
    for ours, theirs in zip(record.features, expected.features, strict=True):
        assert ours.kind == theirs.type
        assert extract(record.sequence, ours.parts) == str(theirs.extract(expected.seq))
    if fasta:
        genome = Fasta(data / "genomes" / fasta)
        assert genome.fetch(Interval(record.contig, 0, record.length)) == record.sequence
        assert genome.contigs == {record.contig: record.length}
