"""A user's own names for contigs: a table of other name and name, for example of NCBI accessions.

In: text, one alias a line: the other name, a tab, the name of the contig. Out: a map. Lines that begin
with ``#``, blank lines and further columns are passed over, so that UCSC's ``chromAlias.txt`` is read
as it is.
"""

from collections.abc import Mapping
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.io.text_lines import numbered_lines


def read_aliases(path: Path) -> dict[str, str]:
    """Return other name -> name, as the file has them.

    Args:
        path: Plain, gzip or bgzip text.

    Raises:
        InputError: The file cannot be read, a line has no two names, or a name stands for two contigs.
    """
    aliases: dict[str, str] = {}
    for number, line in numbered_lines(path, "table of aliases"):
        if not line.strip() or line.startswith("#"):
            continue
        other, contig = _names(path, number, line)
        if aliases.setdefault(other, contig) != contig:
            raise InputError(
                f"{path}, line {number}: {other!r} is {contig!r} here and {aliases[other]!r} further up; "
                "an alias is that of one contig: remove one of the lines"
            )
    return aliases


def known_aliases(aliases: Mapping[str, str], names: ContigNames, source: Path) -> dict[str, str]:
    """Return the aliases of the contigs of one genome, under its own names for them.

    A table may be that of a whole assembly and the genome one chromosome of it.

    Args:
        aliases: Other name -> name, in any usual spelling.
        names: The contigs of the genome.
        source: The file of the aliases, for the error.

    Raises:
        InputError: None of them is an alias of a contig of the genome.
    """
    found = {other: names.find(contig) for other, contig in aliases.items()}
    known = {other: contig for other, contig in found.items() if contig is not None}
    if not known:
        raise InputError(
            f"{source}: no line names a contig of the genome in its second column; it has {names.summary()}"
        )
    return known


def _names(path: Path, number: int, line: str) -> tuple[str, str]:
    columns = [column.strip() for column in line.split("\t")]
    if len(columns) < 2 or not (columns[0] and columns[1]):
        raise InputError(
            f"{path}, line {number}: {line[:60]!r} is not OTHER_NAME<TAB>CONTIG, for example "
            "NC_000001.11<TAB>chr1"
        )
    return columns[0], columns[1]
