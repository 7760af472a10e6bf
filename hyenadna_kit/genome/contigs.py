"""Contig names and their aliases: what one file calls ``chr1`` another calls ``1``."""

from collections.abc import Iterable, Mapping

from hyenadna_kit.errors import ContigNotFoundError

_MITOCHONDRION = ("chrM", "M", "MT", "chrMT", "Mito", "chrMito")


class ContigNames:
    """The contigs of one genome, found under any of their usual names.

    A name is looked up as it is, then in the user's map, then without or with the *prefix* ``chr``,
    then among the names of the mitochondrion. The answer is made for each contig by itself.
    """

    def __init__(self, names: Iterable[str], aliases: Mapping[str, str] | None = None) -> None:
        """Take the ``names`` of the genome and a user's ``aliases`` (other name to name here)."""
        self._names = tuple(names)
        self._known = frozenset(self._names)
        self._aliases = dict(aliases or {})

    def find(self, name: str) -> str | None:
        """Return the genome's own name of the contig, or None where it has no such contig."""
        return next((n for n in self._candidates(name) if n in self._known), None)

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

    def _candidates(self, name: str) -> Iterable[str]:
        yield name
        if name in self._aliases:
            yield self._aliases[name]
        yield name.removeprefix("chr") if name.startswith("chr") else f"chr{name}"
        if name in _MITOCHONDRION:
            yield from _MITOCHONDRION
