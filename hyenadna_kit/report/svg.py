"""The pieces of a picture as SVG. Colours are those of classes in :mod:`hyenadna_kit.report.page`."""

from collections.abc import Iterable
from html import escape
from typing import Literal

Anchor = Literal["start", "middle", "end"]


def picture(width: int, height: int, inside: str, *, label: str = "") -> str:
    """Return a picture of a size in pixels; ``label`` is read out to those who do not see it."""
    named = f' aria-label="{escape(label)}"' if label else ""
    return (
        f'<svg role="img"{named} width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-size="11">{inside}</svg>'
    )


def text(x: float, y: float, words: str, *, anchor: Anchor = "start", style: str = "") -> str:
    """Return words whose baseline is at ``y``."""
    chosen = f' class="{style}"' if style else ""
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}"{chosen}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str, *, dashes: str = "") -> str:
    """Return a straight line, dashed where ``dashes`` tells how."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<line x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}" class="{style}"{dashed}/>'


def bar(x: float, y: float, width: float, height: float) -> str:
    """Return a filled rectangle."""
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" class="bar"/>'


def rectangle(x: float, y: float, width: float, height: float, *, opacity: float) -> str:
    """Return a framed rectangle, filled as darkly as ``opacity`` says, from 0 to 1."""
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" class="bar rule" '
        f'fill-opacity="{opacity:.3f}"/>'
    )


def dot(x: float, y: float, style: str) -> str:
    """Return a small filled circle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" class="{style}"/>'


def polyline(points: Iterable[tuple[float, float]], style: str) -> str:
    """Return a line through points."""
    return f'<polyline class="{style}" points="{_points(points)}"/>'


def polygon(points: Iterable[tuple[float, float]], style: str) -> str:
    """Return a filled area between points."""
    return f'<polygon class="{style}" points="{_points(points)}"/>'


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
