"""Run ``hyenadna-kit`` in several processes that meet, as torchrun starts them, and hurt some of them."""

import os
import socket
from functools import partial

from tests.training import command


def run(words, folder, count, faults=None):
    """Run a command in ``count`` processes to the end of all of them.

    Args:
        words: The command.
        folder: For the output of each.
        count: Processes.
        faults: What happens to which, by rank.
    """
    return wait(start(words, folder, count, faults))


def start(words, folder, count, faults=None):
    """Start a command in ``count`` processes."""
    port, faults = free_port(), faults or {}
    started = []
    for rank in range(count):
        own = folder / f"rank{rank}"
        own.mkdir(exist_ok=True)
        join = partial(become, rank, count, port, faults.get(rank))
        started.append(command.Running(words, own, join))
    return started


def wait(started):
    return [running.wait() for running in started]


def become(rank, count, port, fault=None):
    """Take the place of one process of ``count`` on this machine."""
    os.environ.update(variables(rank, count, port))
    if fault is not None:
        fault()


def variables(rank, count, port):
    """Return what torchrun tells a process."""
    return {
        "RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def free_port():
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return each.getsockname()[1]
