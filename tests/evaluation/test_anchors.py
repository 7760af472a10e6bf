"""Anchors are other models on the very same bases."""

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation import anchors
from hyenadna_kit.evaluation.anchors import anchors_beside, only_uniform
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.fasta import Fasta
from tests.oracles.markov import base_bits

NAMES = ["uniform", *(f"Markov order {order}" for order in (2, 6, 8, 12)), "context mixing"]
TRAIN = [Interval("one", 0, 3000), Interval("two", 100, 900)]
SCORED = [Interval("one", 3000, 3300), Interval("two", 0, 60), Interval("two", 950, 1000)]


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("anchors") / "g.fa"
    draw = np.random.default_rng(1)
    one, two = ("".join(draw.choice(list("ACGTN"), n, p=[0.4, 0.2, 0.1, 0.29, 0.01])) for n in (3500, 1000))
    path.write_text(f">one\n{one}\n>two\n{two}\n")
    return Fasta(path)


def test_each_is_measured_on_every_base_once(genome):
    found = anchors_beside(genome, TRAIN, SCORED)
    assert [each.name for each in found] == NAMES
    assert found[0].bits_per_base == 2.0
    runs = [genome.fetch(region) for region in TRAIN]
    for each, order in zip(found[1:5], (2, 6, 8, 12), strict=True):
        bits = []
        for region in SCORED:
            before = min(region.start, order)
            text = genome.fetch(Interval(region.contig, region.start - before, region.end))
            bits += [bit for bit in base_bits(runs, order, text)[before:] if bit is not None]
        assert each.bits_per_base == pytest.approx(sum(bits) / len(bits), rel=1e-9)
    assert 1.5 < found[5].bits_per_base < 2.0
    assert not any(each.left_out for each in found)


def test_what_would_take_too_long_is_left_out_with_the_reason(genome, monkeypatch):
    monkeypatch.setattr(anchors, "MAX_TRAIN_BASES", 3799)
    *markov, mixing = anchors_beside(genome, TRAIN, SCORED)
    assert all(each.bits_per_base is not None for each in markov)
    assert mixing.bits_per_base is None
    reason = "the training range has 3,800 bp, and here no more than 3,799 are counted"
    assert mixing.left_out == reason
    monkeypatch.setattr(anchors, "MAX_MARKOV_BASES", 3799)
    uniform, *others = anchors_beside(genome, TRAIN, SCORED)
    assert uniform.bits_per_base == 2.0
    assert [(each.name, each.bits_per_base, each.left_out) for each in others] == [
        (name, None, reason) for name in NAMES[1:]
    ]


def test_uniform_alone_names_the_others_with_a_reason():
    uniform, *others = only_uniform("they see one side")
    assert (uniform.bits_per_base, uniform.left_out) == (2.0, "")
    assert [each.name for each in others] == NAMES[1:]
    assert {(each.bits_per_base, each.left_out) for each in others} == {(None, "they see one side")}


def test_regions_without_bases_are_refused(genome):
    with pytest.raises(InputError, match="score no A, C, G or T"):
        anchors_beside(genome, TRAIN, [])
