"""Sequences that several tables of a fine-tuning hold: counted, and by choice left out.

In: the examples of each table. Out: counts, and the task without the rows that repeat in the table that is
measured. Of variants, the sequences with ALT are compared: variants close to each other count as similar.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from hyenadna_kit.evaluation.duplicates import NEAR_DUPLICATES, Duplicates, SharedRows
from hyenadna_kit.training.finetune import FinetuneTask
from hyenadna_kit.training.finetune_variations import without_rows
from hyenadna_kit.windows.examples import Examples

_MOST_BASES = 1_000_000_000


@dataclass
class FoundDuplicates:
    """What the tables of a task have in common."""

    shared: list[SharedRows] = field(default_factory=list)
    """What each table shares with each one before it."""
    repeated: dict[str, int] = field(default_factory=dict)
    """Rows of each table that equal an earlier one of it."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Rows that were left out of each table; empty where duplicates are kept."""
    left_out: str = ""
    """Why nothing was compared, if so."""
    in_groups_of: dict[str, int] = field(default_factory=dict)
    """Of each other table, how many rows of the table that is measured belong to one of its groups; empty
    where no column of groups is named."""

    def as_plain_data(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "similar_from": NEAR_DUPLICATES.min_containment,
            "shared": [each._asdict() for each in self.shared],
            **{name: value for name, value in asdict(self).items() if name != "shared"},
        }


def settle_duplicates(task: FinetuneTask) -> tuple[FinetuneTask, FoundDuplicates]:
    """Count the rows that repeat, and leave them out of the task where its options say so.

    Raises:
        InputError: So many would be left out that nothing can be learnt from the rest.
    """
    examples = task.data.examples
    in_groups_of = _in_groups_of(examples)
    num_bases = sum(sum(each.pieces.lengths) for each in examples.values())
    if num_bases > _MOST_BASES and task.config.duplicates == "keep":
        reason = f"the tables hold {num_bases:,} bases, and no more than {_MOST_BASES:,} are compared"
        return task, FoundDuplicates(left_out=reason, in_groups_of=in_groups_of)
    compared = Duplicates(
        {side: [each.pieces.tokens(row)[-1] for row in range(len(each))] for side, each in examples.items()}
    )
    found = FoundDuplicates(
        compared.pairs(),
        {side: compared.num_repeated(side) for side in examples},
        in_groups_of=in_groups_of,
    )
    if task.config.duplicates == "keep":
        return task, found
    *others, measured = examples
    rows = {side: compared.held_by(side, [measured], "similar").nonzero()[0] for side in others}
    found.dropped = {side: len(each) for side, each in rows.items()}
    return without_rows(task, rows), found


def _in_groups_of(examples: Mapping[str, Examples]) -> dict[str, int]:
    """Return how many rows of the last table belong to a group that each other one has, too."""
    *others, measured = examples
    groups = examples[measured].groups
    if groups is None:
        return {}
    theirs = {side: examples[side].groups for side in others}
    return {side: int(np.isin(groups, each).sum()) for side, each in theirs.items() if each is not None}
