"""What became of a scored file: counts and distributions, gathered in one pass and bounded memory.

In: a scored VCF or BCF and, where there are such, the annotation and the bases of its genome. Out: a
:class:`JobReport`, which :mod:`hyenadna_kit.scoring.job_report_html` shows, and the same as plain data.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import Annotation
from hyenadna_kit.genome.consequence import Consequence, severity
from hyenadna_kit.genome.consequence_finder import ConsequenceFinder
from hyenadna_kit.genome.variant import Variant, trim
from hyenadna_kit.io.vcf import VariantReader, VariantRecord, allele_kind, read_variants
from hyenadna_kit.io.vcf_convert import bcf_to_text
from hyenadna_kit.scoring.distribution import Distribution
from hyenadna_kit.scoring.gene_regions import GeneRegions
from hyenadna_kit.scoring.status import Status

_PREFIX = "HK_"
_STATUS_ID, _NO_ALT = "HK_STATUS", "NO_ALT"
_NUM_BASES = "HK_NTOK"
"""An ALT that has it is scored, though none of the scores that were asked for may be one of its kind."""
_NOT_SCORES = frozenset({"HK_NFRAC"})
_FLOAT_FIELD = re.compile(r'##INFO=<ID=(HK_\w+),Number=A,Type=Float,Description="((?:[^"\\]|\\.)*)"')
_INFO_COLUMN = 7

Scores = dict[str, Distribution]
"""Distribution of each score, by its INFO field."""


@dataclass
class JobReport:
    """What became of the ALTs of a file."""

    source: str
    """The file."""
    num_records: int = 0
    """Records."""
    num_alts: int = 0
    """ALTs in them."""
    num_scored: int = 0
    """ALTs with a score."""
    statuses: Counter[str] = field(default_factory=Counter)
    """ALTs by status; joined ones count under each part, records without ALT as NO_ALT."""
    classes: dict[str, Counter[str]] = field(default_factory=dict)
    """ALTs by class of variant, and in each by what became of them: scored, unscored."""
    meanings: dict[str, str] = field(default_factory=dict)
    """What each score is, with its unit, by its INFO field: as the header describes it."""
    scores: Scores = field(default_factory=dict)
    """Distributions of all ALTs."""
    regions: dict[str, Scores] = field(default_factory=dict)
    """The same by where the variant lies; empty without an annotation."""
    consequences: dict[Consequence, Scores] = field(default_factory=dict)
    """The same by what the variant does to a gene, the most severe first; empty without a genome."""
    provenance: tuple[str, ...] = ()
    """Header lines that say where the scores come from."""

    @property
    def unscored_fraction(self) -> float:
        """Share without a score of the ALTs that were asked for; 0 where there are none."""
        asked = self.num_alts - self.statuses[Status.FILTERED]
        return 1 - self.num_scored / asked if asked else 0.0

    def plain(self) -> dict[str, object]:
        """Return the report as plain data."""
        return {
            "source": self.source,
            "records": self.num_records,
            "alts": self.num_alts,
            "scored": self.num_scored,
            "unscored_fraction": self.unscored_fraction,
            "statuses": dict(self.statuses.most_common()),
            "classes": {name: dict(counts) for name, counts in sorted(self.classes.items())},
            "meanings": self.meanings,
            "scores": _plain(self.scores),
            "regions": {region: _plain(scores) for region, scores in self.regions.items()},
            "consequences": {str(each): _plain(scores) for each, scores in self.consequences.items()},
            "provenance": list(self.provenance),
        }


def variant_class(ref: str, alt: str) -> str:
    """Return what an ALT is: SNV, MNV, insertion, deletion, delins, symbolic or star."""
    kind = allele_kind(alt)
    if kind != "sequence":
        return kind
    change = trim(Variant("", 0, ref, alt))
    if not change.ref or not change.alt:
        return "insertion" if change.alt else "deletion" if change.ref else "no change"
    if len(change.ref) != len(change.alt):
        return "delins"
    return "SNV" if len(change.ref) == 1 else "MNV"


def report_scores(
    scored: str | Path, annotation: Annotation | None = None, *, finder: ConsequenceFinder | None = None
) -> JobReport:
    """Read a scored file and report on it.

    Args:
        scored: VCF, VCF.gz or BCF with our INFO fields.
        annotation: Genes of its genome, to tell scores apart by region.
        finder: Genes with the bases of the genome, to tell scores apart by consequence.

    Raises:
        InputError: The file is damaged, or is not scored.
        ContigNotFoundError: A scored variant lies on a contig that the genome of the finder has not.
    """
    with _as_text(scored) as reader:
        report = _empty_report(str(scored), reader)
        groupings = list(_groupings(report, annotation, finder))
        for record in reader:
            _add(report, record, groupings)
    report.consequences = dict(sorted(report.consequences.items(), key=lambda item: severity(item[0])))
    return report


def _empty_report(scored: str, reader: VariantReader) -> JobReport:
    """Return the report of no records: what the header says."""
    if _STATUS_ID not in reader.header.info_ids:
        raise InputError(f"{scored} has no INFO/{_STATUS_ID}: it is not scored; give what score wrote")
    lines = [line.decode(errors="replace").rstrip() for line in reader.header.lines]
    found = [match.groups() for match in map(_FLOAT_FIELD.match, lines) if match]
    meanings = {name: meaning for name, meaning in found if name not in _NOT_SCORES}
    provenance = tuple(line for line in lines if "##hyenadna_kit" in line)
    return JobReport(scored, meanings=meanings, scores=_distributions(meanings), provenance=provenance)


_Grouping = Callable[[VariantRecord, str], Scores]
"""Gives the distributions that the scores of an ALT of a record belong to."""


def _groupings(
    report: JobReport, annotation: Annotation | None, finder: ConsequenceFinder | None
) -> Iterator[_Grouping]:
    if annotation is not None:
        regions = GeneRegions(annotation)
        report.regions = {kind: _distributions(report.scores) for kind in GeneRegions.KINDS}
        yield lambda record, _alt: report.regions[regions.kind(record)]
    if finder is not None:
        yield lambda record, alt: report.consequences.setdefault(
            finder.find(Variant(record.contig, record.position, record.ref, alt)),
            _distributions(report.scores),
        )


def _distributions(names: Iterable[str]) -> Scores:
    return {name: Distribution() for name in names}


def _plain(scores: Scores) -> dict[str, object]:
    return {name: each.plain() for name, each in scores.items()}


def _add(report: JobReport, record: VariantRecord, groupings: Sequence[_Grouping]) -> None:
    info = _info(record.raw)
    report.num_records += 1
    report.num_alts += len(record.alts)
    statuses = info.get(_STATUS_ID, _NO_ALT).split(",")
    for status in statuses:
        report.statuses.update(status.split("|"))
    texts = {name: info[name].split(",") for name in (*report.scores, _NUM_BASES) if name in info}
    for number, alt in enumerate(record.alts):
        given = _given(texts, number)
        report.num_scored += bool(given)
        counts = report.classes.setdefault(variant_class(record.ref, alt), Counter())
        counts["scored" if given else "unscored"] += 1
        if given.keys() & report.scores.keys():
            _add_values(given, [report.scores, *(grouping(record, alt) for grouping in groupings)])


def _given(texts: Mapping[str, Sequence[str]], number: int) -> dict[str, str]:
    """Return what an ALT has of the fields, by its number in the record."""
    return {name: each[number] for name, each in texts.items() if number < len(each) and each[number] != "."}


def _add_values(texts: Mapping[str, str], groups: Sequence[Scores]) -> None:
    for scores in groups:
        for name in scores.keys() & texts.keys():
            scores[name].add(float(texts[name]))


def _info(line: bytes) -> dict[str, str]:
    """Return the INFO fields of ours in a line."""
    column = line.split(b"\t", _INFO_COLUMN + 1)[_INFO_COLUMN].rstrip(b"\r\n").decode(errors="replace")
    entries = (entry.partition("=") for entry in column.split(";") if entry.startswith(_PREFIX))
    return {name: value for name, _, value in entries}


@contextmanager
def _as_text(scored: str | Path) -> Iterator[VariantReader]:
    """Open a file whose records are lines; a BCF is written as text to a temporary file first."""
    with read_variants(scored) as reader:
        if not reader.header.is_bcf:
            yield reader
            return
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "scored.vcf.gz"
        bcf_to_text(Path(scored), text, name=str(scored))
        with read_variants(text) as reader:
            yield reader
