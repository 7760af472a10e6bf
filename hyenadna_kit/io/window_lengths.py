"""Window lengths that a user names.

In: ``1024``, ``64k`` or ``1m``. Out: numbers of tokens.
"""

from collections.abc import Sequence

from hyenadna_kit.errors import InputError

_LEAST = 2
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20}


def parse_window_lengths(named: Sequence[str | int], option: str) -> list[int]:
    """Return the tokens that ``1024``, ``64k`` or ``1m`` name, each once and ascending.

    k is 1,024 and m 1,024 k.

    Args:
        named: Texts, or numbers of tokens.
        option: What they were given for, for the error.

    Raises:
        InputError: One is no whole number of tokens, or less than 2.
    """
    return sorted({_tokens(each, option) for each in named})


def _tokens(named: str | int, option: str) -> int:
    text = str(named)
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].lower() in ("k", "m") else (text, "")
    if not number.isascii() or not number.isdigit():
        raise InputError(f"{option} must be tokens such as 1024, 64k or 1m, got {named!r}")
    tokens = int(number) * _UNITS[unit]
    if tokens < _LEAST:
        raise InputError(f"{option}: a window has {_LEAST} tokens at least, got {named!r}")
    return tokens
