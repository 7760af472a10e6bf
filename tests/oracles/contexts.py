"""What followed a context, by looking at every position of both strands of a text."""

from collections import Counter

from tests.oracles.markov import COMPLEMENT

LONGEST = 24


def followers(runs, context):
    """Return how often A, C, G and T followed ``context`` where at least 24 bases stand before them."""
    found = Counter()
    for run in runs:
        other = "".join(COMPLEMENT.get(base, base) for base in reversed(run))
        for strand in (run, other):
            for position in range(LONGEST, len(strand)):
                before = strand[position - LONGEST : position]
                if set(before) <= set(COMPLEMENT) and before.endswith(context):
                    found[strand[position]] += 1
    return [found[base] for base in "ACGT"]
