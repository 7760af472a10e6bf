"""Misuse of ``pretrain`` ends before training: one line, and nothing is left behind."""

import functools
import gzip
import re
import shutil
from typing import NamedTuple

import pytest
import torch

from hyenadna_kit import arguments, cli
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.testing import write_toy_genome

BACKBONE = BackboneConfig(
    d_model=16, num_layers=1, context_length=32, mixer=HyenaConfig(filter=FilterConfig(filter_order=8))
)
CONFIG = """\
model:
  backbone:
    d_model: 16
    num_layers: 1
    context_length: 32
    mixer: {class_path: HyenaConfig, init_args: {filter: {filter_order: 8}}}
held_out: [toy3]
batch_size: 4
max_steps: 2
validation_bases: 100
precision: fp32
"""
FILES = {
    "c.yaml": CONFIG,
    "unknown.yaml": CONFIG + "max_step: 3\n",
    "unknown_inside.yaml": CONFIG.replace("d_model", "dmodel"),
    "misspelt.yaml": CONFIG.replace("HyenaConfig", "HyenaConfg"),
    "imports.yaml": CONFIG.replace("HyenaConfig", "os.system"),
    "kind.yaml": CONFIG.replace("batch_size: 4", "batch_size: four"),
    "twice.yaml": CONFIG + "batch_size: 8\n",
    "broken.yaml": "held_out: [toy3\nbatch_size: }",
    "list.yaml": "- held_out\n",
    "empty.yaml": "",
    "notes.txt": "mine",
    "foreign/thesis.txt": "mine",
    "empty.fa": "",
    "header.fa": ">c\n",
    "protein.fa": ">c\nMKLVPEEFF\n",
    "unknown.fa": f">c\n{'N' * 2000}\n",
    "unknown_end.fa": f">c\n{'ACGTTGCA' * 100}{'N' * 400}\n",
    "repeats.fa": f">c\n{'acgttgca' * 100}\n",
    "all.bed": "toy1\t0\t6000\ntoy2\t0\t3000\n",
}
USUAL = {"--config": "c.yaml", "--genome": "g.fa", "--out": "new/run"}


class Misuse(NamedTuple):
    """Options over the usual ones, what the command ends with, and what its line says."""

    options: dict[str, str | None]
    status: int
    message: str


def of_class(field, name, **options):
    return {f"--{field}": name} | {f"--{field}.{key}": value for key, value in options.items()}


MODEL, BACK, MIXER = "--model", "--model.backbone", "--model.backbone.mixer"
MASKED = of_class("model.head", "MaskedLanguageModelHeadConfig")

WORDS = {
    "unknown option": Misuse(
        {"--max_step": "5"}, 2, "unknown option --max_step; did you mean '--max_steps'?"
    ),
    "no value": Misuse({"--seed": ""}, 2, "--seed: expected int, got ''"),
    "no folder": Misuse({"--out": None}, 2, "missing --out"),
    "folder without a name": Misuse({"--out": ""}, 2, "out must name a folder, got ''"),
    "no data": Misuse({"--genome": None}, 2, "name the data to train on by --genome or by --reads"),
    "no number": Misuse({"--length": "1k"}, 2, "--length: expected int or null, got '1k'"),
    "no class": Misuse(
        {MIXER: "HyenaConfg"},
        2,
        "--model.backbone.mixer: unknown class 'HyenaConfg'; did you mean 'HyenaConfig'?",
    ),
    "import": Misuse(
        {MIXER: "os.system"}, 2, "unknown class 'os.system'; known: AttentionConfig, HyenaConfig"
    ),
    "no format": Misuse(
        {"--precision": "fp8"}, 2, "--precision: expected 'auto' or 'fp32' or 'bf16', got 'fp8'"
    ),
}

CONFIGURATIONS = {
    "missing": Misuse({"--config": "none.yaml"}, 2, "cannot read configuration none.yaml: No such file"),
    "folder": Misuse({"--config": "foreign"}, 2, "cannot read configuration foreign: Is a directory"),
    "no YAML": Misuse({"--config": "broken.yaml"}, 2, "broken.yaml: line 2: "),
    "list": Misuse({"--config": "list.yaml"}, 2, "list.yaml: expected keys and values, got ['held_out']"),
    "empty": Misuse({"--config": "empty.yaml"}, 2, "empty.yaml: expected keys and values, got None"),
    "no text": Misuse({"--config": "g.fa.gz"}, 2, "g.fa.gz is not UTF-8 text (byte 1): not a configuration"),
    "unknown key": Misuse(
        {"--config": "unknown.yaml"}, 2, "unknown key 'max_step'; did you mean 'max_steps'?"
    ),
    "unknown key inside": Misuse(
        {"--config": "unknown_inside.yaml"},
        2,
        "model: backbone: unknown key 'dmodel'; did you mean 'd_model'?",
    ),
    "misspelt class": Misuse(
        {"--config": "misspelt.yaml"}, 2, "unknown class_path 'HyenaConfg'; did you mean 'HyenaConfig'?"
    ),
    "import": Misuse(
        {"--config": "imports.yaml"}, 2, "class_path 'os.system' must be the short name of a known"
    ),
    "wrong kind": Misuse({"--config": "kind.yaml"}, 2, "kind.yaml: batch_size: expected int, got 'four'"),
    "key twice": Misuse({"--config": "twice.yaml"}, 2, "twice.yaml: line 12: duplicate key 'batch_size'"),
}

RANGES = {
    f"{name}={value}": Misuse(
        {f"--{name}": value}, 2, f"{name.rpartition('.')[2]} must {message}, got {value}"
    )
    for name, value, message in (
        ("max_steps", "0", "be at least 1"),
        ("batch_size", "0", "be at least 1"),
        ("accumulate_batches", "-1", "be at least 1"),
        ("validate_every", "0", "be at least 1"),
        ("checkpoint_every", "0", "be at least 1"),
        ("log_every", "0", "be at least 1"),
        ("validation_bases", "0", "be at least 1"),
        ("num_workers", "-1", "be at least 0"),
        ("devices", "0", "be at least 1"),
        ("num_nodes", "0", "be at least 1"),
        ("context_parallel", "0", "be at least 1"),
        ("seed", "-1", "lie in 0 to 4294967295"),
        ("length", "1", "be at least 2"),
        ("initial_length", "0", "lie in 2 to length = 32"),
        ("initial_length", "64", "lie in 2 to length = 32"),
        ("steps_per_length", "0", "be at least 1"),
        ("validation_fraction", "0.0", "be above 0 and below 1"),
        ("validation_fraction", "1.0", "be above 0 and below 1"),
        ("reverse_fraction", "1.5", "lie in 0 to 1"),
        ("soft_mask_weight", "-0.5", "lie in 0 to 1"),
        ("optimizer.learning_rate", "-1.0", "be at least 0 and below inf"),
        ("optimizer.warmup_fraction", "1.5", "lie in 0 to 1"),
        ("optimizer.final_fraction", "-0.5", "lie in 0 to 1"),
        ("optimizer.weight_decay", "-0.1", "be at least 0 and below inf"),
        ("optimizer.beta2", "1.0", "be at least 0 and below 1"),
        ("optimizer.gradient_clip", "0.0", "be above 0"),
        ("sampling.max_n_fraction", "3.0", "lie in 0 to 1"),
        ("model.backbone.d_model", "0", "be at least 1"),
        ("model.backbone.d_inner", "0", "be at least 1"),
        ("model.backbone.pad_vocab_size_multiple", "0", "be at least 1"),
        ("model.backbone.vocab_size", "4", "be at least 12, the tokens of the vocabulary"),
        ("model.backbone.embed_dropout", "1.5", "lie in 0 to 1"),
        ("model.backbone.resid_dropout", "-0.5", "lie in 0 to 1"),
        ("model.backbone.mixer.dropout", "2.0", "lie in 0 to 1"),
        ("model.backbone.layer_norm_epsilon", "-1.0", "be above 0"),
    )
}

TOGETHER = {
    "next token on both strands": Misuse(
        {f"{MODEL}.both_strands": "true"}, 2, "both_strands shows each position what follows it"
    ),
    "next token in both directions": Misuse(
        {f"{MIXER}.bidirectional": "true"}, 2, "a head that predicts the next token needs a causal mixer"
    ),
    "nothing hidden": Misuse(
        MASKED | {"--model.head.hidden_fraction": "0.0"}, 2, "hidden_fraction must be above 0, got 0.0"
    ),
    "head that predicts labels": Misuse(
        of_class("model.head", "SequenceHeadConfig", objective="binary", labels="no,yes"),
        2,
        "pretraining predicts tokens, SequenceHeadConfig predicts labels; take LanguageModelHeadConfig or",
    ),
    "heads that do not divide": Misuse(
        of_class("model.backbone.other_mixer", "AttentionConfig", num_heads="5")
        | {f"{BACK}.other_layers": "0"},
        2,
        "d_model must be a multiple of 2 * num_heads = 10 (rotary positions turn pairs of channels), got 16",
    ),
    "attention dropout": Misuse(
        of_class("model.backbone.other_mixer", "AttentionConfig", dropout="2.0")
        | {f"{BACK}.other_layers": "0"},
        2,
        "dropout must lie in 0 to 1, got 2.0",
    ),
    "layer that is not there": Misuse(
        of_class("model.backbone.other_mixer", "AttentionConfig") | {f"{BACK}.other_layers": "7"},
        2,
        "other_layers must be some of 0 to 0, each once, got [7]",
    ),
    "start that never doubles to the length": Misuse(
        {"--initial_length": "5"},
        2,
        "initial_length must be length = 32 halved a few times, such as 4 or 8, got 5",
    ),
    "step smaller than a batch": Misuse(
        {"--tokens_per_step": "64"},
        2,
        "tokens_per_step must be a multiple of batch_size * length = 128, got 64",
    ),
    "step between batches": Misuse({"--tokens_per_step": "200"}, 2, "batch_size * length = 128, got 200"),
    "step said twice": Misuse(
        {"--tokens_per_step": "256", "--accumulate_batches": "2"}, 2, "say the same; leave one of them out"
    ),
    "regions of reads": Misuse(
        {"--genome": None, "--reads": "x.bam", "--train_regions": "toy1"}, 2, "train_regions is for a genome"
    ),
    "nodes without a starter": Misuse(
        {"--num_nodes": "2"},
        1,
        "--num_nodes 2 needs a process for each device on every node: start the command",
    ),
    "context over one process": Misuse(
        {"--context_parallel": "2"}, 1, "context_parallel must divide the processes of the run, got 2 for 1"
    ),
    "channels that ranks do not divide": Misuse(
        {"--devices": "3", "--context_parallel": "3", "--length": "33"},
        1,
        "context_parallel must divide d_model=16: each process convolves as many channels, got 3",
    ),
    "tokens that ranks do not divide": Misuse(
        {"--devices": "2", "--context_parallel": "2", "--length": "33"}, 1, "got 2 for windows of 33"
    ),
    "short windows that ranks do not divide": Misuse(
        {"--devices": "4", "--context_parallel": "4", "--initial_length": "2"}, 1, "got 4 for windows of 2"
    ),
}

DATA = {
    "length over the genome": Misuse(
        {"--length": "8000"},
        1,
        "windows of 8000 bp need a training region of at least 8001 bp, the longest has 6000; use a longer",
    ),
    "nothing left": Misuse(
        {"--held_out": "toy1,toy2,toy3"}, 1, "0 bp of g.fa with validation_fraction 0.1 leave"
    ),
    "training range below a window": Misuse(
        {"--train_regions": "toy1:1-30"},
        1,
        "windows of 32 bp need a training region of at least 33 bp, the longest",
    ),
    "training range of a base": Misuse(
        {"--train_regions": "toy1:1-1"}, 1, "1 bp of g.fa with validation_fraction 0.1 leave nothing"
    ),
    "held out and trained on": Misuse(
        {"--train_regions": "toy3:1-500"},
        1,
        "train_regions and held_out must be apart: toy3:1-500 and toy3:1-1000",
    ),
    "contig": Misuse(
        {"--held_out": "toy9"}, 1, "contig 'toy9' is not in g.fa; it has toy1, toy2, toy3 (3 in all)"
    ),
    "past the end": Misuse({"--held_out": "toy1:1-9000"}, 1, "end inside contig 'toy1', which has 6000 bp"),
    "no region": Misuse({"--held_out": "toy1:5"}, 1, "region 'toy1:5' is not CONTIG:START-END, for example"),
    "missing": Misuse(
        {"--genome": "none.fa"}, 1, "genome none.fa is neither a FASTA file nor a genome store"
    ),
    "empty": Misuse({"--genome": "empty.fa"}, 1, "FASTA file empty.fa is empty; fetch it again"),
    "header alone": Misuse({"--genome": "header.fa"}, 1, "header.fa: contig 'c' has no bases"),
    "protein": Misuse(
        {"--genome": "protein.fa"}, 1, "character 'L' at base 3 of contig 'c' is not a nucleotide code"
    ),
    "cut short": Misuse({"--genome": "cut.fa.gz"}, 1, "cut.fa.gz is truncated or damaged"),
    "no FASTA": Misuse({"--genome": "c.yaml"}, 1, "c.yaml is not FASTA: it begins with"),
    "no store": Misuse({"--genome": "foreign"}, 1, "foreign is not a genome store (store.json: No such file"),
    "N alone": Misuse(
        {"--genome": "unknown.fa", "--held_out": ""},
        1,
        "unknown.fa: none of the 1,800 bp to train on is an A, C, G or T that counts in the loss",
    ),
    "N alone to validate on": Misuse(
        {"--genome": "unknown_end.fa", "--held_out": ""},
        1,
        "no A, C, G or T is among the",
    ),
    "repeats alone that do not count": Misuse(
        {"--genome": "repeats.fa", "--held_out": "", "--soft_mask_weight": "0"}, 1, "that counts in the loss"
    ),
    "everything excluded": Misuse({"--sampling.exclude": "all.bed"}, 1, "exclude"),
    "excluded by no file": Misuse({"--sampling.exclude": "none.bed"}, 1, "BED file none.bed cannot be read"),
    "weight of nothing": Misuse({"--sampling.weights": "human=1"}, 1, "known: toy1, toy2, toy3"),
    "reads missing": Misuse(
        {"--genome": None, "--reads": "none.bam"}, 1, "cannot read none.bam: No such file"
    ),
    "reads that are none": Misuse({"--genome": None, "--reads": "g.fa"}, 1, "g.fa is neither BAM nor CRAM"),
}

FOLDERS = {
    "file": Misuse({"--out": "notes.txt"}, 1, "--out notes.txt: notes.txt is no folder; choose another one"),
    "below a file": Misuse({"--out": "notes.txt/a/b"}, 1, "--out notes.txt/a/b: notes.txt is no folder"),
    "other files": Misuse(
        {"--out": "foreign"}, 1, "--out foreign holds files but no run; choose another folder"
    ),
    "current folder": Misuse({"--out": "."}, 1, "--out . holds files but no run"),
    "model": Misuse({"--out": "model"}, 1, "--out model holds files but no run"),
    "start from nothing": Misuse({"--start_from": "none"}, 1, "model folder none does not exist"),
    "start from a file": Misuse({"--start_from": "notes.txt"}, 1, "model folder notes.txt does not exist"),
    "start from other files": Misuse({"--start_from": "foreign"}, 1, "foreign is not a model folder"),
    "start from damage": Misuse(
        {"--start_from": "damaged"}, 1, "damaged/model.safetensors are damaged or cut"
    ),
    "start from another width": Misuse(
        {"--start_from": "model", f"{BACK}.d_model": "32"}, 1, "the model is that of start_from model"
    ),
    "short start of another model": Misuse(
        {"--config": None, "--start_from": "model", "--initial_length": "64"},
        1,
        "initial_length must lie in 2 to length = 32, got 64",
    ),
    "step of another model": Misuse(
        {"--config": None, "--start_from": "model", "--tokens_per_step": "100", "--batch_size": "2"},
        1,
        "tokens_per_step must be a multiple of batch_size * length = 64, got 100",
    ),
}

BACKENDS = {
    "unknown": Misuse(
        {f"{MIXER}.backend": "cudaa"}, 1, "unknown backend 'cudaa'; known: auto, triton, eager"
    ),
    "not here": Misuse({f"{MIXER}.backend": "triton"}, 1, "backend 'triton' cannot run on cpu: "),
}

ALL = {
    f"{group}: {name}": misuse
    for group, some in {
        "words": WORDS,
        "configuration": CONFIGURATIONS,
        "range": RANGES,
        "together": TOGETHER,
        "data": DATA,
        "folder": FOLDERS,
        "backend": BACKENDS,
    }.items()
    for name, misuse in some.items()
}

RESUMED = {
    "other seed": Misuse(
        {"--seed": "3"}, 1, "run holds a run with seed=0, not 3; choose another --out, or run with"
    ),
    "other width": Misuse(
        {f"{BACK}.d_model": "8"}, 1, "run holds a run with model.backbone.d_model=16, not 8"
    ),
    "more steps": Misuse({"--max_steps": "9"}, 1, "run holds a run with max_steps=2, not 9"),
    "other genome": Misuse({"--genome": "other.fa"}, 1, "run holds a run with genome_fingerprint="),
    "other regions": Misuse(
        {"--held_out": "toy2"}, 1, "run holds a run with held_out=['toy3'], not ['toy2']"
    ),
    "other processes": Misuse({"--devices": "2"}, 1, "run holds a run with devices=None, not 2"),
    "other batch, over memory": Misuse(
        {"--batch_size": "1000000000"}, 1, "run holds a run with batch_size=4"
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the misuses name: genomes, configurations, a model, a run that is not finished."""
    path = tmp_path_factory.mktemp("misuse")
    for name, text in FILES.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(text)
    genome = write_toy_genome(path / "g.fa", length=10_000)
    write_toy_genome(path / "other.fa", seed=1, length=10_000)
    packed = gzip.compress(genome.read_bytes())
    (path / "g.fa.gz").write_bytes(packed)
    (path / "cut.fa.gz").write_bytes(packed[:1500])
    HyenaDNAConfig(backbone=BACKBONE).build().save_pretrained(path / "model")
    shutil.copytree(path / "model", path / "damaged")
    weights = path / "damaged" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    words = ["--config", path / "c.yaml", "--genome", genome, "--out", path / "run"]
    assert cli.main(["pretrain", *map(str, words)]) == 0
    (path / "run" / "tokenizer.json").unlink()
    return path


build_parser = functools.cache(arguments._build_parser)


@pytest.fixture
def refused(folder, monkeypatch, capsys, no_shape_checks):
    """Return a function that misuses the command; gives its status and the one line that it says."""

    def train(*_):
        raise AssertionError("training has begun")

    monkeypatch.chdir(folder)
    monkeypatch.setattr(arguments, "_build_parser", build_parser)
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    monkeypatch.setattr("hyenadna_kit.training.pretrain._train", train)

    def call(options):
        before = state(folder)
        given = {name: value for name, value in (USUAL | options).items() if value is not None}
        status = cli.main(["pretrain", *(f"{name}={value}" for name, value in given.items())])
        out, err = capsys.readouterr()
        assert out == ""
        assert state(folder) == before
        (line,) = err.splitlines()
        return status, line.removeprefix("hyenadna-kit pretrain: ")

    return call


def state(folder):
    """Return every path in a folder, and of files when they were written."""
    return {path: path.is_file() and path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("name", ALL)
def test_misuse_is_one_line_and_leaves_nothing(refused, name):
    status, line = refused(ALL[name].options)
    assert ALL[name].message in line
    assert status == ALL[name].status


@pytest.mark.parametrize("name", RESUMED)
def test_run_of_other_options_or_data_is_not_continued(refused, name):
    status, line = refused({"--out": "run"} | RESUMED[name].options)
    assert RESUMED[name].message in line
    assert status == RESUMED[name].status


def needed(line):
    """Return the bytes that a refusal for want of memory tells."""
    beside = r"(?:, PyTorch itself [\d.]+ [MG]iB beside)?"
    told = rf"takes ([\d.]+) ([GMK])iB of memory{beside}, there is room for 0 KiB"
    number, unit = re.search(told, line).groups()
    return float(number) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[unit]


@pytest.fixture
def no_memory(monkeypatch):
    monkeypatch.setattr("hyenadna_kit.planning.available_memory", lambda device: 0)


def test_batch_over_memory_tells_its_size_and_what_there_is(refused):
    status, line = refused({"--batch_size": "1000000000"})
    assert status == 1
    assert re.fullmatch(
        r"a training step on 1000000000 x 32 tokens takes [\d.]+ GiB of memory, "
        r"there is room for [\d.]+ [GM]iB on cpu; take fewer or shorter windows",
        line,
    )


def test_both_strands_are_counted_in_the_memory(refused, no_memory):
    masked = MASKED | of_class("model.backbone.mixer", "HyenaConfig", bidirectional="true")
    both = masked | {f"{MODEL}.both_strands": "true", "--batch_size": "1000"}
    twice = masked | {"--batch_size": "2000"}
    assert needed(refused(both)[1]) == pytest.approx(needed(refused(twice)[1]), rel=1e-3)


def test_every_process_is_counted_in_the_memory(refused, no_memory):
    one, line = (
        needed(refused({"--batch_size": "1000"})[1]),
        refused({"--batch_size": "1000", "--devices": "3"})[1],
    )
    assert "a training step on 1000 x 32 tokens in each of 3 processes takes" in line
    assert needed(line) == pytest.approx(3 * one, abs=2 << 20)


def test_more_processes_than_gpus_are_refused(refused, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    status, line = refused({"--devices": "2"})
    assert status == 1
    assert line.startswith("2 processes on a node need a GPU each, PyTorch finds 1; ")
