"""``hyenadna-kit pretrain``: a genome in, a model folder out."""

import sys

from hyenadna_kit.training.pretrain_config import PretrainConfig


def run(options: PretrainConfig) -> int:
    """Train, or go on where a run was stopped, and say what came of it.

    Raises:
        InputError: The genome is too short, regions overlap, or the folder holds another run.
        CheckpointError: The checkpoint of the run is damaged.
    """
    from hyenadna_kit.training.pretrain import pretrain

    result = pretrain(options)
    if result.rank:
        return 0
    if result.was_finished:
        print(f"{result.folder} is a finished run: nothing was trained", file=sys.stderr)
    print(
        f"{result.folder}: {result.steps:,} steps, "
        f"{result.validation_bits_per_base:.4f} bits per base on the validation part"
    )
    return 0
