"""Fine-tune on tasks of GUE: three seeds from a pretrained model and one from scratch, beside baselines.

    python benchmarks/gue.py GUE MODEL RUNS tf/0 mouse/0 ...

GUE is the folder of the suite, MODEL that of configs/pretrain/regulatory.yaml, RUNS a folder for the runs.
The recipes are configs/finetune/gue.yaml and, for the core promoters, gue_promoters.yaml and gue_tata.yaml.
From scratch all layers are trained, whatever the recipe. Runs that are finished are not trained again; the
others go on where they were stopped. Prints and records, for each task, the MCC on the test table of the
model, the baselines and the run from scratch, differences with 95 % intervals, and minutes of a run.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from record import record

from hyenadna_kit.arguments import parse
from hyenadna_kit.evaluation.seeds import compare_over_seeds
from hyenadna_kit.training.finetune import Selection, finetune, prepare_finetuning
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.windows.splits import TEST

CONFIGS = Path(__file__).parents[1] / "configs" / "finetune"
METRIC = "mcc"
RECIPES = {
    "prom_core_all": "gue_promoters.yaml",
    "prom_core_notata": "gue_promoters.yaml",
    "prom_core_tata": "gue_tata.yaml",
}
"""Of tasks that do not take gue.yaml."""
EPOCHS = {"mouse/0": 8, "mouse/2": 8, "tf/0": 3, "tf/1": 2, "tf/2": 6}
"""Of tasks with few training rows, or many; the others have those of the recipe."""
FROM_SCRATCH = {"prom_core_tata": ("gue_promoters.yaml", 12)}
"""Recipe and epochs from scratch of tasks whose own recipe trains the head alone."""
SCRATCH = ("--fresh_weights", "true", "--seeds", "0", "--baselines", "")


def main(gue: str, model: str, runs: str, *tasks: str) -> None:
    """Train, measure, record."""
    found = {}
    for task in tasks:
        found[task] = of_task(task, Path(gue) / task, model, Path(runs) / task)
        print(task, json.dumps(found[task]), flush=True)
        path = record("gue", f"python benchmarks/gue.py GUE MODEL RUNS {' '.join(found)}", found)
    print(path)


def of_task(task: str, data: Path, model: str, out: Path) -> dict[str, Any]:
    """Return the figures of one task."""
    own = RECIPES.get(task, "gue.yaml"), EPOCHS.get(task)
    common = ["--model", model, "--data", str(data)]
    pretrained = [*words_of(*own), *common, "--out", str(out / "pretrained")]
    scratch = [*words_of(*FROM_SCRATCH.get(task, own)), *common, "--out", str(out / "scratch"), *SCRATCH]
    for words in (pretrained, scratch):
        subprocess.run(["hyenadna-kit", "finetune", *words], check=True)
    metrics = json.loads((out / "pretrained/metrics.json").read_text())
    measured = metrics[TEST][METRIC]
    baselines = metrics["baselines"]
    return {
        "recipe": own[0],
        "epochs_of_its_own": own[1],
        "pretrained": rounded(measured),
        "seeds": {seed: round(each[METRIC], 4) for seed, each in metrics[TEST]["seeds"].items()},
        "baselines": {name: round(each[TEST][METRIC]["mean"], 4) for name, each in baselines.items()},
        "minus": {name: rounded(each["model_minus_baseline"][METRIC]) for name, each in baselines.items()},
        "minus_scratch": minus_scratch(pretrained, scratch),
        "minutes": [minutes(run) for run in sorted((out / "pretrained/seeds").iterdir())],
    }


def words_of(recipe: str, epochs: int | None) -> list[str]:
    """Return the options of a recipe."""
    words = ["--config", str(CONFIGS / recipe)]
    return words if epochs is None else [*words, "--epochs", str(epochs)]


def minus_scratch(pretrained: list[str], scratch: list[str]) -> dict[str, float]:
    """Return the lead of the pretrained runs on the test table over the one from new weights, and both."""
    labels, first = test_predictions(pretrained)
    _, second = test_predictions(scratch)
    found = compare_over_seeds("binary", labels, first, {"scratch": second})
    of_scratch = found.contestants["scratch"].over_seeds[METRIC].mean
    return {"scratch": round(of_scratch, 4), **rounded(found.differences["scratch"][METRIC]._asdict())}


def test_predictions(words: list[str]) -> tuple[Any, dict[int, Any]]:
    """Return the labels of the test table, and the predictions of runs that are finished."""
    task = prepare_finetuning(parse("gue.py", FinetuneConfig, (), words))
    runs = finetune(task, Selection(METRIC, lambda *_: 0.0))
    return task.data.examples[TEST].labels, {run.seed: run.predictions[TEST] for run in runs}


def minutes(run: Path) -> float:
    """Return how long a run took."""
    begun, ended = ((run / name).stat().st_mtime for name in ("config.resolved.yaml", "model.safetensors"))
    return round((ended - begun) / 60, 1)


def rounded(numbers: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of a metric with four digits."""
    return {name: round(value, 4) for name, value in numbers.items() if isinstance(value, float)}


if __name__ == "__main__":
    main(*sys.argv[1:])
