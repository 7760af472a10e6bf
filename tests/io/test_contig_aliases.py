"""A user's names for contigs, from a table into a store."""

import gzip
import json

import pytest

from hyenadna_kit.errors import ContigNotFoundError, GenomeStoreError, InputError
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.contig_aliases import known_aliases, read_aliases
from hyenadna_kit.io.genome_store import GenomeStore, build_store

# As UCSC lists them: alias, name, where the alias is from.
TABLE = (
    b"#alias\tchrom\tsource\nNC_000001.11\tchr1\trefseq\n\nJ01415.2\tchrM\tgenbank\r\nNC_9.1\tchr9\trefseq\n"
)


@pytest.fixture
def fasta(tmp_path):
    (tmp_path / "genome.fa").write_bytes(b">chr1\nACGT\n>chrM\nGGG\n")
    return tmp_path / "genome.fa"


@pytest.fixture
def table(tmp_path):
    (tmp_path / "aliases.tsv").write_bytes(TABLE)
    return tmp_path / "aliases.tsv"


def fail_if_built(done, total):
    raise AssertionError("the store was built again")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_first_two_columns_are_read(tmp_path, pack):
    path = tmp_path / "aliases"
    path.write_bytes(pack(TABLE))
    assert read_aliases(path) == {"NC_000001.11": "chr1", "J01415.2": "chrM", "NC_9.1": "chr9"}


def test_alias_may_be_said_twice(tmp_path):
    path = tmp_path / "aliases"
    path.write_text("a\tchr1\nb\tchr2\na\tchr1\tensembl\n")
    assert read_aliases(path) == {"a": "chr1", "b": "chr2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a\tchr1\nb chr2\n", "line 2: 'b chr2' is not OTHER_NAME<TAB>CONTIG", id="no tab"),
        pytest.param("a\t\n", "line 1: 'a\\\\t' is not", id="no contig"),
        pytest.param("\tchr1\n", "line 1: ", id="no alias"),
        pytest.param(
            "a\tchr1\na\tchr2\n", "line 2: 'a' is 'chr2' here and 'chr1' further up", id="two meanings"
        ),
        pytest.param("a\tchr1\nb\0\tchr2\n", "line 2: ", id="NUL"),
    ],
)
def test_malformed_table_is_one_line_with_file_and_line(tmp_path, text, message):
    path = tmp_path / "aliases.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_aliases(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_table_is_refused_before_the_genome_is_read(fasta, tmp_path):
    with pytest.raises(InputError, match=r"none\.tsv"):
        build_store([fasta], tmp_path / "store", aliases=tmp_path / "none.tsv", on_progress=fail_if_built)
    assert not (tmp_path / "store").exists()


def test_aliases_of_absent_contigs_are_left_out_and_names_are_the_genomes_own(tmp_path):
    names = ContigNames(["1", "MT"])
    aliases = {"NC_1": "chr1", "NC_M": "chrM", "NC_9": "chr9"}
    assert known_aliases(aliases, names, tmp_path) == {"NC_1": "1", "NC_M": "MT"}
    with pytest.raises(InputError, match=r"no line names a contig of the genome .* it has 1, MT"):
        known_aliases({"chr1": "NC_1"}, names, tmp_path)


def test_store_knows_its_contigs_by_their_aliases(fasta, table, tmp_path):
    store = build_store([fasta], tmp_path / "store", aliases=table)
    table.unlink()
    for opened in (store, GenomeStore(store.path)):
        assert opened.fetch(Interval("NC_000001.11", 0, 5)) == "ACGTN"
        assert opened.fetch(Interval("J01415.2", 0, 3)) == "GGG"
        assert opened.fetch(Interval("1", 0, 3)) == "ACG"
        assert dict(opened.aliases) == {"NC_000001.11": "chr1", "J01415.2": "chrM"}
        with pytest.raises(ContigNotFoundError):
            opened.fetch(Interval("NC_9.1", 0, 3))


def test_aliases_do_not_change_the_fingerprint(fasta, table, tmp_path):
    plain = build_store([fasta], tmp_path / "plain")
    assert build_store([fasta], tmp_path / "store", aliases=table).fingerprint == plain.fingerprint


def test_other_aliases_are_another_store(fasta, table, tmp_path):
    store = build_store([fasta], tmp_path / "store", aliases=table)
    build_store([fasta], store.path, aliases=table, on_progress=fail_if_built)
    with pytest.raises(GenomeStoreError, match="with 2 aliases, not the 0 of no table; overwrite"):
        build_store([fasta], store.path, on_progress=fail_if_built)
    table.write_text("x\tchr1\n")
    with pytest.raises(GenomeStoreError, match=r"with 2 aliases, not the 1 of .*aliases\.tsv"):
        build_store([fasta], store.path, aliases=table, on_progress=fail_if_built)
    assert build_store([fasta], store.path, aliases=table, overwrite=True).aliases == {"x": "chr1"}


def test_alias_of_one_of_several_species(fasta, tmp_path):
    (tmp_path / "mouse.fa").write_bytes(b">chr1\nTTTT\n")
    (tmp_path / "aliases.tsv").write_text("NC_000001.11\thuman.chr1\nNC_000067.7\tmouse.1\n")
    store = build_store(
        [fasta, tmp_path / "mouse.fa"],
        tmp_path / "store",
        species=["human", "mouse"],
        aliases=tmp_path / "aliases.tsv",
    )
    assert store.fetch(Interval("NC_000067.7", 0, 4)) == "TTTT"
    assert store.fetch(Interval("NC_000001.11", 0, 4)) == "ACGT"
    content = json.loads((store.path / "store.json").read_text())
    assert content["aliases"]["NC_000067.7"] == "mouse.chr1"
