"""``hyenadna-kit plan``: memory and time before a pass is run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.cli import main
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.pass_time import _with_pairs
from hyenadna_kit.planning import plan_pass


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small model folder, and a configuration of pretrain beside it."""
    monkeypatch.chdir(tmp_path)
    HyenaDNAConfig(
        backbone=BackboneConfig(d_model=16, num_layers=2, context_length=512)
    ).build().save_pretrained("model")
    (tmp_path / "c.yaml").write_text(
        "model:\n  backbone: {d_model: 16, num_layers: 2, context_length: 512}\n"
    )
    return tmp_path


def plan(capsys, *words):
    """Return exit status, facts by name and the error."""
    status = main(["plan", *words])
    out, err = capsys.readouterr()
    return status, dict(re.split(r"\s{2,}", line, maxsplit=1) for line in out.splitlines()), err


def test_facts_of_a_model_folder(folder, capsys):
    status, facts, err = plan(capsys, "model")
    assert (status, err) == (0, "")
    assert facts["pass without gradients"] == "1 x 512 tokens on cpu, products in fp32"
    assert list(facts)[1:5] == ["weights", "activations at most", "PyTorch itself", "peak"]
    assert re.fullmatch(r"[\d.e+-]+ s, [\d,]+ tokens/s", facts["time (extrapolated)"])


@pytest.mark.parametrize("model", ["model", "c.yaml"])
def test_configuration_and_folder_of_the_same_model_take_the_same(folder, capsys, model):
    options = ("--length", "100000", "--train", "--batch_size", "2", "--recompute", "--precision", "fp32")
    _, facts, _ = plan(capsys, model, *options)
    assert facts["training step"] == "2 x 100,000 tokens on cpu, products in fp32"
    assert facts["activations at most"] == plan(capsys, "c.yaml", *options)[1]["activations at most"]


def test_a_file_of_pretrain_says_length_and_batch_and_is_read_strictly(folder, capsys):
    text = (folder / "c.yaml").read_text()
    (folder / "run.yaml").write_text(f"{text}genome: g.fa\nout: run\nlength: 128\nbatch_size: 4\n")
    assert plan(capsys, "run.yaml", "--train")[1]["training step"].startswith("4 x 128 tokens")
    words = ("--length", "64", "--batch_size", "1", "--train")
    assert plan(capsys, "run.yaml", *words)[1]["training step"].startswith("1 x 64 tokens")
    (folder / "wrong.yaml").write_text("modle: {}\n")
    status, _, err = plan(capsys, "wrong.yaml")
    assert status == 1
    assert "wrong.yaml: unknown key 'modle'; did you mean 'model'?" in err


def test_a_step_is_planned_as_the_file_trains_it(folder, capsys):
    text = (folder / "c.yaml").read_text()
    (folder / "run.yaml").write_text(f"{text}batch_size: 4\nrecompute: always\nprecision: bf16\n")
    flags = ("--train", "--length", "512", "--batch_size", "4")
    expected = plan(capsys, "model", *flags, "--recompute", "--precision", "bf16")[1]
    found = plan(capsys, "run.yaml", "--train")[1]
    for name in ("training step", "activations at most"):
        assert found[name] == expected[name]
    assert found["training step"].endswith("products in bf16")
    assert found["activations at most"].endswith("iB, computed again in the backward pass")
    other = plan(capsys, "run.yaml", "--train", "--recompute", "false", "--precision", "fp32")[1]
    kept = plan(capsys, "model", *flags)[1]
    assert other["activations at most"] == kept["activations at most"] != found["activations at most"]
    assert other["training step"].endswith("products in fp32")
    # score and evaluate, which have other defaults, do such a pass.
    assert plan(capsys, "run.yaml")[1]["pass without gradients"].endswith("products in fp32")


def test_recompute_auto_is_decided_as_pretrain_decides_it(folder, capsys, monkeypatch):
    (folder / "auto.yaml").write_text((folder / "c.yaml").read_text())
    for free, again in ((1 << 20, True), (1 << 40, False)):
        monkeypatch.setattr("hyenadna_kit.planning.available_memory", lambda _, free=free: free)
        facts = plan(capsys, "auto.yaml", "--train")[1]
        assert facts["activations at most"].endswith("computed again in the backward pass") == again


def test_processes_and_spread_windows_of_the_file_count_in_a_step(folder, capsys, monkeypatch):
    monkeypatch.setattr("hyenadna_kit.planning._process_bytes", lambda _: 1 << 30)
    text = (folder / "c.yaml").read_text() + "precision: fp32\nrecompute: never\nbatch_size: 1\n"
    (folder / "one.yaml").write_text(text)
    (folder / "two.yaml").write_text(f"{text}devices: 2\ncontext_parallel: 2\n")
    words = ("--train", "--length")
    one, two = plan(capsys, "one.yaml", *words, "50000")[1], plan(capsys, "two.yaml", *words, "100000")[1]
    assert two["training step"] == "1 x 50,000 tokens in each of 2 processes on cpu, products in fp32"
    assert two["windows"] == "each spread over 2 processes; this is the part of one"
    assert two["activations at most"] == one["activations at most"]
    peaks = [float(facts[name].split()[0]) for facts, name in ((one, "peak"), (two, "peak of 2 processes"))]
    assert peaks[1] == pytest.approx(2 * peaks[0], abs=0.02)


def test_growing_windows_and_batches_of_a_step_are_told(folder, capsys):
    text = (folder / "c.yaml").read_text()
    (folder / "run.yaml").write_text(f"{text}initial_length: 64\nbatch_size: 2\ntokens_per_step: 4096\n")
    facts = plan(capsys, "run.yaml", "--train")[1]
    assert facts["training step"].startswith("2 x 512 tokens on cpu")
    assert facts["growing windows"].startswith("from 64 tokens")
    assert facts["batches of a step"].startswith("4, ")


def test_options_that_pretrain_refuses_are_refused(folder, capsys):
    (folder / "run.yaml").write_text((folder / "c.yaml").read_text() + "context_parallel: 0\n")
    status, _, err = plan(capsys, "run.yaml", "--train")
    assert status == 1
    assert "run.yaml: context_parallel must be at least 1, got 0" in err


def test_shipped_recipe_of_a_million_tokens_is_planned_with_recomputation(capsys, monkeypatch):
    monkeypatch.setattr("hyenadna_kit.planning.pass_seconds", lambda *_, **__: 1.0)
    recipe = Path(__file__).parents[2] / "configs/pretrain/human_1m.yaml"
    facts = plan(capsys, str(recipe), "--train")[1]
    assert facts["activations at most"].endswith(", computed again in the backward pass")


def test_memory_that_score_keeps_to_is_enough_for_plan(folder, capsys):
    wanted = plan(capsys, "model", "--length", "30000")[1]["activations at most"]
    assert wanted.endswith(" MiB")
    limit = f"{int(wanted.removesuffix(' MiB')) + 1}M"
    status, facts, _ = plan(capsys, "model", "--length", "30000", "--max_memory", limit)
    assert (status, facts["activations at most"]) == (0, wanted)


def test_a_hybrid_is_planned_by_both_of_its_mixers(folder, capsys):
    backbone = "d_model: 16, num_layers: 2, context_length: 512, other_mixer: {class_path: AttentionConfig}"
    (folder / "hybrid.yaml").write_text(f"model:\n  backbone: {{{backbone}, other_layers: [1]}}\n")
    for words in (["--length", "20000"], ["--length", "4096", "--train"]):
        plain, hybrid = (plan(capsys, model, *words)[1] for model in ("c.yaml", "hybrid.yaml"))
        assert plain["activations at most"] != hybrid["activations at most"]
        assert float(hybrid["time (extrapolated)"].split()[0]) > 0


@pytest.mark.parametrize("words", [["--length", "20000"], ["--length", "4096", "--train"]])
def test_a_model_of_both_strands_takes_what_twice_as_many_sequences_take(folder, capsys, words):
    mixer = "mixer: {class_path: HyenaConfig, init_args: {bidirectional: true}}, d_model"
    text = (folder / "c.yaml").read_text().replace("d_model", mixer)
    text += "  head: {class_path: MaskedLanguageModelHeadConfig}\n"
    (folder / "one.yaml").write_text(text)
    (folder / "both.yaml").write_text(f"{text}  both_strands: true\n")
    both = plan(capsys, "both.yaml", *words, "--batch_size", "3")[1]
    assert (
        both["activations at most"]
        == plan(capsys, "one.yaml", *words, "--batch_size", "6")[1]["activations at most"]
    )
    assert f"3 x {int(words[1]):,} tokens" in " ".join(both.values())


@pytest.mark.parametrize("tied", [True, False])
def test_weights_are_those_of_the_whole_model(tied):
    filters = FilterConfig(filter_order=8, features="learned")
    backbone = BackboneConfig(
        d_model=16,
        num_layers=5,
        context_length=512,
        mixer=HyenaConfig(order=3, filter=filters),
        other_mixer=AttentionConfig(num_heads=2),
        other_layers=(1, 4),
    )
    config = HyenaDNAConfig(backbone=backbone, head=LanguageModelHeadConfig(tied=tied))
    weights = [parameter.numel() for parameter in config.build().parameters()]
    found = plan_pass(config, config.pass_size(1, 64), torch.device("cpu"))
    assert found.weights == 4 * sum(weights)


@pytest.mark.parametrize("length", [1, 100, 8192, 100_000])
def test_time_of_attention_grows_with_the_square_of_the_length(length):
    found = _with_pairs(lambda tokens: 3e-6 * tokens + 5e-9 * tokens**2, length)
    assert found == pytest.approx(3e-6 * length + 5e-9 * length**2, rel=1e-9)


@pytest.mark.parametrize("half", [0.1, 0.5, 0.9])
def test_time_of_a_disturbed_measurement_grows_with_the_length_at_least(half):
    found = _with_pairs({8192: 1.0, 4096: half}.__getitem__, 4 * 8192)
    assert 4 <= found <= 16


def test_gpu_that_is_not_here_is_planned_without_a_time(folder, capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    status, facts, _ = plan(capsys, "model", "--device", "cuda", "--length", "1000000")
    assert status == 0
    assert "GiB" in facts["peak"] or "MiB" in facts["peak"]
    assert not {"time (extrapolated)", "PyTorch itself"} & set(facts)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--max_memory", "1M", "--length", "100000"],
            "takes .* of memory at least, there is room for 1 MiB",
        ),
        (
            ["--train", "--length", "2000000000"],
            r"it does not fit: activations take [\d.]+ GiB, beside the weights "
            r"there is room for [\d.]+ [GM]iB; take fewer or shorter sequences, or --recompute$",
        ),
        (["--max_memory", "much"], "--max_memory must be a size such as 4G or 512M, got 'much'"),
        (["--max_memory", "0G"], "--max_memory must be a size such as 4G or 512M, got '0G'"),
        (
            ["--train", "--recompute", "--length", "2000000000"],
            r"room for [\d.]+ [GM]iB; take fewer or shorter sequences$",
        ),
        (["--recompute"], "--recompute is for a training step; add --train"),
        (["--length", "0"], "--length must be at least 1, got 0"),
        (["--batch_size", "-1"], "--batch_size must be at least 1, got -1"),
    ],
)
def test_what_cannot_be_is_one_line_and_status_1(folder, capsys, words, message):
    status, _, err = plan(capsys, "model", *words)
    assert status == 1
    assert re.search(message, err)
    assert err.count("\n") == 1


def test_score_in_too_little_memory_is_refused_before_it_starts(folder):
    (folder / "g.fa").write_text(">one\n" + "ACGT" * 500 + "\n")
    command = ["loglik", "--model", "model", "--genome", "g.fa", "--regions", "one", "--out", "t.tsv"]
    run = subprocess.run(
        [sys.executable, "-m", "hyenadna_kit.cli", *command, "--max_memory", "100K"],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "there is room for 100 KiB" in run.stderr
    assert not (folder / "t.tsv").exists()
