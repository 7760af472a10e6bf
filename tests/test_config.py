import abc
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.config import (
    ModuleConfig,
    config_base,
    decode,
    decode_fields,
    describe,
    flat,
    from_mapping,
    known_classes,
    nearest,
    required_fields,
    to_mapping,
)
from hyenadna_kit.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ShapeConfig(ModuleConfig, abc.ABC):
    @abc.abstractmethod
    def build(self): ...


@dataclass(frozen=True, kw_only=True)
class CircleConfig(ShapeConfig):
    radius: float = 1.0

    def build(self):
        return self


@dataclass(frozen=True, kw_only=True)
class SquareConfig(ShapeConfig):
    side: int

    def build(self):
        return self


@dataclass(frozen=True, kw_only=True)
class PenConfig:
    width: float = 0.5
    colour: Literal["red", "blue"] | None = None

    def __post_init__(self):
        if self.width <= 0:
            raise ValueError(f"width must be positive, got {self.width}")


@dataclass(frozen=True, kw_only=True)
class DrawingConfig:
    name: str
    folder: Path | None = None
    copies: int = 1
    signed: bool = False
    scale: float | Literal["fit"] = "fit"
    layers: tuple[int, ...] = (1, 2)
    size: tuple[int, float] = (3, 4.0)
    tags: list[str] | None = None
    pen: PenConfig = field(default_factory=PenConfig)
    pens: tuple[PenConfig, ...] = ()
    shape: ShapeConfig = field(default_factory=CircleConfig)
    shapes: tuple[ShapeConfig, ...] = ()
    frame: ShapeConfig | None = None


FULL = DrawingConfig(
    name="x",
    folder=Path("a/b"),
    copies=3,
    signed=True,
    scale=2.0,
    layers=(5,),
    size=(1, 2.5),
    tags=["t"],
    pen=PenConfig(width=2.0, colour="red"),
    pens=(PenConfig(), PenConfig(colour="blue")),
    shape=SquareConfig(side=2),
    shapes=(SquareConfig(side=3), CircleConfig()),
    frame=CircleConfig(radius=9.0),
)

FULL_AS_JSON = """{
  "name": "x", "folder": "a/b", "copies": 3, "signed": true, "scale": 2.0, "layers": [5],
  "size": [1, 2.5], "tags": ["t"], "pen": {"width": 2.0, "colour": "red"},
  "pens": [{"width": 0.5, "colour": null}, {"width": 0.5, "colour": "blue"}],
  "shape": {"class_path": "SquareConfig", "init_args": {"side": 2}},
  "shapes": [{"class_path": "SquareConfig", "init_args": {"side": 3}},
             {"class_path": "CircleConfig", "init_args": {"radius": 1.0}}],
  "frame": {"class_path": "CircleConfig", "init_args": {"radius": 9.0}}
}"""


def test_mapping_holds_plain_data_alone():
    assert to_mapping(FULL) == json.loads(FULL_AS_JSON)


def test_configuration_is_read_back_from_its_json():
    assert from_mapping(DrawingConfig, json.loads(FULL_AS_JSON), "f") == FULL


def test_absent_fields_take_their_defaults():
    assert from_mapping(DrawingConfig, {"name": "x"}, "f") == DrawingConfig(name="x")


shapes = st.one_of(
    st.builds(CircleConfig, radius=st.floats(allow_nan=False)), st.builds(SquareConfig, side=st.integers())
)
pens = st.builds(
    PenConfig, width=st.floats(min_value=1e-3, max_value=9), colour=st.sampled_from(["red", "blue", None])
)


@given(
    st.builds(
        DrawingConfig,
        name=st.text(),
        folder=st.none() | st.sampled_from([Path("/a"), Path("a b"), Path()]),
        copies=st.integers(),
        scale=st.just("fit") | st.floats(allow_nan=False),
        layers=st.lists(st.integers()).map(tuple),
        tags=st.none() | st.lists(st.text()),
        pen=pens,
        pens=st.lists(pens).map(tuple),
        shape=shapes,
        shapes=st.lists(shapes).map(tuple),
        frame=st.none() | shapes,
    )
)
def test_round_trip_through_json_is_identity(config):
    read = from_mapping(DrawingConfig, json.loads(json.dumps(to_mapping(config))), "f")
    assert read == config


REFUSED = {
    "unknown key": ({"name": "x", "copys": 2}, "f: unknown key 'copys'; did you mean 'copies'?"),
    "unknown key in a group": ({"pen": {"widht": 1}}, "f: pen: unknown key 'widht'; did you mean 'width'?"),
    "unknown key in a list": ({"pens": [{}, {"color": "red"}]}, "f: pens[1]: unknown key 'color'; did you"),
    "unknown key in a chosen class": (
        {"shape": {"class_path": "SquareConfig", "init_args": {"sid": 2}}},
        "f: shape: SquareConfig: unknown key 'sid'; did you mean 'side'?",
    ),
    "key of another class": (
        {"shape": {"class_path": "SquareConfig", "init_args": {"radius": 2}}},
        "f: shape: SquareConfig: unknown key 'radius'; known: side",
    ),
    "key beside class_path": (
        {"shape": {"class_path": "CircleConfig", "radius": 2}},
        "f: shape: unknown key 'radius'; known: class_path, init_args",
    ),
    "no class_path": ({"shape": {"init_args": {}}}, "f: shape: missing key 'class_path'; known: "),
    "dotted class_path": (
        {"shape": {"class_path": "tests.test_config.CircleConfig"}},
        "f: shape: class_path 'tests.test_config.CircleConfig' must be the short name of a known class",
    ),
    "class_path that is a list": ({"shape": {"class_path": ["CircleConfig"]}}, "must be the short name"),
    "unknown class": (
        {"shape": {"class_path": "CircelConfig"}},
        "f: shape: unknown class_path 'CircelConfig'; did you mean 'CircleConfig'?",
    ),
    "abstract class": ({"shape": {"class_path": "ShapeConfig"}}, "unknown class_path 'ShapeConfig'"),
    "class_path of a group": ({"pen": {"class_path": "PenConfig"}}, "f: pen: unknown key 'class_path'"),
    "missing key": ({"copies": 2}, "f: missing key 'name'"),
    "missing key of a chosen class": (
        {"shape": {"class_path": "SquareConfig"}},
        "f: shape: SquareConfig: missing key 'side'",
    ),
    "text for int": ({"copies": "2"}, "f: copies: expected int, got '2'"),
    "float for int": ({"copies": 2.0}, "f: copies: expected int, got 2.0"),
    "bool for int": ({"copies": True}, "f: copies: expected int, got True"),
    "int for bool": ({"signed": 1}, "f: signed: expected bool, got 1"),
    "bool for float": ({"pen": {"width": True}}, "f: pen: width: expected float, got True"),
    "int for text": ({"name": 2}, "f: name: expected str, got 2"),
    "null for int": ({"copies": None}, "f: copies: expected int, got None"),
    "other literal": ({"pen": {"colour": "green"}}, "expected 'red' or 'blue' or null, got 'green'"),
    "neither of a union": ({"scale": "full"}, "f: scale: expected float or 'fit', got 'full'"),
    "empty path": ({"folder": ""}, "f: folder: expected Path or null, got ''"),
    "text for a list": ({"layers": "1,2"}, "f: layers: expected a list of int, got '1,2'"),
    "wrong item": ({"layers": [1, "2"]}, "f: layers[1]: expected int, got '2'"),
    "too many items": ({"size": [1, 2, 3]}, "f: size: expected 2 values, got [1, 2, 3]"),
    "wrong place in a pair": ({"size": [1.5, 2.5]}, "f: size[0]: expected int, got 1.5"),
    "scalar for a group": ({"pen": 3}, "f: pen: expected PenConfig, got 3"),
    "scalar for a class": ({"shape": "CircleConfig"}, "f: shape: expected ShapeConfig, got 'CircleConfig'"),
    "list of init_args": ({"shape": {"class_path": "CircleConfig", "init_args": []}}, "values, got []"),
    "mapping for a scalar": ({"copies": {"a": 1}}, "f: copies: expected int, got {'a': 1}"),
    "value that the class refuses": ({"pen": {"width": 0}}, "f: pen: width must be positive, got 0.0"),
}  # fmt: skip


@pytest.mark.parametrize(("mapping", "message"), REFUSED.values(), ids=REFUSED)
def test_refusal_names_the_key_the_value_and_what_was_expected(mapping, message):
    with pytest.raises(ConfigError) as error:
        from_mapping(DrawingConfig, mapping, "f")
    assert message in str(error.value)


def test_dotted_class_path_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "a_trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="must be the short name"):
        from_mapping(DrawingConfig, {"shape": {"class_path": "a_trap.CircleConfig"}}, "f")


def test_long_value_is_cut_in_the_message():
    with pytest.raises(ConfigError) as error:
        from_mapping(DrawingConfig, {"copies": "x" * 10_000}, "f")
    assert len(str(error.value)) < 150


def test_int_is_read_as_float_where_a_float_is_asked_for():
    assert type(decode(3, float, "f")) is float


@pytest.mark.parametrize("hint", [Literal[1], Literal[True]])
def test_literal_tells_true_from_one(hint):
    (literal,) = hint.__args__
    assert decode(literal, hint, "f") is literal
    with pytest.raises(ConfigError, match="expected"):
        decode(True if literal == 1 and literal is not True else 1, hint, "f")


def test_given_fields_are_decoded_without_the_missing_ones():
    assert decode_fields(DrawingConfig, {"layers": [7], "folder": "a"}, "f") == {
        "layers": (7,),
        "folder": Path("a"),
    }


@pytest.mark.parametrize("value", [3, "text", DrawingConfig], ids=["int", "text", "class"])
def test_only_a_dataclass_has_a_mapping(value):
    with pytest.raises(ConfigError, match="is not a configuration dataclass"):
        to_mapping(value)


def test_what_is_not_plain_data_has_no_mapping():
    @dataclass(frozen=True, kw_only=True)
    class Odd:
        value: Any

    with pytest.raises(ConfigError, match="of type complex is not plain data"):
        to_mapping(Odd(value=1j))


def test_list_in_place_of_a_mapping_is_refused():
    with pytest.raises(ConfigError, match=r"f: expected keys and values, got \['name'\]"):
        from_mapping(DrawingConfig, ["name"], "f")


def test_a_bug_in_a_configuration_class_is_not_taken_for_a_users_mistake():
    @dataclass(frozen=True, kw_only=True)
    class Buggy:
        value: int = 1

        def __post_init__(self):
            raise TypeError("bug")

    with pytest.raises(TypeError, match="bug"):
        from_mapping(Buggy, {}, "f")


def test_required_fields_are_those_without_a_default():
    assert required_fields(DrawingConfig) == ["name"]
    assert required_fields(SquareConfig) == ["side"]


def test_known_classes_are_the_concrete_ones_at_any_depth():
    @dataclass(frozen=True, kw_only=True)
    class EllipseConfig(CircleConfig):
        height: float = 1.0

    assert {"CircleConfig", "SquareConfig", "EllipseConfig"} <= set(known_classes(ShapeConfig))
    assert "ShapeConfig" not in known_classes(ShapeConfig)


@pytest.mark.parametrize(
    ("hint", "base"),
    [(PenConfig, PenConfig), (ShapeConfig | None, ShapeConfig), (int, None), (tuple[PenConfig, ...], None)],
)
def test_configuration_class_of_an_annotation(hint, base):
    assert config_base(hint) is base


def test_annotation_is_described_in_words():
    assert describe(tuple[int, ...] | Literal["a"] | None) == "a list of int or 'a' or null"


@pytest.mark.parametrize(
    ("name", "known", "remedy"),
    [
        ("d_modle", ["d_model", "order"], "; did you mean 'd_model'?"),
        ("zzz", ["a", "b"], "; known: a, b"),
        ("zzz", [f"k{i}" for i in range(20)], "; known: k0, k1, k2, k3, k4, k5, k6, k7, ... (20 in all)"),
    ],
    ids=["near", "far", "far from many"],
)
def test_nearest_name_or_the_known_ones_are_the_remedy(name, known, remedy):
    assert nearest(name, known) == remedy


def test_configuration_can_be_replaced_and_stays_equal_to_its_mapping():
    changed = replace(FULL, copies=4)
    assert to_mapping(changed) == {**json.loads(FULL_AS_JSON), "copies": 4}


def test_plain_data_is_told_by_the_names_that_lead_to_it():
    value = {"a": 1, "b": {"class_path": "Kind", "init_args": {"c": [1, 2], "d": {"e": None}}}}
    assert dict(flat(value)) == {"a": 1, "b": "Kind", "b.c": [1, 2], "b.d.e": None}
