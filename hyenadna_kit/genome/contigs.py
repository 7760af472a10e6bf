"""Contig names and their aliases: what one file calls ``chr1`` another calls ``1``."""

import re
from collections.abc import Iterable, Iterator, Mapping

from hyenadna_kit.errors import ContigNotFoundError, InputError

_MITOCHONDRION = ("chrM", "M", "MT", "chrMT", "Mito", "chrMito")
_LABEL = re.compile(r"\w[\w-]{0,63}", re.ASCII)


class ContigNames:
    """The contigs of one genome, found under any of their usual names.

    A name is looked up as it is, then in the user's map, then without or with the *prefix* ``chr``,
    then among the names of the mitochondrion. The answer is made for each contig by itself. In a genome
    of several species the usual names stand behind the label: ``human.1`` is ``human.chr1``.
    """

    def __init__(
        self,
        names: Iterable[str],
        aliases: Mapping[str, str] | None = None,
        species: Iterable[str] = (),
    ) -> None:
        """Take the contigs of a genome.

        Args:
            names: Their names.
            aliases: What a user calls them: other name to name here.
            species: Labels that stand before some of the names; see :func:`qualified`.
        """
        self._names = tuple(names)
        self._aliases = dict(aliases or {})
        self._species = frozenset(species)
        # A name is asked for once a window: what was found is kept, and what was not is rare.
        self._found = {name: name for name in self._names}

    def find(self, name: str) -> str | None:
        """Return the genome's own name of the contig, or None where it has no such contig."""
        found = self._found.get(name)
        if found is None:
            # Whatever a name leads to leads to itself, if it is a contig.
            known = (n for n in self._candidates(name) if self._found.get(n) == n)
            found = next(known, None)
            if found is not None:
                self._found[name] = found
        return found

    def resolve(self, name: str, source: str) -> str:
        """Return the genome's own name of the contig.

        Args:
            name: Name in another file.
            source: What the genome is called in an error, usually its path.

        Raises:
            ContigNotFoundError: The genome has no such contig under any of its usual names.
        """
        found = self.find(name)
        if found is None:
            raise ContigNotFoundError(f"contig {name!r} is not in {source}; it has {self.summary()}")
        return found

    def summary(self) -> str:
        """Return the first names and their number, for messages."""
        if not self._names:
            return "no contigs"
        first = ", ".join(self._names[:3])
        return f"{first}{', ...' if len(self._names) > 3 else ''} ({len(self._names)} in all)"

    def _candidates(self, name: str) -> Iterator[str]:
        if name in self._aliases:
            yield self._aliases[name]
        label, dot, contig = name.partition(".")
        if dot and label in self._species:
            yield from (qualified(label, other) for other in _usual_names(contig))
        else:
            yield from _usual_names(name)


def qualified(label: str, contig: str) -> str:
    """Return the name of ``contig`` in a genome of several species: ``human.chr1``.

    Source: UCSC's Multiple Alignment Format, which names sequences ``database.chromosome``.
    """
    return f"{label}.{contig}"


def check_species_label(label: str) -> str:
    """Return ``label`` where it can stand before the name of a contig.

    Raises:
        InputError: It is empty, longer than 64 characters, or has others than letters, digits, ``_``, ``-``.
    """
    if _LABEL.fullmatch(label) is None:
        raise InputError(
            f"species label {label!r} must be 1 to 64 ASCII letters, digits, '_' or '-', the first no '-' "
            "(for example human, mm39 or E_coli)"
        )
    return label


def _usual_names(name: str) -> Iterator[str]:
    yield name.removeprefix("chr") if name.startswith("chr") else f"chr{name}"
    if name in _MITOCHONDRION:
        yield from _MITOCHONDRION
