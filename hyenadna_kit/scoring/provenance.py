"""Where scores come from, in lines for the head of a file.

In: a model, a genome and the options that scores depend on. Out: ``##hyenadna_kit_...`` lines.
"""

from collections.abc import Mapping
from importlib.metadata import version

import torch

from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.ops.precision import product_dtype
from hyenadna_kit.scoring.placement import Placement


def provenance_lines(
    model: HyenaDNA,
    genome: Genome,
    placement: Placement,
    strands: tuple[Strand, ...],
    *,
    engine: str | None = None,
) -> list[str]:
    """Return the lines, with the number format of the moment.

    Call it where scores are computed.

    Args:
        model: What scores.
        genome: Where the windows come from.
        placement: Where they lie.
        strands: Strands that are read.
        engine: Name of the engine; None where there is no choice.
    """
    parameter = next(model.parameters())
    # htslib drops the whole line over a comma in a value.
    options = {
        "window": placement.window,
        "horizon": placement.horizon,
        "min_left_context": placement.min_left_context,
        "placement": placement.kind,
        "strands": "both" if len(strands) > 1 else strands[0].name.lower(),
    } | ({} if engine is None else {"engine": engine})
    device = {
        "device": parameter.device.type,
        "dtype": _short(parameter.dtype),
        "products": _short(product_dtype(parameter)),
    }
    return [
        f"##hyenadna_kit_version={version('hyenadna_kit')}",
        f"##hyenadna_kit_model_sha256={model.fingerprint()}",
        f"##hyenadna_kit_genome_sha256={genome.fingerprint}",
        f"##hyenadna_kit_scorer={_listed(options)}",
        f"##hyenadna_kit_device={_listed(device)}",
    ]


def _listed(values: Mapping[str, object]) -> str:
    return f"<{','.join(f'{name}={value}' for name, value in values.items())}>"


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
