"""``hyenadna-kit doctor`` on this machine, and on machines that are made up."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from hyenadna_kit import main_memory
from hyenadna_kit.commands import doctor, installation, machine
from hyenadna_kit.ops import inventory
from hyenadna_kit.ops.backends import Backend

ROOT = Path(__file__).parents[2]
KIB, GIB = 1024, 1 << 30


def printed(capsys, **options):
    """Return what the command printed, as (name, value) in order."""
    assert doctor.run(doctor.DoctorOptions(**options)) == 0
    lines = capsys.readouterr().out.splitlines()
    return [tuple(re.split(r" {2,}", line.strip(), maxsplit=1)) for line in lines]


def under(found, heading):
    """Return the facts after one line, up to the next that is not one of its own."""
    start = found.index(heading) + 1
    names = ("triton", "eager", "reference", "auto, float32", "auto, bfloat16")
    inside = []
    for name, value in found[start:]:
        if name not in names:
            break
        inside.append((name, value))
    return inside


@pytest.fixture
def gpu(monkeypatch):
    """A made-up GPU with little shared memory, of a kind that is sold."""
    properties = SimpleNamespace(
        name="NVIDIA RTX A6000",
        major=8,
        minor=6,
        multi_processor_count=84,
        shared_memory_per_block_optin=99 * KIB,
    )
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 6))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (40 * GIB, 48 * GIB))


@pytest.fixture
def made_up(monkeypatch):
    """One operator: a kernel for GPUs and short bfloat16 signals, one that is slow on CPUs, and the rest."""
    short = Backend(
        name="triton",
        function=torch.clone,
        why_not=lambda problem: (
            "it needs an NVIDIA GPU"
            if problem.device.type == "cpu"
            else "its shared memory holds 8,192 positions"
            if problem.length > 8_192
            else None
        ),
    )
    slow = Backend(
        name="eager", function=torch.clone, preferred=lambda problem: problem.device.type == "cuda"
    )
    monkeypatch.setattr(
        inventory,
        "operators",
        lambda: {"made_up": (short, slow, Backend(name="reference", function=torch.clone))},
    )


def test_every_fact_is_one_line_with_a_value(capsys):
    found = printed(capsys)
    assert all(len(fact) == 2 and all(fact) for fact in found)
    assert [name for name, _ in found][:7] == [
        *("hyenadna_kit", "python", "torch", "numpy", "lightning", "triton"),
        "cpu",
    ]
    assert dict(found)["python"] == ".".join(map(str, sys.version_info[:3]))


def test_operators_are_all_that_have_backends():
    packages = {path.parent.name for path in (ROOT / "hyenadna_kit/ops").glob("*/__init__.py")}
    found = inventory.operators()
    assert set(found) == packages
    assert all(isinstance(backend, Backend) for backends in found.values() for backend in backends)


@pytest.mark.parametrize("interpreted", ["0", "1"])
def test_auto_takes_no_kernel_for_gpus_on_a_cpu(capsys, monkeypatch, interpreted):
    monkeypatch.setenv("TRITON_INTERPRET", interpreted)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    chosen = [value for name, value in printed(capsys) if name.startswith("auto")]
    assert chosen
    assert not [value for value in chosen if re.match(r"at [\d, ]+: triton", value)]


def test_reasons_are_told_of_what_cannot_run(capsys, made_up, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert under(printed(capsys), ("operator", "made_up on cpu")) == [
        ("triton", "cannot run: it needs an NVIDIA GPU"),
        ("eager", "can run"),
        ("reference", "can run"),
        *[
            (
                f"auto, {dtype}",
                "at 1,024, 8,192, 131,072, 1,000,000: reference; "
                "not triton: it needs an NVIDIA GPU; not eager: it is slower here",
            )
            for dtype in ("float32", "bfloat16")
        ],
    ]


def test_every_gpu_is_told_with_what_runs_on_it(capsys, made_up, gpu):
    found = printed(capsys)
    facts = dict(found)
    assert facts["gpu cuda:0"] == "NVIDIA RTX A6000"
    assert facts["compute capability"] == "8.6"
    assert facts["shared memory of a program"] == "99 KiB"
    assert ("memory", "48.0 GiB, 40.0 GiB free") in found
    assert "gpu" not in facts
    long = "its shared memory holds 8,192 positions"
    assert under(found, ("operator", "made_up on cuda:0")) == [
        (
            "triton",
            f"cannot run: float32 at 131,072, 1,000,000 and bfloat16 at 131,072, 1,000,000: {long}",
        ),
        ("eager", "can run"),
        ("reference", "can run"),
        *[
            (f"auto, {dtype}", value)
            for dtype in ("float32", "bfloat16")
            for value in ("at 1,024, 8,192: triton", f"at 131,072, 1,000,000: eager; not triton: {long}")
        ],
    ]


def test_json_holds_the_same_as_what_is_printed(capsys, tmp_path, made_up, gpu):
    path = tmp_path / "doctor.json"
    found = dict(printed(capsys, json=str(path)))
    read = json.loads(path.read_text())
    assert read["versions"]["torch"] == found["torch"] == torch.__version__
    assert read["processor"]["model"] == found["cpu"]
    assert read["gpus"] == [
        {
            "device": "cuda:0",
            "name": "NVIDIA RTX A6000",
            "capability": "8.6",
            "multiprocessors": 84,
            "total": 48 * GIB,
            "free": 40 * GIB,
            "shared_memory": 99 * KIB,
        }
    ]
    assert [(each["operator"], each["device"]) for each in read["operators"]] == [
        ("made_up", "cpu"),
        ("made_up", "cuda:0"),
    ]
    on_gpu = {
        (choice["dtype"], choice["length"]): choice["backend"] for choice in read["operators"][1]["choices"]
    }
    assert on_gpu == {
        (dtype, length): "triton" if length <= 8_192 else "eager"
        for dtype in ("float32", "bfloat16")
        for length in (1_024, 8_192, 131_072, 1_000_000)
    }
    assert [path.name for path in tmp_path.iterdir()] == ["doctor.json"]


@pytest.mark.parametrize(
    ("cuda", "reason"),
    [
        (None, "this PyTorch is built without CUDA"),
        ("13.0", "PyTorch is built for CUDA 13.0 and finds no GPU"),
    ],
)
def test_absence_of_a_gpu_has_a_reason(capsys, monkeypatch, cuda, reason):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    assert dict(printed(capsys))["gpu"].startswith(f"none: {reason}")


@pytest.mark.parametrize(("variable", "told"), [("1", True), ("0", False)])
def test_interpreter_is_told(capsys, monkeypatch, variable, told):
    monkeypatch.setenv("TRITON_INTERPRET", variable)
    assert ("Triton's interpreter" in dict(printed(capsys))) is told


@pytest.mark.parametrize(
    ("flags", "supported", "expected"),
    [
        ("fpu avx512f avx512_bf16 amx_bf16", True, "natively (AMX)"),
        ("fpu avx512f avx512_bf16", True, "natively (AVX512)"),
        ("fpu avx2", False, "emulated, slower than float32"),
    ],
)
def test_processor_is_read_from_the_kernel(monkeypatch, tmp_path, flags, supported, expected):
    (tmp_path / "cpuinfo").write_text(
        f"processor\t: 0\nmodel name\t: A CPU: fast\nflags\t\t: {flags}\n\n" * 2
    )
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
    found = machine.processor()
    assert (found.model, found.bfloat16) == ("A CPU: fast", expected)
    assert 1 <= found.usable_cores <= found.cores


def test_memory_is_that_of_the_machine():
    found = machine.memory()
    assert found.total > GIB // 4
    assert found.available is None or 0 < found.available <= found.total


def test_system_without_these_files_is_told_as_far_as_it_is_known(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    monkeypatch.setattr(main_memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(main_memory, "_OWN_GROUP", tmp_path / "cgroup")
    facts = dict(printed(capsys))
    assert facts["cpu"]
    assert facts["available"] == "unknown"


def test_extras_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(installation.EXTRAS) == set(project["optional-dependencies"])


def test_modules_of_an_extra_are_what_it_requires():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    distributions = {
        "xdist": "pytest-xdist",
        "importlinter": "import-linter",
        "pre_commit": "pre-commit",
        "snakemake_executor_plugin_slurm": "snakemake-executor-plugin-slurm",
    }
    for name, extra in installation.EXTRAS.items():
        required = {re.split(r"[<>=;\[ ]", text)[0] for text in project["optional-dependencies"][name]}
        assert {distributions.get(module, module) for module in extra.modules} <= required, name


def test_missing_extra_says_what_it_adds_and_how(capsys, monkeypatch):
    monkeypatch.setattr(
        installation, "find_spec", lambda module: None if module == "matplotlib" else object()
    )
    facts = dict(printed(capsys))
    assert facts["extra plot"] == (
        "missing (matplotlib); it adds figures in reports: pip install 'hyenadna_kit[plot]'"
    )
    assert facts["extra bigwig"] == "installed: reading tracks from bigWig files"


def test_programs_are_looked_for_on_the_path(capsys, monkeypatch, tmp_path):
    tool = tmp_path / "samtools"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    facts = dict(printed(capsys))
    assert facts["program samtools"].startswith(f"{tool}; ")
    assert facts["program tabix"].startswith("not installed; ")


def test_without_a_gpu_no_kernel_is_imported():
    code = (
        "import sys; from hyenadna_kit.commands.doctor import DoctorOptions, run; run(DoctorOptions()); "
        "print(*sys.modules)"
    )
    environment = os.environ | {"TRITON_INTERPRET": "0", "CUDA_VISIBLE_DEVICES": ""}
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    loaded = finished.stdout.splitlines()[-1].split()
    assert "hyenadna_kit.ops.inventory" in loaded
    assert not [name for name in loaded if "hyenadna_kit.ops." in name and name.endswith("_kernels")]
