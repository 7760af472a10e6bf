"""A job that is killed again and again ends with the bytes of one that was left alone."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hyenadna_kit.testing import tiny_model
from tests.oracles.vcf import write_bgzip

KILLS = int(os.environ.get("HYENADNA_KIT_KILLS", "3"))
"""How often the job is killed; `make nightly` kills more often."""
NUM_RECORDS = 6000
ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a model, a genome and a file of variants of every class."""
    rng = random.Random(0)
    bases = "".join(rng.choices("ACGT", k=NUM_RECORDS + 40))
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr1>"]
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]))
    for position in range(1, NUM_RECORDS + 1):
        ref = bases[position - 1 :][: rng.choice([1, 1, 1, 4])]
        alt = rng.choice(["".join(rng.choices("ACGT", k=rng.choice([1, 1, 5]))), "<DEL>", f"{ref}A,*"])
        lines.append(f"chr1\t{position}\t.\t{ref}\t{alt}\t.\t.\t.")
    write_bgzip(tmp_path / "in.vcf.gz", ("\n".join(lines) + "\n").encode())
    (tmp_path / "genome.fa").write_text(f">chr1\n{bases}\n")
    tiny_model().save_pretrained(tmp_path / "model")
    return tmp_path


def start(folder, out):
    words = [
        "--model",
        "model",
        "--genome",
        "genome.fa",
        "--vcf",
        "in.vcf.gz",
        "--out",
        out,
        "--workers",
        "1",
    ]
    command = [sys.executable, "-m", "hyenadna_kit.cli", "score", *words]
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stderr=subprocess.DEVNULL)


@pytest.mark.kill
@pytest.mark.slow
def test_a_job_killed_at_random_moments_gives_the_same_bytes(folder):
    begin = time.monotonic()
    assert start(folder, "whole.vcf.gz").wait() == 0
    seconds, rng, cut = time.monotonic() - begin, random.Random(), 0
    for _ in range(KILLS):
        process = start(folder, "out.vcf.gz")
        time.sleep(rng.uniform(0, seconds))
        process.kill()
        cut += process.wait() == -signal.SIGKILL
    assert cut
    assert start(folder, "out.vcf.gz").wait() == 0
    for name in ("vcf.gz", "vcf.gz.tbi"):
        assert (folder / f"out.{name}").read_bytes() == (folder / f"whole.{name}").read_bytes()
    names = {path.name for path in folder.iterdir()}
    assert names == {"model", "genome.fa", "in.vcf.gz"} | {
        f"{stem}.{name}" for stem in ("out", "whole") for name in ("vcf.gz", "vcf.gz.tbi")
    }
