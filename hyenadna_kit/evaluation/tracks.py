"""Per-base likelihoods as text that genome browsers and tables read.

In: stretches of bases. Out: bedGraph (one track a file) or TSV (both values a line), whole or not at
all.
"""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.likelihood import Stretch
from hyenadna_kit.files import atomic_file
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer

_BEDGRAPH, _TSV = (".bedgraph", ".bg"), (".tsv",)
_TOKENIZER = NucleotideTokenizer()


def write_tracks(path: Path, stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Write every stretch to ``path`` and pass it on; the files appear when all are written.

    ``X.tsv`` has the columns contig, position (1-based), base, log_likelihood (nats) and entropy
    (bits). ``X.bedgraph`` has log-likelihoods, and ``X.entropy.bedgraph`` beside it entropies. With
    ``.gz`` behind, they are compressed. Bases that are not A, C, G or T are left out.

    Raises:
        InputError: The path has another suffix.
    """
    suffix = Path(path.name.removesuffix(".gz")).suffix
    if suffix in _TSV:
        return _write_tsv(path, stretches)
    if suffix in _BEDGRAPH:
        return _write_bedgraphs(path, suffix, stretches)
    raise InputError(f"--out {path} must end in {', '.join(_BEDGRAPH + _TSV)}, with or without .gz")


def _write_tsv(path: Path, stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    with _text_file(path) as handle:
        handle.write("contig\tposition\tbase\tlog_likelihood\tentropy\n")
        for stretch in stretches:
            contig, bases = stretch.interval.contig, _TOKENIZER.decode(stretch.tokens)
            handle.writelines(
                f"{contig}\t{stretch.interval.start + i + 1}\t{bases[i]}\t"
                f"{stretch.log_likelihood[i]:.6g}\t{stretch.entropy[i]:.6g}\n"
                for i in _counted(stretch)
            )
            yield stretch


def _write_bedgraphs(path: Path, suffix: str, stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    stem, _, gz = path.name.rpartition(suffix)
    entropy_path = path.with_name(f"{stem}.entropy{suffix}{gz}")
    with ExitStack() as stack:
        log_likelihoods = stack.enter_context(_text_file(path))
        entropies = stack.enter_context(_text_file(entropy_path))
        for stretch in stretches:
            _write_bedgraph(log_likelihoods, stretch, stretch.log_likelihood)
            _write_bedgraph(entropies, stretch, stretch.entropy)
            yield stretch


def _write_bedgraph(handle: TextIOWrapper, stretch: Stretch, values: NDArray[np.float32]) -> None:
    contig, start = stretch.interval.contig, stretch.interval.start
    handle.writelines(f"{contig}\t{start + i}\t{start + i + 1}\t{values[i]:.6g}\n" for i in _counted(stretch))


def _counted(stretch: Stretch) -> list[int]:
    found: list[int] = np.flatnonzero(np.isfinite(stretch.log_likelihood)).tolist()
    return found


@contextmanager
def _text_file(path: Path) -> Iterator[TextIOWrapper]:
    with atomic_file(path) as temporary, temporary.open("wb") as raw:
        # Without a name and a time in the header equal tracks are equal files.
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else raw
        with TextIOWrapper(packed) as handle:
            yield handle
