"""What a fine-tuning reads: files with labels, checked before anything is trained.

In: the options and the model. Out: the examples of each side, and the head that predicts their labels.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
from jaxtyping import Int
from lightning import LightningDataModule
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from hyenadna_kit.batch import LabelledBatch
from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.nucleotide import NucleotideHeadConfig
from hyenadna_kit.heads.objectives import LabelledHeadConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.heads.variant_effect import VariantEffectHeadConfig
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer
from hyenadna_kit.training.datamodule import ignore_sigterm
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.finetune_labels import read_labels
from hyenadna_kit.training.finetune_pieces import PieceReader
from hyenadna_kit.training.finetune_tables import SideTable, fingerprints, read_sides
from hyenadna_kit.training.labels import Labelling
from hyenadna_kit.training.set_aside import group_numbers, part_numbers, validation_rows
from hyenadna_kit.windows.epochs import EpochSampler
from hyenadna_kit.windows.examples import ExampleDataset, Examples, batches_in_order, collate_examples
from hyenadna_kit.windows.selected_examples import select_examples
from hyenadna_kit.windows.splits import SIDES, TRAIN, VALIDATION

__all__ = ["TRAIN", "VALIDATION", "FinetuneData", "LabelledData", "in_order", "read_finetune_data"]

VARIANTS = "variants"


@dataclass(frozen=True)
class FinetuneData:
    """The sides of one task."""

    examples: dict[str, Examples]
    """Those of ``train``, ``validation`` and, where there is one, ``test``."""
    head: LabelledHeadConfig
    """What predicts their labels."""
    record: dict[str, Any]
    """Fingerprints, which decide the result beside the options."""
    head_of: Callable[[NDArray[np.generic]], LabelledHeadConfig]
    """The head, from the labels of the training rows: it knows their classes' shares, mean and deviation."""
    parts: Int[np.ndarray, " rows"] | None = None
    """Part that each training row is in, where each part is measured in turn."""

    def with_examples(self, examples: dict[str, Examples]) -> Self:
        """Return a task of other rows, with the head that is learnt from them."""
        return replace(self, examples=examples, head=self.head_of(examples[TRAIN].labels), parts=None)


def read_finetune_data(config: FinetuneConfig, tokenizer: NucleotideTokenizer, length: int) -> FinetuneData:
    """Read the files of the options.

    Args:
        config: The options.
        tokenizer: That of the model.
        length: Most tokens that the model reads.

    Raises:
        InputError: A file or its labels are no use: the file, and where there is one the row and the value,
            are named.
        ContigNotFoundError: A place lies on no contig of the genome.
    """
    sides = read_sides(config)
    record = fingerprints(config)
    kind = _kind(sides)
    if config.window is not None and (kind != VARIANTS or config.window > length):
        raise InputError(f"window is of variants, {length:,} bases at most, got {config.window} for {kind}")
    reader = PieceReader(config, tokenizer, length)
    pieces = {side: reader.pieces(each) for side, each in sides.items()}
    labelling, rows = read_labels(config, reader.genome, sides, pieces)
    groups = group_numbers({side: each.table for side, each in sides.items()}, config)
    examples = {side: Examples(pieces[side], *rows[side], groups=groups[side]) for side in sides}
    train, parts = sides[TRAIN], None
    if config.folds:
        parts = part_numbers(train.table, config, train.source)
    elif VALIDATION not in examples:
        examples |= _divided(examples[TRAIN], validation_rows(train.table, config, train.source))
    examples = {side: examples[side] for side in SIDES if side in examples}
    for side, each in examples.items():
        labelling.check_measurable(each.labels, sides.get(side, sides[TRAIN]).source)
    record |= _fingerprints_of(reader.genomes.opened.values(), examples, config)
    longest = max(max(each.lengths) for each in pieces.values())
    head_of = partial(_head, config, kind, longest, labelling)
    return FinetuneData(examples, head_of(examples[TRAIN].labels), record, head_of, parts)


def _fingerprints_of(
    genomes: Iterable[Genome], examples: Mapping[str, Examples], config: FinetuneConfig
) -> dict[str, Any]:
    """Return those of the genomes, and of the values of tracks, of which the regions are a small part."""
    found = sorted(genome.fingerprint for genome in genomes)
    of_tracks = hashlib.sha256(b"".join(each.labels.tobytes() for each in examples.values()))
    return {
        "genome_fingerprint": found[0] if len(found) == 1 else found or None,
        "track_fingerprint": of_tracks.hexdigest() if config.track else None,
    }


def _kind(sides: Mapping[str, SideTable]) -> str:
    """Return what the rows of all sides are."""
    kinds = {}
    for side in sides.values():
        has = {
            "sequences": side.table.sequences,
            "places": side.table.intervals,
            VARIANTS: side.table.variants,
        }
        kinds[side.source] = next(name for name, rows in has.items() if rows is not None)
    if VARIANTS in kinds.values() and len(set(kinds.values())) > 1:
        held = ", ".join(f"{source} holds {kind}" for source, kind in kinds.items())
        raise InputError(f"{held}; a model of variants reads variants alone")
    return kinds[sides[TRAIN].source]


def _divided(train: Examples, held_out: Sequence[int]) -> dict[str, Examples]:
    """Return training examples as those of two sides."""
    left = np.setdiff1d(np.arange(len(train)), held_out)
    return {
        TRAIN: select_examples(train, left),
        VALIDATION: select_examples(train, np.array(held_out, dtype=np.int64)),
    }


def _head(
    config: FinetuneConfig, kind: str, longest: int, labelling: Labelling, train: NDArray[np.generic]
) -> LabelledHeadConfig:
    """Return what predicts the labels: of variants, of positions or of sequences."""
    of_labels = labelling.head_options(train, balanced=config.class_weights == "balanced")
    options = {"objective": config.task, "dropout": config.dropout, **of_labels}
    if config.predicts_positions:
        return NucleotideHeadConfig(bin_size=config.bin_size, **options)
    num_positions = longest if config.pooling == "positions" else 0
    options |= {"pooling": config.pooling, "num_positions": num_positions}
    if kind == VARIANTS:
        return VariantEffectHeadConfig(combine=config.combine, **options)
    return SequenceHeadConfig(**options)


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
