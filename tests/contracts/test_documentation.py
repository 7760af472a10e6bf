"""Every public module, class and function says what it is for, in a short first line."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "hyenadna_kit"
LONGEST_FIRST_LINE = 90


def public_definitions(node, name):
    """Yield the names and nodes of a module, its public classes and functions, and their methods."""
    yield name, node
    for child in ast.iter_child_nodes(node):
        is_definition = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if is_definition and not child.name.startswith("_") and not isinstance(node, ast.FunctionDef):
            yield from public_definitions(child, f"{name}.{child.name}")


def definitions():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE.parent).with_suffix("")).replace("/", ".")
        yield from public_definitions(ast.parse(path.read_text()), name.removesuffix(".__init__"))


def test_everything_public_is_documented():
    assert not [name for name, node in definitions() if not ast.get_docstring(node)]


def test_first_line_is_short_and_ends():
    first_lines = {
        name: (ast.get_docstring(node) or "").split("\n")[0]
        for name, node in definitions()
        if not isinstance(node, ast.Module)
    }
    too_long = {
        name: line
        for name, line in first_lines.items()
        if len(line) > LONGEST_FIRST_LINE or not line.endswith((".", ":"))
    }
    assert not too_long


@pytest.mark.parametrize("path", sorted((PACKAGE / "commands").glob("[!_]*.py")), ids=lambda path: path.stem)
def test_every_option_of_a_command_is_documented(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name.endswith("Options"):
            fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
            documented = [
                before.target.id
                for before, after in zip(node.body, node.body[1:], strict=False)
                if isinstance(before, ast.AnnAssign)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ]
            assert documented == [field.target.id for field in fields]
