"""One base, one token: the published vocabulary of HyenaDNA, as uint8.

In: bases (``str`` or ``bytes``). Out: uint8 token ids, one a base; and back.

The published tokenizer is case-sensitive and knows A, C, G, T and N alone: it turns a soft-masked
genome into ``[UNK]``. Here lower case is folded, U is read as T, and every other IUPAC code becomes
N; ``other_bases="UNK"`` gives the published behaviour for exact comparison.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.config import from_mapping, to_mapping
from hyenadna_kit.errors import CheckpointError, InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.genome.alphabet import AMBIGUOUS, BASES, reverse_complement

VOCABULARY = ("[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]", *"ACGTN")
"""Token of each id."""

CLS, SEP, BOS, MASK, PAD, RESERVED, UNK, A, C, G, T, N = range(len(VOCABULARY))

FIRST_BASE, LAST_BASE = A, T
"""Ids of A, C, G and T are consecutive."""

_INVALID = 255
_FILE_NAME = "tokenizer.json"
_FORMAT = "hyenadna_kit.tokenizer/1"


@dataclass(frozen=True, kw_only=True)
class NucleotideTokenizerConfig:
    """How characters other than upper-case A, C, G, T and N are read."""

    other_bases: Literal["N", "UNK"] = "N"
    """``N``: lower case is folded, IUPAC codes become N, anything else is an error.
    ``UNK``: all of them become [UNK], as in the published tokenizer."""

    def build(self) -> "NucleotideTokenizer":
        """Return the tokenizer."""
        return NucleotideTokenizer(self)


class NucleotideTokenizer:
    """Single-nucleotide tokenizer.

        NucleotideTokenizer().encode("ACGTN")  ==  [7, 8, 9, 10, 11]

    Special tokens are never parsed out of a sequence and never added unless asked for.
    """

    vocab_size = len(VOCABULARY)

    def __init__(self, config: NucleotideTokenizerConfig | None = None) -> None:
        """Build the tables of ``config``."""
        self.config = config or NucleotideTokenizerConfig()
        self._encode_table = _encode_table(self.config.other_bases)

    def encode(self, sequence: str | bytes) -> NDArray[np.uint8]:
        """Return one token a base.

        Raises:
            InputError: A character is no nucleotide code; it is named with its position.
        """
        # Every character past ASCII becomes "?", which is no nucleotide code either.
        raw = sequence.encode("ascii", "replace") if isinstance(sequence, str) else sequence
        tokens = np.frombuffer(raw.translate(self._encode_table), dtype=np.uint8)
        if self.config.other_bases == "N" and tokens.size and tokens.max() == _INVALID:
            position = int(np.argmax(tokens == _INVALID))
            raise InputError(
                f"character {_character(sequence, position)!r} at position {position} is no nucleotide code "
                f"(IUPAC letters {BASES}U{AMBIGUOUS} in either case)"
            )
        return tokens

    def encode_for_model(
        self, sequence: str, special_tokens: Literal["none", "sep", "cls_sep"] = "none"
    ) -> NDArray[np.uint8]:
        """Return the tokens with the special tokens of one of the published loaders.

        Args:
            sequence: Bases.
            special_tokens: ``none``; ``sep`` as the -hf tokenizer and the pretraining loader;
                ``cls_sep`` as the standalone tokenizer.
        """
        before = bytes([CLS] if special_tokens == "cls_sep" else [])
        after = bytes([] if special_tokens == "none" else [SEP])
        return np.frombuffer(before + self.encode(sequence).tobytes() + after, dtype=np.uint8)

    def decode(self, tokens: Iterable[int] | NDArray[np.integer]) -> str:
        """Return the bases; special tokens are written in brackets (``[SEP]``).

        Raises:
            InputError: An id is outside the vocabulary.
        """
        ids = np.asarray(list(tokens) if not isinstance(tokens, np.ndarray) else tokens)
        if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) < self.vocab_size:
            raise InputError(f"token ids must lie in 0..{self.vocab_size - 1}, got {ids.min()}..{ids.max()}")
        if ids.size and ids.min() >= A:
            return ids.astype(np.uint8).tobytes().translate(_DECODE_TABLE).decode()
        return "".join(VOCABULARY[token] for token in ids)

    def save_pretrained(self, folder: Path) -> None:
        """Write ``tokenizer.json`` into ``folder``."""
        content = {"format": _FORMAT, "vocabulary": list(VOCABULARY), "config": to_mapping(self.config)}
        with atomic_file(folder / _FILE_NAME) as path:
            path.write_text(json.dumps(content, indent=2) + "\n")

    @classmethod
    def from_pretrained(cls, folder: Path) -> "NucleotideTokenizer":
        """Read ``tokenizer.json`` from ``folder``.

        Raises:
            CheckpointError: The file is damaged or describes another vocabulary.
        """
        path = folder / _FILE_NAME
        try:
            content = json.loads(path.read_text())
            vocabulary, config = content["vocabulary"], content["config"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path} is not a tokenizer of this toolkit ({error!r})") from None
        if vocabulary != list(VOCABULARY):
            raise CheckpointError(f"{path} has the vocabulary {vocabulary}, expected {list(VOCABULARY)}")
        return cls(from_mapping(NucleotideTokenizerConfig, config, str(path)))


def reverse_complement_tokens(tokens: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the other strand: complemented bases in reverse order along the last axis.

    Special tokens and N have no complement and stay as they are.
    """
    # A bytearray is translated four times as fast as a table is indexed.
    flipped = bytearray(np.ascontiguousarray(tokens[..., ::-1]))
    return np.frombuffer(flipped.translate(_COMPLEMENT), dtype=np.uint8).reshape(tokens.shape)


def complement_token(token: int) -> int:
    """Return the token on the other strand: that of T for A; specials and N stay as they are."""
    return _COMPLEMENT[token]


def _character(sequence: str | bytes, position: int) -> str:
    return sequence[position] if isinstance(sequence, str) else chr(sequence[position])


def _encode_table(other_bases: str) -> bytes:
    table = bytearray([UNK if other_bases == "UNK" else _INVALID] * 256)
    letters = dict(zip("ACGTN", (A, C, G, T, N), strict=True))
    if other_bases == "N":
        letters |= dict.fromkeys(AMBIGUOUS, N) | {"U": T}
        letters |= {letter.lower(): token for letter, token in letters.items()}
    for letter, token in letters.items():
        table[ord(letter)] = token
    return bytes(table)


def _complement_table() -> bytes:
    table = bytearray(range(256))
    for token in range(FIRST_BASE, LAST_BASE + 1):
        table[token] = VOCABULARY.index(reverse_complement(VOCABULARY[token]))
    return bytes(table)


_COMPLEMENT = _complement_table()
_DECODE_TABLE = bytes(ord(VOCABULARY[i]) if A <= i <= N else 0 for i in range(256))
