"""The sections of a model card: what a model folder, a file of figures and the weights say.

In: a model and its folder. Out: sections.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from hyenadna_kit.checkpoint import weights_file
from hyenadna_kit.commands.compared_finetunes import METRICS_NAME
from hyenadna_kit.commands.model_card import Section
from hyenadna_kit.commands.training_charts import filter_figures
from hyenadna_kit.config import flat, to_mapping
from hyenadna_kit.errors import InputError
from hyenadna_kit.files import fingerprint
from hyenadna_kit.interpretation.filters import filter_shapes
from hyenadna_kit.interpretation.receptive_field import SHARES, ReceptiveField, receptive_field
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.pretrained.hub import commit_of
from hyenadna_kit.report.chart import Axis, Chart, Curve, thinned
from hyenadna_kit.report.page import figure
from hyenadna_kit.training.run_folder import RECORD_NAME, RunFolder, read_metrics, read_record
from hyenadna_kit.windows.splits import TEST

_NOT_SAID = "The folder does not say."
_MOST_PARTS = 8
_MOST_POINTS = 1200


def architecture(model: HyenaDNA, folder: Path) -> Section:
    """Return digests and every option."""
    commit = commit_of(folder)
    rows = (
        ("weights", f"{model.num_parameters:,}"),
        ("SHA-256 of their values", model.fingerprint()),
        (f"SHA-256 of {weights_file(folder).name}", fingerprint(weights_file(folder))),
        *((("commit on the hub", commit),) if commit else ()),
        *((name, str(value)) for name, value in flat(to_mapping(model.config))),
    )
    return Section(title="Architecture", rows=rows)


def training_data(folder: Path) -> Section:
    """Return what the record of a run says that the model was trained on."""
    if not (folder / RECORD_NAME).exists():
        return Section(title="Training data", words=(_NOT_SAID,))
    record = read_record(folder, keys=())
    rows = []
    for name, value in record.items():
        parts = value if isinstance(value, list) else [value]
        shown = ", ".join(map(_shown, parts[:_MOST_PARTS])) + _more(parts)
        if shown not in ("", "None"):
            rows.append((name.replace("_", " "), shown))
    return Section(title="Training data", rows=tuple(rows))


def bits_per_base(model: HyenaDNA, folder: Path, evaluation: str | None) -> Section:
    """Return bits per base: of the validation part, and of what was evaluated."""
    validations = [
        row for row in read_metrics(RunFolder(folder).metrics) if "validation_bits_per_base" in row
    ]
    rows = []
    if validations:
        last = validations[-1]
        where = f"validation part, step {last['step']:,}"
        rows.append((where, f"{last['validation_bits_per_base']:.4f}"))
    if evaluation is not None:
        rows += _evaluated(Path(evaluation), model)
    words = (
        () if rows else (_NOT_SAID, "hyenadna-kit evaluate measures it; --evaluation shows what it found.")
    )
    return Section(title="Bits per base", words=words, head=("on", "bits per base"), rows=tuple(rows))


def measured(folder: Path) -> Section:
    """Return what the seeds of a run reached on the test part, beside the baselines."""
    path, title = folder.resolve().parents[1] / METRICS_NAME, "Measured on the test part"
    if folder.resolve().parent.name != "seeds" or not path.is_file():
        return Section(title=title, words=(_NOT_SAID, f"The {METRICS_NAME} of its run does."))
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        columns = [found[TEST], *(each[TEST] for each in found["baselines"].values())]
        rows = tuple(
            (name, *(_with_interval(column.get(name)) for column in columns))
            for name, value in found[TEST].items()
            if name != "seeds"
        )
        head = ("", "model", *found["baselines"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not what finetune writes: {error!r}; remove or restore it") from None
    words = ("Means over the seeds of the run, [95 % intervals].",)
    return Section(title=title, words=words, head=head, rows=rows)


def filters(model: HyenaDNA, length: int) -> Section:
    """Return how the long filters weigh distance."""
    shapes = filter_shapes(model, length)
    if not shapes:
        return Section(title="Filters", words=("No layer has long filters.",))
    rows = tuple(
        (
            f"{each.layer}",
            each.direction,
            f"{each.distances[each.quantiles[1].argmax()]:,.0f}",
            f"{_half(each.distances, each.quantiles[1]):,.0f}",
        )
        for each in shapes
    )
    return Section(
        title="Filters",
        words=(
            f"How the long filters weigh what lies up to {length:,} bases away: the median over channels.",
        ),
        head=("layer", "direction", "largest at", "half of the energy within"),
        rows=rows,
        figures="".join(map(filter_figures, shapes)),
    )


def reach(model: HyenaDNA, sequences: UInt8[np.ndarray, "sequences length"], source: str) -> Section:
    """Return how far upstream a language model looks.

    Args:
        model: A language model.
        sequences: Windows over which it is a mean.
        source: Where they come from.
    """
    found = receptive_field(model, sequences)
    return Section(
        title="Receptive field",
        words=(
            "How much the logits of the next base move with the bases before it: root of the mean square of "
            f"the derivative by their embeddings, over {len(sequences)} windows of {sequences.shape[1]:,} "
            f"bases {source}.",
        ),
        head=("share of the sum of squares", "within bases"),
        rows=tuple((f"{share:.0%}", f"{found.reach(share):,}") for share in SHARES),
        figures=_reach_figure(found),
    )


def limits(model: HyenaDNA) -> Section:
    """Return what a user must know, as far as the configuration tells."""
    config, backbone = model.config, model.config.backbone
    points = [
        "What it says of species and of kinds of sequence that it was not trained on is not known until it "
        "is measured there.",
        "Letters other than A, C, G and T carry no information for it, and soft-masking is not seen.",
        "It is no medical device: its scores are no clinical statements.",
    ]
    if config.head.predicts_next:
        points.insert(0, "It reads upstream alone: what follows a base has no part in what is said of it.")
    if modes := {mode for mode in backbone.mixers.filter_modes if mode is not None}:
        points.append(
            f"It reads more than {model.context_length:,} tokens, but was not trained on more; what its "
            f"filters do there: {', '.join(sorted(modes))}."
        )
    return Section(title="Limits", points=tuple(points))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{name} {item}" for name, item in value.items() if not isinstance(item, list | dict)
        )
    return str(value)


def _more(parts: list[Any]) -> str:
    return f" and {len(parts) - _MOST_PARTS:,} more" if len(parts) > _MOST_PARTS else ""


def _with_interval(value: Any) -> str:
    """Spell a figure of a run."""
    if not isinstance(value, dict) or value["mean"] is None:
        return ""
    interval = f" [{value['low']:.4f}, {value['high']:.4f}]" if value["low"] is not None else ""
    return f"{value['mean']:.4f}{interval}"


def _evaluated(path: Path, model: HyenaDNA) -> list[tuple[str, str]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        places = ", ".join(each["region"] for each in found["regions"])
        others = [(f"{name} there", f"{bits:.4f}") for name, bits in found["baselines"].items()]
        evaluated, own = found["model_fingerprint"], (places, f"{found['bits_per_base']:.4f}")
    except OSError as error:
        raise InputError(f"--evaluation {path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"--evaluation {path} is not what evaluate --json writes: {error!r}") from None
    if evaluated != model.fingerprint():
        raise InputError(
            f"--evaluation {path} is of another model, the values of whose weights have the SHA-256 "
            f"{evaluated}; evaluate this one"
        )
    return [own, *others]


def _half(distances: NDArray[np.float64], sizes: NDArray[np.float64]) -> float:
    """Return within which distance half of the energy of taps lies, whose bins are of equal ratio."""
    energies = np.cumsum(np.square(sizes) * np.gradient(distances))
    return float(distances[np.searchsorted(energies, energies[-1] / 2)])


def _reach_figure(found: ReceptiveField) -> str:
    sizes = [max(size, 0.0) for size in found.sizes.tolist()]
    distances = [float(number) for number in range(1, len(sizes) + 1)]
    largest = max(sizes) or 1.0
    x = Axis(label="bases upstream, from 1", low=1.0, high=max(2.0, distances[-1]), is_log=True)
    y = Axis(label="size of the derivative", low=1e-6 * largest, high=2 * largest, is_log=True)
    drawn = Chart(x, y, width=640, height=280).draw([Curve(*thinned(distances, sizes, _MOST_POINTS), "c0")])
    return figure(drawn, "how much the answer moves with a base so far upstream")
