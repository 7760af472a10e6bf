"""What became of a scored file: counts and distributions, gathered in one pass and bounded memory.

In: a scored VCF or BCF and, where there is one, the annotation of its genome. Out: a :class:`JobReport`,
which :mod:`hyenadna_kit.scoring.job_report_html` shows, and the same as plain data for JSON.
"""

import math
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import Annotation
from hyenadna_kit.genome.contigs import ContigNames
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.interval_set import IntervalSet
from hyenadna_kit.genome.variant import Variant, trim
from hyenadna_kit.io.vcf import VariantReader, VariantRecord, allele_kind, read_variants
from hyenadna_kit.io.vcf_convert import bcf_to_text

_PREFIX = "HK_"
_STATUS_ID, _NO_ALT = "HK_STATUS", "NO_ALT"
_NOT_SCORES = frozenset({"HK_NFRAC"})
_FLOAT_FIELD = re.compile(r"##INFO=<ID=(HK_\w+),Number=A,Type=Float,")
_INFO_COLUMN = 7
_MOST_BINS = 96
_FINEST_BIN = 2.0**-30


class Distribution:
    """Number, mean, spread and histogram of values that come one by one.

    Bins are all as wide, by a power of two: as fine as goes with 96 bins that are not empty. They do not
    depend on the order of the values.
    """

    def __init__(self) -> None:
        """Begin without values."""
        self.count = 0
        self.minimum, self.maximum = math.inf, -math.inf
        self.bin_width = _FINEST_BIN
        """Bin k holds ``[k * bin_width, (k + 1) * bin_width)``."""
        self.bins: Counter[int] = Counter()
        """How many values each bin holds."""
        self._mean = self._squares = 0.0

    def add(self, value: float) -> None:
        """Take note of one more value, a finite one."""
        self.count += 1
        self.minimum, self.maximum = min(self.minimum, value), max(self.maximum, value)
        # Welford's recurrence: sums of squares would lose the spread of values far from 0.
        change = value - self._mean
        self._mean += change / self.count
        self._squares += change * (value - self._mean)
        self.bins[math.floor(value / self.bin_width)] += 1
        while len(self.bins) > _MOST_BINS:
            self._widen()

    @property
    def mean(self) -> float:
        """Mean; NaN without values."""
        return self._mean if self.count else math.nan

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the values as they are; NaN without values."""
        return math.sqrt(self._squares / self.count) if self.count else math.nan

    def plain(self) -> dict[str, object]:
        """Return all of it as plain data; without values the count alone."""
        if not self.count:
            return {"count": 0}
        return {
            "count": self.count,
            "mean": self.mean,
            "standard_deviation": self.standard_deviation,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "bin_width": self.bin_width,
            "bins": {str(number): self.bins[number] for number in sorted(self.bins)},
        }

    def _widen(self) -> None:
        self.bin_width *= 2
        wider: Counter[int] = Counter()
        for number, count in self.bins.items():
            wider[number // 2] += count
        self.bins = wider


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
    scores: dict[str, Distribution] = field(default_factory=dict)
    """Distribution of each score, by its INFO field."""
    regions: dict[str, dict[str, Distribution]] = field(default_factory=dict)
    """The same by where the variant lies; empty without an annotation."""
    provenance: tuple[str, ...] = ()
    """Header lines that say where the scores come from."""

    @property
    def unscored_fraction(self) -> float:
        """Share of the ALTs that have no score; 0 where there are none."""
        return 1 - self.num_scored / self.num_alts if self.num_alts else 0.0

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
            "scores": {name: each.plain() for name, each in self.scores.items()},
            "regions": {
                region: {name: each.plain() for name, each in scores.items()}
                for region, scores in self.regions.items()
            },
            "provenance": list(self.provenance),
        }


class GeneRegions:
    """Where in its genes a genome has a base: in a CDS, an exon, an intron, or between genes."""

    KINDS = ("CDS", "non-coding exon", "intron", "intergenic")
    """From what is told first to what is told last, where several hold."""

    def __init__(self, annotation: Annotation) -> None:
        """Gather the bases of each kind; a gene without transcripts counts as an exon."""
        transcripts = annotation.transcripts
        bare = [gene.interval for gene in annotation.genes if not gene.transcripts]
        self._sets = {
            "CDS": IntervalSet(part for each in transcripts for part in each.cds),
            "non-coding exon": IntervalSet([*(part for each in transcripts for part in each.exons), *bare]),
            "intron": IntervalSet(each.interval for each in transcripts),
        }
        # The order of contigs matters to nobody: names are found by their usual other names.
        contigs = {gene.interval.contig: None for gene in annotation.genes}
        self._names = ContigNames(contigs)

    def kind(self, record: VariantRecord) -> str:
        """Return the first of :attr:`KINDS` that a base of REF has."""
        contig = self._names.find(record.contig)
        if contig is None or record.position < 0:
            return self.KINDS[-1]
        interval = Interval(contig, record.position, record.position + len(record.ref))
        return next((kind for kind, bases in self._sets.items() if bases.overlaps(interval)), self.KINDS[-1])


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


def report_scores(scored: str | Path, annotation: Annotation | None = None) -> JobReport:
    """Read a scored file and report on it.

    Args:
        scored: VCF, VCF.gz or BCF with our INFO fields.
        annotation: Genes of its genome, to tell scores apart by region.

    Raises:
        InputError: The file is damaged, or is not scored.
    """
    regions = GeneRegions(annotation) if annotation else None
    with _as_text(scored) as reader:
        if _STATUS_ID not in reader.header.info_ids:
            raise InputError(f"{scored} has no INFO/{_STATUS_ID}: it is not scored; give what score wrote")
        lines = [line.decode(errors="replace").rstrip() for line in reader.header.lines]
        names = [match[1] for match in map(_FLOAT_FIELD.match, lines) if match]
        names = [name for name in names if name not in _NOT_SCORES]
        report = JobReport(str(scored), provenance=tuple(line for line in lines if "##hyenadna_kit" in line))
        report.scores = _distributions(names)
        report.regions = {kind: _distributions(names) for kind in GeneRegions.KINDS} if regions else {}
        for record in reader:
            _add(report, record, report.regions[regions.kind(record)] if regions else None)
    return report


def _distributions(names: Sequence[str]) -> dict[str, Distribution]:
    return {name: Distribution() for name in names}


def _add(report: JobReport, record: VariantRecord, of_region: Mapping[str, Distribution] | None) -> None:
    info = _info(record.raw)
    report.num_records += 1
    report.num_alts += len(record.alts)
    statuses = info.get(_STATUS_ID, _NO_ALT).split(",")
    for status in statuses:
        report.statuses.update(status.split("|"))
    values = {name: info[name].split(",") for name in report.scores if name in info}
    is_scored = [text != "." for text in info.get("HK_NTOK", ".").split(",")]
    for alt, scored in zip(record.alts, is_scored, strict=False):
        report.num_scored += scored
        counts = report.classes.setdefault(variant_class(record.ref, alt), Counter())
        counts["scored" if scored else "unscored"] += 1
    for name, texts in values.items():
        for value in (float(text) for text in texts if text != "."):
            report.scores[name].add(value)
            if of_region is not None:
                of_region[name].add(value)


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
