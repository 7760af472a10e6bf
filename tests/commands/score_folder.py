"""A folder with a model and a genome, and the command ``score`` in it."""

import os
import random
import subprocess
import sys
from pathlib import Path

import torch

from hyenadna_kit import cli
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.model import HyenaDNAConfig
from tests.oracles.vcf import write_bcf, write_bgzip

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
SCRIPT = Path(sys.executable).with_name("hyenadna-kit")
MAIN = "import sys; from hyenadna_kit.cli import main; sys.exit(main())"
COMMAND = [str(SCRIPT)] if SCRIPT.exists() else [sys.executable, "-c", MAIN]

BASES = "".join(random.Random(0).choices("ACGT", k=400))
HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=400>\n##contig=<ID=chr2>\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


def record(position, ref=None, alt=None, contig="chr1"):
    """Return a line; an SNV at a POS where nothing else is said."""
    ref = ref or BASES[position - 1]
    return f"{contig}\t{position}\t.\t{ref}\t{alt or other(ref[0])}\t.\tPASS\t."


def other(base):
    return "ACGT"["ACGT".index(base) - 1]


SNVS = [record(position) for position in range(40, 360, 2)]


class Folder:
    """A model, a genome, and commands that read them."""

    def __init__(self, path, model):
        self.path = path
        self.model = model
        self.genome = path / "genome.fa"
        self.genome.write_text(f">chr1\n{BASES}\n")
        self.out = path / "out.vcf"

    def write(self, lines, name="in.vcf"):
        path = self.path / name
        text = (HEADER + "".join(f"{line}\n" for line in lines)).encode()
        {".vcf": Path.write_bytes, ".gz": write_bgzip, ".bcf": write_bcf}[path.suffix](path, text)
        return path

    def words(self, vcf, *more, out=None):
        words = [
            "--model",
            self.model,
            "--genome",
            self.genome,
            "--vcf",
            vcf,
            "--out",
            out or self.out,
            *more,
        ]
        return ["score", *map(str, words)]

    def run(self, vcf, *more, out=None):
        return cli.main(self.words(vcf, *more, out=out))

    def start(self, vcf, *more, out=None, stdin=b""):
        return subprocess.run(
            [*COMMAND, *self.words(vcf, *more, out=out)],
            env=ENVIRONMENT,
            input=stdin,
            capture_output=True,
            check=False,
        )


def save_small_model(folder):
    """Write a model with a context of 32, whose every weight shows; return its folder."""
    mixer = HyenaConfig(filter=FilterConfig(filter_order=8))
    backbone = BackboneConfig(d_model=16, num_layers=1, d_inner=16, context_length=32, mixer=mixer)
    model = HyenaDNAConfig(backbone=backbone).build()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder)
    return folder
