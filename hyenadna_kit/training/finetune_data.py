"""What a fine-tuning reads: tables with labels, checked before anything is trained.

In: the options and the model. Out: the examples of each table, and the head that predicts their labels.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from lightning import LightningDataModule
from torch.utils.data import DataLoader

from hyenadna_kit.batch import LabelledBatch
from hyenadna_kit.errors import InputError
from hyenadna_kit.files import fingerprint
from hyenadna_kit.heads.objectives import LabelledHeadConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.io.genome import Genome, open_genome
from hyenadna_kit.io.regions import check_inside
from hyenadna_kit.io.tables import LabelledTable, read_labelled_table
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer
from hyenadna_kit.training.datamodule import ignore_sigterm
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.labels import learn_labels
from hyenadna_kit.windows.epochs import EpochSampler
from hyenadna_kit.windows.examples import (
    ExampleDataset,
    Examples,
    IntervalPieces,
    Pieces,
    SequencePieces,
    batches_in_order,
    collate_examples,
)

TRAIN, VALIDATION, TEST = SIDES = ("train", "validation", "test")


@dataclass(frozen=True)
class FinetuneData:
    """The tables of one task."""

    examples: dict[str, Examples]
    """Those of ``train``, ``validation`` and, where there is one, ``test``."""
    head: LabelledHeadConfig
    """What predicts their labels."""
    record: dict[str, Any]
    """Fingerprints, which decide the result beside the options."""


def read_finetune_data(config: FinetuneConfig, tokenizer: NucleotideTokenizer, length: int) -> FinetuneData:
    """Read the tables of the options.

    Args:
        config: The options.
        tokenizer: That of the model.
        length: Most tokens that the model reads.

    Raises:
        InputError: A table or its labels are no use: the table, and where there is one the row and the value,
            are named.
        ContigNotFoundError: A place lies on no contig of the genome.
    """
    paths = {side: getattr(config, side) for side in SIDES if getattr(config, side) is not None}
    genome = None if config.genome is None else open_genome(config.genome)
    tables = {side: read_labelled_table(Path(path), config.label_columns) for side, path in paths.items()}
    labelling = learn_labels(config, tables[TRAIN])
    examples = {
        side: Examples(
            _pieces(table, paths[side], genome, tokenizer, length), labelling.encode(table, paths[side])
        )
        for side, table in tables.items()
    }
    for side, each in examples.items():
        labelling.check_measurable(each.labels, paths[side])
    of_labels = labelling.head_options(examples[TRAIN].labels, balanced=config.class_weights == "balanced")
    head = SequenceHeadConfig(
        objective=config.task, pooling=config.pooling, dropout=config.dropout, **of_labels
    )
    record = _fingerprints(paths)
    record |= {"genome_fingerprint": None if genome is None else genome.fingerprint}
    return FinetuneData(examples, head, record)


def _fingerprints(paths: dict[str, str]) -> dict[str, Any]:
    """Return those of the tables, which must be different ones."""
    found = {side: fingerprint(Path(path)) for side, path in paths.items()}
    for side, other in combinations(found, 2):
        if found[side] == found[other]:
            raise InputError(
                f"{paths[side]} is given as {side} table and {paths[other]}, with the same content, as "
                f"{other} table; divide the rows, or what is measured flatters"
            )
    return {f"{side}_fingerprint": each for side, each in found.items()}


def _pieces(
    table: LabelledTable, path: str, genome: Genome | None, tokenizer: NucleotideTokenizer, length: int
) -> Pieces:
    pieces: Pieces
    if table.sequences is not None:
        pieces = SequencePieces(table.sequences, tokenizer)
    elif genome is None:
        raise InputError(f"{path} holds places and no sequences; name their genome by --genome")
    else:
        intervals = [
            check_inside(interval, genome, f"{path}, row {row}")
            for row, interval in enumerate(table.intervals or (), start=1)
        ]
        pieces = IntervalPieces(intervals, genome)
    for row, found in enumerate(pieces.lengths, start=1):
        if found > length:
            raise InputError(
                f"{path}, row {row}: {found:,} bases, and the model reads {length:,}; cut the sequence, or "
                f"let the model read more by --length {found}"
            )
    return pieces


class LabelledData(LightningDataModule):
    """Training examples without end, from the step at which the run stands, and validation."""

    def __init__(self, data: FinetuneData, config: FinetuneConfig, *, seed: int) -> None:
        super().__init__()
        self.data = data
        self.config = config
        self.sampler = EpochSampler(
            lengths=data.examples[TRAIN].pieces.lengths, batch_size=config.batch_size, seed=seed
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the one integer that says where the run stands."""
        assert self.trainer is not None
        return {"step": self.trainer.global_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another run stood."""
        self.sampler = replace(self.sampler, first_step=state_dict["step"])

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of training."""
        config = self.config
        examples = ExampleDataset(
            self.data.examples[TRAIN], seed=self.sampler.seed, reverse_fraction=config.reverse_fraction
        )
        return DataLoader(
            examples,
            batch_sampler=self.sampler,
            collate_fn=collate_examples,
            num_workers=config.num_workers,
            worker_init_fn=ignore_sigterm,
            persistent_workers=config.num_workers > 0,
        )

    def val_dataloader(self) -> DataLoader[LabelledBatch]:
        """Return the batches of validation, every example once."""
        return in_order(self.data.examples[VALIDATION], self.config.batch_size)


def in_order(examples: Examples, batch_size: int) -> DataLoader[LabelledBatch]:
    """Return every example once, in the order of ``batches_in_order``."""
    batches = batches_in_order(examples.pieces.lengths, batch_size)
    return DataLoader(ExampleDataset(examples), batch_sampler=batches, collate_fn=collate_examples)
