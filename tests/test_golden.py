"""The whole model against outputs, filters and gradients of the published implementation."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hyenadna_kit.model import HyenaDNA

GOLDEN = Path(__file__).parent / "data" / "golden"
A, B = "a_d16_l64", "b_d32_l256_emb3"

SPELLINGS = [
    pytest.param(A, "weights.ckpt", "config.json", id="a-ckpt"),
    pytest.param(A, "weights_original.safetensors", "config.json", id="a-original"),
    pytest.param(A, "weights_original_checkpointed.safetensors", "config.json", id="a-checkpointed"),
    pytest.param(A, "weights_hf.safetensors", "config_hf.json", id="a-hf"),
    pytest.param(B, "weights_original.safetensors", "config.json", id="b-original"),
]
INPUTS = [
    pytest.param(A, "io_L64", id="a-64"),
    pytest.param(A, "io_L37", id="a-37"),
    pytest.param(B, "io_L256", id="b-256"),
    pytest.param(B, "io_L100", id="b-100"),
]
WITH_GRADIENTS = [case for case in INPUTS if case.values[1] in ("io_L64", "io_L256")]

every_spelling = pytest.mark.parametrize(("name", "weights", "config"), SPELLINGS)
every_input = pytest.mark.parametrize(("name", "io"), INPUTS)


def published_folder(folder, name, weights="weights_original.safetensors", config="config.json"):
    """Lay the files of a published model out as its repository does."""
    shutil.copy(GOLDEN / name / config, folder / "config.json")
    own_name = "weights.ckpt" if weights.endswith(".ckpt") else "model.safetensors"
    shutil.copy(GOLDEN / name / weights, folder / own_name)
    return folder


def with_stored_tables(model, name):
    """Make a float64 model compute on the rounded tables that the files store, as ``f64.*`` does."""
    stored = load_file(GOLDEN / name / "weights_original.safetensors")
    for index, block in enumerate(model.backbone.layers):
        prefix = f"model.backbone.layers.{index}.mixer.filter_fn."
        z, t, deltas = (
            stored[prefix + table].double() for table in ("pos_emb.z", "pos_emb.t", "modulation.deltas")
        )
        filters = block.mixer.filter_fn
        filters.pos_emb.formula = lambda length, _=None, z=z: z[0, :length]
        filters.pos_emb.times = lambda length, _=None, t=t: t[0, :length, 0]
        filters.decay_rates = lambda deltas=deltas: deltas[0, 0].abs()
    return model


def difference(found, expected):
    return (found.double() - expected).abs().max().item()


@pytest.mark.parametrize("io", ["longest", "shorter"])
@every_spelling
def test_logits_in_float64_equal_the_published_ones_with_exact_tables(name, weights, config, io, tmp_path):
    model = HyenaDNA.from_pretrained(published_folder(tmp_path, name, weights, config)).double()
    files = {A: ("io_L64", "io_L37"), B: ("io_L256", "io_L100")}[name]
    golden = load_file(GOLDEN / name / f"{files[io == 'shorter']}.safetensors")
    out = model(golden["input_ids"])
    assert difference(out.logits, golden["f64exactpos.logits"]) < 1e-9
    # The published files round their tables of positions to float32.
    assert difference(out.logits, golden["f64.logits"]) < 1e-4
    assert difference(out.last_hidden_state, golden["f64.hidden"]) < 1e-4


@every_spelling
def test_logits_in_float32_equal_the_published_ones(name, weights, config, tmp_path):
    model = HyenaDNA.from_pretrained(published_folder(tmp_path, name, weights, config))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    for path in sorted((GOLDEN / name).glob("io_*.safetensors")):
        golden = load_file(path)
        logits = model(golden["input_ids"]).logits
        assert difference(logits, golden["f32.logits"]) < 2e-4
        assert difference(logits, golden["f64.logits"]) < 2e-4


@pytest.mark.parametrize(("name", "weights", "config"), SPELLINGS[:4])
def test_all_spellings_have_the_same_weights(name, weights, config, tmp_path):
    states = []
    for spelling in ((weights, config), ("weights_original.safetensors", "config.json")):
        folder = tmp_path / str(len(states))
        folder.mkdir()
        states.append(HyenaDNA.from_pretrained(published_folder(folder, name, *spelling)).state_dict())
    one, other = states
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


@every_input
def test_every_stage_equals_the_published_one_with_the_stored_tables(name, io, tmp_path):
    golden = load_file(GOLDEN / name / f"{io}.safetensors")
    model = HyenaDNA.from_pretrained(published_folder(tmp_path, name)).double()
    mixer, seen = with_stored_tables(model, name).backbone.layers[0].mixer, {}
    mixer.register_forward_hook(lambda _, inputs, output: seen.update(into=inputs[0], out=output))
    out = model(golden["input_ids"])
    filters = mixer.filter_fn(golden["input_ids"].shape[1]).T
    assert difference(filters, golden["f64.filter0"]) < 1e-9
    assert difference(seen["into"], golden["f64.mixer0_in"]) < 1e-9
    assert difference(seen["out"], golden["f64.mixer0_out"]) < 1e-9
    assert difference(out.last_hidden_state, golden["f64.hidden"]) < 1e-9
    assert difference(out.logits, golden["f64.logits"]) < 1e-9


def relative_errors(model, golden, kind):
    """Return for each gradient of the file by how much ours differs, as a fraction of its maximum."""
    (model(golden["input_ids"]).logits * golden["R"]).sum().backward()
    ours = dict(model.backbone.named_parameters())
    prefix = f"{kind}.grad."
    expected = {key.removeprefix(prefix): golden[key] for key in golden if key.startswith(prefix)}
    return {
        name: difference(ours[name].grad, gradient) / gradient.abs().max().item()
        for name, gradient in expected.items()
    }


GRADIENTS = {
    "embeddings.word_embeddings.weight",
    "layers.0.mixer.filter_fn.bias",
    "layers.0.mixer.filter_fn.implicit_filter.0.weight",
    "layers.0.mixer.filter_fn.implicit_filter.1.freq",
    "layers.0.mixer.filter_fn.implicit_filter.6.weight",
    "layers.0.mixer.in_proj.bias",
    "layers.0.mixer.short_filter.weight",
    "layers.0.norm1.weight",
    "layers.1.mixer.out_proj.bias",
    "layers.1.mlp.fc1.bias",
    "ln_f.bias",
}


@pytest.mark.parametrize(
    ("kind", "stored", "tolerance"),
    [("f64", True, 1e-9), ("f64", False, 1e-4)],
    ids=["stored tables", "exact tables"],
)
@pytest.mark.parametrize(("name", "io"), WITH_GRADIENTS)
def test_gradients_in_float64_equal_the_published_ones(name, io, kind, stored, tolerance, tmp_path):
    golden = load_file(GOLDEN / name / f"{io}.safetensors")
    model = HyenaDNA.from_pretrained(published_folder(tmp_path, name)).double()
    errors = relative_errors(with_stored_tables(model, name) if stored else model, golden, kind)
    # The embedding's holds both its uses, the frequency's all three.
    assert set(errors) == GRADIENTS
    assert {name: error for name, error in errors.items() if not error < tolerance} == {}


@pytest.mark.parametrize(("name", "io"), WITH_GRADIENTS)
def test_gradients_in_float32_equal_the_published_ones(name, io, tmp_path):
    golden = load_file(GOLDEN / name / f"{io}.safetensors")
    errors = relative_errors(HyenaDNA.from_pretrained(published_folder(tmp_path, name)), golden, "f32")
    assert {name: error for name, error in errors.items() if not error < 1e-4} == {}


@pytest.mark.parametrize(("name", "weights", "config"), SPELLINGS[:4])
def test_continued_filters_equal_the_extended_published_ones(name, weights, config, tmp_path):
    folder = published_folder(tmp_path, name, weights, config)
    golden = load_file(GOLDEN / name / "extrapolated_L200.safetensors")
    model = HyenaDNA.from_pretrained(folder, beyond_context="continue").double()
    with pytest.warns(UserWarning, match="continue to 200 bp, beyond the trained 64, with shift 0.05"):
        out = model(golden["input_ids"])
    with pytest.warns(UserWarning, match="continue to 200 bp"):
        filters = model.backbone.layers[0].mixer.filter_fn(200)
    assert difference(out.logits, golden["f64exactpos.logits"]) < 1e-9
    assert difference(out.last_hidden_state, golden["f64exactpos.hidden"]) < 1e-9
    assert difference(filters.T, golden["f64exactpos.filter0"]) < 1e-9


def test_published_weights_end_their_filters_with_the_context_unless_told_otherwise(tmp_path):
    golden = load_file(GOLDEN / A / "extrapolated_L200.safetensors")
    model = HyenaDNA.from_pretrained(published_folder(tmp_path, A)).double()
    logits = model(golden["input_ids"]).logits
    assert logits.shape == (2, 200, 16)
    assert difference(logits[:, :64], golden["f64exactpos.logits"][:, :64]) < 1e-9
    assert difference(logits[:, 64:], golden["f64exactpos.logits"][:, 64:]) > 1e-2
