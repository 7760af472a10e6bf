"""The batch job of README.md, typed as it stands there, on a toy genome."""

import gzip
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hyenadna_kit.testing import tiny_model, toy_genome, toy_variants, write_toy_genome, write_toy_vcf
from tests.oracles.vcf import write_bgzip
from tests.test_readme import shell_lines

ROOT = Path(__file__).parents[1]
LINES = shell_lines("A batch job")
NUM_ALTS, NUM_NULL = 300, 400

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("bcftools") is None, reason="bcftools is not installed: apt-get install bcftools"
    ),
]
needs_snakemake = pytest.mark.skipif(
    importlib.util.find_spec("snakemake") is None and shutil.which("snakemake") is None,
    reason="Snakemake is not installed: pip install 'hyenadna_kit[pipelines]'",
)


class User:
    """Somebody in a folder with a model, ``genome.fa.gz`` and ``in.vcf.gz``."""

    def __init__(self, folder):
        self.folder = folder
        tiny_model().save_pretrained(folder / "model")
        write_toy_genome(folder / "genome.fa", length=40_000)
        (folder / "genome.fa.gz").write_bytes(gzip.compress((folder / "genome.fa").read_bytes()))
        contigs = toy_genome(length=40_000).contigs
        write_toy_vcf(folder / "in.vcf", contigs, toy_variants(contigs, count=NUM_ALTS))
        write_bgzip(folder / "in.vcf.gz", (folder / "in.vcf").read_bytes())
        for each in ("genome.fa", "in.vcf"):
            (folder / each).unlink()
        program = folder / "bin" / "hyenadna-kit"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m hyenadna_kit.cli "$@"\n')
        program.chmod(0o755)
        path = f"{program.parent}:{os.environ['PATH']}"
        self.how = {
            "cwd": folder,
            "env": os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            "text": True,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }

    def type(self, line):
        """Run a line and return what it prints; it must not fail."""
        # 100,000 null variants of a toy genome would take a minute.
        line = line.replace(" calibrate ", f" calibrate --num_variants {NUM_NULL} ")
        done = subprocess.run(["bash", "-c", line], check=False, **self.how)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return done.stdout

    def type_and_kill(self, line):
        """Run a line and kill all that it started as soon as a shard is being scored."""
        process = subprocess.Popen(["bash", "-c", line], start_new_session=True, **self.how)
        while not list(self.folder.glob("out.vcf.gz.work/scored/*")):
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def check(user, answers):
    """See that the lines have said and made what the section promises."""
    assert [line.split()[1] for line in LINES] == ["prepare", "score", "calibrate", "score-batch", "query"]
    _, dry_run, _, _, found = answers
    assert f"{NUM_ALTS}, of which {NUM_ALTS} can be scored" in dry_run
    rows = [row.split("\t") for row in found.splitlines()]
    assert all(len(row) == 7 and min(map(float, row[6].split(","))) < 0.01 for row in rows)
    told = user.type(r"bcftools query -f '%HK_STATUS\n' out.vcf.gz")
    assert told.count("PASS") + told.count("EDGE_PADDED") == NUM_ALTS


def test_batch_job_of_the_readme_without_shards(tmp_path):
    user = User(tmp_path)
    one = [re.sub(r" --(shards|cores) \d+", "", line.replace("score-batch", "score")) for line in LINES]
    assert sum(line not in LINES for line in one) == 1
    check(user, [user.type(line) for line in one])


@needs_snakemake
@pytest.mark.kill
def test_batch_job_of_the_readme_is_killed_and_finished_by_the_same_command(tmp_path):
    user, answers = User(tmp_path), []
    for line in LINES:
        if "score-batch" in line:
            user.type_and_kill(line)
            assert not (tmp_path / "out.vcf.gz").exists()
        answers.append(user.type(line))
    check(user, answers)
    left = {path.name for path in (tmp_path / "out.vcf.gz.work").iterdir()}
    assert {"report.html", "report.json", "logs", "shards", "scored"} <= left
    assert (tmp_path / "out.vcf.gz.tbi").exists()
