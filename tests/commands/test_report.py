"""``hyenadna-kit report``: a card says what the folder and the model say, on a page and in Markdown."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from hyenadna_kit import cli
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.commands.model_card import ModelCard, Section, as_markdown, as_page
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.shipped import shipped_folder
from hyenadna_kit.testing import write_toy_genome
from tests.oracles.browser import show
from tests.oracles.page import Page
from tests.test_golden import A, published_folder
from tests.training.test_finetune import write_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    return tmp_path


def cards(*words):
    """Write a card and return the page and the Markdown."""
    assert cli.main(["report", *map(str, words), "--out", "card", "--sequences", "2", "--length", "128"]) == 0
    return Path("card/model_card.html").read_text(), Path("card/model_card.md").read_text()


def test_card_of_a_shipped_model_says_what_its_record_says(folder):
    page, markdown = cards("ecoli-tiny")
    model = HyenaDNA.from_pretrained("ecoli-tiny")
    for text in (page, markdown):
        assert "869,888 weights" in text
        assert model.fingerprint() in text
        for title in (
            "Architecture",
            "Training data",
            "Bits per base",
            "Filters",
            "Receptive field",
            "Limits",
        ):
            assert title in text
        assert "It reads upstream alone" in text
    record = json.loads((shipped_folder("ecoli-tiny") / "run.json").read_text())
    assert record["genome_fingerprint"] in markdown
    assert all(region in markdown for region in record["train"])
    parsed = Page(page)
    assert not parsed.open
    assert not parsed.fetched
    assert parsed.tags.count("figure") == 4 * 2 + 1


def test_evaluation_is_shown(folder):
    write_toy_genome(folder / "g.fa", seed=0)
    words = [
        "--model",
        "yeast-tiny",
        "--genome",
        "g.fa",
        "--regions",
        "toy1:1-2000",
        "--train_regions",
        "toy2",
    ]
    assert cli.main(["evaluate", *words, "--json", "e.json"]) == 0
    found = json.loads(Path("e.json").read_text())
    _, markdown = cards("yeast-tiny", "--evaluation", "e.json", "--genome", "g.fa", "--regions", "toy1")
    assert f"| toy1:1-2000 | {found['bits_per_base']:.4f} |" in markdown
    assert f"| markov_2 there | {found['baselines']['markov_2']:.4f} |" in markdown
    assert "windows of 128 bases of g.fa" in markdown
    assert cli.main(["report", "ecoli-tiny", "--out", "other", "--evaluation", "e.json"]) == 1
    assert not Path("other").exists()


def test_published_model_and_classifier_have_cards(folder):
    Path("p").mkdir()
    published_folder(Path("p"), A)
    _, markdown = cards("p")
    assert "what its filters do there: truncate" in markdown
    assert "The folder does not say." in markdown
    head = SequenceHeadConfig(objective="binary", labels=("closed", "open"))
    mixer = AttentionConfig(num_heads=2)
    model = HyenaDNAConfig(backbone=BackboneConfig(d_model=8, num_layers=1, mixer=mixer), head=head).build()
    model.save_pretrained("c")
    page, markdown = cards("c")
    assert "A model of whole sequences" in markdown
    assert "closed" in markdown
    assert "No layer has long filters." in page
    assert "The metrics.json of its run does." in page
    assert "Receptive field" not in page


def test_card_of_a_fine_tuned_model_has_the_figures_of_its_run(folder):
    write_folder(Path(), train=60, validation=20, test=20)
    tables = [word for part in ("train", "validation", "test") for word in (f"--{part}", f"{part}.csv")]
    words = [
        "--model",
        "m",
        *tables,
        "--out",
        "run",
        "--epochs",
        "1",
        "--seeds",
        "0,1",
        "--baselines",
        "kmer",
    ]
    assert cli.main(["finetune", *words]) == 0
    _, markdown = cards("run/seeds/1")
    found = json.loads(Path("run/metrics.json").read_text())
    test, floor = found["test"]["accuracy"], found["baselines"]["kmer"]["test"]["accuracy"]
    cells = [f"{each['mean']:.4f} [{each['low']:.4f}, {each['high']:.4f}]" for each in (test, floor)]
    assert f"| accuracy | {' | '.join(cells)} |" in markdown


def test_page_is_shown_by_a_browser_without_a_complaint(folder):
    cards("ecoli-tiny")
    shown = show("card/model_card.html", folder, height=6000)
    assert not shown.console
    assert len(shown.figures) == 9
    assert all(each["drawn"] and not each["hidden"] and each["width"] > 100 for each in shown.figures)
    assert not shown.cut
    assert shown.page_width <= shown.window_width


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none"], "model folder none does not exist"),
        (["ecoli-tiny", "--evaluation", "e.json"], "--evaluation e.json is not what evaluate --json writes"),
        (["ecoli-tiny", "--regions", "chr1"], "--regions are of a --genome; name it, too"),
        (["ecoli-tiny", "--evaluation", "none.json"], "--evaluation none.json cannot be read: No such file"),
        (["ecoli-tiny", "--out", "n.fa"], "--out n.fa is a file; name a folder"),
        (["ecoli-tiny", "--length", "1"], "length must be at least 2, got 1"),
        (["ecoli-tiny", "--genome", "n.fa"], "the regions of n.fa hold no A, C, G or T; name others"),
        (["c", "--genome", "n.fa"], "--genome is for the cards of causal language models, c is none"),
        (["ecoli-tiny", "--genome", "n.fa", "--length", "90000000000000"], "not enough memory ("),
    ],
)
def test_mistakes_are_one_line(folder, capsys, words, message):
    Path("e.json").write_text('{"bits_per_base": 1.9}')
    Path("n.fa").write_text(f">n\n{'N' * 300}\n")
    head = SequenceHeadConfig(objective="binary", labels=("closed", "open"))
    HyenaDNAConfig(backbone=BackboneConfig(d_model=8, num_layers=1), head=head).build().save_pretrained("c")
    assert cli.main(["report", *words, *([] if "--out" in words else ["--out", "card"])]) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not Path("card").exists()


def test_record_that_is_damaged_is_named(folder, capsys):
    shutil.copytree(shipped_folder("ecoli-tiny"), "m")
    Path("m/run.json").write_text("{")
    assert cli.main(["report", "m", "--out", "card"]) == 1
    assert "m/run.json cannot be read" in capsys.readouterr().err


def test_both_texts_keep_what_has_a_meaning_to_them():
    section = Section(
        title="A <b>", words=("1 < 2",), points=("x & y",), head=("a", "b"), rows=(("p|q", "<r>"),)
    )
    card = ModelCard(title="t", summary="s", sections=(section,))
    assert re.search(
        r"<h2>A &lt;b&gt;</h2><p>1 &lt; 2</p><ul><li>x &amp; y</li></ul>.*<td>p\|q</td><td>&lt;r&gt;",
        as_page(card),
    )
    assert (
        as_markdown(card)
        == "# t\n\ns\n\n## A <b>\n\n1 < 2\n\n- x & y\n\n| a | b |\n| --- | --- |\n| p\\|q | <r> |\n"
    )
