from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import ConfigError
from hyenadna_kit.strict_yaml import MAX_YAML_BYTES, MAX_YAML_DEPTH, load_yaml, parse_yaml, refuse_import_path

SCALARS = {
    "1e-3": 0.001,
    "1E5": 100000.0,
    "2.5e+3": 2500.0,
    ".5": 0.5,
    "-3.": -3.0,
    "-.inf": float("-inf"),
    "+7": 7,
    "1_000": 1000,
    "18446744073709551615": 2**64 - 1,
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    "no": "no",
    "off": "off",
    "010": "010",
    "0x1F": "0x1F",
    "1:30": "1:30",
    "2024-13-45": "2024-13-45",
    "1e3abc": "1e3abc",
    ".nan": ".nan",
    "'1'": "1",
    "chr1:1-100": "chr1:1-100",
    "9" * 5000: "9" * 5000,
}

REFUSED = {
    "alias": ("a: &x 1\nb: *x", "line 2: aliases are not allowed"),
    "alias in itself": ("&a [*a]", "aliases are not allowed"),
    "tag that would run code": ("a: !!python/object/apply:os.system [x]", "tag .*os.system.* is not allowed"),
    "local tag": ("a: !include other.yaml", "tag '!include' is not allowed"),
    "duplicate key": ("a: 1\nb: 2\na: 3", "line 3: duplicate key 'a'"),
    "duplicate key below": ("a: {b: 1, b: 2}", "duplicate key 'b'"),
    "list as a key": ("? [1]\n: 2", r"key \[1\] is not text"),
    "number as a key": ("1: 2", "key 1 is not text"),
    "dotted class path": ("m: {class_path: os.system}", "class_path 'os.system' must be the short name"),
    "class path of another kind": ("class_path: [a]", r"class_path \['a'\] must be the short name"),
    "two documents": ("a: 1\n---\nb: 2", "expected a single document"),
    "no end": ("a: [1, 2", "line 1: while parsing a flow sequence"),
    "tab": ("a:\n\tb: 1", "line 2: .*cannot start any token"),
    "control character": ("a\0b", "unacceptable character #x0000"),
    "nested too deep": ("[" * 100_000, f"nested deeper than {MAX_YAML_DEPTH} levels"),
}


@pytest.mark.parametrize(("text", "value"), SCALARS.items(), ids=[text[:20] or "empty" for text in SCALARS])
def test_scalar_is_read_as_yaml_1_2_reads_it(text, value):
    parsed = parse_yaml(text, "f.yaml")
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_refusal_is_one_line_that_names_the_file(text, message):
    with pytest.raises(ConfigError, match=message) as error:
        parse_yaml(text, "f.yaml")
    assert str(error.value).startswith("f.yaml: ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


def test_alias_bomb_is_refused_at_its_first_alias(tmp_path):
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 64)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="line 2: aliases are not allowed"):
        load_yaml(path)


def nested(levels):
    return "[" * (levels - 1) + "1" + "]" * (levels - 1)


def test_levels_up_to_the_limit_are_read():
    assert parse_yaml(f"[{nested(MAX_YAML_DEPTH - 1)}, {nested(MAX_YAML_DEPTH - 1)}]", "f")
    with pytest.raises(ConfigError, match="nested deeper"):
        parse_yaml(nested(MAX_YAML_DEPTH + 1), "f")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected keys and values, got None"),
        (b"- a\n- b\n", r"expected keys and values, got \['a', 'b'\]"),
        (b"\x1f\x8b\x08\x00", r"is not UTF-8 text \(byte 1\)"),
        (b"a: 1\n" + b"#" * MAX_YAML_BYTES, f"is larger than {MAX_YAML_BYTES} bytes"),
    ],
    ids=["empty", "list", "gzip", "too large"],
)
def test_file_that_is_no_configuration_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as error:
        load_yaml(path)
    assert str(path) in str(error.value)


def test_file_of_exactly_the_largest_size_is_read(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"a: 1\n".ljust(MAX_YAML_BYTES, b"#"))
    assert load_yaml(path) == {"a": 1}


def test_endless_file_is_not_read_to_its_end():
    with pytest.raises(ConfigError, match="is larger than"):
        load_yaml(Path("/dev/zero"))


@pytest.mark.parametrize("name", ["missing.yaml", "."], ids=["missing", "folder"])
def test_unreadable_file_is_refused_with_the_reason(tmp_path, name):
    with pytest.raises(ConfigError, match=r"cannot read configuration .*: (No such file|Is a directory)"):
        load_yaml(tmp_path / name)


@given(st.text(alphabet=st.sampled_from("abn01.e-+:{}[],&*!?|>'\"#%@`\n\t \0\x85\ufeff<=_~"), max_size=60))
def test_any_text_is_read_or_refused(text):
    with suppress(ConfigError):
        parse_yaml(text, "f")


@pytest.mark.parametrize("name", ["a.b", "", None, "a b", ".x", "a:b"])
def test_only_a_short_name_may_be_a_class_path(name):
    with pytest.raises(ConfigError, match="must be the short name"):
        refuse_import_path(name, "f")
