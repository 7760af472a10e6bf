"""Snakemake as ``score-batch`` runs it: one at a time in a folder, watched, its faults told in one line.

In: the folder of a job, whose ``config.json`` is written. Out: the files that the workflow in
``pipelines/score`` makes, or an error that names the first shard that failed.
"""

import fcntl
import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hyenadna_kit.commands.progress import show_progress
from hyenadna_kit.errors import InputError
from hyenadna_kit.scoring.shards import MANIFEST_NAME, Manifest

_SECONDS_BETWEEN_LOOKS = 0.25
_OWN_PROFILES = ("local", "slurm")
_REMEDY = "pip install 'hyenadna_kit[pipelines]'"


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """One job and how it is run."""

    work: Path
    """Folder of the job, absolute."""
    profile: str
    """``local``, ``slurm``, or a folder with a Snakemake profile."""
    cores: int
    """Cores, or jobs of a cluster, at a time."""

    def words(self) -> list[str]:
        """Return the command line of Snakemake.

        Raises:
            InputError: Snakemake or what it needs for SLURM is missing, or there is no such profile.
        """
        return [*_snakemake(self.profile), *self._options()]

    def run(self, lock: int) -> None:
        """Run the workflow to its end.

        Args:
            lock: File descriptor of the lock of the job; Snakemake keeps it if this process is killed.

        Raises:
            InputError: A step failed; or see :meth:`words`.
        """
        log = self.work / "logs" / "snakemake.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as handle:
            process = subprocess.Popen(  # noqa: S603 - words of our own, no shell
                self.words(), stdout=handle, stderr=subprocess.STDOUT, pass_fds=(lock,)
            )
            self._watch(process)
        if process.returncode:
            raise InputError(self._fault(process.returncode, log))

    def _options(self) -> list[str]:
        folder = _pipeline()
        own = folder / "profiles" / self.profile
        profile = own if self.profile in _OWN_PROFILES else Path(self.profile)
        if not (profile / "config.yaml").is_file() and not (profile / "config.v8+.yaml").is_file():
            raise InputError(
                f"--profile {self.profile} is neither {' nor '.join(_OWN_PROFILES)} nor a folder with the "
                "config.yaml of a Snakemake profile"
            )
        count = str(self.cores)
        return [
            *("--snakefile", str(folder / "Snakefile"), "--directory", str(self.work)),
            *("--configfile", str(self.work / "config.json"), "--profile", str(profile.resolve())),
            *("--cores", count, "--jobs", count, "--nolock", "--rerun-incomplete"),
            # What the job depends on is in job.json by content; time stamps order the steps within it.
            *("--rerun-triggers", "mtime", "input"),
        ]

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        """Show how many of the records that are left are scored, until the process ends."""
        left, shown = self._not_scored(), 0
        try:
            with show_progress("records") as on_progress:
                while process.poll() is None:
                    time.sleep(_SECONDS_BETWEEN_LOOKS)
                    left = left or self._not_scored()
                    done = sum(n for name, n in left.items() if (self.work / "scored" / name).exists())
                    if done and shown < sum(left.values()):  # gathering is no progress of scoring
                        shown = done
                        on_progress(done, sum(left.values()))
        except KeyboardInterrupt:
            # Ctrl-C reached Snakemake too: it ends its jobs first.
            process.wait()
            raise

    def _not_scored(self) -> dict[str, int]:
        """Return the records of every shard that is not scored yet; nothing before the file is cut."""
        manifest, scored = self.work / "shards" / MANIFEST_NAME, self.work / "scored"
        if not manifest.exists():
            return {}
        shards = Manifest.load(manifest).shards
        return {shard.name: shard.num_records for shard in shards if not (scored / shard.name).exists()}

    def _fault(self, status: int, log: Path) -> str:
        """Return what the first step that failed said at its end, and where there is more."""
        failed = []
        for path in sorted(log.parent.glob("*.log")):
            last = _last_line(path)
            if path != log and last.startswith("hyenadna-kit ") and ": " in last:
                failed.append((path, last.partition(": ")[2]))
        again = "the same command goes on from what is done"
        if not failed:
            return f"Snakemake ended with status {status}: {_last_line(log)}; see {log}; {again}"
        path, reason = failed[0]
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        step = f"shard {path.stem}" if path.stem.isdigit() else path.stem
        return f"{step} failed{more}: {reason}; see {path}; {again}"


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


@contextmanager
def only_one(work: Path) -> Iterator[int]:
    """Hold the lock of a job and yield its file descriptor.

    The lock is that of every process that inherits the descriptor: a Snakemake whose driver was killed
    keeps it until it has ended. The file stays, for a new one of its name would be another lock.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another process works in {work}; waiting for it to end", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def program() -> list[str]:
    """Return the words that start this toolkit in another process."""
    script = Path(sys.executable).with_name("hyenadna-kit")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "hyenadna_kit.cli"]


def _snakemake(profile: str) -> list[str]:
    if importlib.util.find_spec("snakemake") is None:
        found = shutil.which("snakemake")
        if found is None:
            raise InputError(f"Snakemake is not installed; run: {_REMEDY}")
        return [found]
    if profile == "slurm" and importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        raise InputError(f"Snakemake's plugin for SLURM is not installed; run: {_REMEDY}")
    return [sys.executable, "-m", "snakemake"]


def _pipeline() -> Path:
    """Return the workflow that lies in the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_pipelines" / "score"
    return installed if installed.exists() else package.parent / "pipelines" / "score"
