"""The folder of an explanation: a table, tracks, logos, filters and the reach of a model.

In: what was found. Out: files.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.interpretation.filters import FilterSizes
from hyenadna_kit.interpretation.receptive_field import SHARES, ReceptiveField
from hyenadna_kit.io.base_tracks import write_base_track
from hyenadna_kit.io.text_lines import write_lines
from hyenadna_kit.plots.attribution import FilterPicture, filter_pictures, logo_pictures, reach_pictures
from hyenadna_kit.plots.mutagenesis import Pictures

ATTRIBUTIONS = ("ism", "input_x_gradient", "integrated_gradients")
"""Columns that logos are drawn of."""
_TABLE, _REACH, _FILTERS = "attributions.tsv", "receptive_field", "filters"


class Explained(NamedTuple):
    """One region."""

    region: Interval
    """Where it is."""
    reference: str
    """Its bases."""
    columns: dict[str, NDArray[np.float64]]
    """One value a base."""


def write_table(folder: Path, explained: Sequence[Explained]) -> None:
    """Write one line a base, of all regions."""
    write_lines(folder / _TABLE, _table_lines(explained))


def write_tracks(
    folder: Path, explained: Sequence[Explained], contigs: Mapping[str, int], suffix: str
) -> None:
    """Write a track of each column: bedGraph, or bigWig where the suffix is ``.bw``."""
    for name in explained[0].columns:
        stretches = [(each.region, each.columns[name].astype(np.float32)) for each in explained]
        write_base_track(folder / f"{name}{suffix}", contigs, stretches)


def draw_logos(folder: Path, explained: Explained) -> None:
    """Draw what each base of a region did."""
    region = explained.region
    rows = {name: explained.columns[name] for name in ATTRIBUTIONS}
    pictures = logo_pictures(explained.reference, rows, first_position=region.start + 1, title=region.region)
    _save(folder / quote(f"{region.contig}_{region.start + 1}-{region.end}", safe=""), pictures)


def write_filters(folder: Path, filters: Sequence[FilterSizes]) -> None:
    """Write the size of the taps of every channel of every layer by distance."""
    write_lines(folder / f"{_FILTERS}.tsv", _filter_lines(filters))


def draw_filters(folder: Path, filters: Sequence[FilterSizes]) -> None:
    """Draw the same, a panel a layer."""
    pictures = [
        FilterPicture(f"layer {each.layer}, {each.direction}", each.distances, each.sizes) for each in filters
    ]
    _save(folder / _FILTERS, filter_pictures(pictures))


def write_reach(folder: Path, found: ReceptiveField) -> None:
    """Write how much an answer moves with the bases before it, by distance."""
    rows = (f"{distance}\t{size:.6g}" for distance, size in enumerate(found.sizes.tolist()))
    write_lines(folder / f"{_REACH}.tsv", ["distance\tsize", *rows])


def draw_reach(folder: Path, found: ReceptiveField) -> None:
    """Draw the same, with the distances within which shares of it lie."""
    reaches = {f"{share:.0%} within {found.reach(share):,}": found.reach(share) for share in SHARES}
    _save(folder / _REACH, reach_pictures(found.sizes, reaches))


def _table_lines(explained: Sequence[Explained]) -> Iterator[str]:
    yield "\t".join(["region", "contig", "position", "base", *explained[0].columns])
    for region, reference, columns in explained:
        for place, base in enumerate(reference):
            numbers = [f"{values[place]:.6g}" for values in columns.values()]
            shown = ["." if number == "nan" else number for number in numbers]
            yield "\t".join([region.region, region.contig, str(region.start + place + 1), base, *shown])


def _filter_lines(filters: Sequence[FilterSizes]) -> Iterator[str]:
    yield "layer\tdirection\tchannel\tdistance\troot_mean_square"
    for each in filters:
        for channel, sizes in enumerate(each.sizes.tolist()):
            for distance, size in zip(each.distances.tolist(), sizes, strict=True):
                yield f"{each.layer}\t{each.direction}\t{channel}\t{distance:g}\t{size:.6g}"


def _save(stem: Path, pictures: Pictures) -> None:
    for suffix, picture in zip(("png", "svg"), pictures, strict=True):
        stem.with_name(f"{stem.name}.{suffix}").write_bytes(picture)
