"""Saturation mutagenesis as files: HDF5 for programs, TSV for people.

In: the scores of regions, one region after the other. Out: a file that appears whole or not at all.

``.h5`` is a row table (see :mod:`hyenadna_kit.io.hdf5`) with one row a base. Its key is the base that is
changed, ``ref`` without an ``alt``, so that ``position`` counts from 0 and ``alleles`` is the reference
itself; its values are one number for each of ``columns``. ``.tsv`` has a line a base, and positions
from 1.
"""

import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path

import numpy as np

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file, locked, remove_left_over
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.hdf5 import RowTable, write_rows
from hyenadna_kit.io.hdf5_keys import RowKeys
from hyenadna_kit.ops.precision import product_dtype
from hyenadna_kit.scoring.mutagenesis import Mutagenesis, NamedRegion, count_changes
from hyenadna_kit.scoring.scorer import VariantScorer

SUFFIXES = (".h5", ".tsv", ".tsv.gz")
"""What an output may end in."""

WriteRegion = Callable[[Mutagenesis], None]
"""Takes the next region."""

_CONTENT = "saturation mutagenesis"
_MISSING = "."


@dataclass(frozen=True, kw_only=True)
class MutagenesisJob:
    """What a file is about, known before anything is scored."""

    genome: Genome
    """Where the regions lie."""
    regions: Sequence[NamedRegion]
    """Regions on the forward strand, in the order in which they will be written."""
    columns: tuple[str, ...]
    """Columns of every region."""
    provenance: dict[str, str | int]
    """Where the scores come from."""

    @property
    def num_changes(self) -> int:
        """Number of changes in all regions."""
        fetched = (self.genome.fetch(region) for _, region in self.regions)
        return sum(count_changes(reference, self.columns) for reference in fetched)


def mutagenesis_provenance(
    scorer: VariantScorer, genome: Genome, score: str, columns: tuple[str, ...]
) -> dict[str, str | int]:
    """Return what a file says of where its scores come from."""
    placement, parameter = scorer.placement, next(scorer.model.parameters())
    return {
        "content": _CONTENT,
        "hyenadna_kit_version": version("hyenadna_kit"),
        "model_sha256": scorer.model.fingerprint(),
        "genome_sha256": genome.fingerprint,
        "score": score,
        "columns": ",".join(columns),
        "window": placement.window,
        "horizon": placement.horizon,
        "min_left_context": placement.min_left_context,
        "placement": placement.kind,
        "strands": "both" if len(scorer.strands) > 1 else scorer.strands[0].name.lower(),
        "engine": scorer.engine.name,
        "device": parameter.device.type,
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "products": str(product_dtype(parameter)).removeprefix("torch."),
    }


def require_output(path: Path) -> None:
    """Refuse a path of a format that is not written here; to be called before any work starts.

    Raises:
        InputError: The path has another suffix.
    """
    if not path.name.endswith(SUFFIXES):
        raise InputError(f"output {path} must end in {', '.join(SUFFIXES)}")


@contextmanager
def write_mutagenesis(path: Path, job: MutagenesisJob) -> Iterator[WriteRegion]:
    """Open a file for the regions of a job; it appears as the block ends well.

    Raises:
        InputError: The path has an unknown suffix.
    """
    require_output(path)
    write = _write_hdf5 if path.suffix == ".h5" else _write_tsv
    with locked(path):
        remove_left_over(path)
        with atomic_file(path) as temporary, write(temporary, job) as write_region:
            yield write_region


def read_mutagenesis(path: Path | str) -> RowTable:
    """Open the ``.h5`` of a mutagenesis: ``keys``, ``values`` and ``provenance``.

    Raises:
        InputError: The file is damaged or no table of a mutagenesis.
    """
    table = RowTable(path)
    if table.provenance.get("content") != _CONTENT:
        table.close()
        raise InputError(f"{path} is a row table, but none of a mutagenesis; give what mutagenize wrote")
    return table


@contextmanager
def _write_hdf5(path: Path, job: MutagenesisJob) -> Iterator[WriteRegion]:
    keys = RowKeys.of_variants(_changed_bases(job))
    with write_rows(path, keys, shape=(len(job.columns),), provenance=job.provenance) as writer:
        yield lambda region: writer.append(region.scores)


def _changed_bases(job: MutagenesisJob) -> Iterator[Variant]:
    for _, region in job.regions:
        for offset, base in enumerate(job.genome.fetch(region)):
            yield Variant(region.contig, region.start + offset, base, "")


@contextmanager
def _write_tsv(path: Path, job: MutagenesisJob) -> Iterator[WriteRegion]:
    with path.open("wb") as raw:
        # Without a name and a time in the header equal tables are equal files.
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else raw
        with TextIOWrapper(packed, encoding="utf-8", newline="\n") as handle:
            handle.writelines(f"# {name}: {value}\n" for name, value in job.provenance.items())
            handle.write("\t".join(["region", "contig", "position", "ref", *job.columns]) + "\n")
            yield lambda region: handle.writelines(_lines(region))


def _lines(mutagenesis: Mutagenesis) -> Iterator[str]:
    region, name = mutagenesis.region, " ".join(mutagenesis.name.split())
    rows = zip(mutagenesis.reference, mutagenesis.scores.tolist(), strict=True)
    for number, (ref, scores) in enumerate(rows, start=region.start + 1):
        cells = "\t".join(_MISSING if np.isnan(score) else repr(score) for score in scores)
        yield f"{name}\t{region.contig}\t{number}\t{ref}\t{cells}\n"
