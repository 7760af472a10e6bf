"""The processes of a session, and how some of them are killed; /proc tells which there are."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find processes")


def processes_of(session):
    """Return the command line of every process of a session, by its number."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The second field may hold spaces and ends with the last bracket.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found[int(folder.name)] = [word.decode() for word in words]
    return found


def is_driver(pid, words, session):
    return pid == session


def is_any(pid, words, session):
    return True


def kill_some(session, is_victim):
    for pid, words in processes_of(session).items():
        if is_victim(pid, words, session):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def kill_in_training(words, checkpoints, is_victim, *, env, seconds):
    """Start a session, kill some of its processes once a checkpoint matches, and return its status."""
    process = subprocess.Popen(
        words, env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    folder, pattern = checkpoints
    deadline = time.monotonic() + seconds
    while not list(folder.glob(pattern)):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    kill_some(process.pid, is_victim)
    return process.wait(timeout=seconds)
