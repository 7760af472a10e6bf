"""``hyenadna-kit pretrain``: a genome in, a model folder out."""

import sys

from hyenadna_kit.training.pretrain_config import PretrainConfig


def run(options: PretrainConfig) -> int:
    """Train, or go on where a run was stopped, write the report and say what came of it.

    Raises:
        InputError: The genome is too short, regions overlap, or the folder holds another run.
        CheckpointError: The checkpoint of the run is damaged.
    """
    from hyenadna_kit.commands.report_training import PAGE_NAME, write_training_report
    from hyenadna_kit.training.pretrain import pretrain

    result = pretrain(options)
    if result.rank:
        return 0
    if result.was_finished:
        print(f"{result.folder} is a finished run: nothing was trained", file=sys.stderr)
    if not (result.was_finished and (result.folder / PAGE_NAME).exists()):
        write_training_report(result.folder, options.genome)
    print(
        f"{result.folder}: {result.steps:,} steps, "
        f"{result.validation_bits_per_base:.4f} bits per base on the validation part, "
        f"see {result.folder / PAGE_NAME}"
    )
    return 0
