"""A model card: what a model folder says of itself, as a page of HTML and as Markdown.

In: facts. Out: both texts, of the same sections.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from hyenadna_kit.report.page import render_page, text_table

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a card."""

    title: str
    """Above it."""
    words: tuple[str, ...] = ()
    """Paragraphs."""
    points: tuple[str, ...] = ()
    """A list behind them."""
    head: tuple[str, ...] = ("", "")
    """Names of the columns of its table."""
    rows: Rows = ()
    """The table; none where it is empty."""
    figures: str = ""
    """HTML behind all that, on the page alone."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What both texts say."""

    title: str
    """Of the model."""
    summary: str
    """In a sentence."""
    sections: tuple[Section, ...]
    """In order."""


def as_page(card: ModelCard) -> str:
    """Return the page, which holds its pictures."""
    return render_page(card.title, [f"<p>{escape(card.summary)}</p>", *map(_html, card.sections)])


def as_markdown(card: ModelCard) -> str:
    """Return the text for a README."""
    return (
        "\n".join(
            [f"# {card.title}", "", card.summary, *(line for each in card.sections for line in _lines(each))]
        )
        + "\n"
    )


def _html(section: Section) -> str:
    points = "".join(f"<li>{escape(point)}</li>" for point in section.points)
    parts = [
        f"<h2>{escape(section.title)}</h2>",
        *(f"<p>{escape(words)}</p>" for words in section.words),
        f"<ul>{points}</ul>" if points else "",
        text_table(section.head, section.rows, style="texts") if section.rows else "",
        section.figures,
    ]
    return "".join(parts)


def _lines(section: Section) -> Iterator[str]:
    yield from ("", f"## {section.title}")
    for words in section.words:
        yield from ("", words)
    if section.points:
        yield ""
        yield from (f"- {point}" for point in section.points)
    if section.rows:
        yield ""
        for row in (section.head, ("---",) * len(section.head), *section.rows):
            cells = (cell.replace("|", r"\|") for cell in row)
            yield f"| {' | '.join(cells)} |"
