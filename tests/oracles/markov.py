"""Markov bits per base by counting words in a dictionary, one base at a time."""

import math
from collections import Counter

COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


def word_counts(runs, order):
    counts = Counter()
    for run in runs:
        other_strand = "".join(COMPLEMENT.get(base, base) for base in reversed(run))
        for strand in (run, other_strand):
            for end in range(order + 1, len(strand) + 1):
                word = strand[end - order - 1 : end]
                if set(word) <= set("ACGT"):
                    counts[word] += 1
    return counts


def base_bits(runs, order, sequence):
    """Bits of every base of ``sequence``; None where it is not a base."""
    counts = word_counts(runs, order)
    bits = []
    for position, base in enumerate(sequence):
        context = sequence[max(0, position - order) : position]
        if base not in COMPLEMENT:
            bits.append(None)
        elif len(context) < order or not set(context) <= set("ACGT"):
            bits.append(2.0)
        else:
            total = sum(counts[context + other] for other in "ACGT")
            bits.append(-math.log2((counts[context + base] + 1) / (total + 4)))
    return bits
