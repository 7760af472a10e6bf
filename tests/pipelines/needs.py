"""What tests of pipelines need beside Python, and skips that say how it is installed."""

import importlib.util
import shutil
import sys

import pytest

from tests.pipelines.one_node_slurm import missing_programs

_REMEDY = "pip install 'hyenadna_kit[pipelines]'"

needs_snakemake = pytest.mark.skipif(
    importlib.util.find_spec("snakemake") is None and shutil.which("snakemake") is None,
    reason=f"Snakemake is not installed: {_REMEDY}",
)
needs_snakemake_beside = pytest.mark.skipif(
    importlib.util.find_spec("snakemake") is None,
    reason=f"Snakemake is not installed beside this toolkit: {_REMEDY}",
)
needs_slurm_plugin = pytest.mark.skipif(
    importlib.util.find_spec("snakemake_executor_plugin_slurm") is None,
    reason=f"Snakemake's plugin for SLURM is not installed: {_REMEDY}",
)
needs_slurm = pytest.mark.skipif(
    bool(missing_programs()), reason=f"not installed: {', '.join(missing_programs())} (slurm-wlm, munge)"
)


def snakemake():
    """Return the words that start Snakemake."""
    found = importlib.util.find_spec("snakemake")
    return [shutil.which("snakemake")] if found is None else [sys.executable, "-m", "snakemake"]
