"""Which lines of a GFF3 or GTF file make up a gene and a transcript.

In: features in the order of the file. Out: drafts for :mod:`hyenadna_kit.io.gene_models`.

GFF3 says it by ``ID`` and ``Parent``, GTF by ``gene_id`` and ``transcript_id``. Both are read as they
occur: exons whose parent is not in the file, CDS that hang on a gene or on nothing (bacteria), GTF
with exons alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.gene_models import (
    ROLES,
    GeneDraft,
    Part,
    TranscriptDraft,
    is_transcript_kind,
    make_part,
)
from hyenadna_kit.io.gff import Dialect, Feature

_PRODUCTS = {"protein", "polypeptide"}
"""Types that can be named as the parent of a CDS beside its transcript."""


def draft_genes(features: Iterable[Feature], dialect: Dialect, *, source: str) -> Iterable[GeneDraft]:
    """Return the genes of a feature table, in the order in which the file first mentions them.

    Args:
        features: All lines of the table.
        dialect: How they name what they belong to.
        source: What the table is called in an error, usually its path.

    Raises:
        InputError: The ancestors of a feature lie in a circle.
    """
    return _Gff3Table(features, source).genes() if dialect == "GFF3" else _gtf_genes(features)


def is_gene_kind(kind: str) -> bool:
    """Say whether a line of this type is a gene: ``gene``, ``pseudogene``, ``ncRNA_gene`` ..."""
    return kind.lower().endswith("gene") and not is_transcript_kind(kind)


class _Child(NamedTuple):
    part: Part
    parents: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    """A feature that others can hang on, with all lines that share its ID."""

    lines: list[Feature] = field(default_factory=list)
    children: list[_Child] = field(default_factory=list)

    @property
    def is_gene(self) -> bool:
        """Whether its first line says so."""
        return bool(self.lines) and is_gene_kind(self.lines[0].kind)

    @property
    def is_transcript(self) -> bool:
        """Whether it has exons or CDS, or is a transcript by its type."""
        if self.is_gene:
            return False
        kind = self.lines[0].kind if self.lines else ""
        return kind not in _PRODUCTS and (bool(self.children) or is_transcript_kind(kind))

    @property
    def is_product(self) -> bool:
        """Whether it stands for a protein."""
        return bool(self.lines) and self.lines[0].kind in _PRODUCTS

    @property
    def parents(self) -> tuple[str, ...]:
        """The IDs that it hangs on."""
        return tuple(dict.fromkeys(name for line in self.lines for name in _parents(line)))


class _Gff3Table:
    """The features of a GFF3 file by their IDs, in the order in which these are first mentioned."""

    def __init__(self, features: Iterable[Feature], source: str) -> None:
        self._source = source
        self._nodes: dict[str, _Node] = {}
        for feature in features:
            role = ROLES.get(feature.kind)
            name = feature.first("ID")
            if role is not None:
                parents = _parents(feature) or (name or _place(feature),)
                for parent in parents:
                    child = _Child(make_part(feature, role, name), parents)
                    self._node(parent).children.append(child)
            elif name or is_gene_kind(feature.kind) or is_transcript_kind(feature.kind):
                self._node(name or _place(feature)).lines.append(feature)

    def genes(self) -> Iterable[GeneDraft]:
        """Return the drafts of all genes."""
        genes: dict[str, GeneDraft] = {}
        for name, node in self._nodes.items():
            own_parts = list(self._own_parts(node)) if node.is_gene or node.is_product else []
            if node.is_gene or own_parts:
                self._gene(name, genes).transcripts += _without_line(name, own_parts)
            elif node.is_transcript:
                for root in self._roots(name):
                    parts = [child.part for child in node.children]
                    self._gene(root, genes).transcripts.append(TranscriptDraft(name, node.lines, parts))
        return genes.values()

    def _node(self, name: str) -> _Node:
        return self._nodes.setdefault(name, _Node())

    def _gene(self, name: str, genes: dict[str, GeneDraft]) -> GeneDraft:
        lines = self._nodes[name].lines if name in self._nodes else []
        return genes.setdefault(name, GeneDraft(name, lines))

    def _own_parts(self, node: _Node) -> Iterator[Part]:
        """Yield the parts that hang on a gene or a protein and on no transcript besides."""
        for part, parents in node.children:
            if not any(self._nodes[parent].is_transcript for parent in parents):
                yield part

    def _roots(self, name: str) -> list[str]:
        """Return the genes that a transcript belongs to, or else its topmost ancestors."""
        roots: dict[str, None] = {}
        above, seen = [name], set[str]()
        while above:
            ancestor = above.pop()
            node = self._nodes.get(ancestor)
            if node is None or node.is_gene or not node.parents:
                roots[ancestor] = None
                continue
            above += [parent for parent in reversed(node.parents) if parent not in seen]
            seen.update(node.parents)
        if not roots:
            raise InputError(f"{self._source}: feature {name!r} has ancestors in a circle; mend its Parent")
        return list(roots)


def _without_line(gene: str, parts: list[Part]) -> list[TranscriptDraft]:
    """Return the transcripts of a gene whose exons or CDS have no transcript line."""
    cds: dict[str, list[Part]] = {}
    others: list[Part] = []
    for part in parts:
        (cds.setdefault(part.name, []) if part.role == "CDS" else others).append(part)
    if cds:
        return [TranscriptDraft(name or gene, parts=segments + others) for name, segments in cds.items()]
    return [TranscriptDraft(gene, parts=others)] if others else []


def _gtf_genes(features: Iterable[Feature]) -> Iterable[GeneDraft]:
    genes: dict[tuple[str, str], GeneDraft] = {}
    transcripts: dict[tuple[str, str, str], TranscriptDraft] = {}
    for feature in features:
        role = ROLES.get(feature.kind)
        is_gene = is_gene_kind(feature.kind)
        if role is None and not is_gene and not is_transcript_kind(feature.kind):
            continue
        contig = feature.interval.contig
        gene_name = feature.first("gene_id", "transcript_id") or _place(feature)
        gene = genes.setdefault((contig, gene_name), GeneDraft(gene_name))
        if is_gene:
            gene.lines.append(feature)
            continue
        name = feature.first("transcript_id") or gene_name
        draft = transcripts.get((contig, gene_name, name))
        if draft is None:
            draft = transcripts[contig, gene_name, name] = TranscriptDraft(name)
            gene.transcripts.append(draft)
        if role is None:
            draft.lines.append(feature)
        else:
            draft.parts.append(make_part(feature, role))
    return genes.values()


def _parents(feature: Feature) -> tuple[str, ...]:
    return tuple(parent for parent in feature.attributes.get("Parent", ()) if parent)


def _place(feature: Feature) -> str:
    """Return a name for a line that has none."""
    return f"{feature.kind}:{feature.interval.region}"
