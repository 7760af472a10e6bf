"""Variants of a genome, and the VCF that spells them.

In: contigs and a seed. Out: variants of every class, and a small VCF, with faults where asked for.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.genome.alphabet import BASES, is_unambiguous
from hyenadna_kit.genome.variant import Variant, normalize
from hyenadna_kit.testing.genome import draw_between, random_bases

_VARIANT_KINDS = ("snv", "insertion", "snv", "deletion", "snv", "mnv", "snv", "delins")
_MNV_LENGTHS, _MAX_ALLELE_LENGTH = (2, 4), 12
_VARIANTS_PER_SECOND_ALT = 20
_SITE_SPACING, _DRAWS_PER_SITE = 64, 50
_FAULT_DELETION, _FAULT_SPANNED, _FAULT_MISMATCH = (10, 30), 20, 40
_VCF_META = (
    "##fileformat=VCFv4.2",
    '##ALT=<ID=DEL,Description="Deletion">',
    '##INFO=<ID=END,Number=1,Type=Integer,Description="Last base of the variant, 1-based">',
)
_VCF_COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


class _Record(NamedTuple):
    """A line of a VCF."""

    contig: str
    vcf_position: int
    identifier: str
    ref: str
    alt: str
    quality: str = "."
    filters: str = "."
    info: str = "."


def toy_variants(genome: Mapping[str, str], seed: int = 0, count: int = 200) -> list[Variant]:
    """Return single changes of ``genome`` that do not overlap, in the order of its contigs.

    Half are SNVs; insertions and deletions (1 to 12 bp), multi-nucleotide variants (2 to 4 bp)
    and replacements by another length (1 to 12 bp) are an eighth each. Each is in the one form that
    ``genome.variant.normalize`` gives: an empty allele stays empty. One in twenty shares place and
    REF with an SNV, as its second ALT.

    Args:
        genome: Contig to bases, in either case.
        seed: Seed of everything.
        count: Number of variants.

    Raises:
        InputError: ``genome`` has too few bases for as many variants.
    """
    rng = np.random.default_rng(seed)
    num_second = count // _VARIANTS_PER_SECOND_ALT
    sites = _draw_sites(rng, genome, count - num_second)
    snvs = [site for site in sites if len(site.ref) == len(site.alt) == 1]
    order = list(genome)
    second_alts = [replace(snv, alt=_base_except(snv.ref, snv.alt)) for snv in snvs[:num_second]]
    return sorted(sites + second_alts, key=lambda v: (order.index(v.contig), v.position, v.alt))


def write_toy_vcf(
    path: str | Path, genome: Mapping[str, str], variants: Iterable[Variant], *, with_faults: bool = False
) -> Path:
    """Write ``variants`` as VCF 4.2, anchored as it demands, and return its path.

    Variants of the same REF at the same place become one record with several ALTs.

    Args:
        path: Target; text, so no ``.gz``.
        genome: Contig to bases; gives the header's contigs and the anchor bases.
        variants: What to write, in any order.
        with_faults: Add three records at the start of the first contig that a scorer has to count
            and pass over, in whole or in part. Their IDs are ``symbolic`` (ALT ``<DEL>``),
            ``spanned`` (one base and ``*``) and ``mismatch`` (REF is not the base of ``genome``).

    Raises:
        InputError: ``path`` ends in ``.gz``, or the first contig has no room for the faults.
        ContigNotFoundError: A variant lies on a contig that ``genome`` lacks.
    """
    path = Path(path)
    if path.suffix == ".gz":
        raise InputError(f"the toy VCF is written as text: name it .vcf, not {path.name!r}, and use bgzip")
    order = list(genome)
    records = [*_merged(_record(variant, genome) for variant in variants)]
    records += _fault_records(genome) if with_faults else []
    records.sort(key=lambda record: (order.index(record.contig), record.vcf_position))
    contigs = (f"##contig=<ID={name},length={len(bases)}>" for name, bases in genome.items())
    lines = [*_VCF_META, *contigs, _VCF_COLUMNS, *("\t".join(map(str, record)) for record in records)]
    with atomic_file(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines))
    return path


def _draw_sites(rng: Generator, genome: Mapping[str, str], count: int) -> list[Variant]:
    """Draw ``count`` variants, at most one in each stretch of ``_SITE_SPACING`` bases."""
    names, lengths = list(genome), np.array([len(bases) for bases in genome.values()], dtype=np.int64)
    total = int(lengths.sum())
    draws_left = count * _DRAWS_PER_SITE if total else 0
    sites: dict[tuple[str, int], Variant] = {}
    while len(sites) < count:
        if not draws_left:
            raise InputError(f"a genome of {total} bp has no room for {count} sites: ask for fewer variants")
        draws_left -= 1
        name = names[rng.choice(len(names), p=lengths / total)]
        kind = _VARIANT_KINDS[len(sites) % len(_VARIANT_KINDS)]
        variant = _draw_variant(rng, kind, name, genome[name])
        if variant is not None:
            sites.setdefault((name, variant.position // _SITE_SPACING), variant)
    return list(sites.values())


def _draw_variant(rng: Generator, kind: str, contig: str, bases: str) -> Variant | None:
    """Draw a variant, or None where it is of another kind or is not amid bases."""
    lengths = _draw_lengths(rng, kind)
    position = int(rng.integers(len(bases)))
    ref = bases[position : position + lengths[0]].upper()
    drawn = Variant(contig, position, ref, random_bases(rng, lengths[1]))
    variant = normalize(drawn, lambda start, end: bases[start:end].upper())
    # The bases on both sides belong to it as well: one of them is the anchor in a VCF.
    first, last = variant.position - 1, variant.end
    fits = first // _SITE_SPACING == last // _SITE_SPACING and is_unambiguous(bases[first : last + 1])
    return variant if fits and (len(variant.ref), len(variant.alt)) == lengths else None


def _draw_lengths(rng: Generator, kind: str) -> tuple[int, int]:
    """Return the lengths of REF and ALT."""
    if kind in ("snv", "mnv"):
        length = 1 if kind == "snv" else draw_between(rng, _MNV_LENGTHS)
        return length, length
    one, other = rng.choice(np.arange(1, _MAX_ALLELE_LENGTH + 1), size=2, replace=False)
    return (0 if kind == "insertion" else int(one)), (0 if kind == "deletion" else int(other))


def _record(variant: Variant, genome: Mapping[str, str]) -> _Record:
    """Spell ``variant`` as VCF does: an empty allele takes the base before, or at 0 after it."""
    if variant.contig not in genome:
        raise ContigNotFoundError(f"contig {variant.contig!r} is not in the genome, {', '.join(genome)}")
    start, end, ref, alt = variant.position, variant.end, variant.ref, variant.alt
    if not (ref and alt):
        bases = genome[variant.contig]
        before, after = bases[max(0, start - 1) : start].upper(), bases[end : end + (start == 0)].upper()
        start, ref, alt = start - len(before), before + ref + after, before + alt + after
    return _Record(variant.contig, start + 1, ".", ref, alt)


def _merged(records: Iterable[_Record]) -> Iterator[_Record]:
    """Join the ALTs of records that share place and REF."""
    for _, group in itertools.groupby(sorted(records), key=lambda r: (r.contig, r.vcf_position, r.ref)):
        first, *others = group
        yield first._replace(alt=",".join([first.alt, *(other.alt for other in others)]))


def _fault_records(genome: Mapping[str, str]) -> list[_Record]:
    """Return a symbolic deletion, an allele that it spans, and a REF that does not match."""
    name, bases = next(iter(genome.items()))
    start, end = _FAULT_DELETION
    if len(bases) <= _FAULT_MISMATCH:
        raise InputError(f"faults need a first contig of over {_FAULT_MISMATCH} bp, {name} has {len(bases)}")
    anchor, spanned, mismatched = (bases[p].upper() for p in (start - 1, _FAULT_SPANNED, _FAULT_MISMATCH))
    wrong = _base_except(mismatched)
    return [
        _Record(name, start, "symbolic", anchor, "<DEL>", info=f"END={end}"),
        _Record(name, _FAULT_SPANNED + 1, "spanned", spanned, f"{_base_except(spanned)},*"),
        _Record(name, _FAULT_MISMATCH + 1, "mismatch", wrong, _base_except(mismatched, wrong)),
    ]


def _base_except(*others: str) -> str:
    return min({*BASES}.difference(others))
