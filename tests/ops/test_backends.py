"""The choice among the implementations of an operator."""

import pytest
import torch

from hyenadna_kit.errors import BackendUnavailableError
from hyenadna_kit.ops.backends import AUTO, Backend, Problem, choose

CPU = Problem(torch.device("cpu"))


def refuse_cpu(problem):
    return "it has no GPU" if problem.device.type == "cpu" else None


FAST = Backend(name="fast", function=torch.add, why_not=refuse_cpu)
PLAIN = Backend(name="plain", function=torch.sub)
SLOW = Backend(name="slow", function=torch.mul)
BACKENDS = (FAST, PLAIN, SLOW)


def test_auto_takes_the_first_that_can_run():
    assert choose(BACKENDS, AUTO, CPU) is PLAIN
    assert choose(BACKENDS, AUTO, Problem(torch.device("meta"))) is FAST


def test_auto_passes_over_one_that_runs_but_is_not_the_fastest_here():
    picky = Backend(name="picky", function=torch.add, preferred=lambda problem: problem.length >= 10)
    meta = torch.device("meta")
    assert choose((picky, PLAIN), AUTO, Problem(meta, torch.float32, 9)) is PLAIN
    assert choose((picky, PLAIN), AUTO, Problem(meta, torch.float32, 10)) is picky
    assert choose((picky, PLAIN), "picky", Problem(meta, torch.float32, 9)) is picky


@pytest.mark.parametrize("backend", [PLAIN, SLOW], ids=lambda backend: backend.name)
def test_named_backend_is_taken(backend):
    assert choose(BACKENDS, backend.name, CPU) is backend


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fast", "backend 'fast' cannot run on cpu: it has no GPU"),
        ("quick", "unknown backend 'quick'; known: auto, fast, plain, slow"),
    ],
)
def test_named_backend_never_gives_way_to_another(name, message):
    with pytest.raises(BackendUnavailableError) as error:
        choose(BACKENDS, name, CPU)
    assert str(error.value) == message
