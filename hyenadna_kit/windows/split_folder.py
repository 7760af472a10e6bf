"""A split on disk: the windows of each side as BED, and a report of what they share.

In: windows with their sides. Out: a folder of train.bed, validation.bed, test.bed, report.json and
similarity.png, all of it or nothing.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hyenadna_kit.files import atomic_folder
from hyenadna_kit.io.bed import BedRecord, write_bed
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.plots.histogram import Labels, histogram_png
from hyenadna_kit.windows.postings import Numbers
from hyenadna_kit.windows.similarity import SimilarityHistogram, SimilarityIndex
from hyenadna_kit.windows.splits import REASONS, SIDES, TEST

REPORT_FILE, FIGURE_FILE = "report.json", "similarity.png"
BED_FILES = {side: f"{side}.bed" for side in SIDES}
SPLIT_FILES = (*BED_FILES.values(), REPORT_FILE, FIGURE_FILE)
"""The files of the folder; a folder with any other file in it is no split."""

_FORMAT = "hyenadna_kit.split/1"
_PLAIN_COLUMNS, _NAMED_COLUMNS = 3, 6


@dataclass(frozen=True, kw_only=True)
class Split:
    """Windows of a genome, each on one side, and what the sides share."""

    genome: Genome
    """Where the windows lie."""
    records: Sequence[BedRecord]
    """The windows."""
    sides: Sequence[str]
    """The side of each window."""
    left_out: Mapping[str, int]
    """Windows that are on no side, by the reason."""
    index: SimilarityIndex
    """The k-mers of the windows, in their order."""
    groups: Numbers | None
    """The group of each window where groups were put on one side, else None."""

    @property
    def histogram(self) -> SimilarityHistogram:
        """How much of each test window the training windows hold."""
        return self.index.histogram(self.sides)


def write_split(folder: Path, split: Split, parameters: Mapping[str, Any]) -> SimilarityHistogram:
    """Write the folder and return the histogram in it; a folder that has the name is replaced.

    Args:
        folder: Folder to write; what is there already is replaced.
        split: What to write.
        parameters: What the split was made with, as plain data for the report.
    """
    histogram = split.histogram
    # A link is followed: the folder that it points to is replaced, not the link.
    with atomic_folder(folder.resolve()) as temporary:
        named = any(record != BedRecord(record.interval) for record in split.records)
        for side, name in BED_FILES.items():
            records = [record for record, of in zip(split.records, split.sides, strict=True) if of == side]
            write_bed(temporary / name, records, num_columns=_NAMED_COLUMNS if named else _PLAIN_COLUMNS)
        report = _report(split, histogram) | {"parameters": dict(parameters)}
        (temporary / REPORT_FILE).write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
        num_test = sum(histogram.counts)
        labels = Labels(
            f"{histogram.num_similar:,} of {num_test:,} test windows are similar to a training window",
            "highest containment against a training window",
            "test windows",
        )
        mark = split.index.sketch.min_containment
        picture = histogram_png(histogram.edges, histogram.counts, labels=labels, mark=mark)
        (temporary / FIGURE_FILE).write_bytes(picture)
    return histogram


def _report(split: Split, histogram: SimilarityHistogram) -> dict[str, Any]:
    windows, bases = Counter(split.sides), Counter[str]()
    for record, side in zip(split.records, split.sides, strict=True):
        bases[side] += record.interval.length
    sampling = split.index.sampling
    return {
        "format": _FORMAT,
        "genome": {"path": str(split.genome.path), "fingerprint": split.genome.fingerprint},
        "sides": {side: {"windows": windows[side], "bases": bases[side]} for side in SIDES},
        "left_out": {reason: split.left_out.get(reason, 0) for reason in REASONS},
        "groups": None if split.groups is None else _group_sizes(split.groups),
        "kmers": {"k": sampling.k, "sampled_fraction": sampling.fraction},
        "similarity": {"windows": windows[TEST], **histogram._asdict()},
    }


def _group_sizes(groups: Numbers) -> dict[str, int]:
    """Return how many windows are in a group with others, and how many in the largest."""
    sizes = np.bincount(groups)
    return {"windows_in_groups": int(sizes[sizes > 1].sum()), "largest": int(sizes.max())}
