"""Scores as they are computed, in a file beside the output: what a killed run need not compute again.

In: the scores of batch after batch. Out: the same in a later run of the same job. The first line says
which job it is; every other one holds a batch, whole or, at the end of what a kill left, not at all.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hyenadna_kit.errors import InputError
from hyenadna_kit.scoring.scored import UNCALIBRATED, Calibrated, ScoredAllele
from hyenadna_kit.scoring.scorer import VariantScores


class Journal:
    """The journal of one job; a context manager.

    with Journal(path, job) as journal:
        for alleles in journal.read(): ...
        journal.write(batch)
    """

    def __init__(self, path: Path, job: Mapping[str, object]) -> None:
        """Describe a journal; nothing is read or written until the block begins.

        Args:
            path: The file; it need not exist.
            job: What the scores depend on, as plain data.
        """
        self.path = path
        self._job = json.loads(json.dumps(job))

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            InputError: It belongs to another job.
        """
        end = self._check() if self.path.exists() else 0
        self._handle = self.path.open("r+b" if end else "w+b")
        if not end:
            self._handle.write(_line(self._job))
            self._handle.flush()
            end = self._handle.tell()
        # What a kill left of a last line goes.
        self._handle.truncate(end)
        self._end = end
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.close()

    def read(self) -> Iterator[list[ScoredAllele]]:
        """Yield the alleles of every record of earlier runs; exhaust it before writing."""
        self._handle.seek(0)
        self._handle.readline()
        while self._handle.tell() < self._end:
            for record in json.loads(self._handle.readline()):
                yield [_allele(*fields) for fields in record]

    def write(self, batch: Sequence[Sequence[ScoredAllele]]) -> None:
        """Add the alleles of some records; a process that is killed later does not lose them."""
        try:
            self._handle.write(_line([[_fields(allele) for allele in alleles] for alleles in batch]))
            self._handle.flush()
        except OSError as error:  # a full disk: of an open file the system does not say which one
            raise OSError(error.errno, error.strerror, str(self.path)) from None

    def remove(self) -> None:
        """Delete the file: the job is done."""
        self.path.unlink(missing_ok=True)

    def _check(self) -> int:
        """Return where the last whole line ends; 0 where there is not even a first."""
        with self.path.open("rb") as handle:
            end = 0
            for number, line in enumerate(handle):
                if not line.endswith(b"\n"):
                    break
                if not number:
                    self._refuse_other_job(line)
                end += len(line)
        return end

    def _refuse_other_job(self, line: bytes) -> None:
        try:
            theirs = json.loads(line)
        except ValueError:
            theirs = None
        if not isinstance(theirs, dict):
            raise InputError(f"{self.path} is no journal; move it away")
        if theirs != self._job:
            names = [name for name in self._job if theirs.get(name) != self._job[name]]
            raise InputError(
                f"{self.path} holds scores of another job ({', '.join(names) or 'other fields'} differ); run "
                "that command again to finish it, or remove the file"
            )


def _line(content: object) -> bytes:
    # Python writes every float so that the same one is read back, NaN and infinity too.
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def _fields(allele: ScoredAllele) -> list[object]:
    if allele.calibrated == UNCALIBRATED:
        return [allele.status, allele.sign, allele.scores]
    return [allele.status, allele.sign, allele.scores, allele.calibrated]


def _allele(
    status: str, sign: int, scores: list[Any] | None, calibrated: list[Any] | None = None
) -> ScoredAllele:
    return ScoredAllele(
        status,
        None if scores is None else VariantScores(*scores),
        sign,
        UNCALIBRATED if calibrated is None else Calibrated(*calibrated),
    )
