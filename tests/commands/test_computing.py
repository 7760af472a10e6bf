"""What the commands that run a model have in common."""

import pytest

from hyenadna_kit.commands.computing import parse_bytes
from hyenadna_kit.errors import InputError


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1", 1),
        ("1000000", 1_000_000),
        ("4G", 4 << 30),
        ("1.5g", 3 << 29),
        ("512M", 512 << 20),
        ("512 MiB", 512 << 20),
        ("2TB", 2 << 40),
        ("3K", 3072),
    ],
)
def test_size_is_read(text, count):
    assert parse_bytes(text, "--x") == count


@pytest.mark.parametrize(
    "text", ["", "G", "-1G", "1X", "0", "0.0001", "1G1", "nan", "1e9", "9" * 400, "9" * 308 + "T"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(InputError, match=r"^--x must be a size such as 4G or 512M, got '"):
        parse_bytes(text, "--x")
