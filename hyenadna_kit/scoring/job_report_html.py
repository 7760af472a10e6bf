"""The report of a scoring job as one HTML page that needs no network.

In: a :class:`JobReport` and how long its shards took. Out: the text of the page; histograms are drawn in it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from hyenadna_kit.report.page import figure, format_number, html_table, render_page, text_table
from hyenadna_kit.scoring.distribution import Distribution
from hyenadna_kit.scoring.histogram_svg import Axis, histogram
from hyenadna_kit.scoring.job_report import JobReport, Scores

_STYLE = (
    ".groups th:last-child{text-align:left}"
    ".scores :nth-child(2){text-align:left;white-space:normal;min-width:14rem}"
)
_FIGURES = ("ALTs", "mean", "standard deviation", "least", "greatest")
_OF_CONSEQUENCES = (
    "Of each ALT the most severe consequence over all transcripts, in terms of the Sequence Ontology; the "
    "most severe comes first."
)
_OF_HEIGHTS = "Heights of bars are square roots of counts."
_OF_ROWS = (
    f"{_OF_HEIGHTS} Red: the mean; dashed: 0. The first and the last bar hold what lies beyond the scale."
)


@dataclass(frozen=True)
class ShardTiming:
    """How long one shard took."""

    name: str
    """Of the shard."""
    num_records: int
    """Records in it."""
    seconds: float
    """Of the run that finished it; what earlier, killed runs had done is not in them."""

    @property
    def records_per_second(self) -> float:
        """Records a second, with the start of the program in the time."""
        return self.num_records / self.seconds if self.seconds else math.nan


def render_report(report: JobReport, timings: Sequence[ShardTiming] = ()) -> str:
    """Return the page."""
    return render_page(f"Scores of {report.source}", _sections(report, timings), style=_STYLE)


def _sections(report: JobReport, timings: Sequence[ShardTiming]) -> Iterator[str]:
    yield (
        f"<p>{report.num_records:,} records; {report.num_scored:,} of {report.num_alts:,} ALTs have a score "
        f"({report.unscored_fraction:.2%} have none).</p>"
    )
    yield "<h2>Status</h2>"
    yield text_table(("status", "ALTs"), ((name, f"{n:,}") for name, n in report.statuses.most_common()))
    yield "<h2>Class of variant</h2>"
    yield text_table(
        ("class", "scored", "not scored"),
        (
            (name, f"{counts['scored']:,}", f"{counts['unscored']:,}")
            for name, counts in sorted(report.classes.items())
        ),
    )
    yield "<h2>Scores</h2>"
    yield _all_scores(report)
    if report.consequences:
        yield "<h2>Scores by consequence</h2>"
        yield f"<p>{_OF_CONSEQUENCES} {_OF_ROWS}</p>"
        yield from _groups(
            report, "consequence", {str(each): scores for each, scores in report.consequences.items()}
        )
    elif report.regions:
        yield "<h2>Scores by region</h2>"
        yield f"<p>{_OF_ROWS}</p>"
        yield from _groups(report, "region", report.regions)
    if timings:
        yield "<h2>Throughput</h2>"
        yield _throughput(timings)
    yield "<h2>Where the scores come from</h2>"
    yield from (f"<p><code>{escape(line)}</code></p>" for line in report.provenance)


def _all_scores(report: JobReport) -> str:
    rows = ((name, report.meanings[name], *_figures(each)) for name, each in report.scores.items())
    table = text_table(("score", "meaning", *_FIGURES), rows, style="scores")
    return f"{table}<p>{_OF_HEIGHTS}</p>\n" + "".join(
        figure(histogram(each), escape(name)) for name, each in report.scores.items() if each.count
    )


def _groups(report: JobReport, kind: str, groups: Mapping[str, Scores]) -> Iterator[str]:
    """Yield a table of each score: a row for each group that has some, its histogram on an axis of all."""
    for name, each in report.scores.items():
        if each.count:
            yield f"<h3>{escape(name)}</h3>\n<p>{escape(report.meanings[name])}</p>"
            yield _group_table(kind, Axis.of(each), {group: scores[name] for group, scores in groups.items()})


def _group_table(kind: str, axis: Axis, groups: Mapping[str, Distribution]) -> str:
    rows = [
        (escape(group), *map(escape, _figures(each)), axis.row(each))
        for group, each in groups.items()
        if each.count
    ]
    scale = ("",) * (1 + len(_FIGURES))
    return html_table((kind, *_FIGURES, "distribution"), [*rows, (*scale, axis.labels())], style="groups")


def _figures(each: Distribution) -> tuple[str, ...]:
    """Return what :data:`_FIGURES` name."""
    spread = (each.mean, each.standard_deviation, each.minimum, each.maximum)
    return (f"{each.count:,}", *(format_number(value) if each.count else "" for value in spread))


def _throughput(timings: Sequence[ShardTiming]) -> str:
    num_records, seconds = sum(t.num_records for t in timings), sum(t.seconds for t in timings)
    total = ShardTiming("all, one after another", num_records, seconds)
    return text_table(
        ("shard", "records", "seconds", "records/s"),
        (
            (t.name, f"{t.num_records:,}", f"{t.seconds:,.1f}", f"{t.records_per_second:,.1f}")
            for t in (*timings, total)
        ),
    )
