"""What every test may use: checked annotations, the real data, and skips that say why."""

import os
from pathlib import Path

import jaxtyping
import pytest

import tests.typecheck as typecheck

if not Path("/dev/nvidiactl").exists():  # no GPU: before anything imports a kernel
    os.environ.setdefault("TRITON_INTERPRET", "1")

# As the console command does, and before PyTorch is loaded: threads that spin starve each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes, each with a core of its own
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Before anything imports the package: shapes and types are checked in tests and nowhere else.
typecheck.install("hyenadna_kit")

DATA_VARIABLE = "HYENADNA_KIT_DATA"


def pytest_configure(config):
    # pytest-xdist would begin with the files of the most tests, and end while one process runs a long one.
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    _bring_long_files_forward(items)
    _refuse_data_without_its_marker(items)
    if DATA_VARIABLE not in os.environ:
        _skip(items, "real_data", f"{DATA_VARIABLE} is not set")
    if any(item.get_closest_marker("gpu") for item in items) and not _has_cuda():
        _skip(items, "gpu", "no CUDA device")


@pytest.fixture(scope="session")
def data():
    """Folder of the real genomes and variants; see CONTRIBUTING.md."""
    folder = Path(os.environ.get(DATA_VARIABLE, ""))
    if DATA_VARIABLE not in os.environ:
        pytest.skip(f"{DATA_VARIABLE} is not set")
    if not folder.is_dir():
        pytest.fail(f"{DATA_VARIABLE}={folder} is not a folder")
    return folder.resolve()


@pytest.fixture
def no_shape_checks():
    """Let a value of the wrong type or shape reach the function's own check."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def _bring_long_files_forward(items):
    """Let whole files begin that hold tests marked ``slow`` or ``kill``."""
    long = {item.path for item in items if any(map(item.get_closest_marker, ("slow", "kill")))}
    items.sort(key=lambda item: item.path not in long)


def _refuse_data_without_its_marker(items):
    """CI runs what is marked, and only that, where the data are."""
    for item in items:
        is_parameter = hasattr(item, "callspec") and "data" in item.callspec.params
        if "data" in item.fixturenames and not is_parameter and not item.get_closest_marker("real_data"):
            raise pytest.UsageError(f"{item.nodeid} takes the fixture data: mark it real_data")


def _skip(items, marker, reason):
    for item in items:
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=reason))


def _has_cuda():
    import torch

    return torch.cuda.is_available()
