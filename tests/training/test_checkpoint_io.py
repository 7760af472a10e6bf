"""Training checkpoints: whole or not at all, and never code."""

import os
import pickle
import zipfile

import pytest
import torch

from hyenadna_kit.errors import CheckpointError
from hyenadna_kit.training.checkpoint_io import AtomicCheckpointIO

STATE = {
    "state_dict": {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3)},
    "optimizer_states": [{"step": 4, "rates": [0.1, None, True]}],
    "lr_schedulers": [],
    "loops": {"done": False},
}


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "run" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(STATE, path)
    return path


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one["state_dict"].items():
        assert torch.equal(tensor, other["state_dict"][name])
        assert tensor.dtype == other["state_dict"][name].dtype
    assert {k: v for k, v in one.items() if k != "state_dict"} == {
        k: v for k, v in other.items() if k != "state_dict"
    }


def one_line(path):
    """Return the one line that a user sees."""
    with pytest.raises(CheckpointError) as caught:
        AtomicCheckpointIO().load_checkpoint(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_what_was_saved_is_read(checkpoint):
    assert_same(AtomicCheckpointIO().load_checkpoint(str(checkpoint), weights_only=False), STATE)
    assert [path.name for path in checkpoint.parent.iterdir()] == ["last.ckpt"]


def test_save_that_fails_half_way_leaves_the_file_as_it_was(checkpoint, monkeypatch):
    before = checkpoint.read_bytes()

    def fail(content, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        AtomicCheckpointIO().save_checkpoint(STATE, checkpoint)
    assert checkpoint.read_bytes() == before
    assert [path.name for path in checkpoint.parent.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_checkpoint_cut_short_is_one_line_with_a_remedy(checkpoint, share):
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(share * len(content))])
    assert one_line(checkpoint).endswith("; remove this file to start anew")


def test_changed_byte_of_a_tensor_is_noticed(checkpoint):
    content = bytearray(checkpoint.read_bytes())
    place = content.index(STATE["state_dict"]["a"].numpy().tobytes())
    content[place + 5] ^= 1
    checkpoint.write_bytes(content)
    one_line(checkpoint)


@pytest.mark.parametrize("kind", ["torch", "zip", "bare"])
def test_code_in_a_checkpoint_is_not_run(tmp_path, kind):
    path, marker = tmp_path / "last.ckpt", tmp_path / "ran"
    attack = STATE | {"callbacks": Attack(marker)}
    if kind == "torch":
        torch.save(attack, path)
    elif kind == "bare":
        path.write_bytes(pickle.dumps(attack))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("last/data.pkl", pickle.dumps(Attack(marker), protocol=2))
    one_line(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content", [[1, 2], {"state_dict": {}, "loops": {}}, {}], ids=["list", "part", "none"]
)
def test_foreign_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "last.ckpt"
    torch.save(content, path)
    message = one_line(path)
    assert "is no state of training: it lacks" in message
    assert "optimizer_states" in message


def test_address_is_not_fetched():
    with pytest.raises(CheckpointError, match="do not exist"):
        AtomicCheckpointIO().load_checkpoint("http://localhost:1/last.ckpt")
