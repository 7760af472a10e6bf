"""``hyenadna-kit compare-runs``: run folders in, a page with a table of recipes out."""

from dataclasses import dataclass
from pathlib import Path

POSITIONAL = ("runs",)


@dataclass(frozen=True, kw_only=True)
class CompareRunsOptions:
    """Write report.html and report.json: recipes by their bits per base on the validation part.

    A run lies in RECIPE/RUN: runs of one recipe differ in their seed alone. What evaluate found is read from
    RUN/evaluation: test.json (--json), and lengths.png (--lengths --plot). The test range has no part in the
    order.
    """

    runs: tuple[str, ...]
    """Folders of finished runs."""
    out: str
    """Folder of report.html and report.json."""


def run(options: CompareRunsOptions) -> int:
    """Write the two files and say which recipe is chosen.

    Raises:
        InputError: A run is not finished, or two cannot be compared.
    """
    import json

    from hyenadna_kit.files import atomic_file
    from hyenadna_kit.training.comparison import compare_runs
    from hyenadna_kit.training.comparison_html import figures_of, render_comparison, summary_of

    recipes, out = compare_runs([Path(run) for run in options.runs]), Path(options.out)
    texts = {
        "report.html": render_comparison(recipes, out),
        "report.json": json.dumps(figures_of(recipes), indent=1) + "\n",
    }
    for name, text in texts.items():
        with atomic_file(out / name) as temporary:
            temporary.write_text(text)
    print(summary_of(recipes))
    return 0
