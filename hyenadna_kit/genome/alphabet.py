"""The letters of a nucleotide sequence and their complements."""

BASES = "ACGT"
"""The four bases, in the order of every table here."""

AMBIGUOUS = "RYSWKMBDHVN"
"""The IUPAC codes that stand for more than one base."""

_COMPLEMENTS = dict(zip("ACGTURYSWKMBDHVN", "TGCAAYRSWMKVHDBN", strict=True))
_TABLE = str.maketrans(_COMPLEMENTS | {b.lower(): c.lower() for b, c in _COMPLEMENTS.items()})


def reverse_complement(sequence: str) -> str:
    """Return the other strand of ``sequence``, read in its own direction.

    Case is kept, IUPAC codes are complemented (``"AACR"`` gives ``"YGTT"``), and other characters
    stay as they are.
    """
    return sequence.translate(_TABLE)[::-1]


def is_unambiguous(sequence: str) -> bool:
    """Say whether ``sequence`` holds A, C, G and T alone, in either case."""
    return not sequence.upper().strip(BASES)
