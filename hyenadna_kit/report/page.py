"""A report as one HTML page: no script, nothing fetched, light or dark as the reader's system is.

In: a title and sections of HTML. Out: the text of the page. Pictures take their colours from classes that
the page defines, see :mod:`hyenadna_kit.report.svg`.
"""

import math
import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

_LIGHT = (
    "--ink:#222;--soft:#666;--paper:#fff;--panel:#fafafa;--rule:#ddd;"
    "--c0:#2f6db5;--c1:#c8691c;--c2:#2d8659;--c3:#8455b0;--c4:#b2182b;--bar:#8fa9d3;--mark:#b2182b"
)
_DARK = (
    "--ink:#d8dade;--soft:#999fa8;--paper:#15171b;--panel:#1c1f24;--rule:#383d45;"
    "--c0:#6ea8ec;--c1:#eb9a55;--c2:#62bf8f;--c3:#b894e0;--c4:#ee7a7a;--bar:#6d93cf;--mark:#ee7a7a"
)
_CURVES = "".join(
    f".c{number}{{stroke:var(--c{number})}}i.c{number}{{background:var(--c{number})}}"
    f"polygon.c{number},circle.c{number}{{fill:var(--c{number});stroke:none}}"
    for number in range(5)
)
_STYLE = (
    f":root{{color-scheme:light dark;{_LIGHT}}}@media(prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:68rem;margin:2rem auto;padding:0 1rem;"
    "color:var(--ink);background:var(--paper)}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}"
    "th,td{padding:.2rem .8rem;text-align:right;border-bottom:1px solid var(--rule)}td{white-space:nowrap}"
    "th:first-child,td:first-child,.texts td,.texts th{text-align:left}"
    ".texts td{white-space:normal;overflow-wrap:anywhere}"
    "figure{display:inline-block;margin:0 1.5rem 1rem 0;vertical-align:top}"
    "figcaption{color:var(--soft);font-size:13px;width:0;min-width:100%}"  # as wide as its picture
    "figcaption i{display:inline-block;width:14px;height:3px;margin:0 .3rem 0 .8rem;vertical-align:middle}"
    "svg{background:var(--panel);display:block}figure>svg{max-width:100%;height:auto}"
    "svg text{fill:var(--ink)}svg text.soft{fill:var(--soft)}"
    "polyline{fill:none;stroke-width:1.5}.faint{stroke-width:1;opacity:.45}polygon.faint{opacity:.2}"
    ".rule{stroke:var(--rule)}.zero{stroke:var(--soft)}.mark{stroke:var(--mark)}.bar{fill:var(--bar)}"
    "line.zero,line.mark{stroke-width:1.5}"
    f"{_CURVES}"
    "h1,code{overflow-wrap:anywhere}pre{background:var(--panel);padding:.6rem;overflow:auto;font-size:13px}"
)


def render_page(title: str, sections: Iterable[str], *, style: str = "") -> str:
    """Return the page.

    Args:
        title: Plain text.
        sections: HTML.
        style: Rules of CSS beside those of every page.
    """
    body = "\n".join(sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}{style}</style></head><body>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def text_table(head: Iterable[str], rows: Iterable[Sequence[str]], *, style: str = "") -> str:
    """Return a table of plain texts."""
    return html_table(head, (tuple(map(escape, row)) for row in rows), style=style)


def html_table(head: Iterable[str], rows: Iterable[Sequence[str]], *, style: str = "") -> str:
    """Return a table whose cells are HTML and whose head is plain text.

    Args:
        head: Names of the columns; no row for them where all are empty.
        rows: The cells.
        style: Class of the table; ``texts`` is for sentences, which are set to the left and broken.
    """
    names = [escape(text) for text in head]
    top = "<tr>" + "".join(f"<th>{name}</th>" for name in names) + "</tr>" if any(names) else ""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="{style}">{top}{body}</table>\n'


def figure(picture: str, caption: str) -> str:
    """Return a picture, which is SVG, above its caption, which is HTML."""
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>\n"


def address(target: Path, folder: Path) -> str:
    """Return what a page in ``folder`` calls a file by, in an attribute of HTML."""
    return escape(quote(os.path.relpath(target, folder)))


def format_number(value: float) -> str:
    """Return a number with four digits, and nothing for what is none."""
    return "" if math.isnan(value) else f"{value:.4g}"
