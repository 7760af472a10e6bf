"""What every test of an operator has in common."""

import pytest
import torch


@pytest.fixture(autouse=True)
def poisoned_memory():
    """Fill memory that nobody has written with NaN."""
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(False)
