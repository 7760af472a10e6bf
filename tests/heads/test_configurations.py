"""Configurations of heads that cannot be are refused in one line that names the value."""

import math

import pytest

from hyenadna_kit.config import from_mapping
from hyenadna_kit.errors import ConfigError
from hyenadna_kit.heads.objectives import LabelledHeadConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.model import HyenaDNAConfig

FEW, MANY = ("no", "yes"), ("a", "b", "c")
NAN = math.nan

REFUSED = {
    "binary of one class": ({"labels": ["a"]}, "must name two classes, the negative one first, got ('a',)"),
    "binary of three": (
        {"labels": [*MANY]},
        "must name two classes, the negative one first, got",
    ),
    "multiclass of one": (
        {"objective": "multiclass", "labels": ["a"]},
        "labels of a multiclass head must name at least two classes, got ('a',)",
    ),
    "no column": (
        {"objective": "regression", "labels": []},
        "labels of a regression head must name at least one column, got ()",
    ),
    "no name": ({"labels": ["a", ""]}, "must name two classes, the negative one first, got ('a', '')"),
    "no list": ({"labels": "ab"}, "labels: expected a list of str, got 'ab'"),
    "numbers for names": ({"labels": [0, 1]}, "labels[0]: expected str, got 0"),
    "twice": (
        {"objective": "multiclass", "labels": ["a", "b", "a"]},
        "labels must differ from each other, got 'a' more than once",
    ),
    "objective": (
        {"objective": "ranking"},
        "objective: expected 'binary' or 'multiclass' or",
    ),
    "pooling": ({"pooling": "average"}, "pooling: expected 'mean' or 'max' or"),
    "dropout": ({"dropout": 1.5}, "dropout must lie in 0 to 1, got 1.5"),
    "weights of two": (
        {"objective": "multiclass", "labels": [*MANY], "class_weights": [1, 2]},
        "class_weights must have a number for each of the 3 labels, got 2",
    ),
    "weight of 0": ({"class_weights": [1, 0]}, "class_weights must be finite and above 0, got 0.0 for 'yes'"),
    "weights of values": (
        {"objective": "regression", "class_weights": [1, 2]},
        "class_weights is for binary, multiclass, multilabel, this head is regression; leave it out",
    ),
    "scale of classes": (
        {"target_std": [1, 2]},
        "target_std is for regression, this head is binary; leave it out",
    ),
    "std of 0": (
        {"objective": "regression", "target_std": [1, 0]},
        "target_std must be finite and above 0, got 0.0 for 'yes'",
    ),
    "std below 0": (
        {"objective": "regression", "target_std": [-2, 1]},
        "target_std must be finite and above 0, got -2.0 for 'no'",
    ),
    "mean that is no number": (
        {"objective": "regression", "target_mean": [1, NAN]},
        "target_mean must be finite, got nan for 'yes'",
    ),
    "no labels": ({"labels": None}, "labels: expected a list of str, got None"),
    "unknown key": ({"poolin": "mean"}, "unknown key 'poolin'; did you mean 'pooling'?"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_configuration_that_cannot_be_is_refused_in_one_line(options, message):
    arguments = {"objective": "binary", "labels": [*FEW]} | options
    mapping = {"head": {"class_path": "SequenceHeadConfig", "init_args": arguments}}
    with pytest.raises(ConfigError) as caught:
        from_mapping(HyenaDNAConfig, mapping, "config.json")
    text = str(caught.value)
    assert text.startswith("config.json: head: ")
    assert message in text
    assert "\n" not in text


def test_missing_labels_are_named():
    mapping = {"head": {"class_path": "SequenceHeadConfig", "init_args": {"objective": "binary"}}}
    with pytest.raises(ConfigError, match="SequenceHeadConfig: missing key 'labels'"):
        from_mapping(HyenaDNAConfig, mapping, "config.json")


def test_unknown_objective_is_named_without_a_file(no_shape_checks):
    with pytest.raises(ValueError, match=r"objective must be one of binary, multiclass, .* got 'ranking'"):
        SequenceHeadConfig(objective="ranking", labels=FEW)


def test_what_the_heads_have_in_common_is_no_head():
    with pytest.raises(TypeError, match="abstract"):
        LabelledHeadConfig(objective="binary", labels=FEW)
