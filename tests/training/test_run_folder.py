"""The folder of a run: what it holds, what it refuses, and what a kill may leave in it."""

import json

import pytest
import yaml

from hyenadna_kit.errors import InputError
from hyenadna_kit.training.run_folder import RunFolder, read_metrics, read_record

CONFIG = {
    "genome": "a.fa",
    "out": "r",
    "seed": 0,
    "num_workers": 0,
    "rate": 1e-05,
    "held_out": ["x:1-2"],
    "model": {"size": 3, "tail": None},
}
RECORD = {"genome_fingerprint": "abc", "train": ["x:1-9"], "validation": ["x:10-11"], "held_out": []}


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.start(CONFIG, RECORD)
    return folder


def test_start_writes_what_the_run_is(folder):
    assert yaml.safe_load((folder.path / "config.resolved.yaml").read_text()) == CONFIG
    record = json.loads((folder.path / "run.json").read_text())
    assert record.pop("versions").keys() == {"python", "hyenadna_kit", "torch", "lightning", "numpy"}
    assert record == RECORD
    assert read_record(folder.path).items() >= RECORD.items()
    assert len(list(folder.path.iterdir())) == 2


def test_the_same_run_goes_on_wherever_its_genome_lies(folder):
    before = (folder.path / "config.resolved.yaml").read_bytes()
    folder.start(CONFIG | {"genome": "b.fa", "out": "elsewhere", "num_workers": 2}, RECORD)
    assert (folder.path / "config.resolved.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("config", "record", "named"),
    [
        ({"seed": 1}, {}, "seed=0, not 1"),
        ({"rate": 2e-05}, {}, "rate=1e-05, not 2e-05"),
        ({"held_out": []}, {}, r"held_out=\['x:1-2'\], not \[\]"),
        ({"model": {"size": 4, "tail": None}}, {}, r"model\.size=3, not 4"),
        ({"model": {"size": 3, "tail": 0.5}}, {}, r"model\.tail=None, not 0\.5"),
        ({}, {"genome_fingerprint": "abd"}, "genome_fingerprint='abc', not 'abd'"),
        ({}, {"train": ["x:1-8"]}, r"train=\['x:1-9'\], not \['x:1-8'\]"),
    ],
    ids=["number", "rate", "list", "nested", "nested null", "genome", "regions"],
)
def test_another_run_is_refused_with_key_and_both_values(folder, config, record, named):
    with pytest.raises(InputError, match=rf"run holds a run with {named}; choose another --out"):
        folder.start(CONFIG | config, RECORD | record)


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "checkpoints"])
def test_folder_with_other_files_is_refused_and_kept(tmp_path, name):
    (tmp_path / name).write_text("mine")
    (tmp_path / ".12-ab.tmp.run.json").write_text("half")
    with pytest.raises(InputError, match="holds files but no run; choose another folder"):
        RunFolder(tmp_path).start(CONFIG, RECORD)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, ".12-ab.tmp.run.json"])


@pytest.mark.parametrize(
    "left",
    [[], [".12-ab.tmp.run.json"], ["run.json"], ["run.json", ".12-ab.tmp.config.resolved.yaml"]],
    ids=["empty", "in the record", "after the record", "in the config"],
)
def test_start_that_was_killed_starts_again(tmp_path, left):
    for name in left:
        (tmp_path / name).write_text("half")
    RunFolder(tmp_path).start(CONFIG, RECORD)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.resolved.yaml", "run.json"]
    assert read_record(tmp_path).items() >= RECORD.items()


def test_half_written_checkpoint_of_a_killed_run_is_removed(folder):
    checkpoints = folder.checkpoint.parent
    checkpoints.mkdir()
    folder.checkpoint.write_text("whole")
    (checkpoints / ".7-0a.tmp.last.ckpt").write_text("half")
    folder.start(CONFIG, RECORD)
    assert [path.name for path in checkpoints.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"run\.json cannot be read: .*No such file"),
        ("{", r"run\.json cannot be read: "),
        ("[1]", r"run\.json is no record of a run: it lacks genome_fingerprint, train, validation, held_out"),
        ('{"train": [], "validation": [], "held_out": []}', "it lacks genome_fingerprint$"),
    ],
    ids=["missing", "cut short", "list", "without genome"],
)
def test_damaged_record_is_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=message):
        read_record(tmp_path)


def test_metrics_are_read_without_a_line_that_was_cut_short(folder):
    assert read_metrics(folder.metrics) == []
    folder.metrics.write_text('{"step": 1, "bits_per_base": 2.0}\n{"step": 2, "bits_per')
    assert read_metrics(folder.metrics) == [{"step": 1, "bits_per_base": 2.0}]


def test_line_that_was_cut_short_is_removed_before_another_is_written(folder):
    folder.metrics.write_text('{"step": 1, "bits_per_base": 2.0}\n{"step": 2, "bits_per')
    folder.start(CONFIG, RECORD)
    assert folder.metrics.read_text() == '{"step": 1, "bits_per_base": 2.0}\n'


@pytest.mark.parametrize("line", ["nonsense", "[2]", '{"bits_per_base": 2.0}', "\0\0"])
def test_damaged_line_is_named_with_its_number(folder, line):
    folder.metrics.write_text(f'{{"step": 1}}\n{line}\n{{"step": 3}}\n')
    with pytest.raises(
        InputError, match=r"metrics\.jsonl:2 is no row of measurements, got .*; remove this line"
    ):
        read_metrics(folder.metrics)


def test_validation_of_a_step_is_found(folder):
    rows = [
        {"step": 5, "bits_per_base": 2.0},
        {"step": 5, "validation_bits_per_base": 1.9},
        {"step": 9, "validation_bits_per_base": 1.8},
    ]
    folder.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [folder.validation_at(step) for step in (5, 9, 4)] == [1.9, 1.8, None]


def test_model_is_there_when_all_its_files_are(folder):
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert not folder.has_model()
        (folder.path / name).write_text("")
    assert folder.has_model()
