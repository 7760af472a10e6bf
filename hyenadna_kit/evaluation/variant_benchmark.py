"""A zero-shot benchmark of variant effects: predictors beside each other on what was measured.

In: effects of variants, and predictors. Out: metrics of every predictor over all variants, within groups and
within each class, with 95 % intervals; and differences of each model score and each other predictor.

No predictor is turned round here: one that falls where the effect rises has a Spearman below 0, or an AUROC
below 0.5.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from hyenadna_kit.evaluation.bootstrap import NUM_RESAMPLES, Estimate, Rows, bootstrap
from hyenadna_kit.evaluation.effect_metrics import EFFECT_METRICS, EffectMetrics
from hyenadna_kit.evaluation.loci import mean_over_loci
from hyenadna_kit.evaluation.variant_effects import MeasuredEffects

Origin = Literal["model", "column", "class"]
"""Where a predictor comes from: a model, the table, or the classes of the variants alone."""

CLASS_ALONE = "class alone"
"""Name of the predictor that knows nothing of a variant but its class."""

_FEWEST = 2


class Predictor(NamedTuple):
    """A number for each variant."""

    name: str
    """What it is called in tables."""
    origin: Origin
    """Where it comes from."""
    values: Float[np.ndarray, " rows"]
    """NaN where there is none."""


class Line(NamedTuple):
    """What one predictor, or the difference of two, reaches on one part of the variants."""

    predictor: str
    """Name of the predictor."""
    minus: str | None
    """Name of the predictor whose metrics are subtracted, if any."""
    num_rows: int
    """Variants that have an effect and the predictor, or both predictors."""
    num_units: int
    """Loci of these variants, or variants where there are no loci: what draws are made of."""
    metrics: dict[str, Estimate]
    """By name; an interval is NaN where there are fewer than two units."""


class Part(NamedTuple):
    """The lines of one part of the variants."""

    name: str
    """``all``, ``within groups`` or a class."""
    kind: Literal["all", "within", "class"]
    """Which of the three it is."""
    lines: tuple[Line, ...]
    """Predictors, then differences."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """How intervals are made."""

    seed: int = 0
    """The same seed makes the same intervals."""
    number: int = NUM_RESAMPLES
    """Draws for each interval."""


def benchmark(
    effects: MeasuredEffects, predictors: Sequence[Predictor], draws: Draws | None = None
) -> list[Part]:
    """Return the parts: all variants, within groups, then classes from the largest on.

    The metrics of a predictor are those of the variants that have it. A difference is a model score minus
    another predictor, on the variants that have both and from the same draws.

    Args:
        effects: What was measured.
        predictors: Scores of a model are compared with all others.
        draws: How intervals are made; the defaults where it is None.

    Raises:
        InputError: No variant has an effect, all have the same, or all that have one are of one locus.
    """
    effects.check()
    draws = draws or Draws()
    known = np.flatnonzero(effects.is_known)
    everywhere = _measured(effects.of_rows(known), [_on_rows(each, known) for each in predictors])
    parts = [Part("all", "all", _lines(effects.of_rows(known), everywhere, draws))]
    if effects.groups is not None:
        parts.append(
            Part("within groups", "within", _lines_within(effects.of_rows(known), everywhere, draws))
        )
    for name, rows in effects.rows_of_classes().items():
        # Within a class its mean is a constant, or what the other loci are not.
        others = [_on_rows(each, rows) for each in predictors if each.origin != "class"]
        part = effects.of_rows(rows)
        parts.append(Part(name, "class", _lines(part, _measured(part, others), draws)))
    return parts


class _Measured(NamedTuple):
    """One predictor, or two whose difference is wanted."""

    predictor: str
    minus: str | None
    metrics: tuple[EffectMetrics, ...]

    @property
    def is_known(self) -> Shaped[np.ndarray, " rows"]:
        """Which variants count."""
        return self.metrics[0].is_known

    def of(self, rows: Rows) -> dict[str, float]:
        """Return the metrics of some rows, or their differences."""
        first, *others = (each.of(rows) for each in self.metrics)
        return first if not others else {name: value - others[0][name] for name, value in first.items()}

    def line(self, effects: MeasuredEffects, metrics: dict[str, Estimate]) -> Line:
        """Return the line of what was found."""
        part = effects.of_rows(np.flatnonzero(self.is_known))
        return Line(self.predictor, self.minus, part.values.size, part.num_units, metrics)


def _on_rows(predictor: Predictor, rows: Rows) -> Predictor:
    return predictor._replace(values=predictor.values[rows])


def _measured(effects: MeasuredEffects, predictors: Sequence[Predictor]) -> list[_Measured]:
    """Return what there is to measure: each predictor, then each difference."""
    found = [
        _Measured(each.name, None, (EffectMetrics(effects.kind, effects.values, each.values),))
        for each in predictors
    ]
    for first, second in _pairs(predictors):
        is_joint = ~(np.isnan(first.values) | np.isnan(second.values))
        metrics = (
            EffectMetrics(effects.kind, effects.values, np.where(is_joint, each.values, np.nan))
            for each in (first, second)
        )
        found.append(_Measured(first.name, second.name, tuple(metrics)))
    return found


def _pairs(predictors: Sequence[Predictor]) -> Iterator[tuple[Predictor, Predictor]]:
    """Yield each score of a model with each other predictor."""
    for first in predictors:
        if first.origin == "model":
            yield from ((first, second) for second in predictors if second.origin != "model")


def _lines(effects: MeasuredEffects, measured: Sequence[_Measured], draws: Draws) -> tuple[Line, ...]:
    """Return what is reached on all rows, every line from the same draws."""

    def statistic(rows: Rows) -> Mapping[str, float]:
        """Return all metrics of all that is measured."""
        found = enumerate(each.of(rows) for each in measured)
        return {f"{number} {name}": value for number, each in found for name, value in each.items()}

    num_rows = effects.values.size
    if effects.num_units < _FEWEST:
        values = statistic(np.arange(num_rows))
        found = {name: Estimate(value, math.nan, math.nan) for name, value in values.items()}
    else:
        generator = np.random.default_rng(draws.seed)
        found = bootstrap(
            statistic, num_rows, generator=generator, groups=effects.loci, num_resamples=draws.number
        )
    names = EFFECT_METRICS[effects.kind]
    return tuple(
        each.line(effects, {name: found[f"{number} {name}"] for name in names})
        for number, each in enumerate(measured)
    )


def _lines_within(effects: MeasuredEffects, measured: Sequence[_Measured], draws: Draws) -> tuple[Line, ...]:
    """Return means over loci of what is reached within each of their groups."""
    assert effects.groups is not None
    assert effects.loci is not None
    locus_of = dict(zip(effects.groups.tolist(), effects.loci.tolist(), strict=True))
    rows_of = {group: np.flatnonzero(effects.groups == group) for group in sorted(locus_of)}
    lines = []
    for each in measured:
        in_group = {group: each.of(rows) for group, rows in rows_of.items()}
        metrics = {
            name: mean_over_loci(
                {group: found[name] for group, found in in_group.items()},
                locus_of,
                generator=np.random.default_rng(draws.seed),
                num_resamples=draws.number,
            )
            for name in EFFECT_METRICS[effects.kind]
        }
        lines.append(each.line(effects, metrics))
    return tuple(lines)
