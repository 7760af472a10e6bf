"""What the kernels need on each architecture, held in a table: registers, spills, shared memory.

``python -m tests.ops.compile_kernels --write`` makes the table anew after a change of a kernel.
"""

import json
import os
import subprocess
import sys

import pytest

from tests.ops.compile_kernels import ARCHITECTURES, ROOT, TABLE, differences

pytest.importorskip("triton", reason="Triton is in the gpu extra (Linux)")

KIB = 1024
SHARED_MEMORY = {"sm_80": 163 * KIB, "sm_86": 99 * KIB, "sm_89": 99 * KIB, "sm_90": 227 * KIB}
"""Bytes that one program may use: CUDA C++ programming guide, technical specifications per capability."""

MOST_SPILLED = 1_536
"""Bytes that a thread may spill: one and a half times what its registers hold."""


def compile_kernels(*words):
    """Return what the program prints, run without the interpreter."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "tests.ops.compile_kernels", *words]
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@pytest.fixture(scope="module")
def table():
    return json.loads(TABLE.read_text())


def needs(table):
    """Yield the name of a case, its description, an architecture and what the case needs there."""
    for name, case in table["kernels"].items():
        for architecture in SHARED_MEMORY:
            yield name, case, architecture, case[architecture]


def exceeding(table):
    """Return where a kernel needs more shared memory than there is where it may be launched."""
    return [
        f"{name} on {architecture}: {need['shared']:,} bytes"
        for name, case, architecture, need in needs(table)
        if need["shared"] > SHARED_MEMORY[architecture] >= case["least_shared_memory"]
    ]


def test_table_is_of_every_architecture(table):
    assert list(SHARED_MEMORY) == [f"sm_{architecture}" for architecture in ARCHITECTURES]
    assert all(set(SHARED_MEMORY) < set(case) for case in table["kernels"].values())


def test_table_is_of_the_kernels_as_they_are(table):
    known = {
        name: {key: case[key] for key in ("digest", "least_shared_memory")}
        for name, case in table["kernels"].items()
    }
    assert known == compile_kernels("--list")["kernels"], "run python -m tests.ops.compile_kernels --write"


def test_every_kernel_fits_where_it_is_launched(table):
    assert not exceeding(table)


def test_promised_shared_memory_is_enough(table):
    for name, case, architecture, need in needs(table):
        if case["least_shared_memory"]:
            assert need["shared"] <= case["least_shared_memory"], (name, architecture)


def test_few_bytes_are_spilled(table):
    spilling = [
        f"{name} on {architecture}: {need['spill_stores']}"
        for name, case, architecture, need in needs(table)
        if need["spill_stores"] > MOST_SPILLED and SHARED_MEMORY[architecture] >= case["least_shared_memory"]
    ]
    assert not spilling


@pytest.mark.slow
def test_compiling_a_sample_gives_what_the_table_holds(table):
    found = compile_kernels("--sample")
    if found["triton"] != table["triton"]:
        pytest.skip(f"the table is of Triton {table['triton']}, this is {found['triton']}")
    assert not differences(found, table)


NEED = {"registers": 200, "spill_stores": 100, "spill_loads": 100, "shared": 4096}


@pytest.mark.parametrize(
    ("now", "lines"),
    [
        ({}, []),
        ({"spill_stores": 164, "spill_loads": 36, "registers": 255}, []),
        ({"shared": 4100}, ["op/case on sm_80: shared 4,100, in the table 4,096"]),
        ({"spill_stores": 165}, ["op/case on sm_80: spill_stores 165, in the table 100"]),
        ({"error": "no such operation"}, ["op/case on sm_80: no such operation"]),
    ],
    ids=["equal", "within slack", "shared memory", "spills", "does not compile"],
)
def test_difference_is_told(now, lines):
    found, held = (
        {"kernels": {"op/case": {"digest": "", "sm_80": need}}} for need in ({**NEED, **now}, NEED)
    )
    assert differences(found, held) == lines


def test_case_that_is_not_in_the_table_is_told():
    found = {"kernels": {"op/new": {"sm_80": NEED}}}
    assert differences(found, {"kernels": {}}) == ["op/new on sm_80: not in the table"]
