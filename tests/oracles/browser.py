"""A page as Chromium shows it: what its console says, and where its pictures lie.

In: a page on disk. Out: what a browser without a screen finds; the test is skipped where there is none.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 120

# What is asked of the page stands in an element of its own, which the dump shows.
_QUESTIONS = """
<script>
addEventListener("load", () => {
  const box = element => {
    const {left, top, width, height} = element.getBoundingClientRect();
    return {left, top, width, height};
  };
  const hidden = element => !element.checkVisibility();
  const drawn = svg => [...svg.querySelectorAll("polyline,polygon,circle,rect,line")].some(each => {
    const style = getComputedStyle(each);
    const painted = colour => colour !== "none" && colour !== "rgba(0, 0, 0, 0)";
    return painted(style.stroke) || painted(style.fill);
  });
  const figures = [...document.querySelectorAll("figure > svg")].map(svg =>
    ({...box(svg), drawn: drawn(svg), hidden: hidden(svg)}));
  const texts = [...document.querySelectorAll("figure > svg")].map(svg => {
    const outer = svg.getBoundingClientRect();
    return [...svg.querySelectorAll("text")].filter(text => {
      const inner = text.getBoundingClientRect();
      return inner.left < outer.left - 1 || inner.right > outer.right + 1
        || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
    }).map(text => text.textContent);
  });
  const answer = document.createElement("script");
  answer.type = "application/json";
  answer.id = "answer";
  answer.textContent = JSON.stringify({
    figures, cut: texts.flat(), page: document.documentElement.scrollWidth, window: innerWidth,
  });
  document.body.append(answer);
});
</script>
"""


class Shown(NamedTuple):
    """What a browser found."""

    console: list[str]
    """Its messages: errors, warnings and notes of the page."""
    figures: list[dict]
    """Place and size of each picture, whether anything in it is painted, and whether it is hidden."""
    cut: list[str]
    """Words in pictures that reach beyond their picture."""
    page_width: int
    """Width that the page would need."""
    window_width: int
    """Width that it has."""


def show(page, folder, *, width=1200, height=4000):
    """Return what Chromium finds of a page; ``folder`` takes a copy of it and ``page.png``, a picture."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    copy = Path(folder) / "asked.html"
    copy.write_text(Path(page).read_text().replace("</body>", f"{_QUESTIONS}</body>"))
    words = [
        *(program, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
        *(f"--user-data-dir={folder}/profile", f"--window-size={width},{height}", "--hide-scrollbars"),
        *("--disable-dev-shm-usage", "--virtual-time-budget=5000"),
    ]
    asked = subprocess.run(
        [*words, "--dump-dom", copy.as_uri()], capture_output=True, text=True, timeout=SECONDS
    )
    picture = [f"--screenshot={folder}/page.png", Path(page).resolve().as_uri()]
    subprocess.run([*words, *picture], capture_output=True, timeout=SECONDS, check=True)
    answer = json.loads(re.search(r'id="answer">(.*?)</script>', asked.stdout, re.DOTALL)[1])
    console = [line for line in asked.stderr.splitlines() if ":CONSOLE" in line]
    return Shown(console, answer["figures"], answer["cut"], answer["page"], answer["window"])
