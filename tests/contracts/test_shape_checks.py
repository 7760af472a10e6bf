"""Annotations and shapes are checked in every test, and not in one that asks for that."""

from typing import Self

import jaxtyping
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from hyenadna_kit.config import nearest
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.ops.long_conv import long_conv
from tests.typecheck import checked


def test_wrong_type_is_caught():
    with pytest.raises(jaxtyping.TypeCheckError, match="parameter name=5"):
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


@pytest.mark.parametrize(("value", "is_right"), [("a", True), (5, False)])
def test_wrong_result_is_caught(value, is_right):
    @checked
    def answer() -> str:
        return value

    if is_right:
        assert answer() == value
    else:
        with pytest.raises(jaxtyping.TypeCheckError, match="return 5 violates"):
            answer()


def test_axis_of_a_result_is_that_of_the_argument_of_the_same_call():
    @checked
    def first(rows: Float[Tensor, "batch length"], count: int) -> Float[Tensor, " length"]:
        return rows[0, :count]

    assert first(torch.zeros(2, 3), 3).shape == (3,)
    assert first(torch.zeros(2, 4), 4).shape == (4,)
    with pytest.raises(jaxtyping.TypeCheckError, match="dimension length is 2"):
        first(torch.zeros(2, 4), 2)


def test_axes_of_a_call_within_a_call_are_its_own():
    @checked
    def total(values: Float[Tensor, " length"]) -> float:
        return values.sum().item() + (total(values[1:]) if len(values) > 1 else 0.0)

    assert total(torch.ones(3)) == 6


def test_function_within_a_function_is_checked_where_it_is_made_first():
    def make():
        @jaxtyping.jaxtyped(typechecker=None)  # as the import hook writes it
        def inner(value: int) -> int:
            return value

        return inner

    first, second = make(), make()
    assert second("a") == "a"
    with pytest.raises(jaxtyping.TypeCheckError):
        first("a")


def test_self_and_names_that_are_not_there_may_be_anything():
    @checked
    class Point:
        @checked
        def moved(self, by: "NowhereAtAll", times: int) -> Self:  # noqa: F821 (the case under test)
            return self if by and times else None

    point = Point()
    assert point.moved("anything", 2) is point
    with pytest.raises(jaxtyping.TypeCheckError, match="times"):
        point.moved("anything", "2")
