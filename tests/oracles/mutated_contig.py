"""Variant scores by string surgery: rebuild the whole contig with its change, pad with N, slice, sum.

Nothing here knows a variant: a change is the contig before and the contig after it, as strings.
"""

import math
from typing import NamedTuple

import torch

TOKENS = {"A": 7, "C": 8, "G": 9, "T": 10, "N": 11}
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
FORWARD, REVERSE = "+", "-"


class Layout(NamedTuple):
    """The options that say where a window lies."""

    window: int
    horizon: int
    min_left_context: int
    kind: str = "grid"


class Windows(NamedTuple):
    """The two windows of one change, as strings."""

    ref: str
    alt: str
    first: int
    num_removed: int
    num_inserted: int
    padded: bool


class Scores(NamedTuple):
    """What a model says of one change."""

    delta_ll: float
    llr: float | None
    entropy: float
    l2: float
    cosine: float
    num_tokens: int


def mutate(contig, position, ref, alt):
    """Return the contig with ``ref`` at ``position`` (from 0) replaced, in upper case."""
    assert contig[position : position + len(ref)].upper() == ref.upper()
    return (contig[:position] + alt + contig[position + len(ref) :]).upper()


def along(strand, sequence):
    """Return ``sequence``, given on the forward strand, as it reads along ``strand``."""
    return sequence if strand == FORWARD else sequence.translate(COMPLEMENT)[::-1]


def difference(contig, mutated):
    """Return where two contigs first differ, and the lengths of the two stretches that do.

    What they share at the end goes first: the place is the leftmost of all that tell the same.
    """
    suffix = common_prefix(contig[::-1], mutated[::-1])
    one, other = contig[: len(contig) - suffix], mutated[: len(mutated) - suffix]
    prefix = common_prefix(one, other)
    return prefix, len(one) - prefix, len(other) - prefix


def common_prefix(one, other):
    """Return how many bases two strings share at their start, by bisection."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def window_start(layout, position, strand):
    """Return the first base of a window, written out once more from the rules."""
    if layout.kind == "grid":
        stride = layout.window - layout.min_left_context - layout.horizon
        return stride * math.floor(position / stride) - layout.min_left_context
    before = layout.window // 2 if strand == FORWARD else layout.window - 1 - layout.window // 2
    return position - before


def windows(contig, mutated, layout, strand=FORWARD):
    """Return both windows; ``contig`` and ``mutated`` are on the forward strand, in upper case."""
    contig, mutated = along(strand, contig), along(strand, mutated)
    position, num_removed, num_inserted = difference(contig, mutated)
    start = window_start(layout, position, strand)
    end = start + layout.window
    return Windows(
        ref=padded(contig, start, end),
        alt=padded(mutated, start, end),
        first=position - start,
        num_removed=num_removed,
        num_inserted=num_inserted,
        padded=start < 0 or end > len(contig) or end > len(mutated),
    )


def padded(contig, start, end):
    """Return ``[start, end)`` of a contig, N beyond its ends."""
    inside = contig[max(start, 0) : max(end, 0)]
    before = min(max(-start, 0), end - start)
    return "N" * before + inside + "N" * (end - start - before - len(inside))


def token_ids(sequence):
    """Return the ids of the bases."""
    return [TOKENS[base] for base in sequence]


def counted_offsets(pair, horizon):
    """Return the offsets in the windows that are summed: from the change on, a base in both."""
    return [i for i in range(pair.first, pair.first + horizon) if "N" not in pair.ref[i] + pair.alt[i]]


def scores(model, contig, mutated, layout, strand=FORWARD):
    """Score one change with two forward passes of its own and sums in float64."""
    pair = windows(contig, mutated, layout, strand)
    offsets = counted_offsets(pair, layout.horizon)
    (ref, ref_bits, ref_states), (alt, _, alt_states) = (
        reading(model, sequence) for sequence in (pair.ref, pair.alt)
    )
    ref_mean, alt_mean = (states[offsets].mean(0) for states in (ref_states, alt_states))
    substituted = pair.num_removed == pair.num_inserted <= layout.horizon
    allele = range(pair.first, pair.first + pair.num_removed)
    return Scores(
        delta_ll=math.fsum(alt[i] - ref[i] for i in offsets),
        llr=math.fsum(alt[i] - ref[i] for i in allele) if substituted else None,
        entropy=ref_bits[pair.first],
        l2=math.dist(ref_mean, alt_mean),
        cosine=1 - torch.cosine_similarity(ref_mean, alt_mean, dim=0).item(),
        num_tokens=len(offsets),
    )


def mean_scores(model, contig, mutated, layout, strands):
    """Score one change on several strands."""
    each = [scores(model, contig, mutated, layout, strand) for strand in strands]
    columns = zip(*each, strict=True)
    *values, tokens = ([value for value in column if value is not None] for column in columns)
    means = [sum(column) / len(column) if column else None for column in values]
    return Scores(*means, min(tokens))


def reading(model, sequence):
    """Return of every base ``log p`` and the bits of its prediction (NaN for the first), and its states."""
    ids = token_ids(sequence)
    with torch.inference_mode():
        output = model(torch.tensor([ids]))
    normalized = output.logits[0].double().log_softmax(1)
    bits = -(normalized.exp() * normalized).nan_to_num(0).sum(1) / math.log(2)
    log_probs = [row[token] for row, token in zip(normalized.tolist(), ids[1:], strict=False)]
    return [math.nan, *log_probs], [math.nan, *bits.tolist()], output.last_hidden_state[0].double()
