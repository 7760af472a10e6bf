"""Who may import what: the layers, one home for each heavy dependency, and a light package."""

import ast
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "hyenadna_kit"
MODULES = sorted(PACKAGE.rglob("*.py"))

HOMES = {
    "Bio": "io",
    "h5py": "io",
    "huggingface_hub": "pretrained",
    "jsonargparse": "arguments.py",
    "lightning": "training",
    "logomaker": "plots",
    "matplotlib": "plots",
    "pandas": "plots",
    "peft": "nowhere",
    "pickle": "restricted_pickle.py",
    "pyarrow": "io",
    "pybigtools": "io",
    "pyfaidx": "io",
    "pysam": "io",
    "pytorch_lightning": "training",
    "sklearn": "evaluation",
    "transformers": "hf",
    "triton": "ops",
}
BANNED_NAMES = {"utils.py", "util.py", "helpers.py", "helper.py", "misc.py", "common.py"}


@functools.cache
def imported(path):
    """Return the top-level packages that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("package", HOMES)
def test_heavy_dependency_has_one_home(package):
    strangers = [
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if package in imported(path) and path.relative_to(PACKAGE).parts[0] != HOMES[package]
    ]
    assert not strangers


def test_layers_hold():
    pytest.importorskip("importlinter", reason="import-linter is in the dev extra")
    lint = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports; exit(lint_imports(no_cache=True))",
    ]
    finished = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout


def test_package_is_light_to_import():
    code = "import sys, hyenadna_kit; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    finished = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert not set(finished.stdout.split()) & {"lightning", "pytorch_lightning", "torch", "triton"}


def test_no_module_is_named_after_nothing():
    assert not [path.name for path in MODULES if path.name in BANNED_NAMES or path.stem.endswith("_v2")]


def test_annotations_are_real_objects():
    """Shape checks and the command line read annotations at run time."""
    assert not [path.name for path in MODULES if "__future__" in imported(path)]
