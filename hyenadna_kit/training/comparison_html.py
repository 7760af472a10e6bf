"""Recipes beside each other as one HTML page, and the same as plain data.

In: what :func:`~hyenadna_kit.training.comparison.compare_runs` returns. Out: the text of the page, with links
to what lies in the run folders; mappings for JSON.
"""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from hyenadna_kit.report.page import address, figure, html_table, render_page
from hyenadna_kit.training.comparison import FIGURE_NAME, REPORT_NAME, HeldOutFigures, Recipe, Run
from hyenadna_kit.training.run_folder import CONFIG_NAME

_STYLE = "td:last-child{text-align:left}figure>img{max-width:100%}"
_TITLE = "Recipes compared"
_OF_RECIPES = (
    "Bits per base, the mean over the runs of a recipe and in brackets the least and the greatest; 2 is what "
    "knowing nothing costs. Recipes are in the order of the validation part. The test range had no part in "
    "the choice."
)


def render_comparison(recipes: Sequence[Recipe], out: Path) -> str:
    """Return the page.

    Args:
        recipes: The best one first.
        out: Folder of the page: links are relative to it.
    """
    return render_page(_TITLE, _sections(recipes, out), style=_STYLE)


def figures_of(recipes: Sequence[Recipe]) -> dict[str, Any]:
    """Return all of it as plain data."""
    return {
        "chosen": recipes[0].name,
        "recipes": [
            {
                "recipe": recipe.name,
                "validation_bits_per_base": recipe.validation_bits_per_base,
                "test_bits_per_base": recipe.test_bits_per_base,
                "runs": [_figures_of_run(run) for run in recipe.runs],
            }
            for recipe in recipes
        ],
    }


def summary_of(recipes: Sequence[Recipe]) -> str:
    """Return in a sentence which recipe is chosen, and what it costs."""
    chosen = recipes[0]
    runs = f"mean of {len(chosen.runs)} runs" if len(chosen.runs) > 1 else "1 run"
    validation = f"{chosen.validation_bits_per_base:.4f} bits per base on the validation part ({runs})"
    test, baseline = chosen.test_bits_per_base, _baseline(chosen)
    if test is None:
        return f"{chosen.name}: {validation}"
    beside = "" if baseline is None else f", best Markov model {baseline}"
    return f"{chosen.name}: {validation}, {test:.4f} on the test range{beside}"


def _figures_of_run(run: Run) -> dict[str, Any]:
    test = run.test
    return {
        "folder": str(run.folder),
        "seed": run.seed,
        "steps": run.steps,
        "validation_bits_per_base": run.validation_bits_per_base,
        "test_bits_per_base": None if test is None else test.bits_per_base,
        "best_baseline": None if test is None else test.best_baseline,
        "baseline_bits_per_base": None if test is None else test.baseline_bits_per_base,
    }


def _sections(recipes: Sequence[Recipe], out: Path) -> Iterator[str]:
    yield f"<p>Chosen: {escape(summary_of(recipes))}.</p>"
    yield f"<h2>Recipes</h2>\n<p>{_OF_RECIPES}</p>"
    yield html_table(
        ("recipe", "runs", "validation", "test", "best Markov model, test"), map(_recipe_row, recipes)
    )
    yield "<h2>Runs</h2>"
    runs = [run for recipe in recipes for run in recipe.runs]
    yield html_table(
        ("recipe", "seed", "steps", "validation", "test", "below Markov", "more"),
        (_run_row(run, out) for run in runs),
    )
    for run in runs:
        picture = run.folder / FIGURE_NAME
        if picture.exists():
            image = f'<img src="{address(picture, out)}" alt="bits per base against length and position">'
            yield figure(image, f"{escape(run.recipe)}, seed {run.seed}")


def _recipe_row(recipe: Recipe) -> tuple[str, ...]:
    tests = [run.test.bits_per_base for run in recipe.runs if run.test is not None]
    return (
        escape(recipe.name),
        str(len(recipe.runs)),
        _spread(recipe.validation_bits_per_base, [run.validation_bits_per_base for run in recipe.runs]),
        "" if recipe.test_bits_per_base is None else _spread(recipe.test_bits_per_base, tests),
        escape(_baseline(recipe) or ""),
    )


def _run_row(run: Run, out: Path) -> tuple[str, ...]:
    return (
        escape(run.recipe),
        str(run.seed),
        f"{run.steps:,}",
        f"{run.validation_bits_per_base:.4f}",
        "" if run.test is None else f"{run.test.bits_per_base:.4f}",
        "" if run.test is None else _gain(run.test),
        ", ".join(_links(run, out)),
    )


def _links(run: Run, out: Path) -> Iterator[str]:
    for name, text in ((CONFIG_NAME, "options"), (REPORT_NAME, "training"), (FIGURE_NAME, "by length")):
        if (run.folder / name).exists():
            yield f'<a href="{address(run.folder / name, out)}">{text}</a>'


def _gain(test: HeldOutFigures) -> str:
    baseline = test.baseline_bits_per_base
    return "" if baseline is None else f"{baseline - test.bits_per_base:.4f}"


def _baseline(recipe: Recipe) -> str | None:
    """Return the best Markov model and its bits per base, the same for all runs of a recipe."""
    test = recipe.runs[0].test
    if test is None or test.best_baseline is None:
        return None
    return f"{test.baseline_bits_per_base:.4f} ({test.best_baseline.replace('markov_', 'order ')})"


def _spread(mean: float, values: Sequence[float]) -> str:
    return f"{mean:.4f}" if len(values) == 1 else f"{mean:.4f} ({min(values):.4f} to {max(values):.4f})"
