"""Backbones of two mixers: which layer has which, what the whole keeps, and its way through files."""

import json
import re
import shlex
from dataclasses import dataclass, field, replace

import pytest
import torch

from hyenadna_kit.arguments import parse
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.memory import inference_bytes, plan_inference, training_bytes
from hyenadna_kit.backbone.mixers.attention import AttentionConfig, AttentionMixer
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig, HyenaMixer
from hyenadna_kit.backbone.suffixes import SuffixPlaces
from hyenadna_kit.config import from_mapping, to_mapping
from hyenadna_kit.errors import ConfigError, InputError
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.scoring.genome_scores import GenomeScorer
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.scorer import VariantScorer

SMALL = FilterConfig(filter_order=6)
HYENA, WIDE = HyenaConfig(filter=SMALL), HyenaConfig(short_filter_order=9, filter=SMALL)
ATTENTION = AttentionConfig(num_heads=2)
IDS = torch.randint(7, 11, (3, 40), generator=torch.Generator().manual_seed(1))


def configure(other=ATTENTION, layers=(1,), **options):
    sizes = {"d_model": 8, "num_layers": 3, "context_length": 20, "mixer": HYENA}
    return BackboneConfig(**(sizes | {"other_mixer": other, "other_layers": layers} | options))


def build(config=None):
    """Return a model in float64 and eval mode whose every term shows."""
    model = HyenaDNAConfig(backbone=config or configure()).build().double().eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return model


def logits(model, *inputs, **options):
    with torch.inference_mode():
        return model(*inputs, **options).logits


@pytest.mark.parametrize("layers", [(0,), (2,), (2, 0), (0, 1, 2)], ids=str)
def test_named_layers_have_the_other_mixer(layers):
    blocks = build(configure(layers=layers)).backbone.blocks
    kinds = [type(block.mixer) for block in blocks]
    assert kinds == [AttentionMixer if layer in layers else HyenaMixer for layer in range(3)]


def test_other_mixer_may_be_of_the_same_kind():
    mixers = [block.mixer.config.order for block in build(configure(replace(HYENA, order=3))).backbone.blocks]
    assert mixers == [2, 3, 2]


def test_layers_are_alike_by_default():
    assert set(BackboneConfig(num_layers=5).mixers) == {HyenaConfig()}


NOT_IN_PLACE, STRETCHED = replace(HYENA, backend="reference"), replace(SMALL, beyond_context="interpolate")
PROMISES = {
    "Hyena alone": (None, (), (True, True, True, None, 2)),
    "a wider short filter": (WIDE, (1,), (True, True, True, None, 8)),
    "attention": (ATTENTION, (1,), (True, True, True, ATTENTION, 2)),
    "bidirectional Hyena": (replace(HYENA, bidirectional=True), (2,), (False, False, True, "itself", 2)),
    "bidirectional attention": (
        AttentionConfig(num_heads=2, bidirectional=True),
        (0,),
        (False, False, True, "itself", 2),
    ),
    "stretched filters": (replace(HYENA, filter=STRETCHED), (1,), (True, False, True, "itself", 2)),
    "a named backend": (NOT_IN_PLACE, (1,), (True, True, False, "itself", 2)),
}


@pytest.mark.parametrize(("other", "layers", "promises"), PROMISES.values(), ids=PROMISES)
def test_stack_promises_what_every_layer_does(other, layers, promises):
    mixers = configure(other, layers).mixers
    without = other if promises[3] == "itself" else promises[3]
    assert (mixers.causal, mixers.keeps_prefixes, mixers.runs_in_place) == promises[:3]
    assert (mixers.without_suffixes, mixers.suffix_context) == (without, promises[4])


def test_one_layer_that_looks_downstream_is_no_language_model():
    both = AttentionConfig(num_heads=2, bidirectional=True)
    with pytest.raises(ValueError, match="a head that predicts the next token needs a causal mixer"):
        HyenaDNAConfig(backbone=configure(both, (2,)))


REFUSED = {
    "layers without a mixer": (
        {"other": None},
        "other_layers are the layers of other_mixer: give both or neither, got [1] and none",
    ),
    "a mixer without layers": (
        {"layers": ()},
        "other_layers are the layers of other_mixer: give both or neither, got [] and AttentionConfig",
    ),
    "a layer that is not there": (
        {"layers": (0, 3)},
        "other_layers must be some of 0 to 2, each once, got [0, 3]",
    ),
    "a layer from the end": ({"layers": (-1,)}, "other_layers must be some of 0 to 2, each once, got [-1]"),
    "a layer twice": ({"layers": (1, 1)}, "other_layers must be some of 0 to 2, each once, got [1, 1]"),
    "heads that do not divide": (
        {"other": AttentionConfig(num_heads=3)},
        "d_model must be a multiple of 2 * num_heads = 6 (rotary positions turn pairs of channels), got 8",
    ),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_layers_that_cannot_be_are_refused_before_anything_is_built(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        configure(**options)


def test_refusal_of_a_file_names_the_file():
    mapping = to_mapping(configure()) | {"other_layers": [5]}
    with pytest.raises(ConfigError, match=r"^c\.json: other_layers must be some of 0 to 2, .*, got \[5\]$"):
        from_mapping(BackboneConfig, mapping, "c.json")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a command."""

    model: HyenaDNAConfig = field(default_factory=HyenaDNAConfig)
    """The model."""


YAML = """
model:
  backbone:
    num_layers: 8
    other_mixer: {class_path: AttentionConfig, init_args: {num_heads: 8}}
    other_layers: [3, 7]
"""
FLAGS = (
    "--model.backbone.num_layers 8 --model.backbone.other_mixer AttentionConfig "
    "--model.backbone.other_mixer.num_heads 8 --model.backbone.other_layers 3,7"
)
STRIPED = BackboneConfig(num_layers=8, other_mixer=AttentionConfig(num_heads=8), other_layers=(3, 7))


def test_layers_are_named_in_yaml_and_by_flags(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text(YAML)
    for words in (["--config", str(path)], shlex.split(FLAGS)):
        assert parse("x", Options, (), words).model.backbone == STRIPED
        with pytest.raises(SystemExit, match="0"):
            parse("x", Options, (), [*words, "--print_config"])
        (tmp_path / "printed.yaml").write_text(capsys.readouterr().out)
        assert parse("x", Options, (), ["--config", str(tmp_path / "printed.yaml")]).model.backbone == STRIPED
    other = ["--config", str(path), "--model.backbone.other_layers", "0", "--model.backbone.num_layers", "2"]
    assert parse("x", Options, (), other).model.backbone.other_layers == (0,)


def test_configuration_is_plain_json_and_read_back():
    mapping = json.loads(json.dumps(to_mapping(STRIPED)))
    assert mapping["other_layers"] == [3, 7]
    assert mapping["other_mixer"]["class_path"] == "AttentionConfig"
    assert from_mapping(BackboneConfig, mapping, "c") == STRIPED


def test_configuration_from_before_there_were_two_mixers_is_read():
    mapping = to_mapping(BackboneConfig())
    del mapping["other_mixer"], mapping["other_layers"]
    assert from_mapping(BackboneConfig, mapping, "c") == BackboneConfig()


def test_model_folder_is_read_back_as_it_was(tmp_path):
    model = build().float()
    model.save_pretrained(tmp_path)
    found = HyenaDNA.from_pretrained(tmp_path)
    assert found.config == model.config
    assert torch.equal(logits(found, IDS), logits(model, IDS))


@pytest.mark.parametrize("length", [1, 19, 20, 21])
def test_first_outputs_do_not_depend_on_what_follows(length):
    model = build()
    found = logits(model, IDS[:, :length])
    torch.testing.assert_close(found, logits(model, IDS)[:, :length], rtol=0, atol=1e-11)


def test_row_does_not_depend_on_its_batch():
    model = build()
    for row in range(3):
        alone = logits(model, IDS[row : row + 1])
        torch.testing.assert_close(logits(model, IDS)[row : row + 1], alone, rtol=0, atol=1e-11)


@pytest.mark.parametrize("layers", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("read_from", [0, 1, 17, 39])
def test_states_from_a_position_on_are_the_same_with_and_without_gradients(layers, read_from):
    model = build(configure(layers=layers))
    wanted = model(IDS).logits[:, read_from:].detach()
    with_gradients = model(IDS, read_from=read_from).logits.detach()
    torch.testing.assert_close(with_gradients, wanted, rtol=0, atol=1e-11)
    torch.testing.assert_close(logits(model, IDS, read_from=read_from), wanted, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("before", "after"), [(6, 0), (0, 6), (4, 9)])
def test_masked_padding_changes_nothing(before, after):
    model = build()
    padded = torch.nn.functional.pad(IDS, (before, after), value=4)
    mask = torch.zeros(padded.shape, dtype=torch.bool)
    mask[:, before : before + 40] = True
    found = logits(model, padded, mask)[:, before : before + 40]
    torch.testing.assert_close(found, logits(model, IDS), rtol=0, atol=1e-11)


def test_recomputed_gradients_are_the_same():
    model, gradients = build(), []
    for enabled in (False, True):
        model.backbone.recompute_activations(enabled=enabled)
        model.zero_grad()
        model(IDS).logits.square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_attention_starts_as_other_mixers_do():
    torch.manual_seed(0)
    config = BackboneConfig(d_model=256, num_layers=8, other_mixer=AttentionConfig(), other_layers=(4,))
    mixer = config.build().blocks[4].mixer
    assert mixer.in_proj.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert mixer.out_proj.weight.std().item() == pytest.approx(0.02 / 16**0.5, rel=0.02)
    assert not mixer.in_proj.bias.any()


def test_longer_context_leaves_attention_alone():
    model = build()
    longer = model.with_context_length(40, mode="decay")
    assert longer.config.backbone.other_mixer == ATTENTION
    assert longer.config.backbone.mixer.filter.beyond_context == "decay"
    torch.testing.assert_close(logits(longer, IDS)[:, :20], logits(model, IDS[:, :20]), rtol=0, atol=1e-11)
    swapped = build(configure(HYENA, (1, 2), mixer=ATTENTION)).with_context_length(40, mode="truncate")
    assert swapped.config.backbone.mixer == ATTENTION
    assert swapped.config.backbone.other_mixer.filter.beyond_context == "truncate"
    alone = build(configure(None, (), mixer=ATTENTION))
    assert torch.equal(logits(alone.with_context_length(40), IDS), logits(alone, IDS))
    with pytest.raises(ValueError, match="beyond_context='decay' is for Hyena mixers, this one is Attention"):
        alone.with_context_length(40, mode="decay")


def test_suffixes_are_refused_by_the_name_of_the_mixer():
    places = SuffixPlaces(torch.tensor([0]), torch.tensor([20]), 5)
    with pytest.raises(ValueError, match="AttentionConfig cannot compute the ends of sequences"):
        build().forward_with_suffixes(IDS, IDS[:1, :5], places)


def test_variants_are_scored_by_whole_windows():
    model, placement = build().float(), Placement.for_window(64)
    assert VariantScorer(model, placement).engine.name == "full"
    with pytest.raises(InputError, match=r"engine shared cannot run: AttentionConfig .*; take engine full"):
        VariantScorer(model, placement, engine="shared")


def test_every_snv_at_once_needs_every_layer_to_keep_prefixes():
    placement = Placement.for_window(64)
    assert GenomeScorer(build(), placement).model.config.backbone.other_mixer == ATTENTION
    with pytest.raises(InputError, match="every SNV at once needs a causal model"):
        GenomeScorer(build(configure(replace(HYENA, filter=STRETCHED))), placement)


def test_memory_of_a_stack_lies_between_those_of_its_mixers():
    sizes = [
        configure(None, (), mixer=mixer, num_layers=4, d_model=64, d_inner=64).pass_size(1, 4096)
        for mixer in (HYENA, ATTENTION)
    ]
    hybrid = configure(ATTENTION, (1, 3), num_layers=4, d_model=64, d_inner=64).pass_size(1, 4096)
    for count in (lambda size: inference_bytes(size, plan_inference(size)), training_bytes):
        least, most = sorted(map(count, sizes))
        assert least < count(hybrid) < most
