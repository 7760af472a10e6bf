"""Records to windows of tokens, in this process or in others beside it, in order either way.

In: sites. Out: for every ALT its status and, where it can be scored, its windows. Only numpy is
needed, so that a worker starts fast.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, TypeVar

from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.haplotype_genome import HaplotypeGenome
from hyenadna_kit.scoring.alleles import AlleleWindows, allele_windows
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.status import Allele, MismatchPolicy, Site, Status, examine
from hyenadna_kit.windows.alleles import OrientedContig

_SITES_PER_TASK = 64
_TASKS_PER_WORKER = 4

Item = TypeVar("Item")

_ADOPTED: list["Preparation"] = []
"""In a process beside the one that computes: how it prepares. It is handed over once, and not with
every task, so that a FASTA is read once a process."""


class PreparedAllele(NamedTuple):
    """One ALT, ready to be scored or not to be."""

    statuses: tuple[Status, ...]
    """What holds of it; the first that forbids a score, or all that accompany one."""
    windows: tuple[AlleleWindows, ...] = ()
    """One entry a strand; empty where there is nothing to score."""
    sign: int = 1
    """-1 where the alleles are swapped."""
    variant: Variant | None = None
    """The change from the genome, under its contig name; None where there is nothing to score."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How records become windows; picklable, so that other processes can do it."""

    genome: Genome
    """Where the bases are: the reference of the records, or a haplotype of a sample."""
    placement: Placement
    """Where windows lie."""
    strands: tuple[Strand, ...]
    """Strands that are read."""
    on_ref_mismatch: MismatchPolicy
    """What becomes of a REF that the genome does not have."""

    def alleles(self, sites: Sequence[Site]) -> list[list[PreparedAllele]]:
        """Prepare every ALT of some sites."""
        reference = self.genome.reference if isinstance(self.genome, HaplotypeGenome) else self.genome
        return [
            [self._prepare(self._placed(allele)) for allele in examine(site, reference, self.on_ref_mismatch)]
            for site in sites
        ]

    def windows(self, variant: Variant) -> tuple[AlleleWindows, ...]:
        """Return the windows of a variant, one entry a strand; empty where it does not fit."""
        windows = [
            allele_windows(OrientedContig(self.genome, variant.contig, strand), variant, self.placement)
            for strand in self.strands
        ]
        return tuple(each for each in windows if each is not None)

    def _placed(self, allele: Allele) -> Allele:
        """Return an allele as a change of the genome that is read, which may be a haplotype."""
        if allele.variant is None or not isinstance(self.genome, HaplotypeGenome):
            return allele
        placed = self.genome.place(allele.variant)
        if placed is None:
            return Allele(Status.REF_MISMATCH)
        return Allele(allele.status, placed.variant, allele.sign * placed.sign)

    def _prepare(self, allele: Allele) -> PreparedAllele:
        status, variant, sign = allele
        if variant is None:
            return PreparedAllele((status,))
        windows = self.windows(variant)
        if not windows:
            return PreparedAllele((Status.TOO_LONG,))
        if not is_scorable(windows):
            return PreparedAllele((Status.N_WINDOW,))
        placed = Status.EDGE_PADDED if any(each.padded for each in windows) else Status.PASS
        statuses = (placed,) if status is Status.PASS else (status, placed)
        return PreparedAllele(statuses, windows, sign, variant)


def is_scorable(windows: Sequence[AlleleWindows]) -> bool:
    """Say whether there are windows, and on each of their strands at least one base to sum over."""
    return bool(windows) and all(each.scored.any() for each in windows)


def prepare_sites(
    preparation: Preparation, sites: Iterable[Site], *, num_workers: int
) -> Iterator[list[PreparedAllele]]:
    """Yield the alleles of every site, in order and in bounded memory.

    Args:
        preparation: How.
        sites: Records; they are read a little ahead of what is yielded.
        num_workers: Processes that prepare beside this one; 0 prepares here.
    """
    tasks = chunked(sites, _SITES_PER_TASK)
    if not num_workers:
        for task in tasks:
            yield from preparation.alleles(task)
        return
    # Spawned, not forked: a forked process would inherit locks of PyTorch's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, context, initializer=_adopt, initargs=(preparation,)) as pool:
        pending: deque[Future[list[list[PreparedAllele]]]] = deque()
        for task in tasks:
            pending.append(pool.submit(_adopted_alleles, task))
            if len(pending) >= num_workers * _TASKS_PER_WORKER:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()


def _adopt(preparation: Preparation) -> None:
    """Begin in a new process; Ctrl-C is for the parent, which ends the others in its own time."""
    _ADOPTED.append(preparation)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the parent does: one that is killed tells nobody, and the others would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _adopted_alleles(sites: Sequence[Site]) -> list[list[PreparedAllele]]:
    (preparation,) = _ADOPTED
    return preparation.alleles(sites)


def chunked(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of ``size`` items, the last one of what is left."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
