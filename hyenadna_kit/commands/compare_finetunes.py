"""``hyenadna-kit compare-finetunes``: folders of finished fine-tunings in, one page about all of them out."""

from dataclasses import dataclass
from pathlib import Path

POSITIONAL = ("runs",)

PAGE_NAME, FIGURES_NAME = "report.html", "report.json"


@dataclass(frozen=True, kw_only=True)
class CompareFinetunesOptions:
    """Write report.html and report.json: fine-tuned runs beside their baselines, task by task.

    A run lies in TASK/RUN: runs of one task are measured on the same rows. The test table has no part in the
    order of a task's runs, which is that of the validation table.
    """

    runs: tuple[str, ...]
    """Folders of finished runs of finetune."""
    out: str
    """Folder of report.html and report.json."""


def run(options: CompareFinetunesOptions) -> int:
    """Write the two files and say how often the runs are better than each baseline.

    Raises:
        InputError: A run is not finished, or two of one task were measured on different rows.
    """
    import json

    from hyenadna_kit.commands.compared_finetunes import read_finetunes
    from hyenadna_kit.commands.compared_finetunes_page import figures_of, render_finetunes, summary_of
    from hyenadna_kit.files import atomic_file

    tasks, out = read_finetunes([Path(run) for run in options.runs]), Path(options.out)
    texts = {
        PAGE_NAME: render_finetunes(tasks, out),
        FIGURES_NAME: json.dumps(figures_of(tasks), indent=1, allow_nan=False) + "\n",
    }
    for name, text in texts.items():
        with atomic_file(out / name) as temporary:
            temporary.write_text(text)
    print(summary_of(tasks))
    return 0
