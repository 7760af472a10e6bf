"""Which training rows are set aside: for validation, where a task has no such file, or for each part in turn.

In: a table and the options. Out: numbers of rows or of parts, a pure function of both. Rows of one group, or
else those that are equal on either strand, are set aside together; every class gives about the same share.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Int

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import reverse_complement
from hyenadna_kit.io.label_columns import GENOME
from hyenadna_kit.io.labelled_table import LabelledTable
from hyenadna_kit.training.finetune_config import FinetuneConfig

_LEAST = 2


def validation_rows(table: LabelledTable, config: FinetuneConfig, source: str) -> list[int]:
    """Return the numbers of the rows that are set aside, in their order.

    Args:
        table: The training rows.
        config: Has the share and the seed.
        source: Where the rows come from, for the error.

    Raises:
        InputError: Too few rows would be left on a side.
    """
    classes = _classes(table, config)
    room = {name: config.validation_share * count for name, count in Counter(classes).items()}
    groups = _groups(table, config)
    generator = np.random.default_rng(config.validation_seed)
    held_out: list[int] = []
    for number in generator.permutation(len(groups)).tolist():
        rows, name = groups[number], classes[groups[number][0]]
        if len(rows) / 2 <= room[name]:
            held_out += rows
            room[name] -= len(rows)
    if min(len(held_out), table.num_rows - len(held_out)) < _LEAST:
        raise InputError(
            f"{source}: a validation_share of {config.validation_share:g} sets {len(held_out):,} of "
            f"{table.num_rows:,} rows aside; take another share, or give --validation FILE"
        )
    return sorted(held_out)


def part_numbers(table: LabelledTable, config: FinetuneConfig, source: str) -> Int[np.ndarray, " rows"]:
    """Return the part of each row, from 0; all have about as many rows of each class.

    Args:
        table: The training rows.
        config: Has the number of parts and the seed.
        source: Where the rows come from, for the error.

    Raises:
        InputError: There are fewer groups than parts.
    """
    classes, groups = _classes(table, config), _groups(table, config)
    if len(groups) < config.folds:
        of_what = "different rows" if config.group_column is None else f"values of {config.group_column!r}"
        raise InputError(
            f"{source}: {len(groups)} {of_what} make no {config.folds} parts; take fewer --folds"
        )
    shuffled = np.random.default_rng(config.validation_seed).permutation(len(groups)).tolist()
    parts = np.empty(table.num_rows, dtype=np.int64)
    rows_of = [Counter[str]() for _ in range(config.folds)]
    for number in sorted(shuffled, key=lambda each: -len(groups[each])):
        rows = groups[number]
        name = classes[rows[0]]
        part = min(range(config.folds), key=lambda each: (rows_of[each][name], rows_of[each].total()))
        rows_of[part].update(classes[row] for row in rows)
        parts[rows] = part
    return parts


def group_numbers(
    tables: Mapping[str, LabelledTable], config: FinetuneConfig
) -> dict[str, Int[np.ndarray, " rows"] | None]:
    """Return the numbers of the rows' groups, alike in all tables; None without such a column."""
    numbers: dict[str, int] = {}
    found: dict[str, Int[np.ndarray, " rows"] | None] = dict.fromkeys(tables)
    if config.group_column is not None:
        for side, table in tables.items():
            values = map(str, table.columns[config.group_column])
            found[side] = np.array(
                [numbers.setdefault(each, len(numbers)) for each in values], dtype=np.int64
            )
    return found


def _groups(table: LabelledTable, config: FinetuneConfig) -> list[list[int]]:
    """Return the rows that belong together."""
    column = config.group_column
    keys = _keys(table) if column is None else map(str, table.columns[column])
    groups: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _keys(table: LabelledTable) -> Iterator[str]:
    """Yield for every row what it has in common with an equal one."""
    if table.sequences is not None:
        for sequence in table.sequences:
            bases = sequence.upper()
            yield min(bases, reverse_complement(bases))
    elif table.intervals is not None:
        genomes = table.columns.get(GENOME, ("",) * table.num_rows)
        for interval, genome in zip(table.intervals, genomes, strict=True):
            yield f"{genome} {interval.region}"
    else:
        for variant in table.variants or ():
            yield f"{variant.contig}:{variant.position}:{variant.ref}:{variant.alt}"


def _classes(table: LabelledTable, config: FinetuneConfig) -> list[str]:
    """Return the class of each row, the same for all where rows have none."""
    name = config.label_columns[0]
    has_class = config.task in ("binary", "multiclass") and config.labels_of == "sequence"
    return [str(label) for label in table.columns[name]] if has_class else [""] * table.num_rows
