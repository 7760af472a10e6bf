"""The report of a scoring job as one HTML page that needs no network.

In: a :class:`JobReport` and how long its shards took. Out: the text of the page; histograms are drawn in it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from hyenadna_kit.scoring.job_report import Distribution, JobReport

_WIDTH, _HEIGHT, _MARGIN = 420, 110, 16
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{padding:.2rem .8rem;text-align:right;"
    "border-bottom:1px solid #ddd}th:first-child,td:first-child{text-align:left}svg{background:#fafafa}"
    "code{overflow-wrap:anywhere}"
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
    body = "\n".join(_sections(report, timings))
    title = f"Scores of {escape(report.source)}"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{title}</h1>\n{body}\n</body></html>\n"
    )


def _sections(report: JobReport, timings: Sequence[ShardTiming]) -> Iterator[str]:
    yield (
        f"<p>{report.num_records:,} records; {report.num_scored:,} of {report.num_alts:,} ALTs have a score "
        f"({report.unscored_fraction:.2%} have none).</p>"
    )
    yield "<h2>Status</h2>"
    yield _table(("status", "ALTs"), ((name, f"{n:,}") for name, n in report.statuses.most_common()))
    yield "<h2>Class of variant</h2>"
    yield _table(
        ("class", "scored", "not scored"),
        (
            (name, f"{counts['scored']:,}", f"{counts['unscored']:,}")
            for name, counts in sorted(report.classes.items())
        ),
    )
    yield "<h2>Scores</h2>"
    yield _distributions(report.scores)
    for region, scores in report.regions.items():
        yield f"<h2>Scores: {escape(region)}</h2>"
        yield _distributions(scores)
    if timings:
        yield "<h2>Throughput</h2>"
        yield _throughput(timings)
    yield "<h2>Where the scores come from</h2>"
    yield from (f"<p><code>{escape(line)}</code></p>" for line in report.provenance)


def _distributions(scores: Mapping[str, Distribution]) -> str:
    rows = (
        (name, f"{each.count:,}", *map(_number, (each.mean, each.standard_deviation)), *_range(each))
        for name, each in scores.items()
    )
    table = _table(("score", "ALTs", "mean", "standard deviation", "least", "greatest"), rows)
    return table + "".join(_histogram(name, each) for name, each in scores.items() if each.count)


def _range(each: Distribution) -> tuple[str, str]:
    return (_number(each.minimum), _number(each.maximum)) if each.count else ("", "")


def _throughput(timings: Sequence[ShardTiming]) -> str:
    num_records, seconds = sum(t.num_records for t in timings), sum(t.seconds for t in timings)
    total = ShardTiming("all, one after another", num_records, seconds)
    return _table(
        ("shard", "records", "seconds", "records/s"),
        (
            (t.name, f"{t.num_records:,}", f"{t.seconds:,.1f}", f"{t.records_per_second:,.1f}")
            for t in (*timings, total)
        ),
    )


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(text)}</th>" for text in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>\n"


def _histogram(name: str, each: Distribution) -> str:
    """Return the histogram as SVG; heights are square roots, so that tails can be seen."""
    first, last = min(each.bins), max(each.bins) + 1
    step = _WIDTH / (last - first)
    tallest = math.sqrt(max(each.bins.values()))
    bars = []
    for number, count in sorted(each.bins.items()):
        height = _HEIGHT * math.sqrt(count) / tallest
        bars.append(
            f'<rect x="{(number - first) * step:.2f}" y="{_HEIGHT - height:.2f}" '
            f'width="{max(step, 0.5):.2f}" height="{height:.2f}" fill="#4c72b0"/>'
        )
    label_y = _HEIGHT + _MARGIN - 3
    low, high = _number(first * each.bin_width), _number(last * each.bin_width)
    return (
        f'<figure><svg role="img" width="{_WIDTH}" height="{_HEIGHT + _MARGIN}" font-size="11">'
        f'{"".join(bars)}<text x="0" y="{label_y}">{low}</text>'
        f'<text x="{_WIDTH}" y="{label_y}" text-anchor="end">{high}</text></svg>'
        f"<figcaption>{escape(name)}: heights are square roots of counts</figcaption></figure>\n"
    )


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"
