"""Which of the processes of a run this one is, as torchrun, srun or the first process says.

In: the options and the environment. Out: the number of this process and of all, and where they meet.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from hyenadna_kit.errors import InputError

STARTED_BY_FIRST = "HYENADNA_KIT_STARTED_BY_FIRST"
"""Variable that the first process of a run sets for those it starts itself."""

_THIS_MACHINE = "127.0.0.1"
_FIRST_PORT, _NUM_PORTS = 15_000, 15_000
_OF_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

Starter = Literal["torchrun", "srun", "the first process"]


@dataclass(frozen=True, kw_only=True)
class Processes:
    """The processes of one run, one a device, and this one among them."""

    rank: int = 0
    """Number of this process, from 0."""
    local_rank: int = 0
    """The same among those of its machine."""
    per_node: int = 1
    """Processes on each machine."""
    num_nodes: int = 1
    """Machines."""
    address: str = _THIS_MACHINE
    """Machine of the first process."""
    port: int = 0
    """Port on which all meet; 0 where the first process is still to choose one."""
    starter: Starter = "the first process"
    """Who starts the others."""

    @property
    def count(self) -> int:
        """All processes."""
        return self.per_node * self.num_nodes

    @property
    def is_first(self) -> bool:
        """Whether it is this process that writes and speaks."""
        return self.rank == 0

    @property
    def node_rank(self) -> int:
        """Number of this machine, from 0."""
        return self.rank // self.per_node


def find_processes(
    devices: int | None, num_nodes: int | None, environment: Mapping[str, str] = os.environ
) -> Processes:
    """Return the processes of this run.

    Args:
        devices: Processes on each machine as the options say; None takes those that were started, else 1.
        num_nodes: Machines as the options say; None takes those that there are.
        environment: Where torchrun and srun leave word.

    Raises:
        InputError: The options and the processes that were started differ, several machines are asked for
            and nobody started processes on them, or there are fewer GPUs than processes.
        SystemExit: The same in a process that is not the first; the status is 1.
    """
    started = _started_by_torchrun(environment) or _started_by_srun(environment)
    processes = Processes(per_node=devices or 1) if started is None else started
    problem = _difference(processes, devices, num_nodes) or _lack_of_gpus(processes)
    if problem is None:
        return processes
    if not processes.is_first:
        raise SystemExit(1)
    raise InputError(problem)


def _difference(processes: Processes, devices: int | None, num_nodes: int | None) -> str | None:
    """Say what of the options the processes do not fit."""
    if processes.starter == "the first process" and num_nodes not in (None, 1):
        return (
            f"--num_nodes {num_nodes} needs a process for each device on every node: start the command "
            "with torchrun or srun"
        )
    for name, wanted, found in (
        ("devices", devices, processes.per_node),
        ("num_nodes", num_nodes, processes.num_nodes),
    ):
        if wanted not in (None, found):
            return (
                f"--{name} {wanted} differs from the {found} that {processes.starter} started "
                f"({processes.count} processes in all); leave --{name} out"
            )
    return None


def _lack_of_gpus(processes: Processes) -> str | None:
    """Say that there are fewer GPUs on this node than processes."""
    if not torch.cuda.is_available() or torch.cuda.device_count() >= processes.per_node:
        return None
    return (
        f"{processes.per_node} processes on a node need a GPU each, PyTorch finds "
        f"{torch.cuda.device_count()}; let every process see all GPUs of its node, or start fewer"
    )


def _started_by_torchrun(environment: Mapping[str, str]) -> Processes | None:
    if any(name not in environment for name in _OF_TORCHRUN):
        return None
    per_node = int(environment["LOCAL_WORLD_SIZE"])
    return Processes(
        rank=int(environment["RANK"]),
        local_rank=int(environment["LOCAL_RANK"]),
        per_node=per_node,
        num_nodes=_machines(int(environment["WORLD_SIZE"]), per_node, "torchrun"),
        address=environment["MASTER_ADDR"],
        port=int(environment["MASTER_PORT"]),
        starter="the first process" if STARTED_BY_FIRST in environment else "torchrun",
    )


def _started_by_srun(environment: Mapping[str, str]) -> Processes | None:
    """Return the tasks of a job step; a batch script, or a step of one task, is no such thing."""
    count = int(environment.get("SLURM_STEP_NUM_TASKS", "1"))
    if count == 1 or "SLURM_PROCID" not in environment:
        return None
    num_nodes = int(environment["SLURM_STEP_NUM_NODES"])
    if count % num_nodes:
        raise InputError(
            f"srun started {count} tasks on {num_nodes} nodes, not as many on each; "
            "name --ntasks-per-node in place of --ntasks"
        )
    # All tasks of a step know its number, and another step on these machines has another one.
    step = 31 * int(environment["SLURM_JOB_ID"]) + int(environment["SLURM_STEP_ID"])
    first = SLURMEnvironment.resolve_root_node_address(environment["SLURM_STEP_NODELIST"])
    return Processes(
        rank=int(environment["SLURM_PROCID"]),
        local_rank=int(environment["SLURM_LOCALID"]),
        per_node=count // num_nodes,
        num_nodes=num_nodes,
        address=environment.get("MASTER_ADDR", _THIS_MACHINE if num_nodes == 1 else first),
        port=int(environment.get("MASTER_PORT", _FIRST_PORT + step % _NUM_PORTS)),
        starter="srun",
    )


def _machines(count: int, per_node: int, starter: str) -> int:
    if count % per_node:
        raise InputError(
            f"{starter} started {count} processes, {per_node} of them on this node; start as many on each"
        )
    return count // per_node
