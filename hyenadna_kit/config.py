"""Dataclasses to plain mappings and back: one codec for YAML, checkpoints and model folders.

A configuration is a frozen, keyword-only dataclass. A field whose type is a base class of several
configurations (a mixer, a head) is written as ``{class_path: ShortName, init_args: {...}}``. A name
with a dot is refused before anything is imported: configurations are data, not code.
"""

import dataclasses
import difflib
import inspect
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hyenadna_kit.errors import ConfigError
from hyenadna_kit.strict_yaml import refuse_import_path, shown

_MAX_SHOWN_NAMES = 8

Config = TypeVar("Config")


class ModuleConfig:
    """Base of the configurations that YAML picks by their short class name."""


def to_mapping(config: object) -> dict[str, Any]:
    """Return ``config`` as plain data: dicts, lists, strings, numbers, booleans and None.

    Raises:
        ConfigError: ``config`` is no dataclass, or holds something that is not plain data.
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise ConfigError(f"{config!r} is not a configuration dataclass")
    return {field.name: _encode(getattr(config, field.name)) for field in dataclasses.fields(config)}


def from_mapping(config_class: type[Config], mapping: Any, source: str) -> Config:
    """Build ``config_class`` from plain data.

    Args:
        config_class: A configuration dataclass.
        mapping: A mapping of its fields; those that are absent take their defaults.
        source: What the mapping is called in an error, usually a file's path.

    Raises:
        ConfigError: A key is unknown (the nearest known one is named), a required one is absent, or
            a value is of the wrong kind or refused by the class.
    """
    values = decode_fields(config_class, mapping, source)
    missing = [repr(name) for name in required_fields(config_class) if name not in values]
    if missing:
        raise ConfigError(f"{source}: missing key {', '.join(missing)}")
    try:
        return config_class(**values)
    except ValueError as error:
        raise ConfigError(f"{source}: {error}") from error


def decode_fields(config_class: type, mapping: Any, source: str) -> dict[str, Any]:
    """Return the values of the fields that ``mapping`` has, ready for the constructor.

    Raises:
        ConfigError: A key is unknown, at any depth, or a value is of the wrong kind.
    """
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"{source}: expected keys and values, got {shown(mapping)}")
    hints = typing.get_type_hints(config_class)
    known = [field.name for field in dataclasses.fields(config_class)]
    for key in mapping:
        if key not in known:
            raise ConfigError(f"{source}: unknown key {shown(key)}{nearest(str(key), known)}")
    return {key: decode(value, hints[key], f"{source}: {key}") for key, value in mapping.items()}


def decode(value: Any, hint: Any, source: str) -> Any:
    """Return plain ``value`` as what the annotation ``hint`` asks for.

    Raises:
        ConfigError: ``value`` is of another kind.
    """
    if isinstance(value, Mapping) and (base := config_base(hint)):
        return _decode_config(value, base, source)
    for option in alternatives(hint):
        if typing.get_origin(option) in (tuple, list) and isinstance(value, list | tuple):
            return _decode_items(value, option, source)
        if _is_kind(value, option):
            return option(value) if option in (float, Path) else value
    raise ConfigError(f"{source}: expected {describe(hint)}, got {shown(value)}")


def required_fields(config_class: type) -> list[str]:
    """Return the names of the fields that have no default."""
    return [
        field.name
        for field in dataclasses.fields(config_class)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]


def check_least(config: object, least: Mapping[str, int]) -> None:
    """Do nothing where no field is below its least value; None is below none.

    Raises:
        ValueError: A field is.
    """
    for name, value in least.items():
        found = getattr(config, name)
        if found is not None and found < value:
            raise ValueError(f"{name} must be at least {value}, got {found}")


def check_shares(config: object, *names: str) -> None:
    """Do nothing where these fields are shares of a whole.

    Raises:
        ValueError: One is below 0 or above 1.
    """
    for name in names:
        if not 0 <= getattr(config, name) <= 1:
            raise ValueError(f"{name} must lie in 0 to 1, got {getattr(config, name)}")


def config_base(hint: Any) -> type | None:
    """Return the configuration class in the annotation ``hint``, or None where there is none."""
    for option in alternatives(hint):
        if isinstance(option, type) and (
            issubclass(option, ModuleConfig) or dataclasses.is_dataclass(option)
        ):
            return option
    return None


def known_classes(base: type) -> dict[str, type]:
    """Return the configurations that a field of type ``base`` takes, by their short names."""
    known: dict[str, type] = {}
    pending = [base]
    while pending:
        candidate = pending.pop()
        if dataclasses.is_dataclass(candidate) and not inspect.isabstract(candidate):
            known[candidate.__name__] = candidate
        pending += candidate.__subclasses__()
    return known


def alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the annotation ``hint`` alone."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def describe(hint: Any) -> str:
    """Return what the annotation ``hint`` asks for, in words for an error message."""
    names = []
    for option in alternatives(hint):
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is typing.Literal:
            names += [repr(argument) for argument in arguments]
        elif origin in (list, tuple):
            names.append(f"a list of {describe(arguments[0])}")
        else:
            names.append("null" if option is type(None) else option.__name__)
    return " or ".join(names)


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a remedy to append to an error: the nearest known name, or the first known ones."""
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    more = f", ... ({len(known)} in all)" if len(known) > _MAX_SHOWN_NAMES else ""
    return f"; known: {', '.join(known[:_MAX_SHOWN_NAMES])}{more}"


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        mapping = to_mapping(value)
        if isinstance(value, ModuleConfig):
            return {"class_path": type(value).__name__, "init_args": mapping}
        return mapping
    if isinstance(value, tuple | list):
        return [_encode(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ConfigError(f"{shown(value)} of type {type(value).__name__} is not plain data")


def _decode_config(value: Mapping[str, Any], base: type, source: str) -> Any:
    if not issubclass(base, ModuleConfig):
        return from_mapping(base, value, source)
    keys = ["class_path", "init_args"]
    for key in value:
        if key not in keys:
            raise ConfigError(f"{source}: unknown key {shown(key)}{nearest(str(key), keys)}")
    if "class_path" not in value:
        raise ConfigError(f"{source}: missing key 'class_path'; known: {', '.join(known_classes(base))}")
    name = value["class_path"]
    refuse_import_path(name, source)
    known = known_classes(base)
    if name not in known:
        raise ConfigError(f"{source}: unknown class_path {shown(name)}{nearest(name, sorted(known))}")
    return from_mapping(known[name], value.get("init_args", {}), f"{source}: {name}")


def _decode_items(value: Sequence[Any], option: Any, source: str) -> Any:
    """Decode a list into ``tuple[X, ...]``, ``tuple[X, Y]`` or ``list[X]``."""
    origin, hints = typing.get_origin(option), list(typing.get_args(option))
    if origin is list or hints[-1] is Ellipsis:
        hints = [hints[0]] * len(value)
    if len(hints) != len(value):
        raise ConfigError(f"{source}: expected {len(hints)} values, got {shown(value)}")
    items = zip(value, hints, strict=True)
    return origin(decode(item, hint, f"{source}[{place}]") for place, (item, hint) in enumerate(items))


def _is_kind(value: Any, option: Any) -> bool:
    """Say whether ``value`` is of the kind ``option``; True is no number and 1 is not True."""
    if typing.get_origin(option) is typing.Literal:
        return any(type(value) is type(known) and value == known for known in typing.get_args(option))
    if option is float:
        return type(value) in (int, float)
    if option is Path:
        return isinstance(value, Path) or (isinstance(value, str) and value != "")
    return isinstance(option, type) and type(value) is option


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of plain data, each with the names that lead to it: ``backbone.d_model``."""
    if not isinstance(value, dict):
        yield prefix, value
        return
    if "class_path" in value:
        yield prefix, value["class_path"]
        value = value["init_args"]
    for key, item in value.items():
        yield from flat(item, f"{prefix}.{key}" if prefix else key)
