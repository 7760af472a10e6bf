"""Every configuration that is shipped is accepted by its command."""

from importlib import import_module
from inspect import isabstract
from pathlib import Path

import pytest

from hyenadna_kit import cli
from hyenadna_kit.config import ModuleConfig, decode_fields, known_classes
from hyenadna_kit.strict_yaml import load_yaml

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.rglob("*.y*ml"))
COMMANDS = {"quickstart.yaml": "pretrain"}
"""Commands of the files outside a folder; the others belong to the command that names their folder."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_configuration_is_accepted_by_its_command(path, capsys):
    folder = path.relative_to(CONFIGS).parts[0]
    command = COMMANDS.get(folder, folder)
    options = cli.options_class(import_module(cli.COMMANDS[command].module))
    assert decode_fields(options, load_yaml(path), str(path))
    with pytest.raises(SystemExit, match="0"):
        cli.main([command, "--config", str(path), "--print_config"])


def test_short_class_names_are_unambiguous():
    for command in cli.COMMANDS.values():
        import_module(command.module)
    for base in ModuleConfig.__subclasses__():
        classes = [base]
        for known in classes:
            classes += known.__subclasses__()
        own = [
            known.__name__
            for known in classes
            if known.__module__.startswith("hyenadna_kit.") and not isabstract(known)
        ]
        assert len(own) == len(set(own))
        assert set(known_classes(base)) >= set(own) - {base.__name__}
