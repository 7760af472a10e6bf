"""How much main memory this process may still take.

In: what Linux says of the machine and of the control groups (a container, a batch job) that hold this
process. Out: bytes; None where the system does not say. And how this process gives back what it frees.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_OWN_GROUP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
_MMAP_THRESHOLD = -3  # its number in malloc.h
_LARGE_BYTES = 4 << 20


def available_main_memory() -> int | None:
    """Return the bytes that machine and control groups leave to this process."""
    rooms = [room for room in (_machine_room(), *map(_group_room, _groups())) if room is not None]
    return min(rooms, default=None)


def main_memory_limit() -> int | None:
    """Return the least bytes that any group around this process may hold; None without a limit."""
    limits = [_number(group / "memory.max") for group in _groups()]
    return min((limit for limit in limits if limit is not None), default=None)


def give_back_freed_memory() -> None:
    """Let pieces of 4 MiB and more go back to the system as soon as they are freed.

    The allocator of Linux would keep those below 32 MiB, in between what is still in use: a peak of as
    much as half more. Giving them back takes time, for fresh memory is cleared. Does nothing where the
    user has set ``MALLOC_MMAP_THRESHOLD_``, or where there is no such allocator.
    """
    if sys.platform == "linux" and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)
        if set_option is not None:
            set_option(_MMAP_THRESHOLD, _LARGE_BYTES)


def _machine_room() -> int | None:
    for line in _text(_MEMINFO).splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return None


def _groups() -> Iterator[Path]:
    """Yield the control group (version 2) of this process and those around it."""
    for line in _text(_OWN_GROUP).splitlines():
        if line.startswith("0::/"):
            own = _GROUPS / line.removeprefix("0::/")
            yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(_GROUPS))


def _group_room(group: Path) -> int | None:
    limit, taken = _number(group / "memory.max"), _number(group / "memory.current")
    if limit is None or taken is None:
        return None
    # Files that were read and may be forgotten count as taken.
    forgettable = 0
    for line in _text(group / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        forgettable += int(value) if name == "inactive_file" else 0
    return max(0, limit - taken + forgettable)


def _number(path: Path) -> int | None:
    """Return the number in a file; None where there is no file, or where it says ``max``."""
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    """Return what a file of the kernel holds, or nothing where this system has no such file."""
    try:
        return path.read_text()
    except OSError:
        return ""
