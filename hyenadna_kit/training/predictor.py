"""What fine-tuned models say of new sequences: the mean of the models of a run.

In: the folder of a run or of a model, and records. Out: predictions, one row a sequence, a variant or a bin,
in the order of the records.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hyenadna_kit.batch import LabelledBatch, labelled_batch
from hyenadna_kit.devices import Precision
from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.nucleotide import NucleotideHeadConfig
from hyenadna_kit.heads.objectives import LabelledHead, LabelledHeadConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.heads.variant_effect import VariantEffectHeadConfig
from hyenadna_kit.io.prediction_rows import PredictionRows
from hyenadna_kit.io.records import Record, RecordFile
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.pretrained.hub import model_folder
from hyenadna_kit.strict_yaml import load_yaml
from hyenadna_kit.tokenizers.nucleotide import PAD
from hyenadna_kit.training.finetune_folds import FOLDER_NAME
from hyenadna_kit.training.predictions import predict_batch, rows_of_batch
from hyenadna_kit.training.run_folder import CONFIG_NAME
from hyenadna_kit.windows.grouping import neighbours, similar_lengths

_SEEDS, _MODEL_NAME = "seeds", "model.safetensors"
_BATCHES_OF_A_GROUP = 32
_GROUP_BASES = 1 << 22


@dataclass(frozen=True)
class TrainedOptions:
    """What a fine-tuning wrote down of how its model reads."""

    both_strands: bool
    """Whether predictions are means over both strands."""
    window: int | None
    """Of variants, bases around each; None is the model's context length."""
    precision: Precision
    """Number format of the products with which it was measured."""


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """Models with the same labelled head, whose predictions are averaged."""

    models: tuple[HyenaDNA, ...]
    """In eval mode, on one device."""
    both_strands: bool
    """Whether the logits of each are means of what either strand gives."""
    batch_size: int = 16
    """Sequences that a model reads at a time."""
    precision: Precision = "fp32"
    """Number format of matrix products."""

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {self.batch_size}")
        for model in self.models:
            if not isinstance(model.config.head, LabelledHeadConfig):
                raise InputError(
                    f"predictions need a fine-tuned model, this one has {type(model.head).__name__}; "
                    "hyenadna-kit finetune trains one"
                )
            if model.config.head.labels != self.head.labels:
                raise InputError("the models of the run predict other labels than each other")

    @property
    def head(self) -> LabelledHeadConfig:
        """What is predicted."""
        head = self.models[0].config.head
        assert isinstance(head, LabelledHeadConfig)
        return head

    @property
    def bin_size(self) -> int | None:
        """Bases of a row; None where a row is a sequence or a variant."""
        return self.head.bin_size if isinstance(self.head, NucleotideHeadConfig) else None

    @property
    def reads_variants(self) -> bool:
        """Whether REF and ALT are read beside each other."""
        return isinstance(self.head, VariantEffectHeadConfig)

    @property
    def _num_positions(self) -> int:
        """Positions that the head has weights for; 0 where any number will do."""
        head = self.head
        return head.num_positions if isinstance(head, SequenceHeadConfig | VariantEffectHeadConfig) else 0

    def num_rows(self, record: Record) -> int:
        """Return the rows of a record.

        Raises:
            InputError: Its bases are no whole number of bins, or more than the head has weights for.
        """
        if 0 < self._num_positions < record.length:
            raise InputError(
                f"{record.source}: {record.length:,} bases, and the head has weights for "
                f"{self._num_positions:,} positions; cut the sequence, or train with another --pooling"
            )
        if self.bin_size is None:
            return 1
        if record.length % self.bin_size:
            raise InputError(
                f"{record.source}: {record.length:,} bases are no whole number of bins of {self.bin_size}; "
                "cut the sequence"
            )
        return record.length // self.bin_size

    def predict(self, records: Sequence[Record]) -> list[NDArray[np.float32]]:
        """Return the rows of every record, in the order of the records."""
        found: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)] * len(records)
        backbone = self.models[0].config.backbone
        longest_padded = backbone.filter_unit if backbone.mixers.stretches else None
        lengths = [record.length for record in records]
        for numbers in similar_lengths(lengths, self.batch_size, longest_padded=longest_padded):
            batch = [records[number] for number in numbers]
            borders = np.cumsum([self.num_rows(record) for record in batch])[:-1]
            for number, rows in zip(numbers, np.split(self._predict_batch(batch), borders), strict=True):
                found[number] = rows
        return found

    @torch.inference_mode()
    def _predict_batch(self, records: Sequence[Record]) -> NDArray[np.float32]:
        device = next(self.models[0].parameters()).device
        tokens = [record.read() for record in records]
        collated = labelled_batch(tokens, [np.float32(0)] * len(tokens), padding=PAD)
        mask = None if collated.attention_mask is None else collated.attention_mask.to(device)
        batch = LabelledBatch(collated.input_ids.to(device), mask, collated.labels)
        found = np.stack([self._of_model(model, batch) for model in self.models])
        return found.mean(0, dtype=np.float64).astype(np.float32)

    def _of_model(self, model: HyenaDNA, batch: LabelledBatch) -> NDArray[np.float32]:
        assert isinstance(model.head, LabelledHead)
        logits = predict_batch(model, batch, both_strands=self.both_strands)
        rows = model.head.predictions(rows_of_batch(logits, batch, model))
        return rows.float().cpu().numpy()


def model_folders(path: str) -> list[Path]:
    """Return the folders of the models of a run, or the one folder that is a model.

    Raises:
        InputError: A seed of the run is not trained to its end, or the run has parts.
    """
    seeds = Path(path) / _SEEDS
    if (Path(path) / FOLDER_NAME).is_dir():
        raise InputError(
            f"{path} is a cross-validation, whose models saw different rows; name that of one part, as "
            f"{Path(path) / FOLDER_NAME / '0'}, or train one on all rows"
        )
    if not seeds.is_dir():
        return [model_folder(path)]
    folders = sorted(
        (each for each in seeds.iterdir() if each.is_dir()), key=lambda each: (len(each.name), each.name)
    )
    for folder in folders:
        if not (folder / _MODEL_NAME).exists():
            raise InputError(
                f"{folder} is not trained to its end; run finetune again, or name one seed's folder"
            )
    if not folders:
        raise InputError(f"{seeds} holds no trained seed; run finetune again")
    return folders


def trained_options(folder: Path) -> TrainedOptions:
    """Return how a model was trained to read; without a record, one strand in float32.

    Raises:
        InputError: The record is damaged.
    """
    path = folder / CONFIG_NAME
    options: dict[str, Any] = load_yaml(path) if path.exists() else {"average_strands": False}
    reads_both = options.get("average_strands", True) and options.get("reverse_fraction", 0.5) > 0
    return TrainedOptions(bool(reads_both), options.get("window"), options.get("precision", "fp32"))


def survey(predictor: Predictor, records: RecordFile) -> int:
    """Look at every record before any is predicted, and return how many rows there will be.

    Raises:
        InputError: There is no record, or one is wrong or too long; it is named.
    """
    num_rows = sum(predictor.num_rows(record) for record in records)
    if not num_rows:
        raise InputError(f"{records.path} holds no records; there is nothing to predict")
    return num_rows


def predict_records(
    predictor: Predictor,
    records: RecordFile,
    rows: PredictionRows,
    on_progress: Callable[[int], None] | None = None,
) -> None:
    """Write the predictions of all records, but for those that are written.

    Args:
        predictor: What predicts.
        records: In the order of the rows.
        rows: Where they go.
        on_progress: Called with the number of rows that are there.

    Raises:
        InputError: A model gives a record no finite number.
    """
    done = 0
    most_items = _BATCHES_OF_A_GROUP * predictor.batch_size
    for group in neighbours(
        records, lambda each: each.length, most_items=most_items, most_bases=_GROUP_BASES
    ):
        first, done = done, done + sum(predictor.num_rows(record) for record in group)
        if rows.num_rows < done:
            found = predictor.predict(group)
            for record, row in zip(group, found, strict=True):
                if not np.isfinite(row).all():
                    raise InputError(
                        f"{record.source}: the model gives no finite number; its weights may hold NaN"
                    )
            rows.cut(first)
            rows.append(np.concatenate(found))
        if on_progress is not None:
            on_progress(done)
