"""Run ``hyenadna-kit`` in processes of their own that start at once, and make them stop half way.

A fork server has imported what is heavy; every process is a fork of it, with its own output files. A
fault is what happens to a process: it is prepared before the command runs, inside the process.
"""

import io
import multiprocessing
import os
import resource
import signal
import sys
import time
from functools import partial
from typing import NamedTuple

ROOM = 700  # bytes of a file on a disk that is full
SECONDS = 120  # more than any of these commands takes on a busy machine

os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # as the console command does, before PyTorch is loaded

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["hyenadna_kit.cli", "hyenadna_kit.training.pretrain"])

_started = []


class Finished(NamedTuple):
    """What a process left."""

    status: int
    out: str
    err: str


class Running:
    """A process that runs a command."""

    def __init__(self, words, folder, fault=None):
        self._files = [folder / "stdout.txt", folder / "stderr.txt"]
        self.process = CONTEXT.Process(target=_run, args=(words, self._files, fault))
        self.process.start()
        _started.append(self.process)

    def wait(self):
        self.process.join(SECONDS)
        assert self.process.exitcode is not None, "the command hangs"
        return Finished(self.process.exitcode, *(path.read_text() for path in self._files))


def kill_all():
    """Kill what a test that failed has left behind."""
    while _started:
        _started.pop().kill()


def run(words, folder, fault=None):
    """Run a command to its end."""
    return Running(words, folder, fault).wait()


def _run(words, files, fault):
    for descriptor, path in enumerate(files, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    import torch

    from hyenadna_kit import cli

    torch.set_num_threads(1)
    multiprocessing.set_start_method(None, force=True)  # as in a process that a user starts
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
    if fault is not None:
        fault()
    sys.exit(cli.main(words))


def _replace(owner, name, make):
    setattr(owner, name, make(getattr(owner, name)))


def _training_module():
    from hyenadna_kit.training.module import TrainingModule

    return TrainingModule


def signal_in_step(number, step, *, batch=0):
    """Send a signal to the process in batch ``batch`` of the step after ``step`` steps."""

    def make(original):
        def training_step(self, inputs, batch_idx):
            within = batch_idx % self.trainer.accumulate_grad_batches
            if (self.trainer.global_step, within) == (step, batch):
                os.kill(os.getpid(), number)
            return original(self, inputs, batch_idx)

        return training_step

    _replace(_training_module(), "training_step", make)


def wait_in_step(step, marker):
    """Lead a process group; after ``step`` steps write ``marker`` and wait for SIGTERM."""
    os.setsid()

    def make(original):
        def training_step(self, inputs, batch_idx):
            while self.trainer.global_step == step and not self.trainer._signal_connector.was_asked:
                marker.touch()
                time.sleep(0.01)
            return original(self, inputs, batch_idx)

        return training_step

    _replace(_training_module(), "training_step", make)


def signal_in_validation(number, step):
    """Send a signal in the second batch of the validation after ``step`` steps."""

    def make(original):
        def validation_step(self, inputs, batch_idx):
            if self.trainer.global_step == step and batch_idx == 1:
                os.kill(os.getpid(), number)
            return original(self, inputs, batch_idx)

        return validation_step

    _replace(_training_module(), "validation_step", make)


def kill_after_checkpoint(count):
    """Kill the process right after checkpoint number ``count``."""
    from hyenadna_kit.training.checkpoint_io import AtomicCheckpointIO

    saved = []

    def make(original):
        def save_checkpoint(self, *arguments, **options):
            original(self, *arguments, **options)
            saved.append(None)
            if len(saved) == count:
                os.kill(os.getpid(), signal.SIGKILL)

        return save_checkpoint

    _replace(AtomicCheckpointIO, "save_checkpoint", make)


def kill_within_checkpoint(count):
    """Kill the process when half of checkpoint number ``count`` is on disk."""
    import torch

    written = []

    def make(original):
        def save(content, file):
            written.append(None)
            if len(written) < count:
                original(content, file)
                return
            buffer = io.BytesIO()
            original(content, buffer)
            file.write(buffer.getvalue()[: len(buffer.getvalue()) // 2])
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        return save

    _replace(torch, "save", make)


def signal_within_checkpoint(number, count):
    """Send a signal to the process while it writes checkpoint number ``count``."""
    in_checkpoint(count, lambda: os.kill(os.getpid(), number))


def signal_before_training(number):
    """Send a signal to the process when all is prepared and no step is taken."""
    from hyenadna_kit.training.datamodule import PretrainingData

    def make(original):
        def train_dataloader(self):
            os.kill(os.getpid(), number)
            return original(self)

        return train_dataloader

    _replace(PretrainingData, "train_dataloader", make)


def slow_disk(seconds):
    """Let everything take so long to be on disk, and only then be there."""

    def make(original):
        def fsync(descriptor):
            time.sleep(seconds)
            original(descriptor)

        return fsync

    _replace(os, "fsync", make)


def full_disk():
    """Let no file of this process grow beyond some bytes, as on a disk that has no more room."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


def full_disk_in_step(step):
    """Let the disk be full from the step after ``step`` steps on."""

    def make(original):
        def training_step(self, inputs, batch_idx):
            if self.trainer.global_step == step:
                full_disk()
            return original(self, inputs, batch_idx)

        return training_step

    _replace(_training_module(), "training_step", make)


def in_checkpoint(count, happens):
    """Call ``happens`` when checkpoint number ``count`` is written."""
    import torch

    written = []

    def make(original):
        def save(content, file):
            written.append(None)
            if len(written) == count:
                happens()
            original(content, file)

        return save

    _replace(torch, "save", make)


def full_disk_before_model():
    """Let the disk be full when the model is written."""
    from hyenadna_kit.model import HyenaDNA

    def make(original):
        def save_pretrained(self, folder):
            full_disk()
            original(self, folder)

        return save_pretrained

    _replace(HyenaDNA, "save_pretrained", make)


def kill_before_model():
    """Kill the process after the last step, before it writes the model."""
    from hyenadna_kit.model import HyenaDNA

    _replace(HyenaDNA, "save_pretrained", lambda _: lambda *_: os.kill(os.getpid(), signal.SIGKILL))


def kill_before_tokenizer():
    """Kill the process between the weights and the last file of the model."""
    from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

    _replace(
        NucleotideTokenizer, "save_pretrained", lambda _: lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    )


kill_in_step = partial(signal_in_step, signal.SIGKILL)
kill_in_validation = partial(signal_in_validation, signal.SIGKILL)
