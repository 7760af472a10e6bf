"""From the words of a command line to the options of a command.

In: the words after the command's name, which may name a configuration file. Out: the command's
options, a frozen dataclass. Every field is a flag, however deep it lies (``--backbone.d_model 256``),
and a key of the file; a flag overrides the file wherever it stands.

jsonargparse builds the parser from the dataclass. Its words are put in order first: the file before
the flags, a list written with commas or by repeating its flag, a switch without ``true``, and fields
that are read without their flag.
"""

import argparse
import inspect
import json
import re
import typing
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import jsonargparse
import yaml

from hyenadna_kit.config import (
    ModuleConfig,
    alternatives,
    config_base,
    decode_fields,
    describe,
    from_mapping,
    known_classes,
    nearest,
    required_fields,
)
from hyenadna_kit.errors import ConfigError
from hyenadna_kit.strict_yaml import load_yaml, parse_yaml, shown

_MODE = "hyenadna_kit"
_COMMON_FLAGS = {"config": Path, "help": bool, "print_config": bool}
_QUESTIONS = ("help", "print_config")

Options = TypeVar("Options")
Given = dict[str, list[str]]
"""The values of every flag that was given, by its name without dashes."""


def parse(
    program: str, options_class: type[Options], positional: Sequence[str], words: Sequence[str]
) -> Options:
    """Return the options that ``words`` and the configuration file among them give.

    ``--help`` and ``--print_config`` print and raise ``SystemExit(0)``, as argparse does.

    Args:
        program: What the command is called in its help.
        options_class: A configuration dataclass.
        positional: Fields that are also read from words without a flag; the last may be a list.
        words: The command line after the command's name.

    Raises:
        ConfigError: A flag is unknown (the nearest known one is named), missing, given twice or has
            a value of the wrong kind, or the configuration file is refused.
    """
    given = _given(options_class, words, positional)
    parser = _build_parser(program, options_class, positional)
    if "help" in given:
        parser.parse_args(["--help"])
    from_file = _read_file(options_class, given)
    if not any(name.rpartition(".")[2] in _QUESTIONS for name in given):
        _refuse_missing(options_class, positional, {*given, *from_file})
    try:
        namespace = parser.parse_args(_canonical(options_class, given))
    except argparse.ArgumentError as error:
        raise ConfigError(_one_line(str(error), options_class, given)) from None
    mapping = namespace.as_dict()
    del mapping["config"]
    return from_mapping(options_class, _with_short_names(mapping), "options")


def _given(options_class: type, words: Sequence[str], positional: Sequence[str]) -> Given:
    given: Given = {}
    loose: list[str] = []
    for name, value in _flags(options_class, words):
        if name is None:
            loose.append(value)
        elif _is_list(_hint(options_class, name)):
            given.setdefault(name, []).extend(item for item in value.split(",") if item)
        elif name in given:
            raise ConfigError(f"--{name} is given twice")
        else:
            given[name] = [value]
    return given | _placed(options_class, loose, [name for name in positional if name not in given])


def _placed(options_class: type, loose: list[str], positional: Sequence[str]) -> Given:
    """Return the words without a flag under the names of the fields that take them."""
    placed: Given = {}
    for name in positional:
        taken = len(loose) if _is_list(_hint(options_class, name)) else 1
        if loose:
            placed[name], loose = loose[:taken], loose[taken:]
    if loose:
        raise ConfigError(f"unexpected argument {shown(loose[0])}")
    return placed


def _flags(options_class: type, words: Sequence[str]) -> Iterator[tuple[str | None, str]]:
    """Yield the name and the value of every flag, and None and the word where there is no flag."""
    left = list(words)
    while left:
        word = left.pop(0)
        if not _is_flag(word):
            yield None, word
            continue
        name, has_value, value = word.lstrip("-").partition("=")
        name = "help" if word == "-h" else name
        hint = _hint(options_class, name)
        if not has_value:
            value = _next_value(name, hint, left)
        if not value and Path in alternatives(hint):
            raise ConfigError(f"--{name} needs a value")
        yield name, value


def _next_value(name: str, hint: Any, left: list[str]) -> str:
    """Take the value of a flag from the words that follow it; a switch may do without one."""
    if bool in alternatives(hint) and left[:1] not in (["true"], ["false"]):
        return "true"
    if not left or _is_flag(left[0]):
        raise ConfigError(f"--{name} needs a value")
    return left.pop(0)


def _is_flag(word: str) -> bool:
    """Say whether ``word`` is a flag; ``-`` and ``-1`` are values."""
    return re.match(r"--|-[A-Za-z]", word) is not None


def _hint(options_class: type, flag: str) -> Any:
    """Return the annotation of the field that ``flag`` sets."""
    known: dict[str, Any] = {**_COMMON_FLAGS, **typing.get_type_hints(options_class)}
    prefix = "--"
    *groups, field = flag.split(".")
    for group in groups:
        base = config_base(known.get(group))
        if base is None:
            break
        known = {"help": base} if issubclass(base, ModuleConfig) else {}
        for config in known_classes(base).values():
            known |= typing.get_type_hints(config)
        prefix += f"{group}."
    if f"{prefix}{field}" != f"--{flag}" or field not in known:
        raise ConfigError(f"unknown option --{flag}{nearest(f'--{flag}', [prefix + name for name in known])}")
    base = config_base(known[field])
    if base and not issubclass(base, ModuleConfig):
        first = next(iter(typing.get_type_hints(base)), "...")
        raise ConfigError(f"--{flag} is a group of options: --{flag}.{first} and more")
    return known[field]


def _is_list(hint: Any) -> bool:
    return any(typing.get_origin(option) in (list, tuple) for option in alternatives(hint))


def _read_file(options_class: type, given: Given) -> dict[str, Any]:
    if "config" not in given:
        return {}
    path = Path(given["config"][0])
    return decode_fields(options_class, load_yaml(path), str(path))


def _refuse_missing(options_class: type, positional: Sequence[str], present: set[str]) -> None:
    missing = [name for name in required_fields(options_class) if name not in present]
    if missing:
        words = [name.upper() if name in positional else f"--{name}" for name in missing]
        raise ConfigError(f"missing {', '.join(words)}")


def _canonical(options_class: type, given: Given) -> list[str]:
    """Return the words for jsonargparse: the file, then outer flags before those inside."""
    words = []
    for name in sorted(given, key=lambda name: (name != "config", name.count("."))):
        hint = _hint(options_class, name)
        value = json.dumps(given[name]) if _is_list(hint) else given[name][0]
        _refuse_unknown_class(name, hint, value)
        if name == "print_config":
            value = value.removeprefix("true")
        words.append(f"--{name}={value}")
    return words


def _refuse_unknown_class(name: str, hint: Any, value: str) -> None:
    """Refuse a class by name, because jsonargparse would import it first."""
    base = config_base(hint)
    if base and value not in (known := sorted(known_classes(base))):
        raise ConfigError(f"--{name}: unknown class {shown(value)}{nearest(value, known)}")


def _one_line(problem: str, options_class: type, given: Given) -> str:
    """Return jsonargparse's message in the words of the other messages."""
    # A fault inside of a class is told with the key of the class before that of its field.
    keys = re.findall(r'Parser key "([^"]+)"', problem)
    stranger = re.search(r"given class_path '(?:\w+\.)*(\w+)':\s+Option '([^']+)' is not accepted", problem)
    if stranger:
        return f"--{'.'.join([*keys, stranger[2]])}: {stranger[2]!r} is not accepted by {stranger[1]}"
    name = ".".join(keys)
    if name in given:
        hint = _hint(options_class, name)
        value = given[name] if _is_list(hint) else given[name][0]
        return f"--{name}: expected {describe(hint)}, got {shown(value)}"
    return " ".join(problem.split())


class _HelpFormatter(jsonargparse.DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help with the description as written, without import paths and what is refused here."""

    def add_arguments(self, actions: Iterable[argparse.Action]) -> None:
        """Take the flags: those that are required come first."""
        super().add_arguments(sorted(actions, key=lambda action: not action.required))

    def format_help(self) -> str:
        """Return the text of the help."""
        text = super().format_help()
        text = re.sub(r" +--[\w.]+ CONFIG\s+Path to a configuration file\.\n", "", text)
        text = re.sub(r", --[\w.]+\+ \w+", "", text)
        text = re.sub(r"<class\s+'(\w+)'>", r"\1", text)
        return re.sub(r"\b(?:\w+\.)+(\w*Config)\b", r"\1", text)


def _build_parser(
    program: str, options_class: type, positional: Sequence[str]
) -> jsonargparse.ArgumentParser:
    jsonargparse.set_parsing_settings(
        docstring_parse_attribute_docstrings=True, subclasses_enabled=[ModuleConfig]
    )
    jsonargparse.set_loader(_MODE, lambda text: parse_yaml(text, "value"), (ConfigError,))
    jsonargparse.set_dumper(_MODE, lambda data: yaml.safe_dump(_with_short_names(data), sort_keys=False))
    parser = jsonargparse.ArgumentParser(
        prog=program,
        usage=_usage(options_class, positional),
        description=inspect.getdoc(options_class),
        formatter_class=_HelpFormatter,
        parser_mode=_MODE,
        exit_on_error=False,
    )
    parser.add_argument(
        "--config", action="config", metavar="FILE.yaml", help="Options in YAML; flags override them."
    )
    parser.add_class_arguments(options_class, as_group=False)
    return parser


def _usage(options_class: type, positional: Sequence[str]) -> str:
    required = required_fields(options_class)
    words = ["%(prog)s"]
    for name in positional:
        word = f"{name.upper()} ..." if _is_list(_hint(options_class, name)) else name.upper()
        words.append(word if name in required else f"[{word}]")
    words += [f"--{name} {name.upper()}" for name in required if name not in positional]
    return " ".join([*words, "[options]"])


def _with_short_names(value: Any) -> Any:
    """Return plain data in which jsonargparse's import paths are short class names."""
    if isinstance(value, dict):
        plain = {key: _with_short_names(item) for key, item in value.items()}
        if "class_path" in plain:
            plain["class_path"] = plain["class_path"].rpartition(".")[2]
        return plain
    if isinstance(value, list | tuple):
        return [_with_short_names(item) for item in value]
    return value
