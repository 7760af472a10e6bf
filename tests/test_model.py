"""The whole model: prefixes, causality, padding, precision, sizes and its folder."""

import copy
import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig, HyenaMixer
from hyenadna_kit.errors import CheckpointError, ConfigError
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizerConfig
from tests.oracles import direct_hyena

CONTEXT = 16
PAD = 4
IDS = torch.randint(0, 12, (2, 44), generator=torch.Generator().manual_seed(1))
CONTINUED = FilterConfig(filter_order=6, beyond_context="continue")
TRUNCATED = FilterConfig(filter_order=6, shift=0.05, beyond_context="truncate")


def configure(filters=CONTINUED, *, order=2, tied=True, **backbone):
    sizes = {"d_model": 8, "context_length": CONTEXT, "mixer": HyenaConfig(order=order, filter=filters)}
    return HyenaDNAConfig(
        backbone=BackboneConfig(**(sizes | backbone)), head=LanguageModelHeadConfig(tied=tied)
    )


def build(config=None, *, scale=0.5):
    """Return a model in eval mode whose every term shows."""
    model = (config or configure()).build().eval()
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(parameter + 0.05 * noise if name.endswith(".z") else scale * noise)
    return model


CONFIGS = {
    "continued": configure(),
    "truncated": configure(TRUNCATED),
    "order 3": configure(order=3),
    "emb_dim 7, d_inner 5": configure(FilterConfig(filter_order=6, emb_dim=7), d_inner=5),
    "learned z": configure(FilterConfig(filter_order=6, features="learned"), order=3),
    "stored z, truncated": configure(
        FilterConfig(filter_order=6, features="stored", beyond_context="truncate")
    ),
    "not modulated": configure(FilterConfig(filter_order=6, modulate=False, shift=0.05)),
    "untied": configure(tied=False),
    "hybrid": configure(other_mixer=AttentionConfig(num_heads=2), other_layers=(1,)),
}

configs = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


@pytest.mark.parametrize("length", [1, 15, 16, 17, 44])
@configs
def test_logits_follow_the_definition(config, length):
    model = build(config).double()
    filters = config.backbone.mixer.filter
    options = direct_hyena.Options(
        context_length=CONTEXT,
        order=config.backbone.mixer.order,
        modulate=filters.modulate,
        shift=filters.shift,
        truncate=filters.beyond_context == "truncate",
        heads_of_layers=dict.fromkeys(config.backbone.other_layers, 2),
    )
    tensors = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    expected = direct_hyena.model_logits(tensors, options, IDS[:, :length].numpy())
    found = model(IDS[:, :length]).logits.detach()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@configs
def test_prefix_of_the_input_gives_the_prefix_of_the_output(config):
    model = build(config).double()
    whole = model(IDS)
    for length in [*range(1, 20), 32, 33, 43]:
        part = model(IDS[:, :length])
        torch.testing.assert_close(part.logits, whole.logits[:, :length], rtol=0, atol=1e-10)
        torch.testing.assert_close(
            part.last_hidden_state, whole.last_hidden_state[:, :length], rtol=0, atol=1e-10
        )


@pytest.mark.parametrize("position", [0, 1, 15, 16, 40])
def test_token_changes_no_output_before_it_and_its_own(position):
    model, changed = build().double(), IDS.clone()
    changed[:, position] = (changed[:, position] + 1) % 12
    before, after = model(IDS).logits, model(changed).logits
    torch.testing.assert_close(before[:, :position], after[:, :position], rtol=0, atol=1e-12)
    assert (before[:, position] - after[:, position]).abs().amax(1).min() > 1e-3


def padded(ids, before, after):
    """Return the ids between pads, and the mask of what is no pad."""
    filler = torch.full((len(ids), before), PAD), torch.full((len(ids), after), PAD)
    together = torch.cat([filler[0], ids, filler[1]], dim=1)
    mask = torch.zeros(together.shape, dtype=torch.bool)
    mask[:, before : before + ids.shape[1]] = True
    return together, mask


@pytest.mark.parametrize(("before", "after"), [(1, 0), (13, 0), (0, 13), (29, 5)])
@configs
def test_masked_padding_changes_nothing(config, before, after):
    model, ids = build(config).double(), IDS[:, :14]
    together, mask = padded(ids, before, after)
    found = model(together, mask).logits[:, before : before + 14]
    expected = model(ids).logits
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12 * expected.abs().max().item())


def test_left_padding_without_a_mask_changes_the_output():
    model = build().double()
    together, _ = padded(IDS[:, :14], 5, 0)
    assert (model(together).logits[:, 5:] - model(IDS[:, :14]).logits).abs().max() > 1e-2


def test_rows_of_different_padding_share_a_batch():
    model = build().double()
    lengths = [14, 3, 9]
    rows = [IDS[:1, start : start + length] for start, length in enumerate(lengths)]
    batch, mask = (
        torch.cat(parts) for parts in zip(*(padded(row, 14 - row.shape[1], 0) for row in rows), strict=True)
    )
    logits = model(batch, mask).logits
    for row, ids in enumerate(rows):
        torch.testing.assert_close(
            logits[row : row + 1, 14 - ids.shape[1] :], model(ids).logits, rtol=0, atol=1e-11
        )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32], ids=str)
def test_ids_of_any_integer_type_give_the_same(dtype):
    model = build()
    assert torch.equal(model(IDS.to(dtype)).logits, model(IDS).logits)


def taps_of(model):
    mixers = [block.mixer for block in model.backbone.layers]
    return [mixer.filter_fn(40) for mixer in mixers if isinstance(mixer, HyenaMixer)]


def filter_state(model):
    return {name: tensor for name, tensor in model.state_dict().items() if ".filter_fn." in name}


def watch_residual(model):
    """Return a list that takes the dtype of the residual stream after each block."""
    dtypes = []
    for block in model.backbone.layers:
        block.register_forward_hook(lambda _, _inputs, output: dtypes.append(output.dtype))
    return dtypes


@configs
def test_cast_to_bfloat16_leaves_filters_and_residual_in_float32(config):
    model, cast = build(config), build(config).to(torch.bfloat16)
    before, after = filter_state(model), filter_state(cast)
    assert all(after[name].dtype == torch.float32 for name in before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    for one, other in zip(taps_of(model), taps_of(cast), strict=True):
        assert other.dtype == torch.float32
        assert torch.equal(one, other)
    others = {tensor.dtype for name, tensor in cast.named_parameters() if ".filter_fn." not in name}
    assert others == {torch.bfloat16}
    dtypes = watch_residual(cast)
    out = cast(IDS)
    assert dtypes == [torch.float32] * 2
    assert out.logits.dtype == out.last_hidden_state.dtype == torch.bfloat16


def test_bfloat16_is_as_close_as_its_digits_allow():
    model = build(scale=0.2)
    exact = model.double()(IDS).logits
    spread = exact.std().item()
    cast = build(scale=0.2).to(torch.bfloat16)(IDS).logits
    assert (cast - exact).square().mean().sqrt().item() < 0.03 * spread
    with torch.autocast("cpu", torch.bfloat16):
        inside = build(scale=0.2)(IDS).logits
    assert (inside - exact).square().mean().sqrt().item() < 0.03 * spread


@configs
def test_autocast_leaves_filters_residual_and_logits_in_float32(config):
    model = build(config)
    expected, dtypes = taps_of(model), watch_residual(model)
    with torch.autocast("cpu", torch.bfloat16):
        found = taps_of(model)
        out = model(IDS)
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))
    assert {taps.dtype for taps in found} == {torch.float32}
    assert dtypes == [torch.float32] * 2
    assert out.last_hidden_state.dtype == torch.float32
    assert out.logits.dtype == torch.float32


def test_residual_of_a_float64_model_is_float64():
    model = build().double()
    dtypes = watch_residual(model)
    assert model(IDS).logits.dtype == torch.float64
    assert dtypes == [torch.float64] * 2


def test_copy_is_equal_and_shares_nothing():
    model = build()
    twin = copy.deepcopy(model)
    assert torch.equal(twin(IDS).logits, model(IDS).logits)
    expected = model(IDS).logits
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert torch.equal(model(IDS).logits, expected)
    sines = [module for name, module in twin.named_modules() if name.endswith("implicit_filter.1")]
    assert [sine.freq.shape for sine in sines] == [(1, 6)] * 2


@configs
def test_meta_model_knows_its_shapes(config):
    model = build(config)
    count = sum(parameter.numel() for parameter in model.parameters())
    meta = model.to("meta")
    assert all(parameter.is_meta for parameter in meta.parameters())
    assert sum(parameter.numel() for parameter in meta.parameters()) == count
    assert meta(IDS.to("meta")).logits.shape == (2, 44, 16)


# d_model, layers, context, parameters, and parameters where z is one, as in the -hf files.
PUBLISHED = {
    "tiny-1k": (128, 2, 1026, 436_096, 446_356),
    "tiny-1k-d256": (256, 2, 1026, 1_641_088, 1_651_348),
    "tiny-16k-d128": (128, 2, 16_386, 436_096, 599_956),
    "small-32k": (256, 4, 32_770, 3_277_568, 3_932_968),
    "medium-160k": (256, 8, 160_002, 6_550_528, 12_950_608),
    "medium-450k": (256, 8, 450_002, 6_550_528, 24_550_608),
    "large-1m": (256, 8, 1_000_002, 6_550_528, 46_550_608),
}


@pytest.mark.parametrize("row", PUBLISHED.values(), ids=PUBLISHED.keys())
def test_published_sizes_have_their_number_of_parameters(row):
    d_model, num_layers, context_length, count, count_with_z = row
    for features, expected in (("computed", count), ("learned", count_with_z)):
        sizes = {"d_model": d_model, "num_layers": num_layers, "context_length": context_length}
        mixer = HyenaConfig(filter=FilterConfig(features=features))
        with torch.device("meta"):
            model = HyenaDNAConfig(backbone=BackboneConfig(**sizes, mixer=mixer)).build()
        assert sum(parameter.numel() for parameter in model.parameters()) == expected
        assert model.context_length == context_length


@configs
def test_saved_model_is_read_back_to_the_bit(config, tmp_path):
    model = build(config)
    model.save_pretrained(tmp_path / "model")
    again = HyenaDNA.from_pretrained(tmp_path / "model")
    assert again.config == config
    state, other = model.state_dict(), again.state_dict()
    assert state.keys() == other.keys()
    assert all(torch.equal(state[name], other[name]) for name in state)
    trained = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    assert {name: parameter.requires_grad for name, parameter in again.named_parameters()} == trained
    assert not again.training
    assert torch.equal(again(IDS).logits, model(IDS).logits)
    assert again.fingerprint() == model.fingerprint()


def test_saved_tensors_have_the_published_names(tmp_path):
    build(configure(tied=False)).save_pretrained(tmp_path)
    names = set(load_file(tmp_path / "model.safetensors"))
    assert {"lm_head.weight", "hyena.backbone.embeddings.word_embeddings.weight"} < names
    assert "hyena.backbone.layers.1.mixer.filter_fn.implicit_filter.1.freq" in names
    assert all(name.startswith("hyena.backbone.") for name in names - {"lm_head.weight"})
    # The frequency that three layers share is written once.
    assert len(names) == 2 * 23 + 3 + 1
    build().save_pretrained(tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")


def test_folder_holds_three_files_and_keeps_others(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    build().save_pretrained(str(tmp_path))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "notes.txt"}
    assert json.loads((tmp_path / "config.json").read_text())["format"] == "hyenadna_kit.model/1"


def test_model_cast_to_bfloat16_is_read_back_in_float32(tmp_path):
    model = build().to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    again = HyenaDNA.from_pretrained(tmp_path)
    for (name, parameter), saved in zip(again.named_parameters(), model.parameters(), strict=True):
        assert parameter.dtype == torch.float32, name
        assert torch.equal(parameter, saved.float()), name


def test_tokenizer_belongs_to_the_folder(tmp_path):
    config = HyenaDNAConfig(
        backbone=configure().backbone, tokenizer=NucleotideTokenizerConfig(other_bases="UNK")
    )
    build(config).save_pretrained(tmp_path)
    assert HyenaDNA.from_pretrained(tmp_path).tokenizer.encode("aN").tolist() == [6, 11]


@pytest.mark.parametrize("mode", ["continue", "truncate"])
def test_reader_may_choose_what_lies_beyond_the_context(mode, tmp_path):
    build(CONFIGS["stored z, truncated"]).save_pretrained(tmp_path)
    model = HyenaDNA.from_pretrained(tmp_path, beyond_context=mode)
    assert model.config.backbone.mixer.filter.beyond_context == mode
    assert taps_of(model)[0].shape == (8, 40 if mode == "continue" else CONTEXT)


def test_fingerprint_is_that_of_the_weights():
    model = build()
    assert re.fullmatch("[0-9a-f]{64}", model.fingerprint())
    assert build().fingerprint() == model.fingerprint()
    assert model.to(torch.bfloat16).fingerprint() != build().fingerprint()
    changed = build()
    with torch.no_grad():
        changed.backbone.ln_f.bias[3] += 1e-3
    assert changed.fingerprint() != build().fingerprint()


def test_weights_that_do_not_fit_leave_the_model_as_it_was():
    model, other = build(), build(configure(order=3), scale=0.1)
    expected = model.fingerprint()
    with pytest.raises(CheckpointError, match=r"other does not fit its config\.json"):
        model.load_tensors(dict(other.named_parameters()), source="other")
    assert model.fingerprint() == expected


def edit(folder, change):
    path = folder / "config.json"
    content = json.loads(path.read_text())
    change(content["config"])
    path.write_text(json.dumps(content))


BAD_CONFIGS = {
    "unknown key": (
        lambda config: config["backbone"].update(d_modle=8),
        ConfigError,
        "backbone: unknown key 'd_modle'; did you mean 'd_model'?",
    ),
    "unknown key of the mixer": (
        lambda config: config["backbone"]["mixer"]["init_args"].update(ordr=2),
        ConfigError,
        "HyenaConfig: unknown key 'ordr'; did you mean 'order'?",
    ),
    "import path": (
        lambda config: config["head"].update(class_path="os.system"),
        ConfigError,
        "class_path 'os.system' must be the short name of a known class",
    ),
    "unknown head": (
        lambda config: config["head"].update(class_path="LanguageModelHead"),
        ConfigError,
        "did you mean 'LanguageModelHeadConfig'?",
    ),
    "wrong kind": (
        lambda config: config["backbone"].update(d_model="8"),
        ConfigError,
        "backbone: d_model: expected int, got '8'",
    ),
    "refused value": (
        lambda config: config["backbone"].update(d_model=0),
        ConfigError,
        "d_model must be at least 1, got 0",
    ),
    "answer in sight": (
        lambda config: config["backbone"]["mixer"]["init_args"].update(bidirectional=True),
        ConfigError,
        "a head that predicts the next token needs a causal mixer, got a bidirectional one",
    ),
    "one side alone": (
        lambda config: config.update(head={"class_path": "MaskedLanguageModelHeadConfig"}),
        ConfigError,
        "guesses tokens from both sides, and every mixer is causal; take a bidirectional mixer",
    ),
    "other width": (
        lambda config: config["backbone"].update(d_model=12),
        CheckpointError,
        "has shape (16, 8), expected (16, 12)",
    ),
    "one more layer": (
        lambda config: config["backbone"].update(num_layers=3),
        CheckpointError,
        "does not fit its config.json: it has 2 layers, expected 3",
    ),
    "one layer fewer": (
        lambda config: config["backbone"].update(num_layers=1),
        CheckpointError,
        "unexpected 'backbone.layers.1.",
    ),
}


@pytest.mark.parametrize(("change", "error_class", "message"), BAD_CONFIGS.values(), ids=BAD_CONFIGS.keys())
def test_folder_with_a_bad_configuration_is_refused(change, error_class, message, tmp_path):
    build().save_pretrained(tmp_path)
    edit(tmp_path, change)
    with pytest.raises(error_class) as error:
        HyenaDNA.from_pretrained(tmp_path)
    assert message in str(error.value)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)
