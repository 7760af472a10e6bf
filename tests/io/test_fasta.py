"""FASTA in every encoding against Biopython, and every way in which a file can be wrong."""

import gzip
import hashlib
import io
import pickle
import re
import tempfile
from pathlib import Path

import numpy as np
import pysam
import pytest
from Bio import SeqIO
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io import fasta_text
from hyenadna_kit.io.fasta import Fasta, read_fasta
from hyenadna_kit.io.genome import open_genome
from hyenadna_kit.io.genome_store import build_store

LETTERS = "ACGTACGTACGTacgtNNnnURYSWKMBDHVurykmbdhvsw"
TOKEN_OF = {"A": 7, "C": 8, "G": 9, "T": 10, "N": 11}


def write_plain(path, text):
    path.write_bytes(text)


def write_gzip(path, text):
    """Two members, as `cat a.gz b.gz` makes them; the border lies in the middle of a line."""
    half = len(text) // 2
    path.write_bytes(gzip.compress(text[:half]) + gzip.compress(text[half:]))


def write_bgzip(path, text):
    with pysam.BGZFile(str(path), "w") as handle:
        handle.write(text)


ENCODINGS = {"plain": write_plain, "gzip": write_gzip, "bgzip": write_bgzip}


@st.composite
def fasta_texts(draw):
    """A FASTA file as people write them: any line width, blank lines, both line ends."""
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    width = draw(st.integers(1, 70))
    lines = [""] * draw(st.integers(0, 2))
    for number in range(draw(st.integers(1, 4))):
        lines.append(f">contig_{number}" + draw(st.sampled_from(["", " a description > 1", "\ttab"])))
        sequence = draw(st.text(LETTERS, min_size=1, max_size=200))
        lines += [sequence[i : i + width] for i in range(0, len(sequence), width)]
        lines += [""] * draw(st.integers(0, 2))
    text = line_end.join(lines)
    return (text if draw(st.booleans()) else text + line_end).encode()


@st.composite
def intervals(draw):
    start = draw(st.integers(-250, 250))
    return start, start + draw(st.integers(0, 300)), draw(st.sampled_from(Strand))


def biopython(text):
    """Contigs of a FASTA text by Biopython, in the letters of a genome: upper-case ACGTN."""
    records = SeqIO.parse(io.StringIO(text.decode().lstrip()), "fasta")
    return {r.id: re.sub("[^ACGT]", "N", str(r.seq).upper().replace("U", "T")) for r in records}


def expected_bases(sequence, start, end, strand):
    padded = "N" * 600 + sequence + "N" * 600
    bases = padded[600 + start : 600 + end]
    return bases if strand is Strand.FORWARD else str(Seq(bases).reverse_complement())


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=40, deadline=None)
@given(text=fasta_texts(), places=st.lists(intervals(), min_size=1, max_size=8), block=st.integers(1, 300))
def test_genomes_equal_biopython(encoding, text, places, block):
    contigs = biopython(text)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # Blocks of a few bytes: their borders fall into headers, line ends and runs.
        patch.setattr(fasta_text, "_BLOCK_BYTES", block)
        path = Path(folder) / "genome.data"
        ENCODINGS[encoding](path, text)
        for genome in (Fasta(path), build_store([path], Path(folder) / "store")):
            assert dict(genome.contigs) == {name: len(bases) for name, bases in contigs.items()}
            assert list(genome.contigs) == list(contigs)
            for name, bases in contigs.items():
                for start, end, strand in places:
                    interval = Interval(name, start, end, strand)
                    expected = expected_bases(bases, start, end, strand)
                    assert genome.fetch(interval) == expected
                    assert genome.tokens(interval).tolist() == [TOKEN_OF[base] for base in expected]


@settings(max_examples=30, deadline=None)
@given(text=fasta_texts(), block=st.integers(1, 300))
def test_blocks_join_to_the_written_bases(text, block):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasta_text, "_BLOCK_BYTES", block)
        path = Path(folder) / "genome.fa"
        path.write_bytes(text)
        joined, on_disk = {}, []
        for found in read_fasta(path, on_read=on_disk.append):
            assert found.bases
            assert len(found.bases) == found.tokens.size <= block
            assert found.start == len(joined.setdefault(found.contig, b""))
            joined[found.contig] += found.bases
    records = SeqIO.parse(io.StringIO(text.decode().lstrip()), "fasta")
    assert joined == {record.id: bytes(record.seq) for record in records}
    assert b"".join(on_disk) == text


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_format_is_told_by_content_not_by_suffix(tmp_path, encoding):
    path = tmp_path / "genome.fa"
    ENCODINGS[encoding](path, b">chr1\nACGT\n")
    assert Fasta(path).fetch(Interval("chr1", 0, 4)) == "ACGT"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["genome.fa"]


@pytest.mark.parametrize("block", [3, 1 << 22])
def test_fingerprint_is_the_sha256_of_the_unwrapped_file(tmp_path, monkeypatch, block):
    monkeypatch.setattr(fasta_text, "_BLOCK_BYTES", block)
    wrapped = b"\r\n>one first contig\r\nACgt\r\nNN\r\n>two\r\nR\r\n"
    expected = hashlib.sha256(b">one\nACgtNN\n>two\nR\n").hexdigest()
    for encoding, write in ENCODINGS.items():
        path = tmp_path / encoding
        write(path, wrapped)
        assert Fasta(path).fingerprint == expected
        assert build_store([path], tmp_path / f"{encoding}.store").fingerprint == expected


@pytest.mark.parametrize(
    "text",
    [
        b">one\nACGA\n>two\nR\n",
        b">one\nACGT\n>tow\nR\n",
        b">one\nACgT\n>two\nR\n",
        b">one\nACGTR\n",
        b">two\nR\n>one\nACGT\n",
    ],
    ids=["base", "name", "case", "contig", "order"],
)
def test_fingerprint_tells_genomes_apart(tmp_path, text):
    (tmp_path / "a.fa").write_bytes(b">one\nACGT\n>two\nR\n")
    (tmp_path / "b.fa").write_bytes(text)
    assert Fasta(tmp_path / "a.fa").fingerprint != Fasta(tmp_path / "b.fa").fingerprint


BAM = gzip.compress(b"BAM\x01\x00\x00\x00\x00")
GZIPPED = gzip.compress(b">chr1\n" + b"ACGTGGCA" * 5000, mtime=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b" \n\r\n\t", "is empty", id="blank"),
        pytest.param(gzip.compress(b""), "is empty", id="empty gzip"),
        pytest.param(b"ACGT\n", "begins with b'ACGT", id="no header"),
        pytest.param(b"\n\n;old\n>chr1\nACGT\n", "begins with b';old", id="comment before the header"),
        pytest.param(b"@read\nACGT\n+\nIIII\n", "looks like FASTQ", id="fastq"),
        pytest.param(BAM, "looks like a BAM file", id="bam"),
        pytest.param(b"\x00\x01\x02ACGT", "looks like binary", id="binary"),
        pytest.param(b"\x28\xb5\x2f\xfd\x04\x00", "looks like compressed with zstd", id="zstd"),
        pytest.param(b">\nACGT\n", "record 1 has no name", id="empty name"),
        pytest.param(b">chr1\nACGT\n>  \t\nACGT\n", "record 2 has no name", id="blank name"),
        pytest.param(
            b">chr\xff\nACGT\n", r"name b'chr\\xff' of record 1 is not text", id="name is not utf-8"
        ),
        pytest.param(b">a\x00b\nACGT\n", r"name b'a\\x00b' of record 1 is not text", id="name with NUL"),
        pytest.param(b">chr1\nA\n>chr2\nA\n>chr1 b\nA\n", "'chr1' occurs twice", id="duplicate"),
        pytest.param(b">chr1\nAC\nG*T\n", r"'\*' at base 4 of contig 'chr1'", id="stop codon"),
        pytest.param(b">chr1\nAC\n>p\nMELK\n", "'E' at base 2 of contig 'p'", id="protein"),
        pytest.param(b">chr1\nAC\n >chr2\nAC\n", "'>' at base 3 of contig 'chr1'", id="indented header"),
        pytest.param(b">chr1\nACGT\x00\x00\n", r"'\\x00' at base 5 of contig 'chr1'", id="NUL"),
        pytest.param(b">chr1\nAC\xe9\n", "'é' at base 3 of contig 'chr1'", id="latin-1"),
        pytest.param(b">chr1\n>chr2\nA\n", "'chr1' has no bases", id="no bases"),
        pytest.param(b">chr1\nA\n>chr2\n\n\n", "'chr2' has no bases", id="no bases at the end"),
        pytest.param(b">chr1", "'chr1' has no bases", id="header alone"),
        pytest.param(b">chr1\rACGT\r>chr2\rACGT\r", "'chr1' has no bases", id="line ends of old Macs"),
        pytest.param(b">chr1" + b"\rACGT" * 300_000, "longer than 1048576 bytes", id="endless header"),
        pytest.param(GZIPPED[:-20], "truncated or damaged", id="truncated gzip"),
        pytest.param(GZIPPED[:-3], "truncated or damaged", id="gzip without its checksum"),
        pytest.param(GZIPPED[:2], "truncated or damaged", id="gzip magic alone"),
        pytest.param(GZIPPED[:-8] + bytes(8), "truncated or damaged", id="wrong checksum"),
        pytest.param(GZIPPED[:30] + bytes(40) + GZIPPED[70:], "truncated or damaged", id="damaged gzip"),
        pytest.param(GZIPPED + b"ACGT", "truncated or damaged", id="text after gzip"),
    ],
)
def test_malformed_file_is_one_line_with_the_file(tmp_path, content, message):
    path = tmp_path / "bad.fa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        dict(Fasta(path).contigs)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bgzip_cut_at_a_block_border_is_an_error(tmp_path):
    path = tmp_path / "cut.fa.gz"
    write_bgzip(path, b">chr1\n" + b"ACGT" * 40_000)
    path.write_bytes(path.read_bytes()[:-28])
    assert gzip.decompress(path.read_bytes()).startswith(b">chr1")  # gzip sees nothing wrong
    with pytest.raises(InputError, match=r"cut\.fa\.gz lacks its end marker"):
        dict(Fasta(path).contigs)


def test_path_must_be_a_file(tmp_path):
    with pytest.raises(InputError, match=r"missing\.fa does not exist"):
        Fasta(tmp_path / "missing.fa")
    with pytest.raises(InputError, match="is a folder"):
        Fasta(tmp_path)


def test_invalid_character_is_placed_beyond_the_first_block(tmp_path, monkeypatch):
    monkeypatch.setattr(fasta_text, "_BLOCK_BYTES", 64)
    path = tmp_path / "bad.fa"
    path.write_bytes(b">chr1\n" + b"ACGTA\n" * 1000 + b"AC-T\n")
    with pytest.raises(InputError, match="'-' at base 5003 of contig 'chr1'"):
        list(read_fasta(path))


@pytest.mark.parametrize("block", range(1, 9))
def test_header_sign_within_a_line_is_no_header_at_any_block_border(tmp_path, monkeypatch, block):
    monkeypatch.setattr(fasta_text, "_BLOCK_BYTES", block)
    path = tmp_path / "bad.fa"
    path.write_bytes(b">c\nAC>d\nA\n")
    with pytest.raises(InputError, match="'>' at base 3 of contig 'c'"):
        list(read_fasta(path))


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_text(">1\nACGTTTGG\n>MT\nCCCCC\n")
    return Fasta(path)


@pytest.mark.parametrize(("alias", "bases"), [("1", "ACG"), ("chr1", "ACG"), ("chrM", "CCC"), ("MT", "CCC")])
def test_aliases_are_resolved(genome, alias, bases):
    assert genome.fetch(Interval(alias, 0, 3)) == bases


def test_unknown_contig_names_the_file_and_its_contigs(genome):
    with pytest.raises(
        ContigNotFoundError, match=r"'chrX' is not in .*genome\.fa; it has 1, MT \(2 in all\)"
    ):
        genome.fetch(Interval("chrX", 0, 3))


def test_tokens_are_the_callers_own(genome):
    for interval in (Interval("1", 0, 8), Interval("1", -2, 3), Interval("1", 0, 8, Strand.REVERSE)):
        genome.tokens(interval)[:] = 0
    assert genome.fetch(Interval("1", -1, 9)) == "NACGTTTGGN"
    with pytest.raises(TypeError):
        genome.contigs["1"] = 3


def test_pickle_holds_the_path_and_not_the_bases(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_bytes(b">chr1\n" + b"ACGT" * 50_000)
    genome = Fasta(path)
    assert genome.contigs == {"chr1": 200_000}
    pickled = pickle.dumps(genome)
    assert len(pickled) < 2000
    assert pickle.loads(pickled).fetch(Interval("chr1", 2, 6)) == "GTAC"


def test_file_that_changed_since_it_was_pickled_is_refused(genome):
    genome.fetch(Interval("1", 0, 3))
    pickled = pickle.dumps(genome)
    genome.path.write_text(">1\nACGTTTGA\n>MT\nCCCCC\n")
    with pytest.raises(InputError, match="has changed since it was opened"):
        pickle.loads(pickled).fetch(Interval("1", 0, 3))


def test_open_genome_takes_a_file_or_a_store(tmp_path, genome):
    store = build_store([genome.path], tmp_path / "store")
    for path in (genome.path, str(genome.path), store.path, str(store.path)):
        opened = open_genome(path)
        assert opened.fetch(Interval("chr1", 2, 10, Strand.REVERSE)) == "NNCCAAAC"
        assert opened.fingerprint == genome.fingerprint
        assert opened.tokens(Interval("1", 0, 2)).dtype == np.uint8
    assert type(open_genome(store.path)) is type(store)
    with pytest.raises(InputError, match="nowhere is neither a FASTA file nor a genome store"):
        open_genome(tmp_path / "nowhere")
