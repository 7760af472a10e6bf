"""Likelihood of every base against models that are run on explicit windows."""

import gzip
import math

import numpy as np
import pytest
import torch
from Bio import SeqIO
from Bio.SeqIO.FastaIO import SimpleFastaParser

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.likelihood import base_likelihoods, reported, sum_regions
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.heads.base import Head
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genome_store import build_store
from hyenadna_kit.model import HyenaDNAConfig
from tests.oracles import direct_hyena

CONTEXT = 16
WHOLE = Interval("one", 0, 47)
IDS = np.full(256, 11, dtype=np.uint8)
IDS[np.frombuffer(b"ACGTacgt", dtype=np.uint8)] = [7, 8, 9, 10] * 2
BEFORE = np.array([11], dtype=np.uint8)  # one N stands for what comes before a contig

CONTIGS = {
    "one": "ACGTTGCANNACCGGTTacgtaACGGTCATTGCAGGTNCATGACCTA",
    "two": "GGGACGTACGATCGATTTTACGA",
    "tiny": "C",
}


def build(context_length=CONTEXT, d_model=8, seed=0):
    torch.manual_seed(seed)
    mixer = HyenaConfig(filter=FilterConfig(filter_order=4))
    backbone = BackboneConfig(d_model=d_model, num_layers=1, context_length=context_length, mixer=mixer)
    model = HyenaDNAConfig(backbone=backbone).build().eval()
    with torch.no_grad():  # larger than at the start, so that a misplaced base shows
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in CONTIGS.items()))
    return Fasta(path)


def ids(sequence):
    return IDS[np.frombuffer(sequence.encode(), dtype=np.uint8)]


def oracle_log_probs(model, tokens):
    """Return log p of what follows each token, shape (length, vocab), in float64 without the model's code."""
    tensors = {name: parameter.detach().double().numpy() for name, parameter in model.named_parameters()}
    options = direct_hyena.Options(context_length=model.context_length, num_layers=1)
    logits = direct_hyena.model_logits(tensors, options, tokens[None].astype(int))[0]
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def per_base(model, sequence, start, end, length):
    """Return log p and entropy of bases ``start .. end``, one explicit window at a time."""
    padded = np.concatenate([BEFORE, ids(sequence), np.full(length, 11, dtype=np.uint8)])
    values, entropies, position = [], [], start
    while position < end:
        first = max(position - length // 2, -1)
        log_probs = oracle_log_probs(model, padded[first + 1 : first + 1 + length])
        last = min(end, first + length + 1)
        for place in range(position, last):
            row, token = log_probs[place - first - 1], padded[place + 1]
            values.append(row[token] if token != 11 else math.nan)
            entropies.append(-(np.exp(row) * row).sum() / math.log(2))
        position = last
    return np.array(values), np.array(entropies)


def joined(stretches):
    found = list(stretches)
    return tuple(
        np.concatenate([getattr(s, name) for s in found]) for name in ("tokens", "log_likelihood", "entropy")
    )


def test_contig_that_one_window_covers_is_one_forward(genome):
    model = build(context_length=64)
    for name, sequence in CONTIGS.items():
        region = Interval(name, 0, len(sequence))
        tokens, likelihood, _ = joined(base_likelihoods(model, genome, [region]))
        assert tokens.tolist() == ids(sequence).tolist()
        whole = oracle_log_probs(model, np.concatenate([BEFORE, ids(sequence)]))[:-1]
        expected = np.where(tokens == 11, math.nan, whole[np.arange(len(tokens)), tokens])
        np.testing.assert_allclose(likelihood, expected, atol=1e-4)


@pytest.mark.parametrize("length", [None, 2, 5, 16, 33])
@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_every_base_comes_once_in_order_with_its_likelihood(genome, length, batch_size):
    model = build()
    regions = [
        WHOLE,
        Interval("two", 5, 20),
        Interval("tiny", 0, 1),
        Interval("one", 30, 31),
    ]
    stretches = list(base_likelihoods(model, genome, regions, length=length, batch_size=batch_size))
    places = [
        (s.region_index, s.interval.contig, p)
        for s in stretches
        for p in range(s.interval.start, s.interval.end)
    ]
    assert places == [(i, r.contig, p) for i, r in enumerate(regions) for p in range(r.start, r.end)]
    for index, region in enumerate(regions):
        mine = [stretch for stretch in stretches if stretch.region_index == index]
        tokens, likelihood, entropy = joined(mine)
        sequence = CONTIGS[region.contig]
        assert tokens.tolist() == ids(sequence)[region.start : region.end].tolist()
        expected = per_base(model, sequence, region.start, region.end, length or CONTEXT)
        np.testing.assert_allclose(likelihood, expected[0], atol=1e-4)
        np.testing.assert_allclose(entropy, expected[1], atol=1e-4)


def test_n_is_not_counted(genome):
    model, region = build(), WHOLE
    _, likelihood, entropy = joined(base_likelihoods(model, genome, [region]))
    is_n = np.array([base == "N" for base in CONTIGS["one"]])
    assert is_n.sum() == 3
    assert np.isnan(likelihood[is_n]).all()
    assert np.isfinite(likelihood[~is_n]).all()
    assert np.isfinite(entropy).all()
    (summed,) = sum_regions([region], base_likelihoods(model, genome, [region]))
    assert summed.num_bases == 44
    assert summed.log_likelihood == pytest.approx(likelihood[~is_n].astype(float).sum(), rel=1e-9)
    assert summed.bits_per_base == pytest.approx(-summed.log_likelihood / 44 / math.log(2), rel=1e-12)


def test_sums_belong_to_their_regions(genome):
    model = build()
    regions = [Interval("two", 3, 20), Interval("one", 8, 10), Interval("two", 0, 23)]
    sums = sum_regions(regions, base_likelihoods(model, genome, regions, batch_size=2))
    assert [each.region for each in sums] == regions
    assert [each.num_bases for each in sums] == [17, 0, 23]
    for each in sums:
        expected = per_base(model, CONTIGS[each.region.contig], each.region.start, each.region.end, CONTEXT)[
            0
        ]
        assert each.log_likelihood == pytest.approx(np.nansum(expected), abs=1e-4)
    assert math.isnan(sums[1].bits_per_base)


def test_sum_is_added_in_float64():
    stretch = next(iter(base_stretches([1e8, 1.0, -1e8])))
    assert sum_regions([stretch.interval], [stretch] * 3)[0].log_likelihood == 3.0


def base_stretches(values):
    from hyenadna_kit.evaluation.likelihood import Stretch

    array = np.array(values, dtype=np.float32)
    yield Stretch(0, Interval("c", 0, len(values)), np.full(len(values), 7, dtype=np.uint8), array, array)


def test_progress_counts_bases(genome):
    seen = []
    regions = [WHOLE, Interval("two", 0, 23)]
    stretches = list(reported(base_likelihoods(build(), genome, regions), seen.append))
    assert seen == np.cumsum([stretch.interval.length for stretch in stretches]).tolist()
    assert seen[-1] == 70
    assert len(list(reported(iter(stretches), None))) == len(stretches)


class OtherHead(Head):
    """No language model."""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 1}, "at least 2 tokens long, got 1"),
        ({"length": 0}, "at least 2 tokens long, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": -1}, "batch_size must be at least 1, got -1"),
    ],
)
def test_impossible_option_is_named(genome, options, message):
    with pytest.raises(InputError, match=message):
        list(base_likelihoods(build(), genome, [Interval("two", 0, 5)], **options))


def test_other_head_is_named(genome):
    model = build()
    model.head = OtherHead()
    with pytest.raises(InputError, match="language-model head, this model has OtherHead"):
        list(base_likelihoods(model, genome, [Interval("two", 0, 5)]))


def test_broken_model_is_not_a_good_model(genome):
    model = build()
    with torch.no_grad():
        model.backbone.ln_f.weight[0] = math.nan
    with pytest.raises(InputError, match=r"no finite likelihood to a base of two:1-16; .* NaN"):
        list(base_likelihoods(model, genome, [Interval("two", 0, 23)]))


def forward_sum(model, sequence, length, batch_size=64):
    """Return the sum of log p over a whole contig: stock PyTorch on windows laid out by hand."""
    padded = torch.from_numpy(np.concatenate([BEFORE, ids(sequence), np.full(length, 11, dtype=np.uint8)]))
    end, half, firsts, position = len(sequence), length // 2, [], 0
    while position < end:
        firsts.append((max(position - half, -1) + 1, position))
        position = firsts[-1][0] + length
    total, counted = 0.0, np.zeros(end, dtype=int)
    for group in (firsts[i : i + batch_size] for i in range(0, len(firsts), batch_size)):
        windows = torch.stack([padded[first : first + length + 1] for first, _ in group]).long()
        with torch.inference_mode():
            logits = model(windows[:, :-1]).logits
        flat = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), windows[:, 1:].flatten(), reduction="none"
        )
        nats = flat.double().reshape(len(group), length).numpy()
        for row, (first, position) in enumerate(group):
            last = min(end, first + length)
            is_base = ids(sequence[position:last]) != 11
            total -= nats[row, position - first : last - first][is_base].sum()
            counted[position:last] += 1
    assert (counted == 1).all()
    return total


def covered(stretches, counts):
    for stretch in stretches:
        counts[stretch.interval.start : stretch.interval.end] += 1
        yield stretch


def assert_whole_contig(model, genome, sequence, length):
    (name,) = genome.contigs
    region, counts = Interval(name, 0, len(sequence)), np.zeros(len(sequence), dtype=int)
    assert genome.contigs[name] == len(sequence)
    stretches = covered(base_likelihoods(model, genome, [region], length=length, batch_size=32), counts)
    (found,) = sum_regions([region], stretches)
    assert (counts == 1).all()
    assert found.num_bases == sum(map(sequence.upper().count, "ACGT"))
    # A millionth of the sum: of a base's 1 to 2 nats, on average.
    assert found.log_likelihood == pytest.approx(forward_sum(model, sequence, length), rel=1e-6)
    return found


@pytest.mark.real_data
def test_every_base_of_lambda(data):
    path = data / "genomes/phage/lambda_NC_001416.fa"
    sequence = str(SeqIO.read(path, "fasta").seq)
    assert len(sequence) == 48_502
    torch.set_num_threads(1)
    found = assert_whole_contig(build(context_length=1024), Fasta(path), sequence, 1024)
    assert found.num_bases == 48_502


@pytest.mark.real_data
def test_every_base_of_a_million_of_ecoli(data, tmp_path):
    with gzip.open(data / "genomes/bacteria/ecoli_K12_MG1655.fna.gz", "rt") as handle:
        ((_, whole),) = SimpleFastaParser(handle)
    assert len(whole) == 4_641_652
    sequence, path = whole[-1_000_000:], tmp_path / "end.fa"
    path.write_text(f">end\n{sequence}\n")
    torch.set_num_threads(1)
    store = build_store([path], tmp_path / "store")
    assert_whole_contig(build(context_length=512), store, sequence, 512)
