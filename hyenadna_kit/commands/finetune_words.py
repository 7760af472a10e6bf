"""What came of a fine-tuning in words: a sentence that answers whether it is any good, and a table of lines.

In: results. Out: plain text.
"""

import math
from collections.abc import Iterator

from hyenadna_kit.commands.finetune_results import FinetuneResults
from hyenadna_kit.evaluation.bootstrap import Estimate
from hyenadna_kit.evaluation.seeds import OverSeeds

METRIC_WORDS = {
    "mcc": "MCC",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "f1": "F1",
    "f1_macro": "F1, mean of the classes",
    "balanced_accuracy": "balanced accuracy",
    "brier": "Brier score",
    "ece": "calibration error",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "r2": "R2",
    "mse": "mean square error",
}
"""Names of metrics for a reader, where they are not their own."""

_CONTESTANTS = {
    "kmer": "k-mer floor",
    "position": "position floor",
    "cnn": "small CNN",
    "scratch": "scratch model",
}


def metric_words(metric: str) -> str:
    """Return what a metric is called."""
    return METRIC_WORDS.get(metric, metric)


def contestant_words(name: str) -> str:
    """Return what a contestant is called."""
    return _CONTESTANTS.get(name, name)


def interval_words(low: float, high: float, *, digits: int = 3) -> str:
    """Return the two ends, or that there are none."""
    if math.isnan(low):
        return "no interval"
    return f"{low:.{digits}f} to {high:.{digits}f}"


def value_words(found: OverSeeds | Estimate, *, digits: int = 3) -> str:
    """Return a number with its interval in brackets."""
    value = found.mean if isinstance(found, OverSeeds) else found.value
    if math.isnan(value):
        return "not defined"
    return f"{value:.{digits}f} ({interval_words(found.low, found.high, digits=digits)})"


def verdict(difference: Estimate) -> str:
    """Return what a difference of model and baseline means, where more is better."""
    if difference.low > 0:
        return "better"
    return "worse" if difference.high < 0 else "not told apart"


def headline(results: FinetuneResults) -> str:
    """Return in a sentence or two whether the model is any good."""
    metric = results.selected_by
    own = results.comparison.model.over_seeds[metric]
    number = len(results.runs)
    seeds = f", mean of {number} seeds" if number > 1 else ", one seed"
    interval = interval_words(own.low, own.high)
    sentence = (
        f"{metric_words(metric)} {own.mean:.3f} on the {results.measured} table "
        f"(95 % interval {interval}{seeds})"
    )
    compared = "; ".join(_compared(results))
    return f"{sentence}: {compared}." if compared else f"{sentence}; no baseline stands beside it."


def _compared(results: FinetuneResults) -> Iterator[str]:
    """Yield how the model stands beside each baseline, those with the same verdict together."""
    metric = results.selected_by
    verdicts: dict[str, list[str]] = {}
    for name, differences in results.comparison.differences.items():
        theirs = results.comparison.contestants[name].over_seeds[metric].mean
        verdicts.setdefault(verdict(differences[metric]), []).append(
            f"the {contestant_words(name)} ({theirs:.3f})"
        )
    words = {"better": "better than", "worse": "worse than", "not told apart": "not told apart from"}
    for each, names in verdicts.items():
        yield f"{words[each]} {_listed(names)}"


def warnings(results: FinetuneResults) -> Iterator[str]:
    """Yield what a reader has to know before believing the numbers."""
    if results.measured == "validation":
        yield (
            "There is no test table: the best epochs were chosen on these very rows, and the numbers flatter."
        )
    config = results.task.config
    for each in results.duplicates.shared:
        if each.side == results.measured and each.num_similar and config.duplicates == "keep":
            yield (
                f"{each.num_similar:,} of {each.num_rows:,} rows of the {each.side} table are in the "
                f"{each.other} table or resemble one there; --duplicates drop leaves these out of training."
            )
    for side, count in results.duplicates.in_groups_of.items():
        if count:
            yield (
                f"{count:,} rows of the {results.measured} table are of a {config.group_column} that is in "
                f"the {side} table, too: the figures flatter. --folds keeps groups together."
            )
    if results.control is not None and results.control.is_above_chance:
        yield (
            "The run on shuffled labels is above chance: something other than the sequence tells the label."
        )
    if len(results.runs) == 1:
        yield "A single seed was trained: how much the seed matters is not known."


def terminal_table(results: FinetuneResults) -> str:
    """Return the metrics of all contestants in lines, and the model's lead over each baseline."""
    names = list(results.comparison.differences)
    number = len(results.runs)
    title = f"{results.measured}, mean of {number} seeds" if number > 1 else results.measured
    lines = [f"{title:<26}{'95 % interval':<20}" + "".join(f"{name:>10}" for name in names)]
    for metric, own in results.comparison.model.over_seeds.items():
        others = (results.comparison.contestants[name].over_seeds[metric].mean for name in names)
        beside = "".join(f"{other:10.4f}" for other in others)
        interval = f"({own.low:.4f} to {own.high:.4f})"
        lines.append(f"{metric:<18}{own.mean:8.4f}  {interval:<18}{beside}".rstrip())
    return "\n".join([*(line.rstrip() for line in lines), *_leads(results), *warnings(results)])


def _leads(results: FinetuneResults) -> Iterator[str]:
    metric = results.selected_by
    for name, differences in results.comparison.differences.items():
        found = differences[metric]
        yield f"{metric} minus {name}: {value_words(found, digits=4)}, {verdict(found)}"
    for name, reason in results.baselines.left_out.items():
        yield f"{name} left out: {reason}"
    if results.control is not None:
        own = results.control.metrics.over_seeds[metric]
        yield f"{metric} after training on shuffled labels: {value_words(own, digits=4)}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
