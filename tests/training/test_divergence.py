"""Training that has diverged ends with one line and leaves no model."""

from hyenadna_kit import cli
from hyenadna_kit.testing import write_toy_genome


def test_diverged_training_is_refused_and_leaves_no_model(tmp_path, capsys):
    genome = write_toy_genome(tmp_path / "toy.fa", length=10_000)
    sizes = ["--model.backbone.d_model", "8", "--model.backbone.context_length", "64"]
    run = ["--max_steps", "20", "--batch_size", "2", "--validation_bases", "500", "--precision", "fp32"]
    words = ["pretrain", "--genome", str(genome), "--out", str(tmp_path / "run"), *sizes, *run]
    assert cli.main([*words, "--optimizer.learning_rate", "1e30"]) == 1
    *_, line = capsys.readouterr().err.splitlines()
    assert "training has diverged; lower --optimizer.learning_rate" in line
    assert not (tmp_path / "run" / "config.json").exists()
    assert not (tmp_path / "run" / "model.safetensors").exists()
