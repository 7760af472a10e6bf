"""A folder to fine-tune in: a tiny model, a genome, and the command with flags that make it quick."""

from pathlib import Path

import numpy as np
import torch

from hyenadna_kit import cli
from hyenadna_kit.model import HyenaDNAConfig
from tests.training.test_finetune import BACKBONE

FLAGS = {
    "model": "m",
    "out": "run",
    "epochs": "1",
    "batch_size": "8",
    "precision": "fp32",
    "seeds": "0",
    "baselines": "",
}
CONTIGS = {"c": 2000, "d": 600}


def start(folder, monkeypatch):
    """Make ``folder`` the current one, with a model ``m`` and a genome ``g.fa``; return its contigs."""
    monkeypatch.chdir(folder)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    HyenaDNAConfig(backbone=BACKBONE).build().save_pretrained("m")
    generator = np.random.default_rng(0)
    contigs = {name: "".join(generator.choice(list("ACGT"), length)) for name, length in CONTIGS.items()}
    Path("g.fa").write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    return contigs


def finetune(**flags):
    """Run the command; a flag that is None is left out."""
    words = {name: value for name, value in (FLAGS | flags).items() if value is not None}
    return cli.main(["finetune", *(word for name, value in words.items() for word in (f"--{name}", value))])
