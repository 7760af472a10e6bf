"""Regions that a user names, checked against the genome.

In: ``CONTIG:START-END`` (1-based, inclusive) or a contig's name. Out: intervals inside their contigs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.bed import read_bed
from hyenadna_kit.io.genome import Contigs


def parse_regions(regions: Iterable[str], genome: Contigs) -> list[Interval]:
    """Return the intervals that ``regions`` name; a contig's name alone is the whole contig.

    Raises:
        InputError: A text is not a region, or reaches beyond its contig.
        ContigNotFoundError: The genome has no such contig.
    """
    return [_parse(region.strip(), genome) for region in regions]


def regions_or_bed(regions: Sequence[str], bed: str | None, genome: Contigs) -> list[Interval]:
    """Return the regions that a user named one by one or in a BED file, inside their contigs.

    Raises:
        InputError: Both or neither were given, or one of them is wrong; see :func:`parse_regions`.
        ContigNotFoundError: The genome has no such contig.
    """
    if bool(regions) == (bed is not None):
        raise InputError("name the regions by either --regions CONTIG:START-END[,...] or --bed FILE")
    if bed is None:
        found = parse_regions(regions, genome)
    else:
        found = [check_inside(interval, genome, bed) for interval in read_bed(Path(bed))]
    if not found:
        raise InputError(f"BED file {bed} holds no intervals")
    in_order = sorted(found, key=lambda region: (region.contig, region.start))
    for one, following in pairwise(in_order):
        refuse_overlap([one], [following], "every base is scored once, so merge regions that overlap")
    return found


def whole_genome(genome: Contigs) -> list[Interval]:
    """Return every contig as one interval, in the order of the file."""
    return [Interval(contig, 0, length) for contig, length in genome.contigs.items()]


def check_inside(interval: Interval, genome: Contigs, source: str) -> Interval:
    """Return ``interval`` under the genome's own contig name.

    Args:
        interval: Any interval.
        genome: Where it must lie.
        source: Where the interval was written, for the error.

    Raises:
        InputError: It reaches beyond its contig or is empty.
        ContigNotFoundError: The genome has no such contig.
    """
    try:
        contig = genome.names.resolve(interval.contig, str(genome.path))
    except ContigNotFoundError as error:
        raise ContigNotFoundError(f"{source}: {error}") from None
    length = genome.contigs[contig]
    if interval.start < 0 or interval.end > length or not interval.length:
        raise InputError(
            f"{source}: {interval.region} must hold a base and end inside contig {contig!r}, "
            f"which has {length} bp"
        )
    return replace(interval, contig=contig)


def refuse_overlap(regions: Sequence[Interval], others: Sequence[Interval], message: str) -> None:
    """Raise where a base lies in both; ``message`` is completed with the two regions.

    Raises:
        InputError: Two of them overlap.
    """
    for region in regions:
        for other in others:
            if region.overlaps(other):
                raise InputError(f"{message}: {region.region} and {other.region} overlap")


def _parse(region: str, genome: Contigs) -> Interval:
    names = genome.names
    contig = names.find(region) if ":" in region else names.resolve(region, str(genome.path))
    if contig is not None:
        return Interval(contig, 0, genome.contigs[contig])
    return check_inside(Interval.from_region(region), genome, f"region {region}")
