"""Bits per base by window length and position, against windows that are read one by one."""

import json
import math
import random

import numpy as np
import pytest
import torch

from hyenadna_kit import cli
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.commands.evaluate_lengths import curves_of, evaluate_by_length
from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.lengths import evaluate_lengths, tail_shares
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.heads.masked_language_model import MaskedLanguageModelHeadConfig
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.window_lengths import parse_window_lengths
from hyenadna_kit.model import HyenaDNAConfig

TEXT = "".join(random.Random(4).choices("ACGT", k=500)).replace("GG", "GN")
CONTEXT = 16
ATTENTION = AttentionConfig(num_heads=2)


def hyena(mode):
    return HyenaConfig(filter=FilterConfig(filter_order=6, beyond_context=mode))


def build(mode="continue", **sizes):
    sizes = {"mixer": hyena(mode)} | sizes
    model = HyenaDNAConfig(backbone=BackboneConfig(d_model=8, context_length=CONTEXT, **sizes)).build().eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture
def genome(tmp_path):
    (tmp_path / "g.fa").write_text(f">c\n{TEXT}\n")
    return Fasta(tmp_path / "g.fa")


def bits_one_by_one(model, genome, regions, length):
    """Return bits of every base, by position, each window in a pass of its own."""
    bits = [[] for _ in range(length)]
    for region in regions:
        for start in range(region.start, region.end, length):
            tokens = torch.from_numpy(genome.tokens(Interval("c", start - 1, start + length))).long()
            with torch.inference_mode():
                log_probs = model.double()(tokens[None, :-1]).logits[0].double().log_softmax(1)
            for position in range(min(length, region.end - start)):
                base = int(tokens[position + 1])
                if base < 11:
                    bits[position].append(-float(log_probs[position, base]) / math.log(2))
    return bits


@pytest.mark.parametrize(
    "regions", [[Interval("c", 0, 500)], [Interval("c", 3, 140), Interval("c", 200, 333)]]
)
def test_every_base_once_at_every_length_from_its_own_window(genome, regions):
    model, lengths = build(), [2, 16, 33, 128]
    for found in evaluate_lengths(model, genome, regions, lengths):
        expected = bits_one_by_one(build(), genome, regions, found.length)
        flat = [each for some in expected for each in some]
        known = sum(TEXT[region.start : region.end].count(base) for region in regions for base in "ACGT")
        assert (found.num_bases, len(flat)) == (known, known)
        assert found.bits_per_base == pytest.approx(np.mean(flat), abs=1e-4)
        assert [each.first for each in found.by_position][:4] == [0, 1, 2, 4][: len(found.by_position)]
        assert found.by_position[-1].last == found.length
        for each in found.by_position:
            some = [bits for position in expected[each.first : each.last] for bits in position]
            assert each.num_bases == len(some)
            if some:
                assert each.bits_per_base == pytest.approx(np.mean(some), abs=1e-4)


def test_progress_counts_bases_over_all_lengths(genome):
    told = []
    evaluate_lengths(build(), genome, [Interval("c", 0, 100)], [10, 30], on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 200


@pytest.mark.parametrize("length", [1, 101])
def test_length_without_a_region_is_refused(genome, length):
    with pytest.raises(
        InputError, match=f"window lengths must be 2 to 100, the longest region, got {length}"
    ):
        evaluate_lengths(build(), genome, [Interval("c", 0, 100)], [length])


def test_share_of_the_tail_is_that_of_the_impulse_response():
    """With one layer the mixer's output is linear in its long filter: the energies can be counted."""
    model = build().double()
    ids = torch.from_numpy(np.random.default_rng(0).integers(7, 11, (1, 60)))
    block = model.backbone.blocks[0]
    ended = model.with_context_length(CONTEXT, mode="truncate").backbone.blocks[0]
    with torch.inference_mode():
        states = block.norm1(model.backbone.embeddings(ids))
        whole, without = block.mixer(states), ended.mixer(states)
    expected = float((whole - without)[:, CONTEXT:].square().sum() / whole.square().sum())
    assert 0 < expected < 1
    found = tail_shares(model, ids)
    assert list(found) == [0, 1]
    assert found[0] == pytest.approx(expected, rel=1e-4)
    assert tail_shares(model, ids[:, :CONTEXT]) == {0: 0.0, 1: 0.0}
    assert tail_shares(build("truncate"), ids) == {0: 0.0, 1: 0.0}


@pytest.mark.parametrize(
    ("mixers", "layers"),
    [
        ({"other_mixer": ATTENTION, "other_layers": (1,)}, [0, 2]),
        ({"mixer": ATTENTION, "other_mixer": hyena("continue"), "other_layers": (1,)}, [1]),
        ({"mixer": ATTENTION}, []),
    ],
    ids=["attention in a layer", "filters in a layer", "no filters"],
)
def test_layers_with_filters_alone_have_a_share(mixers, layers):
    ids = torch.from_numpy(np.random.default_rng(0).integers(7, 11, (1, 60)))
    found = tail_shares(build(num_layers=3, **mixers), ids)
    assert list(found) == layers
    assert all(0 < share < 1 for share in found.values())


def evaluate(tmp_path, capsys, *more, model=None):
    (model or build()).save_pretrained(tmp_path / "m")
    words = ["--model", tmp_path / "m", "--genome", tmp_path / "g.fa", "--regions", "c:1-400", *more]
    status = cli.main(["evaluate", *map(str, words)])
    return status, capsys.readouterr()


def test_command_prints_a_line_a_length_and_truncation_beside(genome, tmp_path, capsys):
    out, plot = tmp_path / "f.json", tmp_path / "f.png"
    status, printed = evaluate(tmp_path, capsys, "--lengths", "8,64,200", "--json", out, "--plot", plot)
    assert status == 0
    figures = json.loads(out.read_text())
    assert figures["trained_length"] == CONTEXT
    assert [each["length"] for each in figures["modes"]["continue"]] == [8, 64, 200]
    assert [each["length"] for each in figures["modes"]["truncate"]] == [64, 200]
    assert {length: list(shares) for length, shares in figures["tail_shares"].items()} == {
        "64": ["0", "1"],
        "200": ["0", "1"],
    }
    rows = [line.split() for line in printed.out.splitlines()]
    assert rows[0] == ["tokens", "continue", "truncate", "from", "beyond"]
    for row, mode in ((1, "continue"), (2, "truncate")):
        shown = {line[0]: line[row] for line in rows[1:4] if len(line) > row}
        expected = {str(each["length"]): f"{each['bits_per_base']:.4f}" for each in figures["modes"][mode]}
        assert shown == expected
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "begins"), [("f.png", b"\x89PNG\r\n"), ("f.svg", b"<?xml"), ("f.PDF", b"%PDF-")]
)
def test_suffix_of_the_figure_chooses_its_format(genome, tmp_path, capsys, name, begins):
    pictures = []
    for _ in range(2):
        assert evaluate(tmp_path, capsys, "--lengths", "8,64", "--plot", tmp_path / name)[0] == 0
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0].startswith(begins)
    assert pictures[0] == pictures[1]


def test_position_is_drawn_at_the_bases_that_are_read_before_it(genome):
    found = evaluate_by_length(build(), genome, [Interval("c", 0, 400)], [4, 8], lambda *_: None)
    of_lengths, of_positions = curves_of(found)
    assert [list(curve.xs) for curve in of_lengths] == [[4, 8]]
    # A window of 8 reads 1 base before its first and 8 before its last: 1, 2, 3 to 4 and 5 to 8.
    assert [(curve.label, list(curve.xs)) for curve in of_positions] == [("continue, 8", [1, 2, 3.5, 6.5])]


def test_named_mode_takes_the_place_of_the_model_s_own(genome, tmp_path, capsys):
    lengths = ("--lengths", "64", "--beyond_context")
    printed = [evaluate(tmp_path, capsys, *lengths, mode)[1].out for mode in ("decay", "truncate")]
    assert printed[0].split()[1] == "decay"
    assert printed[0].splitlines()[1].split()[2] == printed[1].splitlines()[1].split()[1]
    assert "from beyond" not in printed[1]


@pytest.mark.parametrize(
    ("mixers", "mode", "layers"),
    [
        ({"other_mixer": ATTENTION, "other_layers": (0,)}, "continue", ["1"]),
        ({"mixer": ATTENTION, "other_mixer": hyena("decay"), "other_layers": (1,)}, "decay", ["1"]),
        ({"other_mixer": hyena("truncate"), "other_layers": (1,)}, "as it is", ["0", "1"]),
        ({"other_mixer": hyena("interpolate"), "other_layers": (1,)}, "as it is", None),
    ],
    ids=["attention first", "attention mostly", "two kinds of filters", "filters that stretch"],
)
def test_filters_of_any_layer_are_ended_beside(genome, tmp_path, capsys, mixers, mode, layers):
    out = tmp_path / "f.json"
    status, printed = evaluate(tmp_path, capsys, "--lengths", "8,64", "--json", out, model=build(**mixers))
    assert status == 0
    figures = json.loads(out.read_text())
    assert {name: [each["length"] for each in found] for name, found in figures["modes"].items()} == {
        mode: [8, 64],
        "truncate": [64],
    }
    assert {name: list(shares) for name, shares in figures["tail_shares"].items()} == (
        {} if layers is None else {"64": layers}
    )
    assert "the filters were trained on 16 tokens" in printed.out


def test_model_without_filters_has_nothing_to_end(genome, tmp_path, capsys):
    out = tmp_path / "f.json"
    attention = build(mixer=ATTENTION)
    status, printed = evaluate(tmp_path, capsys, "--lengths", "8,64", "--json", out, model=attention)
    assert status == 0
    figures = json.loads(out.read_text())
    assert list(figures["modes"]) == ["as it is"]
    assert figures["tail_shares"] == {}
    heading, *_, last = printed.out.splitlines()
    assert heading.split() == ["tokens", "as", "it", "is"]
    assert (
        last
        == "bits per base; the model was trained on 16 tokens, and no layer has filters that could end there"
    )


def test_mode_for_filters_that_are_not_there_is_refused(genome, tmp_path, capsys):
    words = ("--lengths", "64", "--beyond_context", "decay")
    status, printed = evaluate(tmp_path, capsys, *words, model=build(mixer=ATTENTION))
    assert (status, printed.out) == (1, "")
    (line,) = printed.err.splitlines()
    assert line.endswith(
        "beyond_context='decay' is for Hyena mixers, this one is AttentionConfig; leave it out"
    )


def test_masked_model_has_no_likelihoods_of_what_follows(genome, tmp_path, capsys):
    masked = HyenaDNAConfig(
        backbone=BackboneConfig(d_model=8, context_length=CONTEXT, mixer=HyenaConfig(bidirectional=True)),
        head=MaskedLanguageModelHeadConfig(),
    )
    status, printed = evaluate(tmp_path, capsys, "--lengths", "64", model=masked.build())
    assert (status, printed.out) == (1, "")
    assert "likelihoods need a language-model head, this model has MaskedLanguageModelHead" in printed.err


@pytest.mark.parametrize("text", ["64q", "k", "-5", "1.5k", "²"])
def test_length_that_is_none_is_refused(genome, tmp_path, capsys, text):
    status, printed = evaluate(tmp_path, capsys, "--lengths", f"8,{text}")
    assert status != 0
    assert f"--lengths must be tokens such as 1024, 64k or 1m, got {text!r}" in printed.err


@pytest.mark.parametrize(
    ("named", "tokens"),
    [
        (["64", "16"], [16, 64]),
        ([64, "16"], [16, 64]),
        (["1k", "1024", 1024], [1024]),
        (["1m", "2K"], [2048, 1048576]),
        ([], []),
    ],
    ids=str,
)
def test_named_lengths_are_tokens_each_once_and_ascending(named, tokens):
    assert parse_window_lengths(named, "--lengths") == tokens


@pytest.mark.parametrize("text", ["0", "1", "0k"])
def test_length_of_no_window_is_refused(genome, tmp_path, capsys, text):
    status, printed = evaluate(tmp_path, capsys, "--lengths", text)
    assert (status, printed.out) == (1, "")
    assert f"--lengths: a window has 2 tokens at least, got {text!r}" in printed.err


def test_length_longer_than_the_regions_is_refused(genome, tmp_path, capsys):
    status, printed = evaluate(tmp_path, capsys, "--lengths", "1k")
    assert status == 1
    assert "window lengths must be 2 to 400, the longest region, got 1,024" in printed.err
