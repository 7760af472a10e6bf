"""The report of a run: what is on the page is what the run folder and the models say."""

import json
import platform
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hyenadna_kit import cli
from hyenadna_kit.commands.training_charts import filter_figures
from hyenadna_kit.evaluation import anchors
from hyenadna_kit.interpretation.filters import FilterShapes
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.regions import parse_regions
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.testing import write_toy_genome
from hyenadna_kit.training.run_summary import model_of_run, read_run
from hyenadna_kit.windows.layout import spread_windows
from tests.oracles.markov import base_bits
from tests.oracles.page import Page

CONFIG = """
model:
  backbone:
    d_model: 8
    num_layers: 2
    context_length: 64
    mixer: {class_path: HyenaConfig, init_args: {filter: {filter_order: 4}}}
held_out: [toy3]
batch_size: 2
max_steps: 6
validate_every: 3
validation_bases: 400
checkpoint_every: 3
log_every: 1
precision: fp32
"""
ANCHORS = ["uniform", *(f"Markov order {order}" for order in (2, 6, 8, 12)), "context mixing"]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of a genome, options and a finished run."""
    folder = tmp_path_factory.mktemp("report")
    write_toy_genome(folder / "g.fa", length=10_000)
    (folder / "c.yaml").write_text(CONFIG)
    assert pretrain(folder, folder / "run") == 0
    return folder


def pretrain(folder, out, *options):
    words = {"--config": folder / "c.yaml", "--genome": folder / "g.fa", "--out": out}
    return cli.main(["pretrain", *(str(word) for pair in words.items() for word in pair), *options])


@pytest.fixture
def run(made, tmp_path):
    """Return a copy of the run, without the report."""
    copy = tmp_path / "run"
    shutil.copytree(made / "run", copy)
    for name in ("report.html", "report.json"):
        (copy / name).unlink()
    return copy


def report(run, *options):
    """Return the page and the figures of a run."""
    assert cli.main(["report-training", str(run), *map(str, options)]) == 0
    return Page((run / "report.html").read_text()), json.loads((run / "report.json").read_text())


def test_pretrain_ends_with_a_page_that_stands_alone(made):
    page = Page((made / "run/report.html").read_text())
    assert page.open == []
    assert page.fetched == []
    assert "script" not in page.tags
    text = " ".join(page.words)
    assert "A model of 2 layers of width 8" in text
    assert "6 of 6 steps, 768b read; finished." in text  # each of two windows of 64
    assert {"Loss", "Filters", "Options"} <= set(page.words)
    for layer in (0, 1):  # the reach of its filters, and their first taps
        assert {f"layer {layer}, upstream", f"layer {layer}, upstream: first taps"} <= set(page.words)
    # The curves, each clipped by a picture of its own, and two figures a layer.
    assert page.tags.count("svg") == 2 * (1 + 2 * 2)
    assert page.words.count(read_run(made / "run").record["genome_fingerprint"]) == 1
    assert f"python {platform.python_version()}" in text
    assert "context_length: 64" in text


def test_model_and_anchors_are_measured_on_the_same_bases(made, run):
    page, figures = report(run)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    own = [row["validation_bits_per_base"] for row in rows if "validation_bits_per_base" in row][-1]
    assert figures["validation_bits_per_base"] == own
    assert list(figures["anchors"]) == ANCHORS
    assert figures["left_out"] == {}
    genome, record = Fasta(made / "g.fa"), json.loads((run / "run.json").read_text())
    train = [genome.fetch(region) for region in parse_regions(record["train"], genome)]
    bits = []
    for window in spread_windows(parse_regions(record["validation"], genome), 64, 400):
        text = genome.fetch(type(window.scored)(window.scored.contig, 0, window.scored.end))
        text = text[max(0, window.scored.start - 6) :]
        bits += base_bits(train, 6, text)[min(6, window.scored.start) :]
    expected = sum(filter(None, bits)) / sum(bit is not None for bit in bits)
    assert figures["anchors"]["Markov order 6"] == pytest.approx(expected, rel=1e-9)
    place = page.words.index("Markov order 6")
    assert page.words[place : place + 3] == ["Markov order 6", f"{expected:.4f}", f"{expected - own:.4f}"]


def test_figures_say_how_long_it_took_and_on_what(run):
    figures = report(run)[1]
    assert (figures["finished"], figures["step"], figures["bases"]) == (True, 6, 768)
    assert figures["bases_per_second"] == pytest.approx(768 / figures["seconds"])
    assert figures["devices"][0].endswith(", 1 thread")
    assert figures["products"] == ["fp32"]
    assert figures["parameters"] == HyenaDNA.from_pretrained(run).num_parameters
    assert [each["layer"] for each in figures["filters"]] == [0, 1]
    assert figures["options"]["max_steps"] == 6
    assert {"python", "torch", "hyenadna_kit"} <= figures["record"]["versions"].keys()


def test_format_of_products_is_told_as_it_was_used(run):
    options = run / "config.resolved.yaml"
    options.write_text(options.read_text().replace("precision: fp32", "precision: auto"))
    rows = [json.loads(line) for line in (run / "timing.jsonl").read_text().splitlines()]
    again = rows[-1] | {"device": "another", "products": "bf16"}
    (run / "timing.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, again]))
    page, figures = report(run)
    assert figures["products"] == ["fp32", "bf16"]
    place = page.words.index("number format of products")
    assert page.words[place + 1] == "fp32, bf16"


@pytest.mark.parametrize("taps", [1, 2, 64])
def test_first_tap_stands_where_the_axis_of_distances_begins(taps):
    shapes = FilterShapes(
        layer=3,
        direction="downstream",
        distances=np.array([1.0]),
        quantiles=np.ones((3, 1)),
        channels=(0,),
        sizes=np.ones((1, 1)),
        first_taps=np.ones((1, taps)),
    )
    drawn = filter_figures(shapes).split("<figure")[2]
    assert "layer 3, downstream: first taps" in drawn
    left, first = re.search(r'<svg x="([\d.]+)".*<polyline [^>]*points="([\d.]+),', drawn).groups()
    assert float(first) == float(left)


def test_finished_run_gets_a_missing_report_and_keeps_one_that_is_there(made, tmp_path, capsys):
    shutil.copytree(made / "run", tmp_path / "run")
    page = tmp_path / "run/report.html"
    page.write_text("mine")
    assert pretrain(made, tmp_path / "run") == 0
    assert page.read_text() == "mine"
    page.unlink()
    assert pretrain(made, tmp_path / "run") == 0
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert f", see {page}\n" in capsys.readouterr().out


def test_run_that_goes_on_has_a_report_of_its_checkpoint(run):
    final = read_run(run)
    trained = model_of_run(final)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (run / name).unlink()
    summary = read_run(run)
    assert (final.is_finished, summary.is_finished) == (True, False)
    # The last checkpoint is that of the last step.
    assert model_of_run(summary).fingerprint() == trained.fingerprint()
    page, figures = report(run)
    assert "not finished." in " ".join(page.words)
    assert [each["layer"] for each in figures["filters"]] == [0, 1]


def test_run_that_has_just_begun_has_a_report(run):
    for name in ("config.json", "model.safetensors", "tokenizer.json", "metrics.jsonl", "timing.jsonl"):
        (run / name).unlink()
    shutil.rmtree(run / "checkpoints")
    page, figures = report(run)
    for words in ("Nothing has been measured yet.", "The run has no checkpoint yet.", "not measured yet"):
        assert words in page.words
    assert figures["validation_bits_per_base"] is None
    assert figures["filters"] == []
    assert figures["anchors"]["uniform"] == 2.0
    assert page.words.count("not recorded") == 3
    assert "not recorded; fp32 asked for" in page.words


def test_genome_that_has_moved_is_named(made, run, tmp_path, capsys):
    moved = tmp_path / "moved.fa"
    shutil.copy(made / "g.fa", moved)
    options = (
        (run / "config.resolved.yaml").read_text().replace(str(made / "g.fa"), str(tmp_path / "gone.fa"))
    )
    (run / "config.resolved.yaml").write_text(options)
    assert cli.main(["report-training", str(run)]) == 1
    assert "gone.fa is neither a FASTA file nor a genome store" in capsys.readouterr().err
    assert not (run / "report.html").exists()
    assert report(run, "--genome", moved)[1]["anchors"]["Markov order 2"] < 2.2
    write_toy_genome(tmp_path / "other.fa", length=11_000)
    assert cli.main(["report-training", str(run), "--genome", str(tmp_path / "other.fa")]) == 1
    assert "other.fa is not the genome that" in capsys.readouterr().err


def test_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert cli.main(["report-training", str(tmp_path)]) == 1
    assert f"{tmp_path} is no run: there is no config.resolved.yaml in it" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_out_for_a_large_genome_is_on_the_page(run, monkeypatch):
    monkeypatch.setattr(anchors, "MAX_TRAIN_BASES", 10)
    page, figures = report(run)
    (reason,) = figures["left_out"].values()
    assert reason.startswith("the training range has 8,1")
    assert f"Left out: context mixing; {reason}." in page.words
    assert figures["anchors"]["context mixing"] is None


def test_masked_model_stands_beside_no_model_of_one_side(made, tmp_path):
    (tmp_path / "c.yaml").write_text(
        CONFIG.replace("filter_order: 4}}", "filter_order: 4}, bidirectional: true}").replace(
            "model:\n", "model:\n  head: {class_path: MaskedLanguageModelHeadConfig}\n"
        )
    )
    Path(tmp_path / "g.fa").symlink_to(made / "g.fa")
    assert pretrain(tmp_path, tmp_path / "run") == 0
    words = Page((tmp_path / "run/report.html").read_text()).words
    reason = "the model sees both sides of a hidden base, and they see one"
    assert f"Left out: {', '.join(ANCHORS[1:])}; {reason}." in words
    figures = json.loads((tmp_path / "run/report.json").read_text())
    assert figures["anchors"] == {"uniform": 2.0} | dict.fromkeys(ANCHORS[1:])
    assert set(figures["left_out"].values()) == {reason}
    assert [each["direction"] for each in figures["filters"]] == ["upstream", "downstream"] * 2
