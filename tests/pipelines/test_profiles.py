"""The profiles that are shipped name options that Snakemake has."""

import subprocess
from pathlib import Path

import pytest

from tests.pipelines.needs import needs_snakemake, snakemake

PROFILES = sorted(Path(__file__).parents[2].glob("pipelines/*/profiles/*/config.yaml"))


@pytest.fixture(scope="module")
def known():
    return subprocess.run([*snakemake(), "--help"], capture_output=True, text=True).stdout


def test_every_pipeline_has_a_profile_for_this_machine_and_one_for_slurm():
    found = {(path.parts[-4], path.parent.name) for path in PROFILES}
    names = ("score", "pretrain", "finetune")
    assert found == {(name, profile) for name in names for profile in ("local", "slurm")}


@needs_snakemake
@pytest.mark.parametrize("path", PROFILES, ids=lambda path: f"{path.parts[-4]} {path.parent.name}")
def test_shipped_profile_names_options_of_snakemake(path, known):
    names = [line.partition(":")[0] for line in path.read_text().splitlines() if line[0] not in "# "]
    assert names
    assert [name for name in names if f"--{name}" not in known] == []
