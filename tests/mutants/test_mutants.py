"""The table of mutants fits the kernels as they are; ``run_mutants.py`` runs them."""

import ast
from pathlib import Path

import pytest

from tests.mutants.mutants import KINDS, MUTANTS, Mutant
from tests.mutants.run_mutants import judge, mutate

ROOT = Path(__file__).parents[2]

each_mutant = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))

SOURCE = """\
def one(a):
    b = a + 1
    return b


def two(a):
    b = a + 1
    return b
"""


def made_up(**fields):
    defaults = {
        "kind": "k",
        "file": "f.py",
        "function": "two",
        "line": "b = a + 1",
        "replacement": "b = a",
        "test": "t",
    }
    return Mutant(**defaults | fields)


@each_mutant
def test_line_stands_once_in_its_function(mutant):
    source = (ROOT / mutant.file).read_text()
    changed = mutate(source, mutant)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source))


@each_mutant
def test_what_must_notice_is_there(mutant):
    path, _, function = mutant.test.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert function.partition("[")[0] in names or not function


def test_every_kind_has_a_mutant_and_no_name_stands_twice():
    assert {mutant.kind for mutant in MUTANTS} == set(KINDS)
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_one_line_changes_and_keeps_its_indentation():
    assert mutate(SOURCE, made_up()) == SOURCE.replace("b = a + 1", "b = a").replace("b = a", "b = a + 1", 1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"function": "three"}, "f.py has 0 functions three"),
        ({"line": "b = a + 2"}, "f.py: two has 0 lines 'b = a \\+ 2'"),
        ({"line": "b = a"}, "has 0 lines"),
    ],
)
def test_line_that_is_not_there_is_told(fields, message):
    with pytest.raises(ValueError, match=message):
        mutate(SOURCE, made_up(**fields))


def test_line_that_stands_twice_is_told():
    source = SOURCE.replace("    return b", "    b = a + 1")
    with pytest.raises(ValueError, match="two has 2 lines"):
        mutate(source, made_up())


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (0, "survived"),
        (1, "killed"),
        (2, "not judged"),
        (4, "not judged"),
        (5, "not judged"),
        (None, "not judged"),
    ],
)
def test_only_a_failing_test_kills(status, word):
    assert judge(status) == word
