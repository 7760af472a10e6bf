"""Bits per base of a model and of its baselines on the same bases."""

import math

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.evaluation import held_out
from hyenadna_kit.evaluation.held_out import Evaluation, evaluate
from hyenadna_kit.evaluation.likelihood import RegionLikelihood
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.testing import toy_genome, write_toy_genome
from tests.oracles.markov import base_bits

ORDERS = (0, 2, 3)
TRAIN = [Interval("toy1", 0, 3000), Interval("toy2", 100, 900)]
TEST = [Interval("toy2", 1000, 1600), Interval("toy3", 0, 300), Interval("toy3", 302, 900)]


@pytest.fixture(scope="module")
def contigs():
    return {name: bases.upper() for name, bases in toy_genome(length=10_000).contigs.items()}


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    return Fasta(write_toy_genome(tmp_path_factory.mktemp("toy") / "g.fa", length=10_000))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    mixer = HyenaConfig(filter=FilterConfig(filter_order=4))
    backbone = BackboneConfig(d_model=8, num_layers=1, context_length=64, mixer=mixer)
    return HyenaDNAConfig(backbone=backbone).build().eval()


@pytest.fixture(autouse=True)
def short_orders(monkeypatch):
    # The table of order 12 takes 256 MiB.
    monkeypatch.setattr(held_out, "DEFAULT_ORDERS", ORDERS)


def cut(contigs, interval):
    return contigs[interval.contig][interval.start : interval.end]


def test_baselines_see_the_training_bases_and_the_context_of_the_test(model, genome, contigs):
    result = evaluate(model, genome, TEST, train_regions=TRAIN)
    runs = [cut(contigs, region) for region in TRAIN]
    for order in ORDERS:
        bits = []
        for region in TEST:
            left = min(order, region.start)
            sequence = contigs[region.contig][region.start - left : region.end]
            bits += [bit for bit in base_bits(runs, order, sequence)[left:] if bit is not None]
        assert len(bits) == 600 + 300 + 598
        assert result.baselines[order] == pytest.approx(sum(bits) / len(bits), rel=1e-9)
    assert list(result.baselines) == list(ORDERS)


def test_model_is_the_mean_over_all_bases(model, genome):
    seen = []
    result = evaluate(model, genome, TEST, on_progress=seen.append, batch_size=7, length=50)
    assert result.baselines == {}
    assert [(each.region, each.num_bases) for each in result.regions] == list(
        zip(TEST, (600, 300, 598), strict=True)
    )
    nats = sum(each.log_likelihood for each in result.regions)
    assert result.num_bases == seen[-1] == 1498
    assert result.bits_per_base == pytest.approx(-nats / 1498 / math.log(2), rel=1e-12)
    # Fresh weights know nothing: the logits are close to even over 16 columns.
    assert result.bits_per_base == pytest.approx(4.0, abs=0.1)
    alone = evaluate(model, genome, TEST[1:2], length=50)
    assert alone.bits_per_base == pytest.approx(result.regions[1].bits_per_base, rel=1e-5)


def test_regions_count_by_their_bases():
    regions = [
        RegionLikelihood(Interval("c", 0, 10), 10, -10 * math.log(2)),
        RegionLikelihood(Interval("c", 10, 50), 30, -60 * math.log(2)),
    ]
    assert Evaluation(regions, {}).bits_per_base == pytest.approx(70 / 40)


def test_nothing_scored_is_not_a_number():
    nothing = Evaluation([RegionLikelihood(Interval("c", 0, 10), 0, 0.0)], {})
    assert math.isnan(nothing.bits_per_base)
    assert math.isnan(nothing.regions[0].bits_per_base)
