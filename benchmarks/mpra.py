"""Fine-tune a variant-effect head on a saturation-mutagenesis reporter assay, whole loci held out.

    python benchmarks/mpra.py FOLDER MODEL RUN

FOLDER holds mpra_elements.tsv.gz and mpra_elements_GRCh38.fa, MODEL is the first seed of tf/4 as
benchmarks/gue.py trains it, RUN a folder for the run; the recipe is configs/finetune/mpra.yaml. Elements
that overlap are one locus. What is learnt, by the model and by the k-mer floor of both strands, is the rank
of an effect within its element: elements differ in how large their effects are, and a few would decide all.
Prints and records the Spearman correlation within elements, its mean over loci for both, and their
difference, with 95 % intervals over loci.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from record import record
from scipy.stats import rankdata
from variant_floor import MeasuredEffects, measured_effects

from hyenadna_kit.arguments import parse
from hyenadna_kit.evaluation.loci import mean_over_loci, spearman_of_elements
from hyenadna_kit.evaluation.variant_floor import (
    AlleleBases,
    fit_variant_floor,
    kmer_differences_of_both_strands,
)
from hyenadna_kit.genome.alphabet import BASES
from hyenadna_kit.io.table_cells import Column
from hyenadna_kit.io.tables import LabelledTable, write_labelled_table
from hyenadna_kit.training.finetune import Selection, finetune, prepare_finetuning
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.finetune_folds import fold_tasks, in_row_order
from hyenadna_kit.windows.splits import TEST

CONFIG = Path(__file__).parents[1] / "configs" / "finetune" / "mpra.yaml"


def main(folder: str, model: str, out: str) -> None:
    """Train, measure, record."""
    effects = of_known_bases(measured_effects(Path(folder)))
    ranks = ranks_within(effects.effects, effects.elements)
    Path(out).mkdir(parents=True, exist_ok=True)
    table = Path(out) / "variants.tsv"
    columns: dict[str, Column] = {"effect": ranks, "locus": tuple(effects.loci.tolist())}
    write_labelled_table(table, LabelledTable(variants=effects.variants, columns=columns))
    words = ["--config", str(CONFIG), "--model", model, "--train", str(table)]
    words += ["--genome", str(Path(folder) / "mpra_elements_GRCh38.fa"), "--out", str(Path(out) / "run")]
    words += ["--baselines", ""]  # the floor below sees both strands
    subprocess.run(["hyenadna-kit", "finetune", *words], check=True)
    metrics = json.loads((Path(out) / "run/metrics.json").read_text())
    floor = kept_floor(effects, ranks, Path(out) / "floor.npy")
    figures = compared(effects, predictions(words), floor) | {
        "all_variants": {name: metrics[TEST][name] for name in ("spearman", "pearson")}
    }
    print(record("mpra", "python benchmarks/mpra.py FOLDER MODEL RUN", figures).read_text())


def of_known_bases(effects: MeasuredEffects) -> MeasuredEffects:
    """Return the variants without those whose anchor, before the first base of an element, is not known."""
    known = [i for i, each in enumerate(effects.variants) if not set(each.ref + each.alt) - set(BASES)]
    bases = AlleleBases(*([sequences[i] for i in known] for sequences in effects.bases))
    variants = tuple(effects.variants[i] for i in known)
    return MeasuredEffects(
        variants, bases, effects.effects[known], effects.elements[known], effects.loci[known]
    )


def ranks_within(effects: NDArray[np.float64], elements: NDArray[Any]) -> NDArray[np.float64]:
    """Return the rank of each effect among those of its element, above -0.5 and up to 0.5."""
    ranks = np.empty_like(effects)
    for element in np.unique(elements):
        rows = elements == element
        ranks[rows] = rankdata(effects[rows]) / rows.sum() - 0.5
    return ranks


def kept_floor(effects: MeasuredEffects, ranks: NDArray[np.float64], path: Path) -> NDArray[Any]:
    """Return what the floor says of each variant; it takes minutes, and is kept."""
    if not path.exists():
        features = kmer_differences_of_both_strands(effects.bases)
        np.save(path, fit_variant_floor(features, ranks, effects.loci).predictions)
    floor: NDArray[Any] = np.load(path)
    return floor


def predictions(words: list[str]) -> NDArray[Any]:
    """Return what the models of all seeds say of each variant, none of which saw its locus."""
    task = prepare_finetuning(parse("mpra.py", FinetuneConfig, (), words))
    found = []
    for part in fold_tasks(task):
        runs = finetune(part, Selection("spearman", lambda *_: 0.0))
        found.append(np.mean([run.predictions[TEST][:, 0] for run in runs], axis=0))
    return in_row_order(found, task)


def compared(effects: MeasuredEffects, model: NDArray[Any], floor: NDArray[Any]) -> dict[str, Any]:
    """Return the means over loci of both, and of their difference, with intervals."""
    of_model, of_floor = (
        spearman_of_elements(effects.effects, each, effects.elements) for each in (model, floor)
    )
    values = {
        "model": of_model,
        "kmer_floor": of_floor,
        "model_minus_floor": {element: each - of_floor[element] for element, each in of_model.items()},
    }
    means = {
        name: mean_over_loci(each, effects.locus_of, generator=np.random.default_rng(0))
        for name, each in values.items()
    }
    return {
        "mean_over_loci": {name: [round(each, 4) for each in mean] for name, mean in means.items()},
        "elements": {element: round(value, 4) for element, value in of_model.items()},
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
