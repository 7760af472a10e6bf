"""What ``benchmark-variants`` measures: rows of a table, scores of a model, classes of an annotation.

In: the options. Out: what was measured, with the metrics of every predictor.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hyenadna_kit.commands.benchmark_effects import read_effects, read_records
from hyenadna_kit.commands.benchmark_variants import BenchmarkVariantsOptions
from hyenadna_kit.commands.computing import computing
from hyenadna_kit.commands.progress import show_progress
from hyenadna_kit.commands.scorer_options import load_scorer
from hyenadna_kit.config import nearest
from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.effect_metrics import EFFECT_METRICS
from hyenadna_kit.evaluation.variant_benchmark import CLASS_ALONE, Draws, Part, Predictor, benchmark
from hyenadna_kit.evaluation.variant_effects import MeasuredEffects, class_means
from hyenadna_kit.io.genome import Genome, open_genome
from hyenadna_kit.io.measured_variants import (
    MeasuredTable,
    read_measured_table,
)
from hyenadna_kit.io.raw_table import Cell
from hyenadna_kit.io.vcf import VariantRecord
from hyenadna_kit.scoring.provenance import provenance_lines
from hyenadna_kit.scoring.score_records import ScoringRun, score_records
from hyenadna_kit.scoring.scored import ScoredAllele
from hyenadna_kit.scoring.scores import SCORES
from hyenadna_kit.scoring.status import Status

NO_VARIANT = "NO_VARIANT"
"""Status of a row without contig, position, REF or ALT."""

STATUS = "hk_status"
"""Column of what became of each variant."""

_OURS = "hk_"
_WITH_SCORES = frozenset({Status.PASS, Status.EDGE_PADDED})


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What was measured, and how well each predictor tells it."""

    options: BenchmarkVariantsOptions
    """As they were given."""
    table: MeasuredTable
    """The rows that count."""
    num_left_out: int
    """Rows that the conditions left out."""
    effects: MeasuredEffects
    """What was measured of the rows."""
    parts: tuple[Part, ...]
    """The metrics."""
    added: Mapping[str, Sequence[Cell]]
    """Columns that are not of the table, by their names."""
    provenance: tuple[str, ...]
    """Where the scores come from; empty without a model."""

    @property
    def effect_name(self) -> str:
        """Name of what predictors are compared with."""
        return f"|{self.options.effect}|" if self.options.unsigned else self.options.effect

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics, the first one first."""
        return EFFECT_METRICS[self.effects.kind]

    @property
    def statuses(self) -> Counter[str]:
        """How many rows have each status, joined ones under each part; none without a model."""
        return Counter(part for each in self.added.get(STATUS, ()) for part in str(each).split("|"))

    @property
    def counts(self) -> dict[str, int]:
        """How many rows there are, by what is known of them."""
        counts = {
            "rows": len(self.table.rows),
            "left_out": self.num_left_out,
            "with_effect": int(self.effects.is_known.sum()),
        }
        if STATUS in self.added:
            counts["scored"] = sum(is_scored(str(status)) for status in self.added[STATUS])
        if self.effects.groups is not None:
            counts["groups"] = np.unique(self.effects.groups).size
            counts["loci"] = self.effects.num_units
        return counts


class _Scored(NamedTuple):
    """What a model says of the rows."""

    alleles: list[ScoredAllele | None]
    """One entry a row; None where it has no variant."""
    provenance: tuple[str, ...]
    """Where the scores come from."""


def read_benchmark(options: BenchmarkVariantsOptions) -> Benchmark:
    """Read the table, score its variants and measure every predictor.

    Raises:
        InputError: See :func:`~hyenadna_kit.commands.benchmark_variants.run`.
        CheckpointError: The model folder is damaged.
    """
    whole = read_measured_table(Path(options.variants))
    table = whole.where(options.where) if options.where else whole
    _check_names(table, options)
    columns = {name: table.numbers(name) for name in options.compare}
    genome = None if options.genome is None else open_genome(options.genome)
    records = read_records(table, options, genome)
    effects = read_effects(table, options, records=records, genome=genome)
    scored = None if genome is None or options.model is None else _scored(options, genome, records)
    predictors = list(_predictors(options, effects, columns=columns, scored=scored))
    draws = Draws(seed=options.seed, number=options.num_resamples)
    return Benchmark(
        options=options,
        table=table,
        num_left_out=len(whole.rows) - len(table.rows),
        effects=effects,
        parts=tuple(benchmark(effects, predictors, draws)),
        added=dict(_added(options, effects, scored)),
        provenance=() if scored is None else scored.provenance,
    )


def is_scored(status: str) -> bool:
    """Say of a status whether it carries scores."""
    return not _WITH_SCORES.isdisjoint(status.split("|"))


def _scored(
    options: BenchmarkVariantsOptions, genome: Genome, records: Sequence[VariantRecord | None]
) -> _Scored:
    """Score the rows in the order of the genome, where neighbours share their windows."""
    assert options.model is not None
    scorer = load_scorer(options.model, options, options.scores)
    there = [(row, record) for row, record in enumerate(records) if record is not None]
    there.sort(key=lambda each: (each[1].contig, each[1].position))
    alleles: list[ScoredAllele | None] = [None] * len(records)
    with computing(scorer.model, options.precision), show_progress("variants") as on_progress:
        provenance = provenance_lines(
            scorer.model, genome, scorer.placement, scorer.strands, engine=scorer.engine.name
        )
        found = score_records(
            scorer,
            genome,
            (record for _, record in there),
            ScoringRun(num_workers=options.workers),
            source=options.variants,
        )
        for number, ((row, _), scored) in enumerate(zip(there, found, strict=True), start=1):
            (alleles[row],) = scored.alleles
            on_progress(number, len(there))
    _refuse_unscored(alleles, options)
    return _Scored(alleles, tuple(line.removeprefix("##") for line in provenance))


def _refuse_unscored(alleles: Sequence[ScoredAllele | None], options: BenchmarkVariantsOptions) -> None:
    if any(each is not None and each.scores is not None for each in alleles):
        return
    statuses = Counter(NO_VARIANT if each is None else each.status for each in alleles)
    status, number = statuses.most_common(1)[0]
    raise InputError(
        f"{options.variants}: none of {len(alleles):,} variants could be scored, {number:,} of them "
        f"{status}; is {options.genome} their reference, with these contigs and positions that count from 1?"
    )


def _predictors(
    options: BenchmarkVariantsOptions,
    effects: MeasuredEffects,
    *,
    columns: Mapping[str, Float[np.ndarray, " rows"]],
    scored: _Scored | None,
) -> Iterator[Predictor]:
    """Yield the scores of the model, the columns of the table, and the class alone."""
    scores = {} if scored is None else {name: _values(scored, name) for name in options.scores}
    has_no_sign = options.unsigned or effects.kind == "class"
    for name, values in scores.items():
        yield _signed(Predictor(name, "model", values), options)
        if has_no_sign and SCORES[name].is_signed:
            yield Predictor(f"|{name}|", "model", np.abs(values))
    for name, values in columns.items():
        yield _signed(Predictor(name, "column", values), options)
    if effects.classes is not None:
        yield Predictor(CLASS_ALONE, "class", class_means(effects))


def _values(scored: _Scored, name: str) -> Float[np.ndarray, " rows"]:
    found = (None if each is None else each.value(name) for each in scored.alleles)
    return np.array([np.nan if value is None else value for value in found])


def _signed(predictor: Predictor, options: BenchmarkVariantsOptions) -> Predictor:
    """Return a predictor, with the other sign if that is asked for."""
    if predictor.name not in options.negate:
        return predictor
    return predictor._replace(name=f"-{predictor.name}", values=-predictor.values)


def _added(
    options: BenchmarkVariantsOptions, effects: MeasuredEffects, scored: _Scored | None
) -> Iterator[tuple[str, list[Cell]]]:
    """Yield the columns that are written beside those of the table."""
    if scored is not None:
        for name in options.scores:
            yield f"{_OURS}{name}", [None if each is None else each.value(name) for each in scored.alleles]
        yield STATUS, [NO_VARIANT if each is None else each.status for each in scored.alleles]
    if options.annotation is not None and effects.classes is not None:
        yield f"{_OURS}consequence", list(effects.classes)
    if effects.loci is not None:
        yield f"{_OURS}locus", effects.loci.tolist()


def _check_names(table: MeasuredTable, options: BenchmarkVariantsOptions) -> None:
    """Refuse names that stand for nothing, or for two things, before anything is scored."""
    scores = () if options.model is None else options.scores
    known = [*scores, *options.compare]
    for name in options.negate:
        if name not in known:
            raise InputError(f"--negate {name} is none of {', '.join(known)}{nearest(name, known)}")
    for name in options.compare:
        if known.count(name) > 1:
            raise InputError(f"--compare {name} has the name of another predictor; rename the column")
    ours = (STATUS, f"{_OURS}consequence", f"{_OURS}locus", *(f"{_OURS}{name}" for name in scores))
    taken = [name for name in ours if name in table.names]
    if taken:
        raise InputError(f"{table.path} has a column {taken[0]!r}, which is written here; rename it")
