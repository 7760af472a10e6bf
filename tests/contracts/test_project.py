"""What the project says of itself in several places agrees."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
REQUIREMENTS = [
    *PROJECT["dependencies"],
    *(requirement for extra in PROJECT["optional-dependencies"].values() for requirement in extra),
]
SET_UP = (
    "python3 -m venv .venv && . .venv/bin/activate && "
    "pip install -c constraints.txt -e '.[test]' && hyenadna-kit quickstart"
)


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_requirement_is_pinned_to_a_version_that_it_allows(requirement):
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    if canonical(wanted.name) == canonical(PROJECT["name"]):
        return
    version = PINS[canonical(wanted.name)]
    assert wanted.specifier.contains(version)


def test_pins_are_exact_public_versions():
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in PINS.values())
    assert list(PINS) == sorted({canonical(name) for name in PINS})


def test_citation_has_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]


def test_changelog_has_a_place_for_the_next_change():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
    assert headings[0] == "Unreleased"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_set_up_is_told_in_the_same_words_everywhere(name):
    assert (ROOT / name).read_text().replace(" \\\n  ", " ").count(SET_UP) == 1


def test_licence_is_apache_2():
    licence = (ROOT / "LICENSE").read_text()
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
