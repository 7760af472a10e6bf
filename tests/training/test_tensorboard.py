"""TensorBoard shows what is in metrics.jsonl: every step once and in order, also after a kill."""

import math
from functools import partial

import pytest

from hyenadna_kit.training import tensorboard_rows
from tests.training import command
from tests.training.runs import rows, words, write_inputs

STEPS = 12


@pytest.fixture(autouse=True)
def nothing_runs_on():
    yield
    command.kill_all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("board"), steps=STEPS, validate_every=4, checkpoint_every=3)


def scalars(out):
    """Return what all event files of a run hold, in the order in which they were written."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    found = []
    for path in sorted((out / "tensorboard").iterdir()):
        for event in EventFileLoader(str(path)).Load():
            found += [
                (event.step, each.tag, make_ndarray(each.tensor).item()) for each in event.summary.value
            ]
    return found


def expected(out):
    return [(row["step"], name, row[name]) for row in rows(out) for name in row if name != "step"]


@pytest.mark.kill
def test_scalars_are_those_of_the_metrics_also_after_kills(folder, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is in the log extra")
    out = tmp_path / "run"
    options = words(folder, out, "--tensorboard", "true")
    for step in (5, 8):
        assert command.run(options, tmp_path, partial(command.kill_in_step, step)).status != 0
    finished = command.run(options, tmp_path)
    assert finished.status == 0, finished.err
    found = scalars(out)
    assert found == expected(out)
    losses = [step for step, tag, _ in found if tag == "bits_per_base"]
    assert losses == list(range(1, STEPS + 1))
    assert {tag for _, tag, _ in found} == {"bits_per_base", "learning_rate", "validation_bits_per_base"}
    assert all(math.isfinite(value) for *_, value in found)


@pytest.mark.kill
def test_tensorboard_may_be_switched_on_in_the_midst_of_a_run(folder, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is in the log extra")
    out = tmp_path / "run"
    assert command.run(words(folder, out), tmp_path, partial(command.kill_in_step, 5)).status != 0
    assert not (out / "tensorboard").exists()
    assert command.run(words(folder, out, "--tensorboard", "true"), tmp_path).status == 0
    assert scalars(out) == expected(out)


def test_missing_package_is_one_line_before_anything_is_done(folder, tmp_path, monkeypatch, capsys):
    from hyenadna_kit import cli

    monkeypatch.setattr(tensorboard_rows, "find_spec", lambda _: None)
    assert cli.main(words(folder, tmp_path / "run", "--tensorboard", "true")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "hyenadna-kit pretrain: --tensorboard true needs the package tensorboard, which is not installed: "
        "pip install 'hyenadna_kit[log]'"
    )
    assert not (tmp_path / "run").exists()
