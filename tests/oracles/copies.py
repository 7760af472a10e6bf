"""Copies of windows, as evolution and careless splits make them."""

from Bio.Seq import Seq

BASES = "ACGT"


def random_bases(rng, length):
    return "".join(BASES[code] for code in rng.integers(0, 4, length))


def reverse(bases, rng):
    return str(Seq(bases).reverse_complement())


def substituted(bases, rng, rate=0.1):
    """Substitute each base with probability ``rate``."""
    hits = (rng.random(len(bases)) < rate).tolist()
    return "".join(_other(base, rng) if hit else base for base, hit in zip(bases, hits, strict=True))


def exactly_substituted(bases, rng, rate=0.1):
    """Substitute exactly a tenth of the bases."""
    hits = set(rng.choice(len(bases), int(rate * len(bases)), replace=False).tolist())
    return "".join(_other(base, rng) if place in hits else base for place, base in enumerate(bases))


def with_indels(bases, rng, rate=0.1):
    """Change each base with probability ``rate``: 8 of 10 times another, else deleted or doubled."""
    copy = []
    for base, draw in zip(bases, (rng.random(len(bases)) / rate).tolist(), strict=True):
        if draw < 0.1:
            continue
        if draw < 0.2:
            copy.append(base + BASES[int(rng.integers(4))])
        else:
            copy.append(_other(base, rng) if draw < 1 else base)
    return "".join(copy)


def shifted(bases, rng):
    """Keep the second half of the window, and put random bases after it."""
    half = len(bases) // 2
    return bases[half:] + random_bases(rng, half)


def shifted_reverse(bases, rng):
    return reverse(shifted(bases, rng), rng)


def substituted_reverse(bases, rng):
    return reverse(substituted(bases, rng), rng)


COPIES = {
    "exact": lambda bases, rng: bases,
    "reverse complement": reverse,
    "shifted": shifted,
    "shifted, reverse complement": shifted_reverse,
    "90 % identical": substituted,
    "exactly 90 % identical": exactly_substituted,
    "90 % identical with indels": with_indels,
    "90 % identical, reverse complement": substituted_reverse,
}


def _other(base, rng):
    return BASES[(BASES.index(base) + int(rng.integers(1, 4))) % 4] if base in BASES else base
