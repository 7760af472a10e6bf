"""Terms for what a variant does, and which of them is worse."""

from itertools import pairwise

import pytest

from hyenadna_kit.genome.consequence import Consequence, least_severe, most_severe, severity
from tests.oracles.mutated_protein import ORDER


def test_order_is_that_of_ensembl():
    assert sorted(Consequence, key=severity) == ORDER
    assert all(severity(one) < severity(other) for one, other in pairwise(Consequence))


@pytest.mark.parametrize(
    ("given", "worst", "mildest"),
    [
        ("missense_variant synonymous_variant", "missense_variant", "synonymous_variant"),
        ("intron_variant stop_gained start_lost", "stop_gained", "intron_variant"),
        ("5_prime_UTR_variant", "5_prime_UTR_variant", "5_prime_UTR_variant"),
        ("", "intergenic_variant", "intergenic_variant"),
    ],
)
def test_of_several_the_worst_and_the_mildest_are_found(given, worst, mildest):
    consequences = [Consequence(name) for name in given.split()]
    assert (most_severe(consequences), least_severe(consequences)) == (worst, mildest)
