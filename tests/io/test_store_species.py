"""Several genomes in one store: what their contigs are called, and what is refused."""

import hashlib
import pickle

import pytest

from hyenadna_kit.errors import ContigNotFoundError, GenomeStoreError, InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genome import Genome, open_genome
from hyenadna_kit.io.genome_store import GenomeStore, build_store

HUMAN = b">chr1 first\nACGTNNac\n>chrM\nGGGTTT\n"
MOUSE = b">chr1\nTTTTCCCCAA\n"
EXTRA = b">alt.1\nCCC\n"


@pytest.fixture
def fastas(tmp_path):
    paths = []
    for name, content in (("human.fa", HUMAN), ("mouse.fa", MOUSE), ("extra.fa", EXTRA)):
        (tmp_path / name).write_bytes(content)
        paths.append(tmp_path / name)
    return paths


@pytest.fixture
def store(fastas, tmp_path):
    return build_store(fastas, tmp_path / "store", species=["human", "mouse", "human"])


def fail_if_built(done, total):
    raise AssertionError("the store was built again")


def test_contigs_of_several_species_are_named_after_them(store):
    assert list(store.contigs.items()) == [
        ("human.chr1", 8),
        ("human.chrM", 6),
        ("mouse.chr1", 10),
        ("human.alt.1", 3),
    ]
    assert dict(store.species) == {
        "human.chr1": "human",
        "human.chrM": "human",
        "mouse.chr1": "mouse",
        "human.alt.1": "human",
    }
    assert isinstance(store, Genome)


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("human.chr1", "ACGTNN"),
        ("human.1", "ACGTNN"),
        ("mouse.1", "TTTTCC"),
        ("human.MT", "GGGTTT"),
        ("human.M", "GGGTTT"),
        ("human.alt.1", "CCCNNN"),
    ],
)
def test_usual_names_stand_behind_the_label(store, name, bases):
    assert store.fetch(Interval(name, 0, 6)) == bases


@pytest.mark.parametrize("name", ["chr1", "1", "chrM", "mouse.chrM", "rat.chr1", "human.", "human", ".chr1"])
def test_name_without_its_species_is_no_contig(store, name):
    with pytest.raises(ContigNotFoundError, match=r"it has human\.chr1, human\.chrM, mouse\.chr1, \.\.\."):
        store.fetch(Interval(name, 0, 6))


def test_species_do_not_run_into_each_other(store):
    assert store.fetch(Interval("mouse.chr1", -2, 12)) == "NNTTTTCCCCAANN"
    assert store.fetch(Interval("human.chrM", -2, 8, Strand.REVERSE)) == "NNAAACCCNN"
    assert store.n_runs("human.chr1").tolist() == [[4, 6]]
    assert store.soft_masked_runs("human.1").tolist() == [[6, 8]]
    assert store.soft_masked_runs("mouse.chr1").tolist() == []


def test_fingerprint_is_that_of_one_fasta_with_the_same_names(store, tmp_path):
    joined = b">human.chr1\nACGTNNac\n>human.chrM\nGGGTTT\n>mouse.chr1\nTTTTCCCCAA\n>human.alt.1\nCCC\n"
    (tmp_path / "joined.fa").write_bytes(joined)
    expected = hashlib.sha256(joined).hexdigest()
    assert store.fingerprint == Fasta(tmp_path / "joined.fa").fingerprint == expected


@pytest.mark.parametrize("labels", [["human"], ["human", "human"]], ids=["one for all", "one each"])
def test_one_species_leaves_names_as_they_are(fastas, tmp_path, labels):
    human, _, extra = fastas
    plain = build_store([human, extra], tmp_path / "plain")
    store = build_store([human, extra], tmp_path / "store", species=labels)
    assert list(store.contigs) == ["chr1", "chrM", "alt.1"]
    assert dict(store.species) == dict.fromkeys(store.contigs, "human")
    assert store.fingerprint == plain.fingerprint
    assert dict(plain.species) == {}
    assert store.fetch(Interval("1", 0, 4)) == "ACGT"


def test_labels_survive_a_worker_and_a_second_look(store):
    for other in (pickle.loads(pickle.dumps(store)), open_genome(store.path)):
        assert dict(other.species) == dict(store.species)
        assert other.fetch(Interval("mouse.1", 0, 4)) == "TTTT"
    with pytest.raises(TypeError):
        store.species["human.chr1"] = "mouse"


def test_fasta_has_no_species(fastas):
    assert dict(Fasta(fastas[0]).species) == {}
    assert isinstance(Fasta(fastas[0]), Genome)


def test_same_contig_twice_in_one_species_names_both_files(fastas, tmp_path):
    human, mouse, extra = fastas
    with pytest.raises(InputError, match=r"'human\.chr1' is in both .*human\.fa and .*mouse\.fa"):
        build_store([human, mouse, extra], tmp_path / "store", species=["human", "human", "other"])
    with pytest.raises(InputError, match="give files of several species a label each"):
        build_store([human, mouse], tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "label", ["", " ", "a.b", "a/b", "..", "a b", "a\tb", "a\n", "a,b", "a:b", "-a", "é", "a\\b", "a" * 65]
)
def test_label_that_could_be_misread_is_refused(fastas, tmp_path, label):
    with pytest.raises(InputError, match=r"species label .* must be 1 to 64 ASCII letters") as caught:
        build_store(fastas[:1], tmp_path / "store", species=[label])
    assert repr(label) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("label", ["human", "mm39", "E_coli", "GRCh38-p14", "9", "_", "a" * 64])
def test_label_of_letters_digits_and_dashes_is_taken(fastas, tmp_path, label):
    store = build_store(fastas[:1], tmp_path / "store", species=[label])
    assert set(store.species.values()) == {label}


@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c", "d"]], ids=["too few", "too many"])
def test_labels_must_be_one_or_as_many_as_files(fastas, tmp_path, labels):
    with pytest.raises(InputError, match=rf"{len(labels)} species labels \(a, b.*were given for 3 FASTA"):
        build_store(fastas, tmp_path / "store", species=labels)


def test_same_files_under_other_labels_are_another_store(fastas, store):
    again = build_store(fastas, store.path, species=["human", "mouse", "human"], on_progress=fail_if_built)
    assert again.fingerprint == store.fingerprint
    for labels in (["human", "rat", "human"], ["human"], []):
        with pytest.raises(GenomeStoreError, match="of the species human, mouse, human, not of") as caught:
            build_store(fastas, store.path, species=labels, on_progress=fail_if_built)
        assert "--overwrite" in str(caught.value)
    assert list(GenomeStore(store.path).contigs)[2] == "mouse.chr1"
