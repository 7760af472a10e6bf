"""The models that come with the package: found by name, small, and as good as their cards say."""

import re
from pathlib import Path

import pytest

from hyenadna_kit import cli
from hyenadna_kit.evaluation.held_out import evaluate
from hyenadna_kit.io.genome import open_genome
from hyenadna_kit.io.regions import parse_regions
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.pretrained.hub import model_folder
from hyenadna_kit.shipped import shipped_models

GENOMES = {
    "ecoli-tiny": "genomes/bacteria/ecoli_K12_MG1655.fna.gz",
    "yeast-tiny": "genomes/yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz",
}
names = pytest.mark.parametrize("name", GENOMES)


def test_every_shipped_model_is_tested():
    assert shipped_models() == tuple(GENOMES)


@names
def test_model_is_loaded_by_its_name_from_any_folder(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = HyenaDNA.from_pretrained(name)
    assert cli.main(["info", name]) == 0
    assert f"{model.num_parameters:,}" in capsys.readouterr().out
    assert cli.main(["plan", name, "--length", "1000"]) == 0


@names
def test_a_folder_of_the_same_name_goes_first(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert model_folder(name).is_absolute()
    Path(name).mkdir()
    assert model_folder(name) == Path(name)


@names
def test_model_is_small(name):
    assert sum(path.stat().st_size for path in model_folder(name).iterdir()) < 2.2e6


def test_unknown_name_is_refused_with_those_that_are_known(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["convert", "ecoli-tiny2", "--out", "x"]) == 1
    assert "one that comes along (ecoli-tiny, yeast-tiny)" in capsys.readouterr().err


@names
@pytest.mark.real_data
def test_model_is_as_good_as_its_card_says(name, data):
    card = (model_folder(name) / "README.md").read_text()
    found = re.search(r"`(\S+)`: ([\d.]+) bits per base, first 50,000 bases", card)
    genome = open_genome(data / GENOMES[name])
    (region,) = parse_regions([found[1]], genome)
    assert region.end - region.start == 50_000
    result = evaluate(HyenaDNA.from_pretrained(name), genome, [region])
    assert result.bits_per_base == pytest.approx(float(found[2]), abs=2e-4)
