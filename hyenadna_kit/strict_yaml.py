"""YAML as data and nothing else: no file can make its reader hang, import or guess.

In: the text of a configuration. Out: dicts, lists, strings, numbers, booleans and None.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from hyenadna_kit.errors import ConfigError

MAX_YAML_BYTES = 1 << 20
MAX_YAML_DEPTH = 32

_MAX_SHOWN_CHARACTERS = 80


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a configuration file, strictly.

    Raises:
        ConfigError: The file is missing, larger than 1 MiB, not UTF-8, not YAML, not a mapping or
            nested too deep, or it holds an alias, a tag, a duplicate key or a class path with a dot.
    """
    try:
        with path.open("rb") as handle:
            content = handle.read(MAX_YAML_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read configuration {path}: {error.strerror}") from None
    if len(content) > MAX_YAML_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_YAML_BYTES} bytes: not a configuration")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}): not a configuration") from None
    loaded = parse_yaml(text, str(path))
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: expected keys and values, got {shown(loaded)}")
    return loaded


def parse_yaml(text: str, source: str) -> Any:
    """Parse one YAML value, a scalar as well as a mapping, with the rules of :func:`load_yaml`."""
    try:
        loader = _StrictLoader(text)
        loader.name = source
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}: " if mark else ""
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(f"{source}: {place}{' '.join(problem.split())}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: {' '.join(str(error).split())}") from None


def refuse_import_path(class_path: object, source: str) -> None:
    """Refuse a ``class_path`` that names a module: only short names of known classes are read.

    Raises:
        ConfigError: The name is anything but a short name.
    """
    if not isinstance(class_path, str) or not class_path.isidentifier():
        raise ConfigError(f"{source}: class_path {shown(class_path)} must be the short name of a known class")


def shown(value: object) -> str:
    """Return ``value`` for an error message, however long it is."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}..."


class _StrictLoader(yaml.SafeLoader):
    """YAML without aliases, tags, duplicate keys and surprises.

    Plain scalars are read as YAML 1.2 reads them: ``no`` is text, ``010`` is text, ``1e-3`` is a
    number, and a date is text.
    """

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose the next node, or refuse what starts here."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("aliases are not allowed", event)
        if getattr(event, "tag", None) is not None:
            raise _refusal(f"tag {event.tag!r} is not allowed", event)
        if self._depth == MAX_YAML_DEPTH:
            raise _refusal(f"nested deeper than {MAX_YAML_DEPTH} levels", event)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _refusal(problem: str, place: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)


def _construct_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise _refusal(f"key {shown(key)} is not text", key_node)
        if key in mapping:
            raise _refusal(f"duplicate key {shown(key)}", key_node)
        mapping[key] = loader.construct_object(value_node, deep=True)
    if "class_path" in mapping:
        refuse_import_path(mapping["class_path"], loader.name)
    return mapping


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_StrictLoader.yaml_implicit_resolvers = {}
for _kind, _pattern in {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    # Twenty digits hold every 64-bit seed; Python refuses to read a number of thousands of digits.
    "int": r"[-+]?(0|[1-9][\d_]{0,19})",
    "float": r"[-+]?((\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+|\d[\d_]*\.[\d_]*|\.\d[\d_]*|\.inf)",
}.items():
    _StrictLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z", re.ASCII), None
    )
