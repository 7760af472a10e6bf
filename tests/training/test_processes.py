"""Which process this is, as torchrun and srun say it. What they set was read off real ones."""

import pytest
import torch

from hyenadna_kit.errors import InputError
from hyenadna_kit.training.processes import Processes, find_processes

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29500",
}
SRUN = {
    "SLURM_JOB_ID": "7001",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_STEP_NODELIST": "gpu[03-04]",
    "SLURM_NTASKS": "8",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
}
# A batch script has the variables of its job, and none of a step.
BATCH = {"SLURM_JOB_ID": "7001", "SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
ONE_TASK = {**SRUN, "SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_NUM_NODES": "1", "SLURM_PROCID": "0"}


def test_processes_of_torchrun_are_those_that_it_numbers():
    found = find_processes(None, None, TORCHRUN)
    assert found == Processes(
        rank=5, local_rank=1, per_node=4, num_nodes=2, address="node1", port=29500, starter="torchrun"
    )
    assert (found.count, found.node_rank, found.is_first) == (8, 1, False)


def test_tasks_of_a_job_step_meet_on_its_first_node():
    found = find_processes(None, None, SRUN)
    assert (found.rank, found.local_rank, found.per_node, found.num_nodes) == (5, 1, 4, 2)
    assert (found.address, found.starter) == ("gpu03", "srun")
    other = find_processes(None, None, {**SRUN, "SLURM_STEP_ID": "1"})
    assert 1024 < found.port < 32768
    assert other.port != found.port  # two steps of a job may run side by side
    named = find_processes(None, None, {**SRUN, "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "5000"})
    assert (named.address, named.port) == ("10.0.0.1", 5000)


def test_tasks_on_one_node_need_no_name_resolution():
    assert find_processes(None, None, {**SRUN, "SLURM_STEP_NUM_NODES": "1"}).address == "127.0.0.1"


@pytest.mark.parametrize(
    "environment", [{}, BATCH, ONE_TASK], ids=["shell", "batch script", "step of one task"]
)
def test_elsewhere_there_are_as_many_as_asked_for(environment):
    assert find_processes(None, None, environment) == Processes()
    assert find_processes(4, 1, environment) == Processes(per_node=4)


def test_options_that_fit_what_was_started_are_taken():
    assert find_processes(4, 2, TORCHRUN) == find_processes(None, None, TORCHRUN)
    assert find_processes(4, 2, SRUN) == find_processes(None, None, SRUN)


FIRST = {**TORCHRUN, "RANK": "0", "LOCAL_RANK": "0"}
MISUSE = {
    "devices": ((2, None, FIRST), "--devices 2 differs from the 4 that torchrun started .8 processes"),
    "nodes": ((None, 3, FIRST), "--num_nodes 3 differs from the 2 that torchrun started"),
    "nodes alone": ((2, 2, {}), "--num_nodes 2 needs .* torchrun or srun"),
    "uneven tasks": ((None, None, {**SRUN, "SLURM_STEP_NUM_TASKS": "7"}), "7 tasks on 2 nodes"),
    "uneven processes": ((None, None, {**FIRST, "WORLD_SIZE": "9"}), "9 processes, 4 of them on this node"),
}


@pytest.mark.parametrize(("arguments", "message"), MISUSE.values(), ids=MISUSE.keys())
def test_misuse_is_told_with_both_numbers(arguments, message):
    with pytest.raises(InputError, match=message):
        find_processes(*arguments)


def test_misuse_is_told_by_the_first_process_alone():
    with pytest.raises(SystemExit, match="1"):
        find_processes(2, None, TORCHRUN)


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert find_processes(1, None, {}).count == 1
    with pytest.raises(InputError, match=r"2 processes on a node need a GPU each, PyTorch finds 1"):
        find_processes(2, None, {})
