"""``hyenadna-kit split-variants``: a VCF in, shards of it out."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SplitVariantsOptions:
    """Cut a VCF or BCF into shards that can be scored apart, and put together by gather-scores.

    A cut lies only between two blocks of windows, so that the shards give what the whole file gives to the
    last digit. Give --window, --horizon, --min_left_context and --placement as score gets them.
    """

    vcf: str
    """VCF, VCF.gz or BCF; a file, no pipe."""
    out: str
    """Folder of the shards, 0000.vcf.gz (or .bcf) and so on, and of manifest.json."""
    shards: int
    """Shards to write; where the file has fewer blocks, the last ones have no records."""
    window: int
    """Bases that the model reads; score takes the context length of the model where nothing is said."""
    horizon: int | None = None
    """Bases whose likelihoods are summed, from the variant on; default: 512, a quarter window at most."""
    min_left_context: int | None = None
    """Fewest bases before a variant; default: half a window."""
    placement: Literal["grid", "centred"] = "grid"
    """Windows on a grid that variants share, or one centred on each variant."""


def run(options: SplitVariantsOptions) -> int:
    """Write the shards and print one line each.

    Raises:
        InputError: The file is damaged, or an option does not fit.
    """
    from pathlib import Path

    from hyenadna_kit.scoring.placement import Placement
    from hyenadna_kit.scoring.shards import split_variants

    placement = Placement.for_window(
        options.window,
        horizon=options.horizon,
        min_left_context=options.min_left_context,
        kind=options.placement,
    )
    manifest = split_variants(options.vcf, Path(options.out), placement, options.shards)
    print("shard\trecords\tfirst\tlast")
    for shard in manifest.shards:
        print(f"{shard.name}\t{shard.num_records}\t{shard.first or '.'}\t{shard.last or '.'}")
    return 0
