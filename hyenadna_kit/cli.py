"""The ``hyenadna-kit`` console command: from a command's name to its module.

In: the words of the command line. Out: an exit status: 0; 1 for what a file, the machine or a value refuses;
2 for a command line that cannot be understood; 130 after Ctrl-C. A user's mistake is one line on
stderr. Only the module of the command that was asked for is imported, and nothing heavy for help.
"""

import importlib
import os
import sys
import typing
from collections.abc import Sequence
from importlib.metadata import version
from types import ModuleType
from typing import Any, NamedTuple

from hyenadna_kit.errors import ConfigError, HyenaDNAKitError

PROGRAM = "hyenadna-kit"

FAILED, MISUSED, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


class Command(NamedTuple):
    """Where a command lives and what it does."""

    module: str
    """Module with ``run(options: SomeOptions) -> int`` and, where some fields of that dataclass are
    also read without their flag, ``POSITIONAL``, their names."""
    help: str
    """One line for ``hyenadna-kit --help``."""


COMMANDS = {
    name: Command(f"hyenadna_kit.commands.{name.replace('-', '_')}", summary)
    for name, summary in {
        "quickstart": "Train, evaluate and score on a toy genome, in about two minutes.",
        "fetch-genome": "Download a public genome and verify its checksum.",
        "prepare": "Build a genome store from FASTA files, or a read store from a BAM.",
        "split": "Divide a genome or windows into training, validation and test sides.",
        "make-task": "Make labelled tables for classification from a genome and its annotation.",
        "make-species-task": "Make labelled tables of windows of several genomes.",
        "haplotype": "Apply the variants of a sample to a genome.",
        "pretrain": "Train a language model on a genome; a stopped run continues exactly.",
        "report-training": "Show a run on a page of HTML: losses, anchors, filters, options.",
        "finetune": "Train a classifier or regression on labelled sequences, and measure it.",
        "compare-finetunes": "Put finished fine-tunings on one page, task by task, beside their baselines.",
        "evaluate": "Measure bits per base on held-out regions, beside Markov models.",
        "compare-runs": "Put finished runs in a table, and choose a recipe on the validation part.",
        "loglik": "Write the log-likelihood and the entropy of every base of some regions.",
        "generate": "Draw sequences from a language model, base by base.",
        "predict": "Write what a fine-tuned model says of new sequences, places or variants.",
        "embed": "Write the embeddings of sequences or places, and probe what they hold.",
        "score": "Score the variants of a VCF; every record comes out.",
        "score-batch": "Score a large VCF in shards, here or on SLURM, and report.",
        "split-variants": "Cut a VCF into shards that are scored as one.",
        "gather-scores": "Join the scored shards of a VCF.",
        "report-scores": "Say in a page of HTML what became of the ALTs of scored files.",
        "score-genome": "Write the score of every SNV of a genome, as a table and tracks.",
        "mutagenize": "Score every change of every base of some regions or genes, and draw them.",
        "benchmark-variants": "Compare scores with measured effects of variants, beside other predictors.",
        "explain": "Show what each base did to what a model says, and how far the model looks.",
        "calibrate": "Score variants that chance makes, to compare others with.",
        "convert": "Write a published checkpoint as a model folder of this toolkit.",
        "report": "Write a model card: architecture, data, bits per base, filters, reach, limits.",
        "info": "Say what a model folder or a genome holds.",
        "plan": "Say how much memory and time a pass takes, before it is run.",
        "doctor": "Say what this machine can do, which kernels are chosen and why.",
    }.items()
}


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        words: The command line after the program's name; ``sys.argv`` where it is None.
    """
    # Threads that wait for each other must not spin for long: beside another busy process they would
    # starve each other. Spinning for some microseconds is
    # still worth it. All are read as PyTorch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # Warnings of PyTorch's C++ are of its own use of sockets and graphs; errors are still said.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    try:
        try:
            return _dispatch(sys.argv[1:] if words is None else words)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _complain(PROGRAM, "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has gone (``| head``); Python must not complain again as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _dispatch(words: Sequence[str]) -> int:
    if not words:
        return _complain(PROGRAM, f"no command was given; see {PROGRAM} --help", MISUSED)
    name = words[0]
    if name in ("-h", "--help"):
        print(_help())
        return 0
    if name == "--version":
        print(PROGRAM, version("hyenadna_kit"))
        return 0
    if name not in COMMANDS:
        from hyenadna_kit.config import nearest

        return _complain(PROGRAM, f"unknown command {name!r}{nearest(name, list(COMMANDS))}", MISUSED)
    return _run(name, importlib.import_module(COMMANDS[name].module), words[1:])


def _run(name: str, module: ModuleType, words: Sequence[str]) -> int:
    from hyenadna_kit import arguments

    program = f"{PROGRAM} {name}"
    positional = getattr(module, "POSITIONAL", ())
    try:
        options: Any = arguments.parse(program, options_class(module), positional, words)
    except ConfigError as error:
        return _complain(program, f"{error} (see {program} --help)", MISUSED)
    try:
        status: int = module.run(options)
    except BrokenPipeError:
        raise
    except HyenaDNAKitError as error:
        return _complain(program, " ".join(str(error).split()), FAILED)
    except OSError as error:
        return _complain(program, _reason(error), FAILED)
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        told = " ".join(str(error).split())
        return _complain(program, f"not enough memory ({told}); ask for less, or for fewer at a time", FAILED)
    return status


def options_class(module: ModuleType) -> type:
    """Return the dataclass that the ``run`` of a command takes."""
    options: type = typing.get_type_hints(module.run)["options"]
    return options


def _reason(error: OSError) -> str:
    """Return the file and what is wrong with it."""
    if error.strerror is None:
        return " ".join(str(error).split())
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _is_of_memory(error: Exception) -> bool:
    """Say whether there was too little memory."""
    text = str(error)  # PyTorch has no class of its own for that of the CPU
    return isinstance(error, MemoryError) or "can't allocate memory" in text or "out of memory" in text


def _complain(program: str, problem: str, status: int) -> int:
    print(f"{program}: {problem}", file=sys.stderr)
    return status


def _help() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {command.help}" for name, command in COMMANDS.items())
    return (
        f"usage: {PROGRAM} COMMAND [options]\n\n"
        f"Model DNA at single-nucleotide resolution.\n\ncommands:\n{commands}\n\n"
        f"{PROGRAM} COMMAND --help tells the options of a command; {PROGRAM} --version, the version."
    )


if __name__ == "__main__":
    sys.exit(main())
