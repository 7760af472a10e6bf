"""How much main memory may be taken, on machines that are laid out as files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hyenadna_kit import main_memory

MACHINE = "MemTotal:       2000 kB\nMemFree:         100 kB\nMemAvailable:    1000 kB\n"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Lay out the files of a system: path below it -> content."""

    def lay_out(**files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("memory_", "memory.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        monkeypatch.setattr(main_memory, "_MEMINFO", tmp_path / "meminfo")
        monkeypatch.setattr(main_memory, "_OWN_GROUP", tmp_path / "cgroup")
        monkeypatch.setattr(main_memory, "_GROUPS", tmp_path / "groups")

    return lay_out


def test_machine_without_groups_has_what_is_available(system):
    system(meminfo=MACHINE)
    assert main_memory.available_main_memory() == 1000 * 1024
    assert main_memory.main_memory_limit() is None


def test_system_that_says_nothing_has_no_answer(system):
    system()
    assert main_memory.available_main_memory() is None


@pytest.mark.parametrize(
    ("limit", "taken", "stat", "room"),
    [
        ("600000", "100000", "", 500_000),
        ("600000", "100000", "anon 7\ninactive_file 50000\nactive_file 9\n", 550_000),
        ("600000", "700000", "", 0),
        ("max", "100000", "", 1000 * 1024),
        ("9000000000", "1", "", 1000 * 1024),
    ],
    ids=["limited", "files may be forgotten", "more than allowed", "no limit", "limit above the machine"],
)
def test_group_of_the_process_bounds_it(system, limit, taken, stat, room):
    system(
        meminfo=MACHINE,
        cgroup="0::/job/step\n",
        groups__job__step__memory_max="max\n",
        groups__job__step__memory_current="5\n",
        groups__job__memory_max=f"{limit}\n",
        groups__job__memory_current=f"{taken}\n",
        groups__job__memory_stat=stat,
    )
    assert main_memory.available_main_memory() == room
    assert main_memory.main_memory_limit() == (int(limit) if limit.isdigit() else None)


def test_group_that_is_not_visible_bounds_nothing(system):
    system(meminfo=MACHINE, cgroup="0::/elsewhere\n")
    assert main_memory.available_main_memory() == 1000 * 1024


PIECES_BETWEEN_SMALL_ONES = """
import sys
from pathlib import Path
from hyenadna_kit.main_memory import give_back_freed_memory

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))

if sys.argv[1] == "give back":
    give_back_freed_memory()
del bytearray(8 << 20)[:]  # what is freed first is what the allocator takes for usual
before = resident()
held = [(bytearray(b"x") * (8 << 20), bytearray(b"y") * 5000) for _ in range(20)]
peak = resident()
held = [small for _, small in held]
print((resident() - before) / (peak - before))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_large_pieces_that_are_freed_go_back_to_the_system():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    script = [sys.executable, "-c", PIECES_BETWEEN_SMALL_ONES]
    kept, given_back = (
        float(subprocess.run([*script, mode], env=environment, capture_output=True, text=True).stdout)
        for mode in ("keep", "give back")
    )
    assert given_back < 0.05 < kept
