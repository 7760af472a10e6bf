"""SLURM on this machine alone: three daemons of its Debian packages in a folder, started and stopped.

Nothing outside the folder is written, and no cluster that may run here is touched.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
SECONDS_TO_START = 60

CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
# The node is believed to have what a shipped profile asks for.
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

SNAKEMAKE_PROFILE = """\
slurm-status-command: squeue
slurm-no-account: true
slurm-init-seconds-before-status-checks: 2
seconds-between-status-checks: 2
"""
"""What Snakemake must be told of a cluster without accounting, and what a test would wait for."""


def profile_of_one_node(shipped, folder):
    """Copy a profile that is shipped into a folder, and tell it of this cluster; return the folder."""
    shutil.copytree(shipped, folder)
    with (folder / "config.yaml").open("a") as config:
        config.write(SNAKEMAKE_PROFILE)
    return folder


def missing_programs():
    """Return which of the programs are not installed."""
    return [name for name in (*DAEMONS, *CLIENTS) if where(name) is None]


def where(name):
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


@contextmanager
def one_node_slurm(folder):
    """Yield the variables with which jobs go to a cluster of this machine; it ends with the context."""
    environment = write_cluster(folder)
    munge = [
        *(f"--{name}={folder}/munge.{name}" for name in ("socket", "pid-file", "seed-file")),
        *(f"--key-file={folder}/munge.key", "--foreground", "--force", "--num-threads=1"),
    ]
    with ExitStack() as stack:
        for words, is_ready in (
            (["munged", *munge], (folder / "munge.socket").exists),
            (["slurmctld", "-D", "-c"], lambda: state_of_node(environment)),
            (["slurmd", "-D"], lambda: state_of_node(environment) == "idle"),
        ):
            stack.enter_context(daemon(words, environment, folder))
            wait_for(is_ready)
        yield environment


def write_cluster(folder):
    """Write the configuration of a cluster and its clients, and return the variables to use them with."""
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    folder.chmod(0o700)  # munge refuses a folder that others write into
    key = folder / "munge.key"
    key.write_bytes(os.urandom(64))
    key.chmod(0o600)
    host, config = socket.gethostname().partition(".")[0], folder / "slurm.conf"
    config.write_text(CONFIG.format(host=host, user=getpass.getuser(), folder=folder, ports=free_ports(2)))
    for name in CLIENTS:
        # Snakemake starts the step of a job without the SLURM variables of the environment.
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nSLURM_CONF={config} exec {where(name)} "$@"\n')
        script.chmod(0o755)
    return {"PATH": f"{folder}/bin:{os.environ['PATH']}", "SLURM_CONF": str(config)}


@contextmanager
def daemon(words, environment, folder):
    """Run a program beside this one and end it with the context."""
    with (folder / f"{words[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [where(words[0]), *words[1:]],
            env=os.environ | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=SECONDS_TO_START)


def state_of_node(environment):
    """Return the state of the node, or nothing while no controller answers."""
    words = [where("sinfo"), "--noheader", "--format", "%T"]
    asked = subprocess.run(words, env=os.environ | environment, capture_output=True, text=True)
    return asked.stdout.strip()


def wait_for(holds):
    deadline = time.monotonic() + SECONDS_TO_START
    while not holds():
        assert time.monotonic() < deadline, "the cluster does not start; its logs lie in its folder"
        time.sleep(0.1)


def free_ports(count):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def start_at_once(do, job):
    """Let a job that was queued again start; SLURM would wait for two minutes.

    ``do`` runs one of the commands of SLURM.
    """
    time.sleep(2)  # what a job was started with is refused to the second in which it ended
    do("scontrol", "update", f"JobId={job}", "StartTime=now")
