"""Runs in a table: the order is that of the validation part, and what cannot stand together is refused."""

import json
import re
from html.parser import HTMLParser

import pytest
import yaml

from hyenadna_kit import cli
from hyenadna_kit.errors import InputError
from hyenadna_kit.training.comparison import compare_runs
from hyenadna_kit.training.comparison_html import figures_of, render_comparison, summary_of

OPTIONS = {
    "out": "somewhere",
    "genome": "store",
    "model": {"head": {"class_path": "LanguageModelHeadConfig", "init_args": {"tied": True}}},
    "validation_bases": 1000,
    "max_steps": 20,
    "num_workers": 0,
}
RECORD = {"genome_fingerprint": "abc", "train": ["x:1-9"], "validation": ["x:10-11"], "held_out": ["y:1-8"]}


def write_run(folder, bits, *, options=None, record=None, seed=0):
    """Write what a finished run leaves; ``bits`` are those of its validation after steps 10 and 20."""
    folder.mkdir(parents=True)
    resolved = OPTIONS | {"seed": seed, "out": str(folder)} | (options or {})
    (folder / "config.resolved.yaml").write_text(yaml.safe_dump(resolved))
    (folder / "run.json").write_text(json.dumps(RECORD | (record or {})))
    rows = [{"step": 10, "bits_per_base": 1.0}]
    rows += [
        {"step": step, "validation_bits_per_base": each} for step, each in zip((10, 20), bits, strict=True)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def write_test(folder, bits, *, baselines=None, region="y:1-8"):
    """Write what evaluate found on the test range."""
    (folder / "evaluation").mkdir(exist_ok=True)
    found = {
        "bits_per_base": bits,
        "num_bases": 8,
        "baselines": {"markov_2": 1.95, "markov_6": 1.93} if baselines is None else baselines,
        "regions": [{"region": region, "bits_per_base": bits}],
    }
    (folder / "evaluation" / "test.json").write_text(json.dumps(found))


@pytest.fixture
def runs(tmp_path):
    """Two seeds of ``narrow``, which is best on the test range, and of ``wide``, which is chosen."""
    runs = [
        write_run(tmp_path / "runs" / recipe / str(seed), bits, seed=seed, options={"batch_size": size})
        for recipe, size, seed, bits in [
            ("narrow", 1, 1, (1.80, 1.92)),
            ("narrow", 1, 0, (1.80, 1.94)),
            ("wide", 2, 0, (1.99, 1.90)),
            ("wide", 2, 10, (1.99, 1.91)),
        ]
    ]
    for run, bits in zip(runs, (1.85, 1.87, 1.89, 1.90), strict=True):
        write_test(run, bits)
    return runs


def test_recipe_is_chosen_by_its_mean_after_the_last_step_on_the_validation_part(runs):
    wide, narrow = compare_runs(runs)
    assert (wide.name, narrow.name) == ("wide", "narrow")
    assert wide.validation_bits_per_base == pytest.approx(1.905)
    assert narrow.validation_bits_per_base == pytest.approx(1.93)
    assert (wide.test_bits_per_base, narrow.test_bits_per_base) == pytest.approx((1.895, 1.86))
    assert [run.seed for run in wide.runs] == [0, 10]
    assert [run.seed for run in narrow.runs] == [0, 1]


def test_test_range_has_no_part_in_the_order(runs):
    before = [recipe.name for recipe in compare_runs(runs)]
    for run, bits in zip(runs, (2.5, 2.5, 1.0, 1.0), strict=True):
        write_test(run, bits)
    assert [recipe.name for recipe in compare_runs(runs)] == before


def test_best_markov_model_stands_beside(runs):
    chosen = compare_runs(runs)[0]
    test = chosen.runs[0].test
    assert (test.best_baseline, test.baseline_bits_per_base) == ("markov_6", 1.93)
    assert summary_of([chosen]) == (
        "wide: 1.9050 bits per base on the validation part (mean of 2 runs), 1.8950 on the test range, "
        "best Markov model 1.9300 (order 6)"
    )


def test_run_that_was_not_evaluated_has_no_test_figure(runs, tmp_path):
    (runs[0] / "evaluation" / "test.json").unlink()
    recipes = compare_runs(runs)
    assert recipes[1].test_bits_per_base is None
    assert [run.test is None for run in recipes[1].runs] == [False, True]
    alone = compare_runs(runs[:1])
    assert summary_of(alone) == "narrow: 1.9200 bits per base on the validation part (1 run)"
    assert render_comparison(alone, tmp_path).count("<tr>") == 2 + 2


def test_run_without_markov_models_has_none(runs, tmp_path):
    write_test(runs[0], 1.85, baselines={})
    (recipe,) = compare_runs(runs[:1])
    assert summary_of([recipe]).endswith("(1 run), 1.8500 on the test range")
    assert figures_of([recipe])["recipes"][0]["runs"][0]["best_baseline"] is None
    assert "None" not in render_comparison([recipe], tmp_path)


class Page(HTMLParser):
    """Cells of tables, targets of links and pictures, and tags that were not closed."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.targets, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.targets += [value for name, value in attrs if name in ("href", "src")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] in (["td"], ["th"]):
            self.cells.append(data)


def test_page_links_what_lies_in_the_runs(runs, tmp_path):
    (runs[2] / "report.html").touch()
    (runs[2] / "evaluation" / "lengths.png").touch()
    page = Page(render_comparison(compare_runs(runs), tmp_path))
    assert page.open == []
    options = [f"runs/{run}/config.resolved.yaml" for run in ("wide/0", "wide/10", "narrow/0", "narrow/1")]
    own = ["runs/wide/0/report.html", *["runs/wide/0/evaluation/lengths.png"] * 2]
    assert sorted(page.targets) == sorted(options + own)
    assert all((tmp_path / target).exists() for target in page.targets)
    assert {"1.9050 (1.9000 to 1.9100)", "1.9300 (order 6)", "0.0400", "20"} <= set(page.cells)


def test_names_are_text_and_no_part_of_the_page(tmp_path):
    run = write_run(tmp_path / "a<b>&" / "x#y z", (1.9, 1.9))
    page = Page(render_comparison(compare_runs([run]), tmp_path))
    assert page.cells.count("a<b>&") == 2
    assert page.targets == ["a%3Cb%3E%26/x%23y%20z/config.resolved.yaml"]


def damage_test(folder, text):
    (folder / "evaluation" / "test.json").write_text(text)


def rewrite(name, **changes):
    def change(folder):
        path = folder / name
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes, default_flow_style=True))

    return change


REFUSED = {
    "not a run": (lambda folder: (folder / "config.resolved.yaml").unlink(), "is no run: there is no config"),
    "not finished": (rewrite("config.resolved.yaml", max_steps=30), "nothing was measured after step 30"),
    "other options": (
        lambda folder: (folder / "config.resolved.yaml").write_text("a: 1\n"),
        "yaml holds no options of pretrain: it lacks max_steps, model, seed, validation_bases",
    ),
    "damaged figures": (
        lambda folder: damage_test(folder, "{}"),
        "test.json is not what evaluate --json wrote",
    ),
    "no finite figure": (
        lambda folder: damage_test(folder, '{"bits_per_base": null, "baselines": {}, "regions": []}'),
        "test.json is not what evaluate --json wrote",
    ),
    "another validation": (
        rewrite("config.resolved.yaml", validation_bases=500),
        "were not validated alike, validation_bases is 500 and 1000; compare runs on one genome",
    ),
    "another objective": (
        rewrite("config.resolved.yaml", model={"head": {"class_path": "MaskedLanguageModelHeadConfig"}}),
        "were not validated alike, head is 'MaskedLanguageModelHeadConfig' and 'LanguageModelHeadConfig'",
    ),
    "another test range": (
        lambda folder: write_test(folder, 1.9, region="y:1-7"),
        "were evaluated on different regions, ('y:1-7',) and ('y:1-8',); evaluate both on the same",
    ),
    "another recipe": (
        rewrite("config.resolved.yaml", batch_size=3, optimizer={"learning_rate": 1}),
        "are runs of one recipe, and differ in batch_size, optimizer; give each recipe a folder of its own",
    ),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_compared_is_refused(runs, change, message):
    change(runs[3])
    with pytest.raises(InputError) as refused:
        compare_runs(runs)
    assert message in str(refused.value)
    assert str(runs[3]) in str(refused.value)


@pytest.mark.parametrize("name", ["genome_fingerprint", "validation", "held_out"])
def test_runs_on_other_bases_are_refused(runs, name):
    record = json.loads((runs[1] / "run.json").read_text()) | {name: ["z:1-2"]}
    (runs[1] / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=rf"were not validated alike, {name} is \['z:1-2'\] and "):
        compare_runs(runs)


def test_command_writes_page_and_figures_and_says_what_is_chosen(runs, tmp_path, capsys):
    assert cli.main(["compare-runs", *map(str, runs), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.startswith("wide: 1.9050 bits per base on the validation part")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.html", "report.json"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["chosen"] == "wide"
    assert [recipe["recipe"] for recipe in report["recipes"]] == ["wide", "narrow"]
    assert [run["test_bits_per_base"] for run in report["recipes"][0]["runs"]] == [1.89, 1.90]
    page = (tmp_path / "out" / "report.html").read_text()
    assert re.findall(r'href="([^"]+)"', page)[0] == "../runs/wide/0/config.resolved.yaml"


def test_command_without_a_run_is_one_line(tmp_path, capsys):
    assert cli.main(["compare-runs", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == (
        f"hyenadna-kit compare-runs: {tmp_path} is no run: there is no config.resolved.yaml in it\n"
    )
    assert not (tmp_path / "out").exists()


def test_runs_that_hide_other_shares_of_the_bases_are_refused(tmp_path):
    for name, share in (("few", 0.05), ("many", 0.5)):
        head = {"class_path": "MaskedLanguageModelHeadConfig", "init_args": {"hidden_fraction": share}}
        write_run(tmp_path / name / "0", (1.9, 1.9), options={"model": OPTIONS["model"] | {"head": head}})
    with pytest.raises(InputError, match=r"were not validated alike, hidden_fraction is 0\.5 and 0\.05"):
        compare_runs([tmp_path / "few" / "0", tmp_path / "many" / "0"])
