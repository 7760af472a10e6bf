"""Make one line of the kernels wrong at a time and see a test die of it.

    python -m tests.mutants.run_mutants [WORD]

In: the table in mutants.py, or what of it has WORD in its name. Out: a table on stdout; exit status 0
where every mutant was killed, 1 where one survived or could not be judged. Each is applied to a copy of
the package, and its tests run there in Triton's interpreter, on CPU tensors; first the copy without
mutants must pass them.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.mutants.mutants import MUTANTS

ROOT = Path(__file__).parents[2]
COPIED = ("hyenadna_kit", "tests", "pyproject.toml")

PROCESSES = 2
SECONDS = 300

PASSED, FAILED = 0, 1
"""Exit statuses of pytest; every other means that nothing was judged."""


class Verdict(NamedTuple):
    """How one run of tests ended."""

    word: str
    """``killed``, ``survived`` or ``not judged``."""
    seconds: float
    """How long it took."""
    reason: str
    """The last line of pytest."""


def mutate(source, mutant):
    """Return the source with the line of the mutant replaced.

    Raises:
        ValueError: The function, or the line in it, does not stand in the source exactly once.
    """
    found = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == mutant.function
    ]
    if len(found) != 1:
        raise ValueError(f"{mutant.file} has {len(found)} functions {mutant.function}, expected 1")
    lines = source.split("\n")
    body = range(found[0].lineno - 1, found[0].end_lineno)
    places = [number for number in body if lines[number].strip() == mutant.line]
    if len(places) != 1:
        raise ValueError(
            f"{mutant.file}: {mutant.function} has {len(places)} lines {mutant.line!r}, expected 1"
        )
    indentation = re.match(r" *", lines[places[0]])[0]
    lines[places[0]] = indentation + mutant.replacement
    return "\n".join(lines)


def copy_project(target):
    """Copy what the tests need into a folder."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "golden")
            )
        else:
            shutil.copyfile(ROOT / name, target / name)


def run_tests(folder, test):
    """Return the exit status of pytest in a copy of the project, and its last line."""
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=no", test]
    try:
        finished = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return None, f"no end after {SECONDS} s"
    lines = finished.stdout.strip().splitlines() or finished.stderr.strip().splitlines() or [""]
    return finished.returncode, lines[-1]


def judge(status):
    """Return what an exit status of pytest says of a mutant."""
    return {PASSED: "survived", FAILED: "killed"}.get(status, "not judged")


def try_mutant(mutant):
    """Apply one mutant to a copy of the project and run its test there."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_project(folder)
        path = folder / mutant.file
        try:
            path.write_text(mutate(path.read_text(), mutant))
        except ValueError as error:
            return Verdict("not judged", 0.0, str(error))
        status, reason = run_tests(folder, mutant.test)
    return Verdict(judge(status), time.monotonic() - started, reason)


def unmutated(tests):
    """Return the reason why a test does not pass without any mutant, by test."""
    with tempfile.TemporaryDirectory() as name:
        copy_project(Path(name))
        with ThreadPoolExecutor(PROCESSES) as pool:
            results = pool.map(lambda test: run_tests(Path(name), test), tests)
            return {
                test: last for test, (status, last) in zip(tests, results, strict=True) if status != PASSED
            }


def say(line):
    """Show a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(words):
    mutants = [mutant for mutant in MUTANTS if not words or words[0] in mutant.name]
    if not mutants:
        sys.exit(f"no mutant has {words[0]!r} in its name")
    failing = unmutated(sorted({mutant.test for mutant in mutants}))
    for test, reason in failing.items():
        say(f"{test} does not pass without mutants: {reason}")
    if failing:
        return 1
    verdicts = []
    with ThreadPoolExecutor(PROCESSES) as pool:
        for mutant, verdict in zip(mutants, pool.map(try_mutant, mutants), strict=True):
            say(f"{verdict.word:<10}  {mutant.name:<50}  {verdict.seconds:5.1f} s  {verdict.reason}")
            verdicts.append(verdict)
    killed = sum(verdict.word == "killed" for verdict in verdicts)
    say(f"{killed} of {len(mutants)} mutants were killed")
    return 0 if killed == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
