"""Fuzz one parser for some seconds, guided by coverage.

    python -m tests.fuzz.run_atheris FORMAT SECONDS [FOLDER]

Inputs that fail are written to FOLDER (``fuzz_failures``), and the exit status is not 0. Needs atheris
(``pip install -e '.[fuzz]'``).
"""

import sys
import tempfile
from pathlib import Path


def main(arguments):
    """Fuzz the target that the command line names."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: pip install -e '.[fuzz]'")
    with atheris.instrument_imports(include=["hyenadna_kit"]):
        from tests.fuzz.targets import FORMATS, load, outcome

        if len(arguments) < 2 or arguments[0] not in FORMATS or not arguments[1].isdigit():
            usage = "usage: python -m tests.fuzz.run_atheris FORMAT SECONDS [FOLDER]"
            sys.exit(f"{usage}; formats: {', '.join(FORMATS)}")
        target = load(arguments[0])
    failures = Path(arguments[2] if len(arguments) > 2 else "fuzz_failures")
    failures.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.SEEDS):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [
            f"-max_total_time={arguments[1]}",
            f"-artifact_prefix={failures}/{arguments[0]}-",
            "-rss_limit_mb=4096",
        ]
        atheris.Setup([sys.argv[0], *options, corpus], lambda content: outcome(target, scratch, content))
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
