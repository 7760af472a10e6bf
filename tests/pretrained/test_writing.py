"""Models of ours as the published code has its own."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hyenadna_kit import cli
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from tests.test_golden import A, B, published_folder

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "a_d16_l64"
FILTER = FilterConfig(shift=0.05, filter_order=8)
MIXER = HyenaConfig(filter=FILTER)
BACKBONE = BackboneConfig(d_model=8, num_layers=1, context_length=32, mixer=MIXER)
ATTENTION = AttentionConfig(num_heads=2)
HEAD = SequenceHeadConfig(objective="binary", labels=("0", "1"))
IDS = torch.tensor([[7, 8, 9, 10, 11, 7, 7, 10] * 4])


@pytest.mark.parametrize("spelling", ["weights.ckpt", "weights_original_checkpointed.safetensors"])
def test_golden_model_is_written_as_its_publishers_did(tmp_path, spelling):
    HyenaDNA.from_pretrained(published_folder(tmp_path, A, spelling)).save_pretrained(
        tmp_path / "hf", layout="hf"
    )
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert set(config.pop("auto_map")) == {
        *("AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoModelForSequenceClassification")
    }
    assert config == json.loads((GOLDEN / "config_hf.json").read_text())
    expected = load_file(GOLDEN / "weights_hf.safetensors")
    found = load_file(tmp_path / "hf" / "model.safetensors")
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape), name
        if name.endswith((".z", ".t", ".deltas")):  # there computed in float32
            torch.testing.assert_close(found[name], tensor, rtol=1e-6, atol=4e-7)
        else:
            assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("name", [A, B])
def test_there_and_back_is_the_same_model(tmp_path, name):
    model = HyenaDNA.from_pretrained(published_folder(tmp_path, name))
    model.save_pretrained(tmp_path / "hf", layout="hf")
    back = HyenaDNA.from_pretrained(tmp_path / "hf")
    assert back.config == model.config
    assert back.fingerprint() == model.fingerprint()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_short_weights_come_with_tables_of_positions_in_full(tmp_path, dtype):
    model = HyenaDNA.from_pretrained(published_folder(tmp_path, A))
    model.save_pretrained(tmp_path / "hf", layout="hf", dtype=dtype)
    assert json.loads((tmp_path / "hf" / "config.json").read_text())["torch_dtype"] == str(dtype)[6:]
    expected = {name: tensor.to(dtype).float() for name, tensor in model.named_parameters()}
    back = HyenaDNA.from_pretrained(tmp_path / "hf")
    assert back.config == model.config
    assert all(torch.equal(tensor, expected[name]) for name, tensor in back.named_parameters())


@pytest.mark.parametrize(
    "change", [{"features": "stored"}, {"features": "learned"}, {"train_frequency": False}, {}]
)
def test_tables_and_heads_of_their_own_are_kept(tmp_path, change):
    torch.manual_seed(0)
    mixer = replace(MIXER, filter=replace(FILTER, **change))
    head = LanguageModelHeadConfig(tied=False)
    model = HyenaDNAConfig(backbone=replace(BACKBONE, mixer=mixer), head=head).build().eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if name.endswith("pos_emb.z"):
                tensor.add_(0.1)
    model.save_pretrained(tmp_path, layout="hf")
    with torch.inference_mode():
        assert torch.equal(HyenaDNA.from_pretrained(tmp_path)(IDS).logits, model(IDS).logits)


REFUSED = {
    "shift": ({"filter": {"shift": 0.0}}, "shift is 0.0, there 0.05"),
    "modulate": ({"filter": {"modulate": False}}, "modulate is False, there True"),
    "taps": ({"filter": {"max_taps": 9}}, "max_taps is 9, there None"),
    "order": ({"mixer": {"order": 3}}, "order is 3, there 2"),
    "both_ways": ({"mixer": {"bidirectional": True}}, "bidirectional is True, there False"),
    "epsilon": ({"backbone": {"layer_norm_epsilon": 1e-3}}, "layer_norm_epsilon is 0.001, there 1e-05"),
    "trained": ({"backbone": {"trained_length": 16}}, "trained_length is 16, there 32"),
    "attention": ({"backbone": {"mixer": ATTENTION}}, "this one is AttentionConfig"),
    "some": (
        {"backbone": {"other_mixer": ATTENTION, "other_layers": (0,)}},
        "other_mixer is",
    ),
    "head": ({"head": HEAD}, "this head is SequenceHeadConfig"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_what_the_published_code_cannot_compute_is_refused(tmp_path, change, message):
    mixer = replace(MIXER, **change.get("mixer", {}), filter=replace(FILTER, **change.get("filter", {})))
    backbone = replace(BACKBONE, **({"mixer": mixer, "num_layers": 2} | change.get("backbone", {})))
    head = change.get("head", LanguageModelHeadConfig())
    if mixer.bidirectional:
        head = HEAD
    model = HyenaDNAConfig(backbone=backbone, head=head).build()
    with pytest.raises(InputError) as error:
        model.save_pretrained(tmp_path / "out", layout="hf")
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()


def test_command_names_everything_that_the_published_code_lacks(tmp_path, capsys):
    assert cli.main(["convert", "ecoli-tiny", "--out", str(tmp_path / "hf"), "--layout", "hf"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("hyenadna-kit convert: --layout hf: the published -hf code has no such model: ")
    assert "shift is 0.0, there 0.05" in line
