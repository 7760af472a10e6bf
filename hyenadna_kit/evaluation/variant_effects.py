"""What was measured of variants, and what their classes alone say of it.

In: an effect for each variant, and maybe what it belongs to and its class. Out: the same as one value, and
the mean effect of each variant's class elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.bootstrap import Rows
from hyenadna_kit.evaluation.effect_metrics import EffectKind

_FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class MeasuredEffects:
    """Effects of variants, and what the variants belong to."""

    kind: EffectKind
    """Numbers, or two classes."""
    values: Float[np.ndarray, " rows"]
    """The effects, of classes 0 and 1; NaN where there is none."""
    groups: Shaped[np.ndarray, " rows"] | None = None
    """What each variant belongs to, as an element or a gene; None: variants stand alone."""
    loci: Shaped[np.ndarray, " rows"] | None = None
    """Groups, joined where they share places, that are drawn together; there where groups are."""
    classes: Sequence[str | None] | None = None
    """Class of each variant, such as its consequence; None where nothing is known of any."""

    @property
    def is_known(self) -> Bool[np.ndarray, " rows"]:
        """Which variants have an effect."""
        return ~np.isnan(self.values)

    @property
    def num_units(self) -> int:
        """How many loci there are to draw from, or variants where there are none."""
        return self.values.size if self.loci is None else np.unique(self.loci).size

    def of_rows(self, rows: Rows) -> "MeasuredEffects":
        """Return those of some rows."""
        return MeasuredEffects(
            kind=self.kind,
            values=self.values[rows],
            groups=None if self.groups is None else self.groups[rows],
            loci=None if self.loci is None else self.loci[rows],
            classes=None if self.classes is None else [self.classes[row] for row in rows.tolist()],
        )

    def rows_of_classes(self) -> dict[str, Rows]:
        """Return the rows of each class that have an effect, the largest class first."""
        if self.classes is None:
            return {}
        classes = np.array([each or "" for each in self.classes])
        names, counts = np.unique(classes[self.is_known], return_counts=True)
        ordered = names[np.argsort(-counts, kind="stable")].tolist()
        return {name: np.flatnonzero(self.is_known & (classes == name)) for name in ordered if name}

    def check(self) -> None:
        """Refuse effects that nothing can be compared with.

        Raises:
            InputError: No variant has an effect, all have the same, or all that have one are of one locus.
        """
        known = self.values[self.is_known]
        if not known.size:
            raise InputError(f"none of {self.values.size:,} variants has an effect; name another column")
        if np.ptp(known) == 0:
            raise InputError(
                f"all {known.size:,} variants that have an effect have the same one, {known[0]:g}; there is "
                "nothing to rank"
            )
        loci = None if self.loci is None else np.unique(self.loci[self.is_known])
        if loci is not None and loci.size < _FEWEST:
            raise InputError(
                f"all {known.size:,} variants that have an effect are of one locus, {str(loci[0])!r}; "
                "intervals are drawn from two or more: leave the groups out, and variants are drawn"
            )


def class_means(effects: MeasuredEffects) -> Float[np.ndarray, " rows"]:
    """Return the mean effect of each variant's class in the other loci.

    A class that no other locus has gets the mean of all classes there. Without loci the mean is that of all
    variants of the class, the variant itself among them, which flatters it a little: left out one by one,
    variants of a class would be predicted the lower the higher they are.

    Args:
        effects: With classes; rows without one get NaN.

    Raises:
        ValueError: The effects have no classes.
    """
    if effects.classes is None:
        raise ValueError("effects have no classes, whose means are asked for")
    names, class_of = np.unique([each or "" for each in effects.classes], return_inverse=True)
    loci, locus_of = np.array([""]), np.zeros(effects.values.size, dtype=np.int64)
    if effects.loci is not None:
        loci, locus_of = np.unique(effects.loci, return_inverse=True)
    rows = np.flatnonzero(effects.is_known)
    sums, counts = np.zeros((2, names.size, loci.size))
    np.add.at(sums, (class_of[rows], locus_of[rows]), effects.values[rows])
    np.add.at(counts, (class_of[rows], locus_of[rows]), 1)
    if effects.loci is not None:
        sums, counts = (each.sum(axis=1, keepdims=True) - each for each in (sums, counts))
    with np.errstate(invalid="ignore"):
        means = np.where(counts > 0, sums / counts, sums.sum(axis=0) / counts.sum(axis=0))
    found: Float[np.ndarray, " rows"] = means[class_of, locus_of]
    found[names[class_of] == ""] = np.nan
    return found
