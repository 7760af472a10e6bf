"""What can be fuzzed: every ``target_<format>.py`` beside this file.

A target has

- ``SEEDS``: small valid files, as bytes;
- ``parse(path)``: reads everything that the format has, and raises what the reader raises;
- ``SUFFIX``, where the name of the file matters: ``".bam"``.
"""

import importlib
from pathlib import Path

from hyenadna_kit.errors import HyenaDNAKitError

FORMATS = sorted(path.stem.removeprefix("target_") for path in Path(__file__).parent.glob("target_*.py"))


def load(name):
    """Return the module of one target."""
    return importlib.import_module(f"tests.fuzz.target_{name}")


def outcome(target, folder, content):
    """Return the message of the error that ``content`` gives, or nothing where it is read.

    Anything but success or one line of an error of ours is a bug, and is raised.
    """
    path = Path(folder) / f"fuzzed{getattr(target, 'SUFFIX', '')}"
    path.write_bytes(content)
    try:
        target.parse(path)
    except HyenaDNAKitError as error:
        message = str(error)
        if not message or len(message.splitlines()) > 1:
            raise AssertionError(f"the message is not one line: {message!r}") from error
        return message
    return ""
