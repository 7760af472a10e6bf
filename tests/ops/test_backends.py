"""The choice among the implementations of an operator."""

import pytest
import torch

from hyenadna_kit.errors import BackendUnavailableError
from hyenadna_kit.ops.backends import AUTO, Backend, choose

CPU = torch.device("cpu")


def refuse_cpu(device):
    return "it has no GPU" if device.type == "cpu" else None


FAST = Backend(name="fast", function=torch.add, why_not=refuse_cpu)
PLAIN = Backend(name="plain", function=torch.sub)
SLOW = Backend(name="slow", function=torch.mul)
BACKENDS = (FAST, PLAIN, SLOW)


def test_auto_takes_the_first_that_can_run():
    assert choose(BACKENDS, AUTO, CPU) is PLAIN
    assert choose(BACKENDS, AUTO, torch.device("meta")) is FAST


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
