"""Folders from elsewhere that mean harm: refused in one line, nothing run, nothing outside read."""

import json
import os
import pickle
import resource
import shutil
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hyenadna_kit import cli
from hyenadna_kit.model import HyenaDNA

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "a_d16_l64"


class Harm:
    """What runs a command where a pickle is read without care."""

    def __reduce__(self):
        return os.system, ("touch harmed",)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a model ``m`` in the original format and one ``own``."""
    monkeypatch.chdir(tmp_path)
    Path("m").mkdir()
    for name in ("config.json", "weights.ckpt"):
        shutil.copyfile(GOLDEN / name, Path("m", name))
    HyenaDNA.from_pretrained("m").save_pretrained("own")
    return tmp_path


def refusal(capsys, model):
    """Return the one line with which two commands refuse a model."""
    lines = []
    for words in (["info", model], ["convert", model, "--out", "out"]):
        assert cli.main(words) == 1
        out, err = capsys.readouterr()
        assert not out
        (line,) = err.splitlines()
        lines.append(line.partition(": ")[2])
    assert lines[0] == lines[1]
    assert not Path("out").exists()
    assert not Path("harmed").exists()
    return lines[0]


def test_pickle_that_runs_a_command(folder, capsys):
    with zipfile.ZipFile("m/weights.ckpt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"state_dict": {"model.x": Harm()}}))
    assert "which is not allowed in a checkpoint: not read" in refusal(capsys, "m")


def test_pickle_without_its_archive(folder, capsys):
    Path("m/weights.ckpt").write_bytes(pickle.dumps(Harm()))
    assert "m/weights.ckpt is cut short, or no zip" in refusal(capsys, "m")


def test_pickle_under_another_name(folder, capsys):
    Path("own/model.safetensors").write_bytes(pickle.dumps(Harm()))
    assert "own/model.safetensors are damaged or cut short" in refusal(capsys, "own")


@pytest.mark.parametrize("length", [1 << 40, 1 << 63, 200_000_000])
def test_header_longer_than_the_file(folder, capsys, length):
    path = Path("own/model.safetensors")
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
    assert "own/model.safetensors are damaged or cut short" in refusal(capsys, "own")


def test_tensor_beyond_its_file(folder, capsys):
    header = {"x": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4 << 40]}}
    text = json.dumps(header).encode()
    Path("own/model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(16))
    assert "own/model.safetensors are damaged or cut short" in refusal(capsys, "own")


@pytest.mark.parametrize(
    ("model", "name"), [("own", "config.json"), ("own", "model.safetensors"), ("m", "weights.ckpt")]
)
def test_link_out_of_the_folder(folder, capsys, model, name):
    path = Path(model, name)
    outside = folder / "elsewhere"
    path.rename(outside)
    path.symlink_to(outside)
    message = refusal(capsys, model)
    assert message.startswith(
        f"{path} is a link out of its folder, to {outside}: not read; copy the file there"
    )


def test_links_within_a_folder_and_to_one_are_read(folder):
    Path("own/model.safetensors").rename("own/weights-1")
    Path("own/model.safetensors").symlink_to("weights-1")
    Path("alias").symlink_to("own")
    assert HyenaDNA.from_pretrained("alias").fingerprint() == HyenaDNA.from_pretrained("m").fingerprint()


def test_folder_that_looks_like_the_cache_of_the_hub_stays_in_it(folder, capsys):
    snapshot = Path("cache/models--a--b/snapshots/0")
    snapshot.parent.mkdir(parents=True)
    Path("own").rename(snapshot)
    outside = folder / "elsewhere"
    (snapshot / "model.safetensors").rename(outside)
    (snapshot / "model.safetensors").symlink_to(outside)
    assert "is a link out of its folder" in refusal(capsys, str(snapshot))


HUGE = {
    "own": {"d_model": 10**9, "num_layers": 10**8, "d_inner": 10**12, "vocab_size": 10**12},
    "hf": {
        "d_model": 10**9,
        "n_layer": 10**8,
        "d_inner": 10**12,
        "vocab_size": 10**12,
        "max_seq_len": 10**12,
        "filter_order": 10**9,
        "emb_dim": 10**9 + 1,
    },
}


@pytest.mark.parametrize(("model", "key"), [(model, key) for model, keys in HUGE.items() for key in keys])
def test_sizes_beyond_those_of_the_weights_take_no_memory(folder, capsys, model, key):
    HyenaDNA.from_pretrained("m").save_pretrained("hf", layout="hf")
    path = Path(model, "config.json")
    config = json.loads(path.read_text())
    (config["config"]["backbone"] if model == "own" else config)[key] = HUGE[model][key]
    path.write_text(json.dumps(config))
    limit = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (8 << 30, limit[1]))
    try:
        message = refusal(capsys, model)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, limit)
    assert any(
        each in message
        for each in ("does not fit its config.json: ", "is too large", "must be at most 10,000")
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(folder, capsys, value):
    tensors = load_file("own/model.safetensors")
    tensors["hyena.backbone.ln_f.bias"][3] = value
    save_file(tensors, "own/model.safetensors")
    message = refusal(capsys, "own")
    assert message == "own: backbone.ln_f.bias holds NaN or infinity; take weights of an earlier step"


def test_code_that_a_configuration_names_is_not_run(folder, capsys):
    Path("evil.py").write_text("import os\nos.system('touch harmed')\nclass Model: pass\n")
    config = json.loads(Path("m/config.json").read_text())
    Path("m/config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}))
    assert "unknown key 'auto_map'" in refusal(capsys, "m")
    own = json.loads(Path("own/config.json").read_text())
    own["config"]["head"]["class_path"] = "evil.Model"
    Path("own/config.json").write_text(json.dumps(own))
    assert "evil.Model" in refusal(capsys, "own")


def test_hidden_tensors_are_named(folder, capsys):
    tensors = load_file("own/model.safetensors")
    save_file(tensors | {"extra": torch.zeros(1)}, "own/model.safetensors")
    assert "unexpected 'extra'" in refusal(capsys, "own")
