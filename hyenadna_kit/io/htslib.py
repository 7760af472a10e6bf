"""htslib kept quiet and off the network.

What goes wrong is raised by whoever calls it, in one line of ours; htslib's own lines on standard
error would say it twice.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pysam

_NOWHERE = {"REF_PATH": os.devnull, "REF_CACHE": os.devnull}
"""Where htslib looks for the bases of a CRAM that are in no file that was named: unset, a server."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep htslib's messages off standard error."""
    verbosity = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(verbosity)


@contextmanager
def no_second_failure() -> Iterator[None]:
    """Keep Python from printing that a file which cannot be opened cannot be closed either.

    pysam drops the half-open file while it raises the reason. What fails then can reach nobody, so
    that Python prints it.
    """
    hooks = sys.excepthook, sys.unraisablehook
    sys.excepthook, sys.unraisablehook = _ignore, _ignore
    try:
        yield
    finally:
        sys.excepthook, sys.unraisablehook = hooks


def _ignore(*_: object) -> None:
    pass


@contextmanager
def offline() -> Iterator[None]:
    """Keep htslib from fetching reference bases: there are those of the file that was named."""
    before = {name: os.environ.get(name) for name in _NOWHERE}
    os.environ.update(_NOWHERE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
