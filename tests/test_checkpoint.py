"""Model folders: both files round trip, and what is missing, damaged or foreign is refused by name."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from hyenadna_kit.checkpoint import (
    Checkpoint,
    check_tensors,
    load_checkpoint,
    read_config,
    read_safetensors,
    save_checkpoint,
)
from hyenadna_kit.errors import CheckpointError

CONFIG = {"backbone": {"d_model": 2}, "note": "x"}
TENSORS = {
    "backbone.ln_f.weight": torch.tensor([1.0, -2.5]),
    "backbone.layers.0.mixer.out_proj.weight": torch.arange(6.0).reshape(2, 3).T,
    "head.weight": torch.tensor([[0.1]], dtype=torch.bfloat16),
    "head.other": torch.tensor(3, dtype=torch.int64),
}


def refusal(function, *arguments):
    """Return the one line with which something is refused."""
    with pytest.raises(CheckpointError) as error:
        function(*arguments)
    message = str(error.value)
    assert "\n" not in message
    return message


def saved(folder):
    save_checkpoint(folder, Checkpoint(CONFIG, TENSORS))
    return folder


def test_checkpoint_is_read_back_to_the_bit(tmp_path):
    folder = saved(tmp_path / "new" / "model")
    config, tensors = load_checkpoint(folder, read_config(folder))
    assert config == CONFIG
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_files_speak_the_published_names(tmp_path):
    names = set(load_file(saved(tmp_path) / "model.safetensors"))
    assert names == {
        "hyena.backbone.ln_f.weight",
        "hyena.backbone.layers.0.mixer.out_proj.weight",
        "lm_head.weight",
        "head.other",
    }
    content = json.loads((tmp_path / "config.json").read_text())
    assert content == {"format": "hyenadna_kit.model/1", "model_type": "hyenadna", "config": CONFIG}


def test_second_save_replaces_the_first_and_leaves_no_other_file(tmp_path):
    saved(tmp_path)
    save_checkpoint(tmp_path, Checkpoint({"other": 1}, {"backbone.x": torch.ones(1)}))
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    assert load_checkpoint(tmp_path, read_config(tmp_path)).config == {"other": 1}
    assert list(load_file(tmp_path / "model.safetensors")) == ["hyena.backbone.x"]


def test_failed_save_leaves_the_folder_as_it_was(tmp_path):
    saved(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_checkpoint(tmp_path, Checkpoint({"bad": object()}, {"backbone.x": torch.ones(1)}))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", [None, [], "text", 3], ids=str)
def test_own_configuration_must_be_an_object(content, tmp_path):
    message = refusal(load_checkpoint, saved(tmp_path), {"format": "x", "config": content})
    assert message == f"{tmp_path / 'config.json'} has no configuration under the key 'config'"


def write_folder(path):
    path.mkdir()


BAD_CONFIGS = {
    "missing": (str, "is not a model folder: it has no config.json"),
    "folder": (write_folder, "cannot be read"),
    "empty": (Path.touch, "is not JSON: Expecting value"),
    "cut short": (lambda path: path.write_text('{"format": "x", "config": {'), "is not JSON"),
    "no text": (lambda path: path.write_bytes(b"\xff\xfe\x00"), "is not JSON"),
    "two objects": (lambda path: path.write_text("{}\n{}"), "is not JSON: Extra data"),
    "list": (lambda path: path.write_text("[1]"), "must hold a JSON object, got list"),
    "number": (lambda path: path.write_text("3"), "must hold a JSON object, got int"),
    "huge": (lambda path: path.write_text(" " * (1 << 20) + "{}"), "is larger than 1048576 bytes"),
    "deep": (lambda path: path.write_text("[" * 100_000), "is not JSON: maximum recursion depth"),
    "long number": (lambda path: path.write_text("1" * 5000), "is not JSON"),
}


@pytest.mark.parametrize(("write", "message"), BAD_CONFIGS.values(), ids=BAD_CONFIGS.keys())
def test_bad_config_json_is_refused(write, message, tmp_path):
    write(tmp_path / "config.json")
    found = refusal(read_config, tmp_path)
    assert message in found
    assert str(tmp_path) in found


def test_largest_config_json_is_read(tmp_path):
    (tmp_path / "config.json").write_text("{}".rjust(1 << 20))
    assert read_config(tmp_path) == {}


def test_missing_folder_is_named(tmp_path):
    assert refusal(read_config, tmp_path / "absent").startswith(
        f"model folder {tmp_path / 'absent'} does not exist; name a folder, a model of the hub "
        "as OWNER/NAME@main, or one that comes along"
    )
    (tmp_path / "file").touch()
    assert "does not exist" in refusal(read_config, tmp_path / "file")


def cut(path):
    save_file({"w": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def longer(path):
    save_file({"w": torch.ones(4)}, path)
    path.write_bytes(path.read_bytes() + b"\0" * 8)


def with_header(header):
    return lambda path: path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 16)


BAD_WEIGHTS = {
    "missing": (str, "do not exist"),
    "folder": (write_folder, "do not exist"),
    "empty": (Path.touch, "are damaged or cut short"),
    "text": (lambda path: path.write_text("weights\n" * 9), "are damaged or cut short"),
    "cut short": (cut, "are damaged or cut short"),
    "too long": (longer, "are damaged or cut short"),
    "endless header": (lambda path: path.write_bytes(b"\xff" * 64), "are damaged or cut short"),
    "header that is no JSON": (with_header(b"{{{{{{{{"), "are damaged or cut short"),
    "tensor outside the file": (
        with_header(b'{"w":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}'),
        "are damaged or cut short",
    ),
    "unknown dtype": (
        with_header(b'{"w":{"dtype":"F31","shape":[4],"data_offsets":[0,16]}}'),
        "are damaged or cut short",
    ),
}


@pytest.mark.parametrize(("write", "message"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS.keys())
def test_bad_safetensors_are_refused(write, message, tmp_path):
    path = tmp_path / "model.safetensors"
    write(path)
    found = refusal(read_safetensors, path)
    assert message in found
    assert str(path) in found


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_file_that_may_not_be_read_is_refused(name, tmp_path):
    (saved(tmp_path) / name).chmod(0)
    assert str(tmp_path / name) in refusal(lambda: load_checkpoint(tmp_path, read_config(tmp_path)))


def test_damaged_safetensors_never_raise_anything_else(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"w": torch.ones(2, 3), "b": torch.zeros(4)}, path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    header = 8 + int.from_bytes(whole[:8], "little")
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(header)] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read_safetensors(path)
        except CheckpointError as error:
            assert "\n" not in str(error)  # noqa: PT017 - another name is no damage


EXPECTED = {"a": torch.zeros(2, 3), "b": torch.zeros(4), "c": torch.zeros(())}

MISFITS = {
    "missing": ({"a": EXPECTED["a"], "b": EXPECTED["b"]}, "missing c"),
    "extra": (EXPECTED | {"x": torch.zeros(1)}, "unexpected 'x'"),
    "extra on two lines": (EXPECTED | {"x\ny": torch.zeros(1)}, r"unexpected 'x\ny'"),
    "shape": (EXPECTED | {"b": torch.zeros(5)}, "b has shape (5,), expected (4,)"),
    "transposed": (EXPECTED | {"a": torch.zeros(3, 2)}, "a has shape (3, 2), expected (2, 3)"),
    "rank": (EXPECTED | {"c": torch.zeros(1)}, "c has shape (1,), expected ()"),
    "integers": (
        EXPECTED | {"b": torch.zeros(4, dtype=torch.int8)},
        "b holds torch.int8, expected torch.float32",
    ),
    "several": (
        {"a": torch.zeros(1), "y": torch.zeros(1)},
        "missing b; missing c; unexpected 'y'; a has shape (1,), expected (2, 3)",
    ),
    "many": (
        {str(number): torch.zeros(1) for number in range(9)},
        "missing a; missing b; missing c; unexpected '0' and 8 more",
    ),
}


@pytest.mark.parametrize(("tensors", "problems"), MISFITS.values(), ids=MISFITS.keys())
def test_tensors_that_do_not_fit_are_named(tensors, problems):
    message = refusal(check_tensors, tensors, EXPECTED, "folder")
    assert message == f"folder does not fit its config.json: {problems}"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_tensors_of_any_floating_type_fit(dtype):
    check_tensors({name: tensor.to(dtype) for name, tensor in EXPECTED.items()}, EXPECTED, "folder")


def test_unknown_key_beside_our_configuration_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="unknown key 'bogus'; known: config, format"):
        load_checkpoint(tmp_path, {"format": "hyenadna_kit.model/1", "config": {}, "bogus": 1})
