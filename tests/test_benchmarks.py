"""The benchmarks measure what they say: the plain model computes the same, and every script runs."""

import argparse
import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
SCRIPTS = ("model", "ops", "gpu", "associative_recall")


@pytest.fixture(scope="module")
def script():
    """Import a file of benchmarks/ under its own name, as the scripts do among themselves."""
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module
    sys.path.remove(str(BENCHMARKS))
    for path in BENCHMARKS.glob("*.py"):
        sys.modules.pop(path.stem, None)


def run(name, *words):
    """Run a script with the package on the path alone."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def figures(folder, done):
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.json")
    return json.loads(path.read_text())["figures"]


@pytest.mark.parametrize(("length", "d_model"), [(2, 8), (65, 16), (130, 8)])
def test_plain_computes_our_logits(script, length, d_model):
    measure = script("measure")
    shape = measure.Shape(num_layers=2, d_model=d_model)
    input_ids = measure.random_tokens(2, length)
    # The input may be shorter than the context that the filters were made for.
    ours, plain = measure.build_ours(shape, 130), measure.build_plain(shape, 130)
    assert torch.allclose(ours(input_ids).logits, plain(input_ids).logits, rtol=0, atol=1e-5)
    exact = measure.build_plain(shape, 130, dtype=torch.float64)(input_ids)
    theirs = ours.double()(input_ids)
    assert measure.relative_rms(theirs.logits, exact.logits) < 1e-12
    assert measure.relative_rms(theirs.last_hidden_state, exact.last_hidden_state) < 1e-12


def test_plain_has_our_parameters(script):
    measure = script("measure")
    shape = measure.Shape(num_layers=3, d_model=8)
    shapes = [
        {name: parameter.shape for name, parameter in model.named_parameters()}
        for model in (measure.build_ours(shape, 10), measure.build_plain(shape, 10))
    ]
    assert shapes[0] == shapes[1]


def test_plain_makes_its_filters_at_every_call_unless_they_are_cached(script):
    measure = script("measure")
    input_ids = measure.random_tokens(1, 20)
    made, logits = {}, {}
    for cached in (False, True):
        model = measure.build_plain(measure.Shape(1, 8), 20, cache_filter=cached)
        network = model.backbone.layers[0].mixer.filter_fn.implicit_filter
        made[cached] = []
        network.register_forward_hook(lambda *_, calls=made[cached]: calls.append(1))
        with torch.inference_mode():
            logits[cached] = [model(input_ids).logits for _ in range(3)]
    assert len(made[False]) == 3
    assert len(made[True]) == 1
    assert torch.equal(logits[True][2], logits[False][0])


def test_plain_convolution_is_the_sum_of_its_formula(script):
    rng = np.random.default_rng(0)
    signal, filters, skip = rng.normal(size=(1, 2, 37)), rng.normal(size=(2, 37)), rng.normal(size=2)
    expected = [np.convolve(filters[d], signal[0, d])[:37] + skip[d] * signal[0, d] for d in range(2)]
    found = script("plain").fft_convolution(*map(torch.from_numpy, (signal, filters, skip)))
    assert np.allclose(found.numpy(), [expected], atol=1e-12)


def test_transformer_is_causal(script):
    torch.manual_seed(0)
    model = script("attention").Transformer(2, 128)
    input_ids = script("measure").random_tokens(1, 30)
    changed = input_ids.clone()
    changed[:, 20:] = 7
    first, second = model(input_ids).logits, model(changed).logits
    assert torch.allclose(first[:, :20], second[:, :20], atol=1e-6)
    assert not torch.allclose(first[:, 20:], second[:, 20:], atol=1e-6)


OPS = (
    "long_conv",
    "long_conv_two_sided",
    "gated_short_conv",
    "gated_short_conv_contiguous",
    "implicit_filter",
)


@pytest.mark.parametrize("length", [1, 2, 33])
@pytest.mark.parametrize("name", OPS)
def test_plain_way_of_an_operator_is_its_reference(script, name, length):
    op_cases = script("op_cases")
    torch.manual_seed(0)
    size = op_cases.Size(2, 3, length, torch.float64, torch.device("cpu"))
    found = op_cases.errors(op_cases.CASES[name], size, ["reference"])
    # The inputs are float32 where filters always are; the plain way is then float32, too.
    assert max(found["plain"]) < 1e-5
    assert max(found["reference"]) < 1e-5


def test_every_case_is_tested(script):
    assert set(OPS) == set(script("op_cases").CASES)


@pytest.mark.parametrize(
    ("mine", "plain", "right"),
    [
        ((1e-7, 1e-7), (1e-7, 1e-7), True),
        ((1e-7, 1e-6), (1e-7, 1e-7), False),
        ((1e-7, 1e-6), (1e-7, 6e-7), True),
        ((math.nan, 1e-7), (1e-7, 1e-7), False),
        ((1e-7, math.inf), (1e-7, 1e-7), False),
    ],
)
def test_check_refuses_what_is_no_rounding(script, mine, plain, right):
    errors = script("op_cases").Errors
    assert script("gpu").is_right(errors(*mine), errors(*plain), torch.float32) is right


def test_check_finds_a_wrong_operator(script):
    op_cases = script("op_cases")
    size = op_cases.Size(1, 2, 16, torch.float32, torch.device("cpu"))
    case = op_cases.CASES["long_conv"]
    shifted = case._replace(ours=lambda inputs, backend: case.ours(inputs, backend).roll(1, 2))
    assert [row["right"] for row in script("gpu").checked(shifted, size, ["eager"])] == [False]


def test_check_finds_memory_that_nothing_wrote(script):
    op_cases = script("op_cases")
    size = op_cases.Size(1, 2, 16, torch.float32, torch.device("cpu"))
    case = op_cases.CASES["long_conv"]

    def careless(inputs, backend):
        output = case.ours(inputs, backend)
        return output + 0 * torch.empty_like(output)

    rows = script("gpu").checked(case._replace(ours=careless), size, ["eager"])
    assert [row["right"] for row in rows] == [False]


def test_kernel_that_fails_is_written_down_and_the_others_are_checked(script):
    gpu = script("gpu")
    run = gpu.Run(gpu.parse(["--device", "cpu", "--parts", "checks"]))

    def fail():
        raise RuntimeError("a long story\nout of shared memory")

    assert run.attempt("checks", "first", fail)
    assert not run.attempt("checks", "second", lambda: [{"right": True}])
    assert run.figures["checks"] == [{"right": True}]
    error = "RuntimeError: out of shared memory"
    assert run.figures["failures"] == [{"part": "checks", "what": "first", "error": error}]


def test_nothing_begins_after_the_time_is_over(script, capsys):
    gpu = script("gpu")
    run = gpu.Run(gpu.parse(["--device", "cpu", "--parts", "checks", "--seconds", "-1"]))
    assert not run.attempt("checks", "first", lambda: [{"right": True}])
    assert run.figures["checks"] == run.failures == []
    assert "first: not measured" in capsys.readouterr().err


def test_error_of_nothing_is_nothing(script):
    relative_rms = script("measure").relative_rms
    zeros, ones = torch.zeros(3, dtype=torch.float64), torch.ones(3)
    assert relative_rms(zeros.float(), zeros) == 0
    assert relative_rms(ones, zeros) == math.inf
    assert relative_rms(1.5 * ones, ones.double()) == 0.5
    assert math.isnan(relative_rms(math.nan * ones, ones.double()))


def test_record_leaves_out_the_version_of_what_is_not_installed(script, tmp_path, monkeypatch):
    record = script("record")
    monkeypatch.setattr(record, "_PACKAGES", ("torch", "no-such-package"))
    content = json.loads(record.record("name", "command", {"a": 1}, folder=tmp_path / "new").read_text())
    assert content["versions"] == {"torch": torch.__version__}
    assert content["figures"] == {"a": 1}


def test_lengths_have_names(script):
    lengths = script("measure").lengths
    assert lengths("1k,131K,1m,77") == [1024, 131_072, 1_000_000, 77]
    with pytest.raises(argparse.ArgumentTypeError, match="'9x'"):
        lengths("9x")


def test_sides_take_turns_on_rotating_inputs(script):
    called = []
    sides = {name: lambda inputs, n=name: called.append((n, inputs)) for name in "ab"}
    script("measure").alternate(sides, [1, 2], torch.device("cpu"), budget=0)
    assert called == [(name, inputs) for inputs in (1, 1, 2, 1) for name in "ab"]


def test_seconds_are_the_median_of_the_calls(script, monkeypatch):
    measure = script("measure")
    taken = iter([3.0, 1.0, 50.0])
    monkeypatch.setattr(measure, "seconds_of", lambda *_: next(taken))
    assert measure.alternate({"a": id}, [0], torch.device("cpu"), budget=0) == {"a": 3.0}


def test_ratio_is_the_median_over_the_rounds(script):
    model = script("model")
    case = {
        "slow": {"wall_seconds_of_rounds": [2.0, 8.0, 3.0]},
        "fast": {"wall_seconds_of_rounds": [1, 1, 1]},
    }
    assert model.speed(case, "slow", "fast") == 3
    assert model.speed(case, "absent", "fast") is None
    assert model.speed(case | {"slow": {"failed": "out of memory"}}, "slow", "fast") is None


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_says_how_it_is_run(script, name, capsys):
    with pytest.raises(SystemExit) as ended:
        script(name).parse(["--help"])
    assert ended.value.code == 0
    assert f"benchmarks/{name}.py" in capsys.readouterr().out


@pytest.mark.slow
def test_model_benchmark_runs(tmp_path):
    words = ["--parts", "models", "--shapes", "tiny", "--lengths", 64, "--passes", "backward"]
    words += ["--precision", "fp32", "--rounds", 1, "--budget", 0, "--out", tmp_path]
    found = figures(tmp_path, run("model", *words))
    ours, plain = (found["models"]["cases"]["tiny 64 backward"][f"{side}_fp32"] for side in ("ours", "plain"))
    for side in (ours, plain):
        assert side["peak_resident_gib"] >= side["idle_gib"] > 0
        assert side["calls"] == 2
    row = next(row for row in found["models"]["table"] if row["side"] == "ours")
    assert row["error"] < 1e-5
    assert row["plain_fp32_over"] == pytest.approx(plain["wall_seconds"] / ours["wall_seconds"], rel=0.05)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("side", ["hyena", "attention", "plain", "plain_cached"])
def test_one_run_takes_seconds_and_memory(script, side, direction, precision):
    one_run = script("one_run")
    job = one_run.Job(
        side=side, shape="tiny", length=64, direction=direction, precision=precision, budget=0.0
    )
    found = one_run.times(job)
    assert found["wall_seconds"] > 0
    assert found["peak_resident_gib"] >= found["idle_gib"] > 0


def test_errors_of_bfloat16_are_larger(script):
    one_run = script("one_run")
    job = one_run.Job(side="errors", shape="tiny", length=64, direction="backward", precision="fp32,bf16")
    found = one_run.errors(job)
    assert 0 < found["ours_fp32"] < 1e-5 < found["ours_bf16"] < 0.1
    assert 0 < found["plain_fp32"] < 1e-5 < found["plain_bf16"]


def test_operator_benchmark_runs(tmp_path):
    words = ["--ops", "long_conv", "--lengths", 64, "--channels", 2, "--budget", 0, "--device", "cpu"]
    table = figures(tmp_path, run("ops", *words, "--out", tmp_path))["table"]
    assert {(row["side"], row["pass"], row["dtype"]) for row in table} >= {
        ("eager", "forward", "float32"),
        ("eager", "backward", "bfloat16"),
        ("plain", "backward", "float32"),
    }
    assert all(row["plain_over"] == 1 for row in table if row["side"] == "plain")


def test_sides_of_the_recall_benchmark_weigh_the_same(script):
    recall = script("associative_recall")
    task = recall.RecallTask(num_pairs=4)
    weights = [recall.config_of(side, task).build().num_parameters for side in recall.KINDS]
    assert max(weights) < 1.1 * min(weights)


def test_recall_benchmark_runs(tmp_path):
    found = figures(tmp_path, run("associative_recall", "--pairs", "1,2", "--steps", 1, "--out", tmp_path))
    assert [(row["pairs"], row["side"]) for row in found["table"]] == [
        (pairs, side) for pairs in (1, 2) for side in ("most frequent base", "order 2", "order 3", "hybrid")
    ]
    assert all(0 <= row["accuracy"] <= 1 for row in found["table"])
    assert found["steps"] == 1


def test_gpu_benchmark_runs_its_parts_on_a_cpu(tmp_path):
    words = ["--device", "cpu", "--check_lengths", 33, "--op_lengths", 64, "--paper_lengths", 64]
    words += ["--shapes", "tiny", "--longest", 1024, "--channels", 2, "--budget", 0, "--out", tmp_path]
    done = run("gpu", *words)
    found = figures(tmp_path, done)
    assert done.stdout.rstrip().endswith("0 checks wrong, 0 cases failed")
    assert all(found[part] for part in ("checks", "paper", "models", "ops"))
    assert {row["side"] for row in found["paper"]} == {"plain", "ours", "transformer"}


def test_gpu_benchmark_without_a_gpu_says_so_in_one_line():
    done = run("gpu")
    assert done.returncode == 1
    assert "needs an NVIDIA GPU" in done.stderr
    assert len(done.stderr.splitlines()) == 1
