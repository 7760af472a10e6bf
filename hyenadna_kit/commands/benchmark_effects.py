"""What ``benchmark-variants`` compares with: variants, effects, loci and classes of the rows of a table.

In: a table, the options and the genome. Out: records that can be scored, and what was measured of them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hyenadna_kit.commands.benchmark_variants import BenchmarkVariantsOptions
from hyenadna_kit.config import nearest
from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.effect_metrics import EffectKind
from hyenadna_kit.evaluation.loci import merge_groups
from hyenadna_kit.evaluation.variant_effects import MeasuredEffects
from hyenadna_kit.genome.consequence_finder import ConsequenceFinder
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.annotation import read_annotation
from hyenadna_kit.io.fasta_places import read_fasta_places
from hyenadna_kit.io.genetic_codes import genetic_codes
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.measured_variants import MeasuredTable, VariantColumns, spelled_out
from hyenadna_kit.io.placed_annotation import place_annotation
from hyenadna_kit.io.vcf import VariantRecord
from hyenadna_kit.scoring.status import Site, examine

_CLASSES = frozenset({0.0, 1.0})


def read_records(
    table: MeasuredTable, options: BenchmarkVariantsOptions, genome: Genome | None
) -> list[VariantRecord | None]:
    """Return the variant of each row as the genome spells it; None where there is none.

    Args:
        table: The rows.
        options: Which columns hold it.
        genome: What the contigs are of; None where its bases are not needed.

    Raises:
        InputError: A column is missing, or a position is no whole number.
    """
    columns = VariantColumns(options.contig, options.position, options.ref, options.alt)
    if genome is None:
        return table.variants(columns)
    found = table.variants(columns, _places(options, genome))
    return [None if each is None else spelled_out(each, genome) for each in found]


def read_effects(
    table: MeasuredTable,
    options: BenchmarkVariantsOptions,
    *,
    records: Sequence[VariantRecord | None],
    genome: Genome | None,
) -> MeasuredEffects:
    """Return what was measured.

    Args:
        table: The rows.
        options: Which columns hold effects, groups and classes.
        records: The variants of the rows.
        genome: Their reference, for an annotation.

    Raises:
        InputError: A column is missing, a cell is none of its kind, or there is nothing to compare with.
    """
    kind, values = _classes_of_effect(table, options) if options.positive else _numbers(table, options.effect)
    groups = loci = None
    if options.group is not None:
        groups = np.array(_filled(table, options.group))
        loci = merge_groups(groups.tolist(), _sites(records, options, genome))
    effects = MeasuredEffects(
        kind=kind,
        values=np.abs(values) if options.unsigned else values,
        groups=groups,
        loci=loci,
        classes=_classes(table, options, records, genome),
    )
    try:
        effects.check()
    except InputError as error:
        raise InputError(f"{table.path}, column {options.effect!r}: {error}") from None
    return effects


def _numbers(table: MeasuredTable, name: str) -> tuple[EffectKind, Float[np.ndarray, " rows"]]:
    try:
        values = table.numbers(name)
    except InputError as error:
        raise InputError(f"{error}; classes are compared with --positive VALUE") from None
    return "class" if {*values[~np.isnan(values)].tolist()} <= _CLASSES else "number", values


def _classes_of_effect(
    table: MeasuredTable, options: BenchmarkVariantsOptions
) -> tuple[EffectKind, Float[np.ndarray, " rows"]]:
    texts = table.texts(options.effect)
    known = sorted({each for each in texts if each is not None})
    for value in (*options.positive, *options.negative):
        if value not in known:
            raise InputError(
                f"{table.path}: no row has {value!r} in column {options.effect!r}{nearest(value, known)}"
            )
    shared = set(options.positive) & set(options.negative)
    if shared:
        raise InputError(f"--positive and --negative both name {sorted(shared)[0]!r}; leave it out of one")
    negative = set(options.negative or known) - set(options.positive)
    values = [1.0 if each in options.positive else 0.0 if each in negative else np.nan for each in texts]
    return "class", np.array(values)


def _filled(table: MeasuredTable, name: str) -> list[str]:
    """Return a column of texts none of which may be missing."""
    texts = table.texts(name)
    for row, text in enumerate(texts):
        if text is None:
            raise table.complaint(row, name, "what the variant belongs to")
    return [text for text in texts if text is not None]


def _sites(
    records: Sequence[VariantRecord | None], options: BenchmarkVariantsOptions, genome: Genome | None
) -> list[tuple[str, int] | None]:
    """Return where each row lies, on its chromosome where the contigs are pieces."""
    places = _places(options, genome)
    sites: list[tuple[str, int] | None] = []
    for each in records:
        if each is None:
            sites.append(None)
        elif each.contig in places:
            place = places[each.contig]
            sites.append((place.contig, place.start + each.position))
        else:
            sites.append((each.contig, each.position))
    return sites


def _classes(
    table: MeasuredTable,
    options: BenchmarkVariantsOptions,
    records: Sequence[VariantRecord | None],
    genome: Genome | None,
) -> list[str | None] | None:
    """Return the class of each row, from a column or an annotation; None where there are none."""
    if options.stratify is not None:
        return table.texts(options.stratify)
    if options.annotation is None or genome is None:
        return None
    annotation = read_annotation(Path(options.annotation))
    placed = place_annotation(annotation, genome, options.annotation)
    finder = ConsequenceFinder(placed, genome, codes=genetic_codes(), default_code=options.genetic_code)
    variants = [None if each is None else examine(_site(each), genome, "skip")[0].variant for each in records]
    return [None if each is None else str(finder.find(each)) for each in variants]


def _site(record: VariantRecord) -> Site:
    return Site(record.contig, record.position, record.ref, record.alts)


def _places(options: BenchmarkVariantsOptions, genome: Genome | None) -> Mapping[str, Interval]:
    """Return where contigs lie on chromosomes; nothing where positions are those of contigs."""
    if genome is None or options.positions == "contig":
        return {}
    return read_fasta_places(genome.path)
