"""Any file or folder with labelled pieces of DNA, told apart by its name.

In: a path. Out: a table of sequences, places or variants, with their labels.

| name                                | rows                       | labels                         |
|-------------------------------------|----------------------------|--------------------------------|
| .csv, .tsv, .parquet                | sequences or places        | columns                        |
| such with chrom, pos, ref and alt   | variants                   | columns                        |
| .fa, .fasta, .fna                   | sequences                  | header                         |
| .bed                                | places                     | name, score, or a header's     |
| .vcf, .bcf                          | variants                   | INFO                           |
| a folder of folders                 | sequences, one a .txt file | name of the inner folder       |
"""

from collections.abc import Sequence
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.class_folders import read_class_folders
from hyenadna_kit.io.label_columns import LABEL
from hyenadna_kit.io.labelled_bed import read_labelled_bed
from hyenadna_kit.io.labelled_fasta import FASTA_ENDINGS, read_labelled_fasta
from hyenadna_kit.io.labelled_table import LabelledTable
from hyenadna_kit.io.labelled_variants import read_labelled_variant_table, read_labelled_vcf
from hyenadna_kit.io.table_cells import SEQUENCE, START
from hyenadna_kit.io.tables import is_labelled_table, read_labelled_table, read_raw_table

_READERS = {
    FASTA_ENDINGS: read_labelled_fasta,
    (".bed",): read_labelled_bed,
    (".vcf", ".bcf"): read_labelled_vcf,
}
_VARIANT_COLUMNS = {"pos", "ref", "alt"}


def read_labelled(path: Path, label_columns: Sequence[str] = (LABEL,)) -> LabelledTable:
    """Read what a file or folder holds, in the format that its name tells.

    Args:
        path: A file, plain or compressed, or a folder.
        label_columns: What must be there and have a value in every row; nothing, where labels come from
            elsewhere.

    Raises:
        InputError: The name tells no format, or the content is wrong: file, row and value are named.
    """
    if path.is_dir():
        return read_class_folders(path)
    if is_labelled_table(path):
        is_variants = _holds_variants(path)
        return (read_labelled_variant_table if is_variants else read_labelled_table)(path, label_columns)
    name = path.name.lower().removesuffix(".gz")
    for endings, read in _READERS.items():
        if name.endswith(endings):
            return read(path, label_columns)
    raise InputError(
        f"{path} must be a table (.csv, .tsv, .parquet), FASTA (.fa, .fasta, .fna), .bed, .vcf or .bcf, or a "
        "folder of classes; rename it"
    )


def _holds_variants(path: Path) -> bool:
    names = {name.lower().removeprefix("#") for name in read_raw_table(path).names}
    return names >= _VARIANT_COLUMNS and not names & {SEQUENCE, START}
