"""FASTA in every encoding against Biopython, and every way in which a file can be wrong."""

import gzip
import hashlib
import io
import pickle
import random
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
HEX_TO_BASES = str.maketrans("0123456789abcdef", "ACGT" * 4)
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
    """Contigs of a FASTA text by Biopython, in the letters of a genome."""
    return biopython_bases(io.StringIO(text.decode().lstrip()))


def biopython_bases(handle):
    """Contigs of an open FASTA by Biopython, in upper-case ACGTN."""
    records = SeqIO.parse(handle, "fasta")
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


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b">chr1 a\nACGT\nTTGG\nCCA\n>chr2\nNNA\n", id="as it should be"),
        pytest.param(b">chr1 a\r\nACGT\r\nTTGG\r\nCCA\r\n>chr2\r\nNNA\r\n", id="CRLF"),
        pytest.param(b">chr1 a\r\nACGT\nTTGG\r\nCCA\n>chr2\r\nNNA\r\n", id="CRLF and LF"),
        pytest.param(b">chr1 a\nA\nCGTTTG\nGC\nCA\n>chr2\nN\nNA\n", id="lines of mixed width"),
        pytest.param(b">chr1 a\nACGTTTGGCCA\n>chr2\nNNA", id="no newline at the end"),
        pytest.param(b">chr1 a\r\nACGTTTGGCCA\r\n>chr2\r\nNNA\r", id="CR without LF at the end"),
        pytest.param(b"\n\n>chr1 a\n\nACGTTT\n\n\nGGCCA\n\n>chr2\nNNA\n\n\n", id="blank lines"),
        pytest.param(b">chr1 a\nACGT TTGG \n\tCCA\n>chr2\nNN A\n", id="spaces and tabs within lines"),
    ],
)
@pytest.mark.parametrize("block", [1, 7, 1 << 22])
def test_layout_of_the_lines_does_not_change_the_bases(tmp_path, monkeypatch, text, block):
    monkeypatch.setattr(fasta_text, "_BLOCK_BYTES", block)
    path = tmp_path / "genome.fa"
    path.write_bytes(text)
    for genome in (Fasta(path), build_store([path], tmp_path / "store")):
        assert dict(genome.contigs) == {"chr1": 11, "chr2": 3}
        assert genome.fetch(Interval("chr1", -1, 12)) == "NACGTTTGGCCAN"
        assert genome.fetch(Interval("chr2", 0, 3)) == "NNA"


def test_stale_fai_beside_the_file_is_not_believed(tmp_path):
    path, index = tmp_path / "genome.fa", tmp_path / "genome.fa.fai"
    path.write_bytes(b">chr1\nACGTACGTAC\n>chr2\nGGGGGGGGGG\n")
    pysam.faidx(str(path))
    stale = index.read_bytes()
    path.write_bytes(b">chr1 longer now\nTTTTTTTTTTTTTTT\n>chr2\nACCCCCCCCC\n")
    with pysam.FastaFile(str(path)) as believer:
        assert believer.fetch("chr2") != "ACCCCCCCCC"
    for genome in (Fasta(path), build_store([path], tmp_path / "store")):
        assert dict(genome.contigs) == {"chr1": 15, "chr2": 10}
        assert genome.fetch(Interval("chr1", 0, 15)) == "T" * 15
        assert genome.fetch(Interval("chr2", 0, 10)) == "ACCCCCCCCC"
    assert index.read_bytes() == stale


def bgzipped(tmp_path):
    """Return bgzip of several blocks and, of each, the number of bytes before it."""
    path = tmp_path / "whole.fa.gz"
    write_bgzip(path, b">chr1\n" + random.Random(0).randbytes(100_000).hex().translate(HEX_TO_BASES).encode())
    content = path.read_bytes()
    starts, start = [], 0
    while start < len(content):
        starts.append(start)
        start += int.from_bytes(content[start + 16 : start + 18], "little") + 1
    return content, starts


def test_bgzip_cut_at_a_block_border_is_an_error(tmp_path):
    content, starts = bgzipped(tmp_path)
    assert len(starts) > 3
    path = tmp_path / "cut.fa.gz"
    for start in starts[1:]:
        path.write_bytes(content[:start])
        assert gzip.decompress(path.read_bytes()).startswith(b">chr1")  # gzip sees nothing wrong
        with pytest.raises(InputError, match=r"cut\.fa\.gz lacks its end marker"):
            dict(Fasta(path).contigs)


def test_bgzip_cut_within_a_block_is_an_error(tmp_path):
    content, starts = bgzipped(tmp_path)
    path = tmp_path / "cut.fa.gz"
    cuts = {start + step for start in starts for step in (1, 3, 17, 18, 27)}
    for cut in sorted(cuts):
        path.write_bytes(content[:cut])
        with pytest.raises(InputError, match=r"cut\.fa\.gz .*(truncated|not FASTA)") as caught:
            dict(Fasta(path).contigs)
        assert "\n" not in str(caught.value)
        with pytest.raises(InputError):
            build_store([path], tmp_path / "store")
    assert not (tmp_path / "store").exists()


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


# Contigs, bp and letters of every genome of the data. Source: Biopython, once; the lengths of yeast, E. coli,
# lambda, phiX174 and chrM are those of their GenBank records, and the MD5 of chrM is the M5 of its header.
GENOMES = {
    "bam/methylation/chr20_from_MD.fa": (1, 34_886, "ACGT"),
    "genomes/bacteria/bacillus_anthracis_GCF_000008445.fna.gz": (3, 5_503_926, "ACGT"),
    "genomes/bacteria/ecoli_K12_MG1655.fna.gz": (1, 4_641_652, "ACGT"),
    "genomes/bacteria/haemophilus_influenzae_GCA_000027305.fna.gz": (1, 1_830_138, "ACGKMNRSTWY"),
    "genomes/bacteria/legionella_pneumophila_GCF_000048645.fna.gz": (2, 3_635_495, "ACGNT"),
    "genomes/bacteria/portiera_GCF_000292685.fna": (1, 358_242, "ACGT"),
    "genomes/bacteria/pseudomonas_aeruginosa_GCF_000006765.fna.gz": (1, 6_264_404, "ACGT"),
    "genomes/bacteria/salmonella_LT2_GCF_000006945.1.fna.gz": (2, 4_951_371, "ACGT"),
    "genomes/bacteria/shigella_dysenteriae_GCF_002949675.fna.gz": (2, 4_578_459, "ACGT"),
    "genomes/bacteria/staphylococcus_aureus_GCF_000017085.fna.gz": (3, 2_903_081, "ACGRT"),
    "genomes/eukaryote_1pct/athaliana/1pct.fa.gz": (7, 1_196_674, "ACGKNSTY"),
    "genomes/eukaryote_1pct/celegans/1pct.fa.gz": (7, 1_002_861, "ACGT"),
    "genomes/eukaryote_1pct/dmelanogaster/1pct.fa.gz": (7, 1_375_477, "ACGNT"),
    "genomes/phage/NC_001422_1.fna": (1, 5_386, "ACGT"),
    "genomes/phage/lambda_NC_001416.fa": (1, 48_502, "ACGT"),
    "genomes/yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz": (17, 12_157_105, "ACGT"),
    "human/grch37_chr17_1-1000000.fa": (1, 1_000_000, "ACGNT"),
    "human/grch37_chr1_1-1000000.fa": (1, 1_000_000, "ACGNT"),
    "human/grch37_chr20_1-2Mb.fa": (1, 1_000_000, "ACGT"),
    "human/grch38_chr20_1-1000000.fa": (1, 1_000_000, "ACGNT"),
    "human/grch38_chrM.fa": (1, 16_569, "ACGNT"),
    "human/hg19_chr20_9995001-11095000.fa.gz": (1, 1_100_000, "ACGT"),
    "variants/mpra_elements_GRCh38.fa": (29, 13_095, "ACGNT"),
}
MD5 = {
    "genomes/phage/NC_001422_1.fna": "3332ed720ac7eaa9b3655c06f6b9e196",
    "genomes/phage/lambda_NC_001416.fa": "509bdb356475a21077713babc47a4a35",
    "human/grch38_chrM.fa": "c68f52674c9fb33aef52dcf399755519",
}


@pytest.mark.real_data
@pytest.mark.parametrize("name", GENOMES)
def test_real_genome_has_its_stated_contigs_length_and_letters(data, tmp_path, name):
    path = data / name
    bases = {}
    for block in read_fasta(path):
        bases[block.contig] = bases.get(block.contig, b"") + block.bases
    letters = "".join(sorted(chr(letter) for letter in set().union(*bases.values())))
    assert (len(bases), sum(map(len, bases.values())), letters) == GENOMES[name]
    if name in MD5:
        assert hashlib.md5(b"".join(bases.values())).hexdigest() == MD5[name]
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as handle:
        expected = biopython_bases(handle)
    for genome in (Fasta(path), build_store([path], tmp_path / "store")):
        assert list(genome.contigs) == list(expected)
        for contig, sequence in expected.items():
            assert genome.fetch(Interval(contig, 0, len(sequence))) == sequence


@pytest.mark.real_data
def test_no_genome_of_the_data_is_left_out(data):
    found = [path for suffix in ("fa", "fna") for path in data.rglob(f"*.{suffix}*")]
    assert {str(path.relative_to(data)) for path in found if path.suffix != ".fai"} == set(GENOMES)
