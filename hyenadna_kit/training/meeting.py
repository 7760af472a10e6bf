"""Where the processes of a run meet before they train: the first prepares, the others hear of it.

What a user did wrong is found and told by the first process alone; the others end without a word.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Self, TypeVar

import torch
from torch import distributed
from torch.distributed import (  # type: ignore[attr-defined]  # public, but in torch's own list of names
    PrefixStore,
    Store,
    TCPStore,
)

from hyenadna_kit.errors import TrainingError
from hyenadna_kit.training.processes import Processes
from hyenadna_kit.training.siblings import end_with_the_first, siblings

_ARRIVING = timedelta(minutes=10)
_PREPARING = timedelta(days=2)  # of a large BAM all reads are packed first
_HEARING = 60.0
_WORD, _NUM_HEARD = "prepared", "heard"
_SECONDS_FOR_THREADS = 0.3

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the first process tells the others before they train."""

    final_bits: float | None = None
    """Bits per base of a run that is finished already; None where there is something to do."""
    recompute: bool = False
    """Whether activations are computed again: all do, or none."""
    goes_on: bool = False
    """Whether the run has a checkpoint."""


class Meeting:
    """All processes of one run, which may be this one alone; a context of the whole run."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self._store: Store | None = None
        if processes.count > 1:
            with self.lost_others_are_told():
                self._port, self._store = _meet(processes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Stay until all have heard what the first process told: what it said is gone with it."""
        if self._store is None or self._starts_others or not self.processes.is_first:
            return
        deadline = time.monotonic() + _HEARING
        with suppress(distributed.DistError):
            while self._store.add(_NUM_HEARD, 0) < self.processes.count - 1 and time.monotonic() < deadline:
                time.sleep(0.01)

    @property
    def _starts_others(self) -> bool:
        return self.processes.starter == "the first process" and self.processes.is_first

    def hear(self, prepare: Callable[[], tuple[Prepared, Found]]) -> tuple[Prepared, Found | None]:
        """Let the first process prepare while the others wait.

        Returns:
            What they are told, and what the first process found beside it; None in the others.

        Raises:
            SystemExit: The first process cannot prepare; it says why.
        """
        if not self.processes.is_first:
            return self._wait(), None
        try:
            prepared, found = prepare()
        except BaseException:
            self._tell("")
            raise
        self._tell(json.dumps(asdict(prepared)))
        return prepared, found

    def _tell(self, word: str) -> None:
        if self._store is not None:
            self._store.set(_WORD, word)

    def _wait(self) -> Prepared:
        assert self._store is not None
        with self.lost_others_are_told():
            self._store.wait([_WORD], _PREPARING)
            word = self._store.get(_WORD)
            self._store.add(_NUM_HEARD, 1)
        if not word:
            raise SystemExit(1)
        return Prepared(**json.loads(word))

    @contextmanager
    def connected(self, device: torch.device, command: str, options: dict[str, Any]) -> Iterator[None]:
        """Connect all processes while the block runs, and start those that nobody else did.

        Args:
            device: Kind of device that they compute on.
            command: Command of ``hyenadna-kit`` that is run in them.
            options: Its options, as plain data.

        Raises:
            TrainingError: Another process of the run has ended.
        """
        if self._store is None:
            yield
            return
        others: AbstractContextManager[None] = nullcontext()
        if self._starts_others:
            others = siblings(command, options, self.processes, self._port)
        with others, self.lost_others_are_told():
            if device.type == "cuda":
                torch.cuda.set_device(self.processes.local_rank)
            distributed.init_process_group(
                "nccl" if device.type == "cuda" else "gloo",
                store=PrefixStore("training", self._store),
                rank=self.processes.rank,
                world_size=self.processes.count,
            )
            try:
                yield
            finally:
                # A thread of Gloo may still wait for the interpreter's lock, to let go of a tensor, and a
                # group that is freed under this lock waits for the thread: give it the lock first.
                time.sleep(_SECONDS_FOR_THREADS)
                distributed.destroy_process_group()

    @contextmanager
    def lost_others_are_told(self) -> Iterator[None]:
        """Turn what PyTorch says of a broken connection into a line of the first process."""
        try:
            yield
        except RuntimeError as error:
            if not _is_broken_connection(error):
                raise
            if not self.processes.is_first:
                raise SystemExit(1) from None
            raise TrainingError(
                f"one of the {self.processes.count} processes of this run has ended before the "
                "others; the same command continues the run"
            ) from None


def _meet(processes: Processes) -> tuple[int, Store]:
    """Return the store through which all can be told something, and its port."""
    if processes.starter == "the first process" and not processes.is_first:
        end_with_the_first()
    environment = os.environ
    # torchrun keeps the store itself, also when it starts all processes anew.
    is_kept = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True" and processes.starter == "torchrun"
    store = TCPStore(
        processes.address,
        processes.port,
        is_master=processes.is_first and not is_kept,
        wait_for_workers=False,
        timeout=_ARRIVING,
    )
    attempt = environment.get("TORCHELASTIC_RESTART_COUNT", "0")
    return store.port, PrefixStore(f"hyenadna_kit/{attempt}", store)


def _is_broken_connection(error: RuntimeError) -> bool:
    # Gloo raises a bare RuntimeError.
    return isinstance(error, distributed.DistError) or "gloo" in str(error)
