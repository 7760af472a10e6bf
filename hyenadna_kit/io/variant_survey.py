"""What is known of a variant file before its first record is written, from reading all of it once.

In: a path. Out: how many records it has, and the header lines that its records need and its header lacks.
"""

from pathlib import Path
from typing import NamedTuple

from hyenadna_kit.io.variant_tables import is_variant_table, read_variant_table
from hyenadna_kit.io.vcf import read_variants
from hyenadna_kit.io.vcf_convert import UndeclaredNames


class VariantSurvey(NamedTuple):
    """What a variant file or table holds, from first to last."""

    num_records: int | None
    """Records; None of a pipe, which can be read only once."""
    needed: tuple[bytes, ...]
    """``##contig`` and ``##INFO`` END lines without line ends, which the header lacks and without which other
    programs refuse the records; none of a pipe."""


def survey_variants(variants: str | Path) -> VariantSurvey:
    """Read all records of a file or table; of a pipe nothing.

    Args:
        variants: VCF, VCF.gz, BCF or a table; ``-`` is standard input.

    Raises:
        InputError: The file is damaged, or a record of it wrong.
    """
    if not Path(variants).is_file():
        return VariantSurvey(None, ())
    if is_variant_table(variants):
        return VariantSurvey(sum(1 for _ in read_variant_table(Path(variants)).records), ())
    num_records = 0
    with read_variants(variants) as reader:
        names = UndeclaredNames(reader.header)
        for record in reader:
            num_records += 1
            if not reader.header.is_bcf:  # BCF declares every name that it uses
                names.add_needed(record.raw)
    return VariantSurvey(num_records, tuple(names.declarations()))
