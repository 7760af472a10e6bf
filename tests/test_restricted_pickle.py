"""Checkpoint files: what PyTorch reads is read alike, and nothing that they name is run."""

import builtins
import functools
import importlib
import io
import os
import pickle
import subprocess
import sys
import types
import typing
import zipfile
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from hyenadna_kit.errors import CheckpointError
from hyenadna_kit.restricted_pickle import Inert, read_checkpoint_file


def refusal(path):
    """Return the one line with which a file is refused."""
    with pytest.raises(CheckpointError) as error:
        read_checkpoint_file(path)
    message = str(error.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def assert_same(found, expected):
    """Compare containers and tensors: types, numbers, dtypes and strides."""
    if isinstance(expected, torch.Tensor):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert found.stride() == expected.stride()
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert type(found) is type(expected)
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, list | tuple):
        assert type(found) is type(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected


def contents():
    """Return tensors of every sort, nested in every container."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return {
        "state_dict": OrderedDict(
            whole=base, transposed=base.T, rows=base[1:3], columns=base[:, 2::3], row=base[3]
        ),
        "nested": [{"tuple": (base[0], [base[:, 0]])}, (), [], None, True, -3, 2.5, "text"],
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(7.5),
        "expanded": torch.tensor([1.0, 2.0]).expand(5, 2),
        "parameter": torch.nn.Parameter(torch.ones(2, 2)),
        "dtypes": [
            torch.tensor([0, 1, 100], dtype=torch.uint8).to(dtype)
            for dtype in (
                torch.float64,
                torch.float32,
                torch.float16,
                torch.bfloat16,
                torch.int64,
                torch.int32,
                torch.int16,
                torch.int8,
                torch.uint8,
                torch.bool,
            )
        ],
    }


def test_tensors_are_those_that_pytorch_reads(tmp_path):
    torch.save(contents(), tmp_path / "x.ckpt")
    expected = torch.load(tmp_path / "x.ckpt", weights_only=True)
    assert_same(read_checkpoint_file(tmp_path / "x.ckpt"), expected)


def test_views_of_one_storage_still_share_it(tmp_path):
    torch.save(contents(), tmp_path / "x.ckpt")
    tensors = read_checkpoint_file(tmp_path / "x.ckpt")["state_dict"]
    pointers = {tensor.untyped_storage().data_ptr() for tensor in tensors.values()}
    assert len(pointers) == 1


def test_state_dict_of_a_module_is_read(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    torch.save({"state_dict": module.state_dict()}, tmp_path / "x.ckpt")
    found = read_checkpoint_file(tmp_path / "x.ckpt")["state_dict"]
    assert_same(found, module.state_dict())


@pytest.fixture
def foreign_packages(monkeypatch):
    """Let objects of packages that are not installed be pickled; return a way to forget the packages."""
    roots = ("omegaconf", "pytorch_lightning", "torchmetrics")
    names = ["omegaconf.base", "omegaconf.dictconfig", "pytorch_lightning.callbacks", "torchmetrics.metric"]
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in roots}
    for name in [*before]:
        del sys.modules[name]
    for name in [*roots, *names]:
        sys.modules[name] = types.ModuleType(name)

    def forget():
        for name in [name for name in sys.modules if name.partition(".")[0] in roots]:
            del sys.modules[name]

    yield forget
    forget()
    sys.modules.update(before)


def foreign_class(module, name, *bases, **members):
    made = type(name, bases, {"__module__": module, "__qualname__": name, **members})
    setattr(sys.modules[module], name, made)
    return made


def test_configuration_objects_of_absent_packages_are_passed_over(tmp_path, foreign_packages):
    metadata = foreign_class("omegaconf.base", "ContainerMetadata")()
    metadata.__dict__ |= {"ref_type": typing.Any, "object_type": dict, "flags": {}, "key": None}
    config = foreign_class("omegaconf.dictconfig", "DictConfig")()
    config.__dict__ |= {"_metadata": metadata, "_content": defaultdict(list, {"layer": [1, 2]})}
    attributes = foreign_class("pytorch_lightning.callbacks", "AttributeDict", dict)({"lr": 6e-4})
    callback = foreign_class("pytorch_lightning.callbacks", "ModelCheckpoint")
    metric = foreign_class("torchmetrics.metric", "Metric", __reduce__=lambda self: (type(self), ()))
    items = foreign_class("omegaconf.base", "Items", __reduce__=_with_items)
    weight = torch.arange(6.0).reshape(2, 3)
    content = {
        "state_dict": {"w": weight},
        "hyper_parameters": config,
        "attributes": attributes,
        "callbacks": {callback: {"best_model_score": torch.tensor(0.5)}},
        "metrics": [metric()],
        "items": items(),
        "kinds": [bool, bytes, dict, float, frozenset, int, list, set, str, tuple],
        "seen": {1, 2},
        "bytes": b"\x00\xff",
    }
    torch.save(content, tmp_path / "x.ckpt")
    foreign_packages()
    found = read_checkpoint_file(tmp_path / "x.ckpt")
    assert not [name for name in sys.modules if name.startswith(("omegaconf", "pytorch_lightning"))]
    assert found.keys() == content.keys()
    assert_same(found["state_dict"], {"w": weight})
    assert all(kind is Inert for kind in found["kinds"])
    for name in ("hyper_parameters", "attributes", "items", "seen", "bytes"):
        assert isinstance(found[name], Inert), name


def _with_items(self):
    """Pickle with a constructor, a state, list items and dictionary items."""
    return type(self), (), {"a": 1}, iter([1, 2, 3]), iter([("k", "v")])


@dataclass
class Payload:
    """Pickles as a call."""

    function: typing.Any
    arguments: tuple

    def __reduce__(self):
        return self.function, self.arguments


def write_archive(path, pickled, records=(), *, compression=zipfile.ZIP_STORED, **extra):
    """Write what ``torch.save`` writes, with any bytes as its pickle."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for number, content in enumerate(records):
            archive.writestr(f"archive/data/{number}", content)
        for name, content in extra.items():
            archive.writestr(f"archive/{name}", content)
    return path


def opcodes(module, name, *arguments):
    """Return the pickle of a call of a name that need not exist."""
    text = "".join(f"V{argument}\n" for argument in arguments)
    return f"c{module}\n{name}\n({text}tR.".encode()


MARKER = "ran.txt"
ATTACKS = {
    "os.system": (Payload(os.system, (f"touch {MARKER}",)), f"{os.system.__module__}.system"),
    "eval": (Payload(builtins.eval, (f"open('{MARKER}', 'w')",)), "builtins.eval"),
    "exec": (Payload(builtins.exec, (f"open('{MARKER}', 'w')",)), "builtins.exec"),
    "open": (Payload(builtins.open, (MARKER, "w")), "io.open"),
    "getattr": (Payload(builtins.getattr, ("", "format")), "builtins.getattr"),
    "subprocess.Popen": (Payload(subprocess.Popen, (["touch", MARKER],)), "subprocess.Popen"),
    "subprocess.check_call": (Payload(subprocess.check_call, (["touch", MARKER],)), "subprocess.check_call"),
    "import_module": (Payload(importlib.import_module, ("antigravity",)), "importlib.import_module"),
    "partial": (Payload(functools.partial, (os.system, "touch " + MARKER)), "functools.partial"),
    "torch.load": (Payload(torch.load, (MARKER,)), "torch.serialization.load"),
    "load_from_bytes": (
        Payload(torch.storage._load_from_bytes, (b"",)),
        "torch.storage._load_from_bytes",
    ),
    "numpy": (np.float64(1.0), "numpy._core.multiarray.scalar"),
    "path": (Path("x"), "pathlib.PosixPath"),
}


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(("payload", "name"), ATTACKS.values(), ids=ATTACKS.keys())
def test_call_of_a_foreign_function_is_refused_by_name(payload, name, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps({"state_dict": {}, "x": payload}, protocol=protocol)
    path = write_archive(tmp_path / "x.ckpt", pickled)
    message = refusal(path)
    # Protocol 0 reaches classes through a helper, protocol 2 writes the names of Python 2.
    spelled = {name, "copy_reg._reconstructor", name.replace("subprocess", "commands")}
    assert any(f"names {known!r}, which is not allowed" in message for known in spelled)
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize(
    "module", ["lightning", "omegaconf.base", "pytorch_lightning.utilities", "torchmetrics"]
)
def test_call_below_a_known_package_is_inert(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_archive(tmp_path / "x.ckpt", opcodes(module, "os.system", f"touch {MARKER}"))
    assert isinstance(read_checkpoint_file(path), Inert)
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("omegaconf_evil", "f"),
        ("lightningx", "f"),
        ("torch", "hub.load"),
        ("torch._utils", "_rebuild_tensor"),
        ("collections", "OrderedDict.fromkeys"),
        ("hyenadna_kit.restricted_pickle", "read_checkpoint_file"),
        ("__main__", "f"),
    ],
)
def test_name_that_only_looks_known_is_refused(module, name, tmp_path):
    path = write_archive(tmp_path / "x.ckpt", opcodes(module, name))
    assert f"names '{module}.{name}', which is not allowed" in refusal(path)


def test_name_with_a_line_break_stays_on_one_line(tmp_path):
    pickled = pickle.PROTO + b"\x04" + b"\x8c\x04os\nx\x8c\x03a\nb\x93."
    assert r"names 'os\nx.a\nb'" in refusal(write_archive(tmp_path / "x.ckpt", pickled))


class Pid:
    """Pickles as a persistent id, as a storage does."""

    def __init__(self, *fields):
        self.fields = fields


class PidPickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj.fields if isinstance(obj, Pid) else None


FOUR = Pid("storage", torch.FloatStorage, "0", "cpu", 4)


def tensor_archive(path, storage=FOUR, offset=0, size=(4,), stride=(1,)):
    """Write one tensor over a storage of the floats 0, 1, 2, 3."""
    arguments = (storage, offset, size, stride, False, OrderedDict())
    stream = io.BytesIO()
    PidPickler(stream, protocol=2).dump(Payload(torch._utils._rebuild_tensor_v2, arguments))
    return write_archive(path, stream.getvalue(), [np.arange(4, dtype=np.float32).tobytes()])


def test_tensor_within_its_storage_is_read(tmp_path):
    path = tensor_archive(tmp_path / "x.ckpt", offset=1, size=(2, 2), stride=(1, 1))
    assert read_checkpoint_file(path).tolist() == [[1, 2], [2, 3]]


def test_repeated_value_takes_no_memory(tmp_path):
    path = tensor_archive(tmp_path / "x.ckpt", size=(1 << 40,), stride=(0,))
    tensor = read_checkpoint_file(path)
    assert tensor.shape == (1 << 40,)
    assert tensor.untyped_storage().nbytes() == 16


BAD_TENSORS = {
    "size": ({"size": (5,)}, "reaches outside its storage"),
    "offset": ({"offset": 1}, "reaches outside its storage"),
    "stride": ({"size": (2, 2), "stride": (3, 1)}, "reaches outside its storage"),
    "negative offset": ({"offset": -1}, "reaches outside its storage"),
    "negative stride": ({"offset": 3, "stride": (-1,)}, "reaches outside its storage"),
    "offset of a scalar": ({"offset": 4, "size": (), "stride": ()}, "reaches outside its storage"),
    "overflow": ({"size": (1 << 62, 1 << 62), "stride": (1, 1)}, "reaches outside its storage"),
    "negative size": ({"size": (-1,)}, "is damaged"),
    "negative sizes": ({"size": (-1, -4), "stride": (1, 1)}, "is damaged"),
    "fewer strides than sizes": ({"size": (2, 2)}, "is damaged"),
    "size of text": ({"size": ("4",)}, "is damaged"),
    "size of fractions": ({"size": (2.0,)}, "is damaged"),
    "huge integers": ({"size": (1 << 70,), "stride": (0,)}, "is damaged"),
    "no storage": ({"storage": "0"}, "is damaged"),
    "dictionary as storage": ({"storage": {}, "size": (0,)}, "is damaged"),
    "more values": (
        {"storage": Pid("storage", torch.FloatStorage, "0", "cpu", 5)},
        "record '0' has 16 bytes, not 5 torch.float32",
    ),
    "fewer values": (
        {"storage": Pid("storage", torch.FloatStorage, "0", "cpu", 3), "size": (3,)},
        "record '0' has 16 bytes, not 3 torch.float32",
    ),
    "other dtype": (
        {"storage": Pid("storage", torch.DoubleStorage, "0", "cpu", 4)},
        "record '0' has 16 bytes, not 4 torch.float64",
    ),
    "absent record": ({"storage": Pid("storage", torch.FloatStorage, "7", "cpu", 4)}, "is damaged"),
    "record elsewhere": (
        {"storage": Pid("storage", torch.FloatStorage, "../data.pkl", "cpu", 4)},
        "is damaged",
    ),
    "unknown kind": (
        {"storage": Pid("module", torch.FloatStorage, "0", "cpu", 4)},
        "unknown record 'module'",
    ),
    "unknown dtype": (
        {"storage": Pid("storage", "float", "0", "cpu", 4)},
        "unknown record 'storage' 'float'",
    ),
    "short id": ({"storage": Pid("storage", torch.FloatStorage)}, "is damaged"),
}


@pytest.mark.parametrize(("change", "message"), BAD_TENSORS.values(), ids=BAD_TENSORS.keys())
def test_tensor_that_does_not_fit_its_storage_is_refused(change, message, tmp_path):
    assert message in refusal(tensor_archive(tmp_path / "x.ckpt", **change))


def legacy(path):
    torch.save({"state_dict": {}}, path, _use_new_zipfile_serialization=False)


def cut(path):
    torch.save(contents(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_value(path):
    torch.save({"w": torch.full((1000,), 1.5)}, path)
    content = bytearray(path.read_bytes())
    place = content.index(np.full(20, 1.5, dtype=np.float32).tobytes())
    content[place + 2] ^= 1
    path.write_bytes(content)


def two_pickles(path):
    with zipfile.ZipFile(path, "w") as archive:
        for folder in "ab":
            archive.writestr(f"{folder}/data.pkl", pickle.dumps({}))


def no_pickle(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/version", "3")


FILES = {
    "missing": (str, "do not exist"),
    "folder": (Path.mkdir, "cannot be read: [Errno 21] Is a directory"),
    "empty": (Path.touch, "is cut short, or no zip as PyTorch has written since 1.6"),
    "text": (lambda path: path.write_text("weights\n" * 100), "no zip as PyTorch has written since 1.6"),
    "pickle alone": (
        lambda path: path.write_bytes(pickle.dumps({})),
        "no zip as PyTorch has written since 1.6",
    ),
    "before PyTorch 1.6": (legacy, "no zip as PyTorch has written since 1.6"),
    "cut short": (cut, "is cut short"),
    "one bit flipped": (flip_a_value, "Bad CRC-32"),
    "two pickles": (two_pickles, "it holds 2 data.pkl"),
    "no pickle": (no_pickle, "it holds 0 data.pkl"),
    "compressed": (
        lambda path: write_archive(path, pickle.dumps("A" * 9999), compression=zipfile.ZIP_DEFLATED),
        "record 'archive/data.pkl' is compressed",
    ),
    "other byte order": (
        lambda path: write_archive(path, pickle.dumps({}), byteorder="big"),
        "was not written in the byte order of this machine, little",
    ),
}


@pytest.mark.parametrize(("write", "message"), FILES.values(), ids=FILES.keys())
def test_file_that_is_no_whole_checkpoint_is_refused(write, message, tmp_path):
    write(tmp_path / "x.ckpt")
    assert message in refusal(tmp_path / "x.ckpt")


def small_checkpoint(path):
    torch.save({"state_dict": OrderedDict(w=torch.ones(2, 3), b=[torch.zeros(4)]), "epoch": 3}, path)
    with zipfile.ZipFile(path) as archive:
        pickled = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        return archive.read(pickled), [np.ones(6, np.float32).tobytes(), np.zeros(4, np.float32).tobytes()]


def test_pickle_cut_anywhere_is_refused(tmp_path):
    pickled, records = small_checkpoint(tmp_path / "whole.ckpt")
    whole = read_checkpoint_file(write_archive(tmp_path / "x.ckpt", pickled, records))
    assert whole["state_dict"]["w"].sum() == 6
    for length in range(len(pickled)):
        refusal(write_archive(tmp_path / "x.ckpt", pickled[:length], records))


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
@pytest.mark.parametrize("seed", range(4))
def test_damaged_pickle_never_raises_anything_else(seed, tmp_path):
    pickled, records = small_checkpoint(tmp_path / "whole.ckpt")
    rng, refused = np.random.default_rng(seed), 0
    for _ in range(150):
        damaged = bytearray(pickled)
        for place in rng.integers(len(damaged), size=int(rng.integers(1, 4))):
            damaged[place] = rng.integers(32, 127)
        path = write_archive(tmp_path / "x.ckpt", bytes(damaged), records)
        try:
            read_checkpoint_file(path)
        except CheckpointError as error:
            assert "\n" not in str(error)  # noqa: PT017 - most of the damage is refused, not all
            refused += 1
    assert refused > 75


def test_damaged_archive_never_raises_anything_else(tmp_path):
    small_checkpoint(tmp_path / "whole.ckpt")
    whole, rng = (tmp_path / "whole.ckpt").read_bytes(), np.random.default_rng(0)
    directory = whole.index(b"PK\x01\x02")
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(directory, len(whole))] = rng.integers(256)
        (tmp_path / "x.ckpt").write_bytes(damaged)
        try:
            read_checkpoint_file(tmp_path / "x.ckpt")
        except CheckpointError as error:
            assert "\n" not in str(error)  # noqa: PT017 - a changed time stamp is no damage


def test_pickle_that_asks_for_memory_is_refused(tmp_path):
    # Stores an object under the number 2,147,483,647: room for as many would take 32 GiB.
    path = write_archive(tmp_path / "x.ckpt", b"\x80\x02}r\xff\xff\xff\x7f.")
    assert "its pickle numbers an object 2147483647" in refusal(path)


def test_long_damage_is_shown_in_part(tmp_path):
    path = write_archive(tmp_path / "x.ckpt", b"S" + b"x" * 100_000 + b"\n.")
    assert len(refusal(path)) < 500
