"""Whoever starts the processes of a run, itself, torchrun or SLURM: it ends in order and goes on exactly."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hyenadna_kit.io.genome_store import build_store
from tests.pipelines.one_node_slurm import missing_programs, one_node_slurm, start_at_once
from tests.training import command, ranks
from tests.training.runs import assert_same_run, children, rows, words, write_inputs

STEPS = 200
PAGE = Path(__file__).parents[2] / "docs" / "training.md"
PROGRAMS = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}

pytestmark = [
    pytest.mark.dist,
    pytest.mark.kill,
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds child processes in /proc"),
]


@pytest.fixture(autouse=True)
def nothing_runs_on():
    yield
    command.kill_all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("starters")
    return write_inputs(folder, steps=STEPS, validate_every=50, checkpoint_every=3)


@pytest.fixture(scope="module")
def unbroken(folder):
    finished = ranks.run(words(folder, folder / "unbroken"), folder, 2)
    assert [each.status for each in finished] == [0, 0], finished
    return folder / "unbroken"


def is_running(pid):
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def wait_until(holds):
    deadline = time.monotonic() + command.SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def last_step(out):
    return rows(out)[-1]["step"] if (out / "metrics.jsonl").exists() and rows(out) else 0


def wait_for_progress(out, pid):
    """Return when a process has brought a run some steps further than anything before it."""
    step = last_step(out) + 5
    wait_until(lambda: last_step(out) >= step or not is_running(pid))
    assert is_running(pid)


def lead():
    """Lead a group of processes, each on one core."""
    os.setsid()
    os.environ["OMP_NUM_THREADS"] = "1"


ANYTHING = ".*"
ENDS = {
    "SIGTERM to the first": (
        lambda first, other: os.kill(first, signal.SIGTERM),
        143,
        r"stopped after step \d+: the same command continues the run",
    ),
    "kill of the other": (
        lambda first, other: os.kill(other, signal.SIGKILL),
        1,
        "hyenadna-kit pretrain: one of the 2 processes of this run has ended before the others; "
        "the same command continues the run",
    ),
    "kill of the first": (lambda first, other: os.kill(first, signal.SIGKILL), -signal.SIGKILL, ANYTHING),
    "Ctrl-C": (lambda first, other: os.killpg(first, signal.SIGINT), 130, "hyenadna-kit: interrupted"),
    "kill of all": (lambda first, other: os.killpg(first, signal.SIGKILL), -signal.SIGKILL, ANYTHING),
}


def test_processes_that_the_first_started_end_together_whatever_ends_one(folder, unbroken, tmp_path):
    out = tmp_path / "run"
    for name, (end, status, said) in ENDS.items():
        running = command.Running(words(folder, out, "--devices", "2"), tmp_path, lead)
        first = running.process.pid
        wait_for_progress(out, first)
        (other,) = children(first)
        end(first, other)
        stopped = running.wait()
        assert stopped.status == status, (name, stopped)
        assert re.fullmatch(said, stopped.err.splitlines()[-1]), (name, stopped)
        wait_until(lambda other=other: not is_running(other))
    finish = [PROGRAMS / "hyenadna-kit", *words(folder, out, "--devices", "2")]
    done = subprocess.run(finish, env=ENVIRONMENT, capture_output=True, text=True, timeout=command.SECONDS)
    assert done.returncode == 0, done.stderr
    assert_same_run(out, unbroken)


def rank_of(pid):
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next((int(each[5:]) for each in variables if each.startswith(b"RANK=")), None)


def test_torchrun_starts_a_run_again_whose_process_was_killed(folder, unbroken, tmp_path):
    out = tmp_path / "run"
    torchrun = ("torchrun", "--standalone", "--nproc-per-node=2", "--max-restarts=1")
    line = [PROGRAMS / torchrun[0], *torchrun[1:], PROGRAMS / "hyenadna-kit", *words(folder, out)]
    with (tmp_path / "said").open("w") as said:
        run = subprocess.Popen(line, env=ENVIRONMENT, stdout=said, stderr=said)
    try:
        wait_for_progress(out, run.pid)
        (second,) = (pid for pid in children(run.pid) if rank_of(pid) == 1)
        os.kill(second, signal.SIGKILL)
        assert run.wait(timeout=command.SECONDS) == 0, (tmp_path / "said").read_text()
    finally:
        run.terminate()
    assert_same_run(out, unbroken)


def job_script():
    """Return the script for sbatch as the page has it."""
    (script,) = (
        block
        for block in re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
        if "#SBATCH" in block
    )
    return script


class Slurm:
    """The commands of a cluster."""

    def __init__(self, environment):
        self.environment = ENVIRONMENT | environment | {"PATH": f"{environment['PATH']}:{PROGRAMS}"}

    def __call__(self, *words):
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def job(self, number):
        """Return what is known of a job, by name."""
        shown = self("scontrol", "--oneliner", "show", "job", number)
        return dict(each.partition("=")[::2] for each in shown.split())


def wait_until_trained(job, out):
    """Return when a job has brought its run some steps further."""
    step = last_step(out) + 5
    wait_until(lambda: last_step(out) >= step)
    assert job()["JobState"] == "RUNNING"


@pytest.mark.skipif(
    bool(missing_programs()), reason=f"not installed: {', '.join(missing_programs())} (slurm-wlm, munge)"
)
def test_slurm_job_goes_on_after_its_time_and_after_a_requeue(folder, unbroken, tmp_path):
    cluster, user = tmp_path / "cluster", tmp_path / "user"
    cluster.mkdir()
    user.mkdir()
    (user / "C.yaml").write_bytes((folder / "c.yaml").read_bytes())
    build_store([folder / "g.fa"], user / "store")
    (user / "job.sh").write_text(job_script())
    out = user / "run"
    with one_node_slurm(cluster) as environment:
        slurm = Slurm(environment)
        number = slurm("sbatch", "--parsable", "--chdir", user, user / "job.sh")

        def job():
            return slurm.job(number)

        # As before the time limit: the tasks are told, and the script queues the job again.
        for count, told in enumerate((("scancel", "--signal=TERM"), ("scontrol", "requeue")), start=1):
            wait_until_trained(job, out)
            slurm(*told, number)
            wait_until(lambda count=count: (job()["Restarts"], job()["JobState"]) == (str(count), "PENDING"))
            start_at_once(slurm, number)
        wait_until(lambda: job()["JobState"] == "COMPLETED")
    said = (user / f"slurm-{number}.out").read_text()
    assert said.count("the same command continues the run") == 2, said
    assert_same_run(out, unbroken)
