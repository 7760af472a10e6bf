"""Genotypes of one sample: which of its alleles lies on which of its chromosomes.

In: the records of :func:`hyenadna_kit.io.vcf.read_variants`, text or binary. Out: allele numbers in
the order of the file, whether that order is a phase, and the phase set.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from hyenadna_kit.config import nearest
from hyenadna_kit.errors import InputError
from hyenadna_kit.io.bcf import BcfDictionary, read_sample
from hyenadna_kit.io.vcf import VariantReader, VariantRecord

_FORMAT_COLUMN, _FIRST_SAMPLE_COLUMN = 8, 9
_MISSING = b"."
_LONGEST_NAME = 40
_GENOTYPE = re.compile(rb"[|/]?(?:\.|\d{1,9})(?:[|/](?:\.|\d{1,9}))*")
_ALLELE = re.compile(rb"\.|\d+")


@dataclass(frozen=True, slots=True)
class Genotype:
    """The alleles of one sample at one record."""

    alleles: tuple[int | None, ...]
    """Number of each allele: 0 is REF, 1 the first ALT, None a missing one; empty without a GT."""
    is_phased: bool
    """Whether the order of the alleles is that of the chromosomes (``|``, or a single allele)."""
    phase_set: str | None = None
    """PS: genotypes of different sets are phased among themselves only; None where there is none."""

    @property
    def is_heterozygous(self) -> bool:
        """Whether two alleles differ; a missing one differs from every other."""
        return len(set(self.alleles)) > 1


NO_GENOTYPE = Genotype((), is_phased=True)
"""What a record without a GT has."""


class SampleGenotypes:
    """The genotypes of one sample of a variant file.

    with read_variants("calls.vcf.gz") as reader:
        genotypes = SampleGenotypes(reader, "NA12878")
        for record in reader:
            genotypes.of(record).alleles        (0, 1)
    """

    def __init__(self, reader: VariantReader, sample: str | None = None) -> None:
        """Find the sample in the header.

        Args:
            reader: The open file.
            sample: Its name; None takes the only one.

        Raises:
            InputError: The file has no such sample, or none is named and it has not exactly one.
        """
        samples = reader.header.samples
        if sample is None and len(samples) != 1:
            shown = ", ".join(map(_shown, samples[:3])) + (", ..." if len(samples) > 3 else "")
            known = f"{len(samples)} samples ({shown}); name one" if samples else "no samples, only sites"
            raise InputError(f"{reader.name} has {known}: genotypes of one sample are needed")
        self.sample = samples[0] if sample is None else sample
        if self.sample not in samples:
            raise InputError(
                f"{reader.name} has no sample {self.sample!r}{nearest(self.sample, [*map(_shown, samples)])}"
            )
        self._index = samples.index(self.sample)
        self._source = reader.name
        self._read = self._bcf_reader(reader) if reader.header.is_bcf else self._read_line

    def of(self, record: VariantRecord) -> Genotype:
        """Return the genotype of the sample at ``record``, a record of the same file.

        Raises:
            InputError: GT is garbled, or names an allele that the record does not have.
        """
        try:
            genotype = self._read(record)
        except ValueError as error:
            self._refuse(record, str(error))
        numbers = [number for number in genotype.alleles if number is not None]
        if numbers and max(numbers) > len(record.alts):
            self._refuse(record, f"it names allele {max(numbers)} of {len(record.alts)} ALT alleles")
        return genotype

    def _read_line(self, record: VariantRecord) -> Genotype:
        column = _FIRST_SAMPLE_COLUMN + self._index
        columns = record.raw.rstrip(b"\r\n").split(b"\t", column + 1)
        genotype_at, phase_set_at = _places(columns[_FORMAT_COLUMN])
        values = columns[column].split(b":")
        if genotype_at is None or genotype_at >= len(values):
            return NO_GENOTYPE
        alleles, is_phased = _parsed(values[genotype_at])
        phase_set = _MISSING
        if phase_set_at is not None and phase_set_at < len(values):
            phase_set = values[phase_set_at]
        return Genotype(alleles, is_phased, None if phase_set in (_MISSING, b"") else phase_set.decode())

    def _bcf_reader(self, reader: VariantReader) -> Callable[[VariantRecord], Genotype]:
        numbers = {name: number for number, name in BcfDictionary.of(reader.header.lines).strings.items()}
        # A name that the header lacks is in no record.
        genotype_key, phase_set_key = numbers.get("GT", -1), numbers.get("PS", -1)

        def read(record: VariantRecord) -> Genotype:
            """Return the genotype in these bytes."""
            values = read_sample(record.raw, self._index, (genotype_key, phase_set_key))
            coded = values.get(genotype_key, ())
            if isinstance(coded, str):
                raise ValueError(f"{coded[:20]!r} is text")
            alleles = tuple(None if code is None or code < 2 else (code >> 1) - 1 for code in coded)
            is_phased = all(code is not None and code & 1 for code in coded[1:])
            return Genotype(alleles, is_phased, _phase_set(values.get(phase_set_key, ())))

        return read

    def _refuse(self, record: VariantRecord, fault: str) -> NoReturn:
        raise InputError(
            f"{self._source}, record {record.number} ({record.site}): the genotype of sample "
            f"{self.sample!r} cannot be used: {fault}; mend or remove the record"
        )


def _shown(name: str) -> str:
    """Return a name of a sample as a message can have it."""
    return name[:_LONGEST_NAME] if name.isprintable() else ascii(name[:_LONGEST_NAME])


@lru_cache(maxsize=1024)
def _places(format_column: bytes) -> tuple[int | None, int | None]:
    """Return where GT and PS stand among the values of a sample."""
    keys = format_column.split(b":")
    genotype, phase_set = (keys.index(key) if key in keys else None for key in (b"GT", b"PS"))
    return genotype, phase_set


@lru_cache(maxsize=1024)
def _parsed(text: bytes) -> tuple[tuple[int | None, ...], bool]:
    """Return the alleles of a GT, and whether they are phased."""
    if not _GENOTYPE.fullmatch(text):
        raise ValueError(f"GT {text[:20]!r} is not like 0|1")
    alleles = tuple(None if found == _MISSING else int(found) for found in _ALLELE.findall(text))
    return alleles, b"/" not in text or len(alleles) == 1


def _phase_set(values: tuple[int | None, ...] | str) -> str | None:
    if isinstance(values, str):
        return None if values in (".", "") else values
    return None if not values or values[0] is None else str(values[0])
