"""Small runs of ``pretrain``: their inputs, their command, and whether two of them are the same run."""

import json
import time
from pathlib import Path

from safetensors.numpy import load_file

from hyenadna_kit.testing import write_toy_genome
from hyenadna_kit.training.checkpoint_io import AtomicCheckpointIO

CONFIG = """
model:
  backbone:
    d_model: 16
    num_layers: 1
    context_length: 32
    embed_dropout: 0.2
    mixer: {{class_path: HyenaConfig, init_args: {{filter: {{filter_order: 8}}}}}}
optimizer: {{learning_rate: 5.0e-3, warmup_fraction: 0.2}}
held_out: [toy3]
initial_length: 16
steps_per_length: 5
batch_size: 2
accumulate_batches: 2
max_steps: {steps}
validate_every: {validate_every}
validation_bases: 300
log_every: 1
checkpoint_every: {checkpoint_every}
precision: fp32
"""


def write_inputs(folder, *, steps, validate_every, checkpoint_every):
    """Write a genome and the options of a run on it; return the folder."""
    write_toy_genome(folder / "g.fa", length=10_000)
    numbers = {"steps": steps, "validate_every": validate_every, "checkpoint_every": checkpoint_every}
    (folder / "c.yaml").write_text(CONFIG.format(**numbers))
    return folder


def words(folder, out, *options):
    """Return the command of a run on what ``write_inputs`` wrote."""
    named = {"--config": folder / "c.yaml", "--genome": folder / "g.fa", "--out": out}
    return ["pretrain", *(str(word) for pair in named.items() for word in pair), *map(str, options)]


def rows(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def wait_for(path, running):
    while not path.exists():
        assert running.process.is_alive()
        time.sleep(0.01)


def children(pid):
    """Return the processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def assert_same_run(out, unbroken):
    """What was measured, the weights and the names of all files are the same."""
    assert rows(out) == rows(unbroken)
    one, other = (load_file(path / "model.safetensors") for path in (out, unbroken))
    assert one.keys() == other.keys()
    assert all((one[name] == other[name]).all() for name in one)
    assert sorted(p.name for p in out.rglob("*")) == sorted(p.name for p in unbroken.rglob("*"))


def step_of_checkpoint(out):
    """Return the step of the checkpoint of a run, read whole, or 0 where there is none."""
    found = list((out / "checkpoints").glob("[!.]*"))
    assert [path.name for path in found] in ([], ["last.ckpt"])
    steps = [AtomicCheckpointIO().load_checkpoint(path)["global_step"] for path in found]
    return max(steps, default=0)
