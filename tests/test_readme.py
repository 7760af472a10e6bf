"""What README.md and the docs tell a user to type is accepted, and their Python runs."""

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from hyenadna_kit import arguments, cli

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted(ROOT.glob("pipelines/*/README.md")), *sorted((ROOT / "docs").glob("*.md"))]
PYTHON = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
LINE = re.compile(rf"hyenadna-kit (?:{'|'.join(cli.COMMANDS)}) [^`\n&|]+")


def whole_lines(text):
    return text.replace(" \\\n  ", " ")


COMMANDS = sorted(
    {line for page in PAGES for line in LINE.findall(whole_lines(page.read_text())) if " COMMAND" not in line}
)


def shell_lines(heading):
    """Return what a section of the README tells a user to type."""
    section = README.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```bash\n(.*?)```", section, flags=re.DOTALL)
    return [line for block in blocks for line in whole_lines(block).splitlines()]


def test_readme_python_runs(tmp_path):
    assert len(PYTHON) == 1
    done = subprocess.run(
        [sys.executable, "-c", PYTHON[0]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "torch.Size([1, 256, 16])" in done.stdout
    assert "delta_ll" in done.stdout


def test_readme_python_is_short():
    assert len(PYTHON[0].splitlines()) <= 20


@pytest.mark.parametrize("line", COMMANDS)
def test_documented_command_lines_are_understood(line, tmp_path, monkeypatch):
    name, *words = shlex.split(line.split("#")[0])[1:]
    config = tmp_path / "C.yaml"
    config.write_text("max_steps: 1\n")
    words = [str(config) if word == "C.yaml" else word for word in words]
    monkeypatch.chdir(ROOT)
    module = import_module(cli.COMMANDS[name].module)
    options = cli.options_class(module)
    assert isinstance(arguments.parse(name, options, getattr(module, "POSITIONAL", ()), words), options)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
