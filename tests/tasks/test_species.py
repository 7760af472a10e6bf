"""Species: windows of several genomes on sides that share no base."""

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval_set import IntervalSet
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.tasks.species import SpeciesRequest, make_species_task


def genome(path, seed, *, contigs=(6000, 900, 30), num_n=0):
    generator = np.random.default_rng(seed)
    text = []
    for number, length in enumerate(contigs):
        bases = generator.choice(list("ACGT"), length)
        bases[:num_n] = "N"
        text.append(f">c{number}\n{''.join(bases)}\n")
    path.write_text("".join(text))
    return Fasta(path)


@pytest.fixture
def genomes(tmp_path):
    return {name: genome(tmp_path / f"{name}.fa", seed) for seed, name in enumerate(("a", "b", "c"))}


REQUEST = SpeciesRequest(length=50, count=100, validation_fraction=0.2, test_fraction=0.1, seed=1)


def test_every_species_has_its_share_of_windows_on_every_side(genomes):
    windows = make_species_task(genomes, REQUEST).windows
    for side, count in {"train": 70, "validation": 20, "test": 10}.items():
        species = [each.species for each in windows[side]]
        assert species == ["a"] * count + ["b"] * count + ["c"] * count
        assert {each.window.length for each in windows[side]} == {50}


def test_sides_share_no_base(genomes):
    windows = make_species_task(genomes, REQUEST).windows
    for species in genomes:
        sets = {
            side: IntervalSet(each.window for each in of_side if each.species == species)
            for side, of_side in windows.items()
        }
        for side, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
            assert not any(
                sets[other].overlaps(each.window) for each in windows[side] if each.species == species
            )


def test_windows_lie_on_both_strands_and_hold_no_n(genomes, tmp_path):
    genomes = {"n": genome(tmp_path / "n.fa", 9, num_n=400)} | genomes
    windows = [each for each in make_species_task(genomes, REQUEST).windows["train"] if each.species == "n"]
    assert {each.window.strand.value for each in windows} == {"+", "-"}
    assert not any("N" in genomes["n"].fetch(each.window) for each in windows)


def test_same_seed_gives_the_same_windows_and_another_one_others(genomes):
    one, same = (make_species_task(genomes, REQUEST) for _ in range(2))
    other = make_species_task(genomes, SpeciesRequest(length=50, count=100, seed=2))
    assert one == same
    assert one.windows["test"] != other.windows["test"]


def test_genome_without_room_is_refused(genomes):
    with pytest.raises(InputError, match=r"a.fa: the train side has room for 0 of 16 windows of 5,000 bp"):
        make_species_task(genomes, SpeciesRequest(length=5000, count=20))


def test_one_species_is_no_task(genomes):
    with pytest.raises(InputError, match="name at least two, got a"):
        make_species_task({"a": genomes["a"]}, REQUEST)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0, "count": 1}, "length must be at least 1, got 0"),
        ({"length": 1, "count": 0}, "count must be at least 1, got 0"),
        ({"length": 1, "count": 1, "test_fraction": 0.95}, "leave a part to train on"),
    ],
)
def test_request_that_cannot_be_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        SpeciesRequest(**options)
