"""The work of scoring a genome in parts that a killed run need not compute again.

In: regions, and which job they are for. Out: a folder beside the output that holds what is done, part by
part. What a part is depends on the regions and the options alone.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file, locked, remove_left_over
from hyenadna_kit.genome.interval import Interval

_PART_BASES = 1 << 18
_JOB_NAME = "job.json"


class PartsFolder:
    """The folder of one job."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def table(self, number: int) -> Path:
        """Return the file of the lines of a part; it is written last."""
        return self.path / f"{number:08}.gz"

    def array(self, number: int) -> Path:
        """Return the file of the numbers of a part."""
        return self.path / f"{number:08}.npy"

    def open(self, job: Mapping[str, object]) -> None:
        """Make the folder, or check that it is of this job.

        Raises:
            InputError: It is of another job, or no such folder.
        """
        record = self.path / _JOB_NAME
        text = json.dumps(job, indent=2) + "\n"
        if record.is_file():
            self._refuse_other_job(record.read_text(), text)
        elif self.path.exists() and (not self.path.is_dir() or any(map(_is_foreign, self.path.iterdir()))):
            raise InputError(f"{self.path} is no folder of score-genome; move it away")
        else:
            with atomic_file(record) as temporary:
                temporary.write_text(text)

    def remove(self) -> None:
        """Delete the folder: the job is done."""
        shutil.rmtree(self.path)

    def _refuse_other_job(self, theirs: str, ours: str) -> None:
        if theirs == ours:
            return
        try:
            found = json.loads(theirs)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise InputError(f"{self.path / _JOB_NAME} is damaged; remove the folder")
        job = json.loads(ours)
        names = [name for name in job if found.get(name) != job[name]]
        raise InputError(
            f"{self.path} holds parts of another job ({', '.join(names) or 'other fields'} differ); run that "
            "command again to finish it, or remove the folder"
        )


@contextmanager
def parts_folder(out: Path, job: Mapping[str, object]) -> Iterator[PartsFolder]:
    """Yield the parts of an output that no other process writes at the same time.

    They stay when the process is killed or stopped. They go when the block ends well, and where it
    refuses its input: the same command would end in the same way.

    Raises:
        InputError: The folder is of another job.
    """
    with locked(out):
        folder = PartsFolder(out.with_name(f"{out.name}.parts"))
        folder.open(job)
        for target in (out, *(out.with_name(f"{out.name}{suffix}") for suffix in (".tbi", ".csi"))):
            remove_left_over(target)
        try:
            yield folder
        except InputError:
            folder.remove()
            raise
        folder.remove()


def divide(regions: Sequence[Interval], stride: int, batch_size: int) -> Iterator[list[Interval]]:
    """Yield the regions in parts: long ones cut between windows, short ones together.

    Args:
        regions: In order.
        stride: Distance between neighbouring windows, in bp.
        batch_size: Windows that are read at a time; a part has several times as many.
    """
    step = stride * max(batch_size, -(-_PART_BASES // stride))
    part, num_bases = list[Interval](), 0
    for region in regions:
        for border in range(region.start // step * step, region.end, step):
            piece = Interval(region.contig, max(region.start, border), min(region.end, border + step))
            part.append(piece)
            num_bases += piece.length
            if num_bases >= step:
                yield part
                part, num_bases = [], 0
    if part:
        yield part


def _is_foreign(path: Path) -> bool:
    """Say whether a file is not what a kill leaves of the record of the job."""
    return not path.name.endswith(f".tmp.{_JOB_NAME}")
