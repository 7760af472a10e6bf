"""A floor for models of variant effects: ridge regression on differences of k-mer counts.

In: bases around variants with REF and with ALT, and what was measured of each. Out: predictions for every
variant by a model that has seen nothing of its locus.

    features = k-mers of the ALT bases - k-mers of the REF bases
    effect   = weights * features + constant

It knows which short words a variant makes and breaks, and nothing of where they stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from scipy import sparse

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.linear_features import MAX_K, Sequences, kmer_counts
from hyenadna_kit.evaluation.linear_floors import kmer_penalty
from hyenadna_kit.evaluation.linear_model import LabelledRows, Penalty, fit_linear
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.heads.objectives import Objective
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer, reverse_complement_tokens

NUM_INNER_FOLDS = 4
"""Parts of the training loci, each of which decides once between the strengths of the penalty."""

_OBJECTIVE: Objective = "regression"
_FEWEST_LOCI = 3


class AlleleBases(NamedTuple):
    """The bases around variants."""

    ref: Sequences
    """Token ids with REF, one entry a variant."""
    alt: Sequences
    """Token ids with ALT."""


@dataclass(frozen=True)
class VariantFloor:
    """What the floor says of every variant."""

    predictions: Float[np.ndarray, " rows"]
    """In the units of the effects; by a model without the locus of the row."""
    strengths: dict[str, float]
    """The strength that was chosen for each locus that was held out, on the others."""


def bases_around(genome: Genome, variants: Sequence[Variant], *, flank: int = MAX_K - 1) -> AlleleBases:
    """Return the bases around variants: REF or ALT between the same bases of the genome.

    With ``flank`` one less than the longest k-mers they hold every k-mer that a variant changes.

    Args:
        genome: Where the bases are; beyond the ends of a contig they are N.
        variants: With their REF as the genome has it.
        flank: Bases on each side.

    Raises:
        ContigNotFoundError: The genome has no such contig.
    """
    encode = NucleotideTokenizer().encode
    refs, alts = [], []
    for each in variants:
        left = genome.tokens(Interval(each.contig, each.position - flank, each.position))
        right = genome.tokens(Interval(each.contig, each.end, each.end + flank))
        refs.append(np.concatenate([left, encode(each.ref), right]))
        alts.append(np.concatenate([left, encode(each.alt), right]))
    return AlleleBases(refs, alts)


def kmer_differences(bases: AlleleBases, *, max_k: int = MAX_K) -> sparse.csr_matrix:
    """Return how many more of each k-mer there are with ALT than with REF.

    Args:
        bases: Around the variants.
        max_k: Bases of the longest k-mers.
    """
    return kmer_counts(bases.alt, max_k=max_k) - kmer_counts(bases.ref, max_k=max_k)


def kmer_differences_of_both_strands(bases: AlleleBases, *, max_k: int = MAX_K) -> sparse.csr_matrix:
    """Return the same with the k-mers of the reverse strand added.

    Args:
        bases: Around the variants.
        max_k: Bases of the longest k-mers.
    """
    reverse = AlleleBases(*([reverse_complement_tokens(each) for each in allele] for allele in bases))
    return kmer_differences(bases, max_k=max_k) + kmer_differences(reverse, max_k=max_k)


def fit_variant_floor(
    features: sparse.csr_matrix,
    effects: Float[np.ndarray, " rows"],
    loci: Shaped[np.ndarray, " rows"],
) -> VariantFloor:
    """Predict the variants of each locus from those of all others.

    The strength of the penalty is chosen by the mean squared error on parts of the other loci that are held
    out in turn, each locus whole.

    Args:
        features: One row a variant.
        effects: What was measured; NaN is not fitted, but predicted.
        loci: The locus of each row, see :func:`~hyenadna_kit.evaluation.loci.merge_groups`.

    Raises:
        InputError: There are fewer than three loci, or rows of other numbers.
    """
    names = np.unique(loci)
    if names.size < _FEWEST_LOCI:
        raise InputError(
            f"the floor holds out one locus and divides the others: it needs at least {_FEWEST_LOCI} loci, "
            f"got {names.size}"
        )
    if not features.shape[0] == effects.size == loci.size:
        raise InputError(
            f"features, effects and loci must have as many rows, got {features.shape[0]}, {effects.size} and "
            f"{loci.size}"
        )
    predictions, strengths = np.full(effects.size, np.nan), {}
    for held_out in names.tolist():
        is_held_out = loci == held_out
        train, test = np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)
        strength = _best_strength(features[train], effects[train], loci[train])
        predictions[test] = _predict(LabelledRows(features[train], effects[train]), strength, features[test])
        strengths[str(held_out)] = strength
    return VariantFloor(predictions, strengths)


def _best_strength(
    features: sparse.csr_matrix, effects: Float[np.ndarray, " rows"], loci: Shaped[np.ndarray, " rows"]
) -> float:
    """Return the strength of the least squared error on loci that are held out among these."""
    strengths = kmer_penalty(_OBJECTIVE, features).strengths
    errors = np.zeros(len(strengths))
    for is_held_out in _parts(loci):
        train, test = np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)
        rows = LabelledRows(features[train], effects[train])
        for number, strength in enumerate(strengths):
            found = _predict(rows, strength, features[test])
            errors[number] += np.nansum(np.square(found - effects[test]))
    return strengths[int(errors.argmin())]


def _parts(loci: Shaped[np.ndarray, " rows"]) -> list[NDArray[np.bool_]]:
    """Return which rows each part holds: whole loci, dealt out from the largest on."""
    names, counts = np.unique(loci, return_counts=True)
    largest_first = names[np.argsort(-counts, kind="stable")]
    num_parts = min(NUM_INNER_FOLDS, names.size)
    return [np.isin(loci, largest_first[part::num_parts]) for part in range(num_parts)]


def _predict(train: LabelledRows, strength: float, features: sparse.csr_matrix) -> Float[np.ndarray, " rows"]:
    model = fit_linear(_OBJECTIVE, train, penalty=Penalty((strength,)))
    return model.predict(features)[:, 0]
