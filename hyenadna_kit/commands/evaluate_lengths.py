"""``hyenadna-kit evaluate --lengths``: bits per base against window length, as table, JSON and figure."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from hyenadna_kit.evaluation.lengths import LengthBits
    from hyenadna_kit.genome.interval import Interval
    from hyenadna_kit.io.genome import Genome
    from hyenadna_kit.model import HyenaDNA
    from hyenadna_kit.plots.lengths import Curve

_TAIL_WINDOWS = 4
"""Windows of which the share of taps beyond the trained length is taken."""


class ByLength(NamedTuple):
    """What a model costs at several window lengths."""

    trained_length: int
    """Tokens that its filters were trained on."""
    modes: "dict[str, list[LengthBits]]"
    """Results by what the filters do beyond that, in the order of the lengths."""
    tail_shares: dict[int, dict[int, float]]
    """For lengths beyond it: by layer, the share of its mixer's energy that comes from taps beyond."""
    has_filters: bool
    """Whether any layer has filters."""


def evaluate_by_length(
    model: "HyenaDNA",
    genome: "Genome",
    regions: "Sequence[Interval]",
    lengths: Sequence[int],
    on_progress: Callable[[int, int | None], None],
) -> ByLength:
    """Evaluate a model as it is and, beside it, with filters that end with the trained length.

    Raises:
        InputError: A length does not fit the regions, or the model gives no finite likelihood.
    """
    from hyenadna_kit.evaluation.lengths import evaluate_lengths

    trained = model.config.backbone.filter_unit
    modes = set(model.config.backbone.mixers.filter_modes) - {None}
    mode = str(*modes) if len(modes) == 1 else "as it is"
    longer = [length for length in lengths if length > trained]
    models = {mode: (model, lengths)}
    if modes - {"truncate"} and longer:
        models["truncate"] = (model.with_context_length(model.context_length, mode="truncate"), longer)
    bases = sum(region.length for region in regions)
    total, done = bases * sum(len(each) for _, each in models.values()), 0
    found: dict[str, list[LengthBits]] = {}
    for name, (each, of_lengths) in models.items():

        def report(more: int, before: int = done) -> None:
            """Show how many bases are scored in all."""
            on_progress(before + more, total)

        found[name] = evaluate_lengths(each, genome, regions, of_lengths, on_progress=report)
        done += bases * len(of_lengths)
    shares: dict[int, dict[int, float]] = {}
    if (
        len(models) > 1 and "interpolate" not in modes
    ):  # filters that stretch have no taps of their own beyond
        shares = _tail_shares(model, genome, regions, longer)
    return ByLength(trained, found, shares, has_filters=bool(modes))


def _tail_shares(
    model: "HyenaDNA", genome: "Genome", regions: "Sequence[Interval]", lengths: Sequence[int]
) -> dict[int, dict[int, float]]:
    import torch

    from hyenadna_kit.evaluation.lengths import tail_shares
    from hyenadna_kit.windows.layout import tile

    device = next(model.parameters()).device
    shares: dict[int, dict[int, float]] = {}
    for length in lengths:
        windows = [each for region in regions for each in tile(region, length, partial="drop")]
        some = windows[:: max(1, len(windows) // _TAIL_WINDOWS)][:_TAIL_WINDOWS]
        tokens = (torch.from_numpy(genome.tokens(each))[None].to(device) for each in some)
        found = [tail_shares(model, each) for each in tokens]
        shares[length] = {layer: fmean(each[layer] for each in found) for layer in found[0]}
    return shares


def table_of(found: ByLength) -> str:
    """Return one line a length."""
    (mode, results), *others = found.modes.items()
    truncated = {each.length: each for each in dict(others).get("truncate", [])}
    beside = f"  {'truncate':>10}  {'from beyond':>11}" if truncated else ""
    lines = [f"{'tokens':>10}  {mode:>10}{beside}"]
    for each in results:
        line = f"{each.length:>10,}  {each.bits_per_base:>10.4f}"
        if each.length in truncated:
            line += f"  {truncated[each.length].bits_per_base:>10.4f}"
            shares = found.tail_shares.get(each.length)
            line += "" if shares is None else f"  {max(shares.values()):>11.2%}"
        lines.append(line)
    lines.append(f"bits per base; {_trained_on(found)}")
    if truncated:
        lines.append(
            "truncate: filters that end there; from beyond: what taps beyond give of the energy that a mixer "
            "adds, in the layer with most"
        )
    return "\n".join(lines)


def _trained_on(found: ByLength) -> str:
    if found.has_filters:
        return f"the filters were trained on {found.trained_length:,} tokens"
    return (
        f"the model was trained on {found.trained_length:,} tokens, and no layer has filters that could "
        "end there"
    )


def figures_of(found: ByLength) -> dict[str, Any]:
    """Return all of it as plain data."""
    return {
        "trained_length": found.trained_length,
        "modes": {mode: [_plain(each) for each in results] for mode, results in found.modes.items()},
        "tail_shares": {str(length): shares for length, shares in found.tail_shares.items()},
    }


def _plain(result: "LengthBits") -> dict[str, Any]:
    positions = [each._asdict() for each in result.by_position]
    for each in positions:
        each["bits_per_base"] = _finite(each["bits_per_base"])
    return {
        "length": result.length,
        "num_bases": result.num_bases,
        "bits_per_base": _finite(result.bits_per_base),
        "by_position": positions,
    }


def _finite(value: float) -> float | None:
    """Return None for NaN, which JSON cannot hold."""
    return value if math.isfinite(value) else None


def write_figure(path: Path, found: ByLength) -> None:
    """Draw bits per base against length and position, as PNG, SVG or PDF by the suffix."""
    from hyenadna_kit.files import atomic_file
    from hyenadna_kit.plots.lengths import figure_format, lengths_figure

    curves, kind = curves_of(found), figure_format(path, "--plot")
    with atomic_file(path) as temporary:
        temporary.write_bytes(lengths_figure(*curves, trained_length=found.trained_length, kind=kind))


def curves_of(found: ByLength) -> "tuple[list[Curve], list[Curve]]":
    """Return what is drawn: by length, and of the longest windows by what is read before a base."""
    from hyenadna_kit.plots.lengths import Curve

    of_lengths, of_positions = list[Curve](), list[Curve]()
    for mode, results in found.modes.items():
        bits = [each.bits_per_base for each in results]
        of_lengths.append(Curve(mode, [each.length for each in results], bits))
        longest = results[-1]
        known = [each for each in longest.by_position if each.num_bases]
        # One base is read before position 0; the middle of first + 1 to last.
        read = [(each.first + 1 + each.last) / 2 for each in known]
        label = f"{mode}, {longest.length:,}"
        of_positions.append(Curve(label, read, [each.bits_per_base for each in known]))
    return of_lengths, of_positions


def write_json(path: Path, found: ByLength) -> None:
    """Write the figures."""
    from hyenadna_kit.files import atomic_file

    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(figures_of(found), indent=2) + "\n")
