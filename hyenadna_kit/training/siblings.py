"""The processes that the first one of a run starts on its machine, where torchrun and srun do not.

They end with it: each reads a pipe that closes when the first process is gone, whatever ended it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from hyenadna_kit.files import writing
from hyenadna_kit.training.processes import STARTED_BY_FIRST, Processes
from hyenadna_kit.training.stopping import TERMINATED

_PROGRAM = "hyenadna_kit.cli"
_SECONDS_TO_END = 60.0
_SECONDS_TO_NOTICE = 30.0


@contextmanager
def siblings(command: str, options: dict[str, Any], processes: Processes, port: int) -> Iterator[None]:
    """Run a command in all other processes while the block runs, and wait for them to end.

    A block that raises ends them at once, unless it raises ``SystemExit``: then they are about to end.

    Args:
        command: Command of ``hyenadna-kit``.
        options: Its options, as plain data.
        processes: Those of the run; all are on this machine, and this is the first.
        port: Where they meet.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "options.yaml"
        with writing(path):
            path.write_text(yaml.safe_dump(options, sort_keys=False))
        words = [sys.executable, "-m", _PROGRAM, command, "--config", str(path)]
        started = [
            # What they read is the pipe that ties them to this process.
            subprocess.Popen(words, env=_environment(processes, rank, port), stdin=subprocess.PIPE)  # noqa: S603
            for rank in range(1, processes.count)
        ]
        with _awaited(started):
            yield


@contextmanager
def _awaited(started: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    watch = _Watch(started)
    try:
        yield
    except SystemExit:
        raise
    except BaseException:
        _close(started)
        raise
    finally:
        watch.stop()
        _await(started)


def end_with_the_first() -> None:
    """Let this process end when the first one of its run is gone, and leave Ctrl-C to that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_read_and_end, daemon=True).start()


def _read_and_end() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def _environment(processes: Processes, rank: int, port: int) -> dict[str, str]:
    return os.environ | {
        STARTED_BY_FIRST: "1",
        "RANK": str(rank),
        "WORLD_SIZE": str(processes.count),
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(processes.per_node),
        "MASTER_ADDR": processes.address,
        "MASTER_PORT": str(port),
    }


def _close(started: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in started:
        assert process.stdin is not None
        process.stdin.close()


def _await(started: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_END
    for process in started:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _close(started)


class _Watch:
    """Ends this process where it waits for one that has ended, which NCCL does not tell it."""

    def __init__(self, started: Sequence[subprocess.Popen[bytes]]) -> None:
        self._stopped = threading.Event()
        for process in started:
            threading.Thread(target=self._follow, args=(process,), daemon=True).start()

    def stop(self) -> None:
        """Take it that they end as they should."""
        self._stopped.set()

    def _follow(self, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        if status in (0, TERMINATED) or self._stopped.wait(_SECONDS_TO_NOTICE):
            return
        sys.stderr.write(
            f"a process of this run ended with status {status}; the same command continues the run\n"
        )
        sys.stderr.flush()
        os._exit(1)
