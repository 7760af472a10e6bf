"""Loci: rows that must be drawn, and held out, together.

In: what each row belongs to, and where it lies. Out: the locus of each row, and means over loci with their
intervals. An element that was assayed twice, or two elements that overlap, are one locus: what is learnt from
the one is known of the other.
"""

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Shaped

from hyenadna_kit.evaluation.bootstrap import NUM_RESAMPLES, Estimate, Rows, bootstrap
from hyenadna_kit.evaluation.metrics import regression_metrics

_FEWEST = 2


def merge_groups(groups: Sequence[str], sites: Sequence[Hashable | None]) -> Shaped[np.ndarray, " rows"]:
    """Return the locus of each row: groups that share a site are one, named as the first.

        merge_groups(["a", "b", "c", "b"], [1, 1, 2, 3])  ==  ["a", "a", "c", "a"]

    Args:
        groups: What each row belongs to.
        sites: Where each row lies, as contig and position; None shares nothing.

    Raises:
        ValueError: There are more groups than sites, or fewer.
    """
    parents: dict[str, str] = {}

    def root(group: str) -> str:
        """Return the name of the locus of a group, as far as it is known."""
        while parents[group] != group:
            parents[group] = parents[parents[group]]
            group = parents[group]
        return group

    first_at: dict[Hashable, str] = {}
    for group, site in zip(groups, sites, strict=True):
        parents.setdefault(group, group)
        if site is not None:
            earlier, later = root(first_at.setdefault(site, group)), root(group)
            parents[later] = earlier
    names: dict[str, str] = {}
    return np.array([names.setdefault(root(group), group) for group in groups])


def spearman_of_elements(
    effects: Float[np.ndarray, " rows"],
    predictions: Float[np.ndarray, " rows"],
    elements: Shaped[np.ndarray, " rows"],
) -> dict[str, float]:
    """Return the rank correlation within each element, by its name, sorted.

    It is NaN where effects or predictions do not vary; rows where either is NaN are left out.
    """
    known = ~np.isnan(effects) & ~np.isnan(predictions)
    found = {}
    for element in np.unique(elements).tolist():
        rows = known & (elements == element)
        found[str(element)] = regression_metrics(effects[rows], predictions[rows])["spearman"]
    return found


def mean_over_loci(
    values: Mapping[str, float],
    locus_of: Mapping[str, str],
    *,
    generator: np.random.Generator,
    num_resamples: int = NUM_RESAMPLES,
) -> Estimate:
    """Return the mean over loci of the means of their elements; the interval draws loci.

    For the difference of two models, give the differences of the elements: the same loci are drawn for both.

    Args:
        values: A number for each element; NaN is left out.
        locus_of: The locus of each element.
        generator: Makes the draws; the same seed makes the same.
        num_resamples: Draws.

    Returns:
        NaN where no locus has a number, and without an interval where a single one has.
    """
    of_locus: dict[str, list[float]] = {}
    for element, value in values.items():
        if not np.isnan(value):
            of_locus.setdefault(locus_of[element], []).append(value)
    means = np.array([np.mean(of_locus[locus]) for locus in sorted(of_locus)])

    if means.size < _FEWEST:
        return Estimate(float(means.sum()) if means.size else math.nan, math.nan, math.nan)

    def statistic(rows: Rows) -> dict[str, float]:
        """Return the mean over the loci of a draw."""
        return {"mean": float(means[rows].mean())}

    found = bootstrap(statistic, means.size, generator=generator, num_resamples=num_resamples)
    return found["mean"]
