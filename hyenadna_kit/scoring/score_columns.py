"""What is written of a scored ALT: INFO fields of a variant file, columns of a table.

In: what became of the ALTs of a record. Out: its values, in the order of the columns.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from hyenadna_kit.io.variant_tables import TableColumn
from hyenadna_kit.io.vcf_header import InfoField
from hyenadna_kit.scoring.scored import ScoredAllele
from hyenadna_kit.scoring.status import Status

_ARROW_TYPES = {"Float": "double", "Integer": "int64", "String": "string"}

Value = str | int | float | None
"""What is written; None where there is nothing to write."""


class ScoreColumn(NamedTuple):
    """One value of every ALT."""

    name: str
    """What a table calls it."""
    info: InfoField
    """What a variant file calls it, and what it means."""
    value: Callable[[ScoredAllele], Value]
    """Takes it from what became of an ALT."""

    @property
    def table_column(self) -> TableColumn:
        """The column of a table."""
        return TableColumn(self.name, _ARROW_TYPES[self.info.type])


def _score(name: str, field: str, description: str) -> ScoreColumn:
    return ScoreColumn(name, InfoField(field, "A", "Float", description), lambda allele: allele.value(name))


_SCORES = (
    _score(
        "delta_ll",
        "HK_DELTA_LL",
        "Log-likelihood of ALT minus REF over the horizon, in nats; below 0: less likely",
    ),
    _score("llr", "HK_LLR", "Log-likelihood ratio of the replaced bases, in nats; . where lengths differ"),
    _score("entropy", "HK_ENTROPY", "Uncertainty of the model about the first base that differs, in bits"),
    _score("l2", "HK_L2", "Euclidean distance of the mean hidden states of the alleles over the horizon"),
    _score("cosine", "HK_COS", "Cosine distance of those states: 1 - cosine"),
)

CALIBRATION_COLUMNS = (
    ScoreColumn(
        "z",
        InfoField("HK_Z", "A", "Float", "Standard deviations from the mean of null variants of its kind"),
        lambda allele: allele.calibrated.z,
    ),
    ScoreColumn(
        "pct",
        InfoField("HK_PCT", "A", "Float", "Share of null variants of its kind that are as extreme or more"),
        lambda allele: allele.calibrated.percentile,
    ),
)
"""One score beside those of chance."""

WINDOW_COLUMNS = (
    ScoreColumn(
        "ntok",
        InfoField("HK_NTOK", "A", "Integer", "Bases in each of the two sums of HK_DELTA_LL"),
        lambda allele: allele.scores.num_tokens if allele.scores else None,
    ),
    ScoreColumn(
        "nfrac",
        InfoField("HK_NFRAC", "A", "Float", "Share of N in the window"),
        lambda allele: allele.scores.n_fraction if allele.scores else None,
    ),
)
"""What accompanies scores of windows."""

STATUS_COLUMN = ScoreColumn(
    "status",
    InfoField("HK_STATUS", ".", "String", "What became of each ALT: PASS and EDGE_PADDED carry scores"),
    lambda allele: str(allele.status),
)
"""What became of an ALT; the last column."""


INFO_IDS = tuple(
    column.info.id for column in (*_SCORES, *CALIBRATION_COLUMNS, *WINDOW_COLUMNS, STATUS_COLUMN)
)
"""Every INFO field that scoring may write: what an earlier run left of them gives way."""


def score_columns(scores: Collection[str]) -> tuple[ScoreColumn, ...]:
    """Return the columns of some scores, in order."""
    return tuple(column for column in _SCORES if column.name in scores)


def info_of(columns: Sequence[ScoreColumn], alleles: Sequence[ScoredAllele]) -> Mapping[str, Sequence[Value]]:
    """Return the INFO of a record: a value an ALT, or its status alone where it has none."""
    if not alleles:
        return {STATUS_COLUMN.info.id: [str(Status.NO_ALT)]}
    return {column.info.id: [column.value(allele) for allele in alleles] for column in columns}


def cells_of_row(columns: Sequence[ScoreColumn], allele: ScoredAllele | None) -> list[Value]:
    """Return the cells of one ALT; None is a record without."""
    if allele is None:
        allele = ScoredAllele(Status.NO_ALT, None, 1)
    return [column.value(allele) for column in columns]
