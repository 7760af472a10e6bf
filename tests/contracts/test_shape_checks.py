"""Annotations and shapes are checked in every test, and not in one that asks for that."""

import jaxtyping
import pytest
import torch

from hyenadna_kit.config import nearest
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.ops.long_conv import long_conv


def test_wrong_type_is_caught():
    with pytest.raises(jaxtyping.TypeCheckError, match="parameter 'name'"):
        nearest(5, ["a"])


def test_wrong_type_of_a_field_is_caught():
    with pytest.raises(jaxtyping.TypeCheckError, match="contig"):
        Interval(5, 0, 1)


def test_wrong_shape_is_caught():
    with pytest.raises(jaxtyping.TypeCheckError, match="filters"):
        long_conv(torch.zeros(1, 2, 8), torch.zeros(3, 8), torch.zeros(2))


def test_fixture_lets_a_wrong_shape_reach_the_function(no_shape_checks):
    with pytest.raises(ValueError, match="same channels, got 2, 3 and 2"):
        long_conv(torch.zeros(1, 2, 8), torch.zeros(3, 8), torch.zeros(2))
