"""What a model makes of sequences, as vectors: of any layer, pooled or of every base.

In: a model and sequences. Out: for each one row of numbers, or a row a base; or a file of them
(:mod:`hyenadna_kit.io.embedding_file`). Row i of a sequence is that of its base i: nothing stands around the
bases, and padding is left out.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Literal, SupportsIndex, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from hyenadna_kit.backbone.layer_states import states_of_layers
from hyenadna_kit.batch import padded
from hyenadna_kit.errors import InputError
from hyenadna_kit.files import fingerprint
from hyenadna_kit.heads.pooling import Pooler
from hyenadna_kit.io.embedding_file import EmbeddingKeys, Number
from hyenadna_kit.io.embedding_writer import write_embeddings
from hyenadna_kit.io.hdf5_guard import AttributeValue
from hyenadna_kit.io.records import RecordFile
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.ops.precision import product_dtype
from hyenadna_kit.strands import Strands
from hyenadna_kit.tokenizers.nucleotide import PAD
from hyenadna_kit.windows.grouping import neighbours, similar_lengths

EmbeddingPooling = Literal["mean", "max", "last", "first", "centre", "none"]
"""How one vector is made of all positions, see :class:`~hyenadna_kit.heads.pooling.Pooler`; none keeps
them all."""

_BATCHES_OF_A_GROUP = 32
_GROUP_BASES = 1 << 22
_GROUP_NUMBERS = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Embedder:
    """Embeds sequences with one model.

    Embedder(model=model, layers=(-1,), pooling="mean").embed([model.tokenizer.encode("ACGT")])
    """

    model: HyenaDNA
    """In eval mode; it runs where its parameters are."""
    layers: Sequence[int] = (-1,)
    """Of the list [embeddings, after block 1, ..., after the last block, after the final norm], by Python's
    counting: 0 is the embeddings, -1 what the heads read. Those of several stand side by side."""
    pooling: EmbeddingPooling = "mean"
    """How one vector is made of all positions; none keeps them all."""
    average_strands: bool = False
    """Take the mean of both strands at each base, as a model that is made of both strands always does."""
    batch_size: int = 16
    """Sequences that the model reads at a time."""
    _pooler: Pooler | None = field(init=False)

    def __post_init__(self) -> None:
        if self.pooling not in get_args(EmbeddingPooling):
            known = ", ".join(get_args(EmbeddingPooling))
            raise InputError(f"pooling must be one of {known}, got {self.pooling!r}")
        self._check_layers()
        if self.batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {self.batch_size}")
        pooler = None if self.pooling == "none" else Pooler(self._d_model, self.pooling)
        object.__setattr__(self, "_pooler", pooler)

    @property
    def width(self) -> int:
        """Numbers of a row."""
        return len(self.layers) * self._d_model

    @property
    def layer_numbers(self) -> list[int]:
        """The layers, counted from 0."""
        return [layer % self._num_states for layer in self.layers]

    @property
    def reads_both_strands(self) -> bool:
        """Whether a row is the mean of both strands."""
        return self.average_strands or self.model.config.both_strands

    def num_rows(self, length: int) -> int:
        """Return the rows of a sequence of so many bases."""
        return length if self.pooling == "none" else 1

    def embed(
        self, sequences: Sequence[UInt8[np.ndarray, " length"]]
    ) -> list[Float[np.ndarray, "rows width"]]:
        """Return the rows of every sequence, in float32, in the order of the sequences.

        Args:
            sequences: Token ids of each, none empty.
        """
        found: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)] * len(sequences)
        lengths = [len(sequence) for sequence in sequences]
        for batch in similar_lengths(lengths, self.batch_size, longest_padded=self._longest_padded):
            rows = self._embed_batch([sequences[number] for number in batch])
            for number, row in zip(batch, rows, strict=True):
                found[number] = row[: lengths[number]] if self.pooling == "none" else row[None]
        return found

    @property
    def _num_states(self) -> int:
        return self.model.config.backbone.num_layers + 2

    @property
    def _longest_padded(self) -> int | None:
        """Filters that stretch with their input would stretch over padding too."""
        backbone = self.model.config.backbone
        return backbone.filter_unit if backbone.mixers.stretches else None

    @property
    def _d_model(self) -> int:
        return self.model.config.backbone.d_model

    def _check_layers(self) -> None:
        most = self._num_states
        for layer in self.layers:
            if not -most <= layer < most:
                raise InputError(
                    f"layer must be {-most} to {most - 1} for a model of {most - 2} blocks (0: embeddings; "
                    f"-1: after the final norm), got {layer}"
                )
        if len(set(self.layer_numbers)) != len(self.layers) or not self.layers:
            raise InputError(f"layer must name one layer or several, each once, got {list(self.layers)}")

    @torch.inference_mode()
    def _embed_batch(self, sequences: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        batch = padded([torch.from_numpy(np.array(sequence)) for sequence in sequences], padding=PAD)
        device = next(self.model.parameters()).device
        ids = batch.input_ids.to(device)
        mask = None if batch.attention_mask is None else batch.attention_mask.to(device)
        layers = self.layer_numbers
        shape = ids.shape if self._pooler is None else ids.shape[:1]
        rows = torch.empty(*shape, len(layers), self._d_model)
        for layer, states in self._states(ids, mask):
            rows[..., layers.index(layer), :] = states if self._pooler is None else self._pooler(states, mask)
        return rows.flatten(-2).numpy()

    def _states(
        self, input_ids: UInt8[Tensor, "batch length"], mask: Bool[Tensor, "batch length"] | None
    ) -> Iterator[tuple[int, Float[Tensor, "batch length d_model"]]]:
        """Return the states of each layer in turn; of both strands their mean."""
        backbone, layers = self.model.backbone, self.layer_numbers
        if not self.reads_both_strands:
            return states_of_layers(backbone, layers, input_ids, mask)
        strands = Strands(input_ids, mask)
        found = states_of_layers(backbone, layers, strands.ids, strands.mask)
        return ((layer, strands.mean(*states.chunk(2))) for layer, states in found)


def embed(
    model: HyenaDNA,
    sequences: Iterable[str],
    *,
    layer: SupportsIndex | Iterable[SupportsIndex] = -1,
    pooling: EmbeddingPooling = "mean",
    average_strands: bool = False,
    batch_size: int = 16,
) -> list[Float[np.ndarray, "rows width"]]:
    """Return the embeddings of sequences, in float32: of each one row, or a row a base.

        np.concatenate(embed(model, ["ACGT", "GGATTA"]))                    2 rows, d_model
        embed(model, ["ACGT", "GGATTA"], pooling="none")[1]                 6 rows, d_model
        embed(model, ["ACGT"], layer=(1, -1))[0]                            1 row, 2 d_model

    Args:
        model: In eval mode; it runs where its parameters are.
        sequences: Bases of each.
        layer: 0 embeddings, k after block k, -1 after the final norm; several stand side by side in a row.
        pooling: How one vector is made of all positions; none keeps a row for each base.
        average_strands: Take the mean of both strands at each base, before pooling.
        batch_size: Sequences that the model reads at a time. It changes nothing but rounding.

    Raises:
        InputError: A sequence is empty, holds no bases or is longer than the model's context, or an option is
            none of its kind.
        TypeError: The sequences are one text, or a layer is no whole number.
        ValueError: The model is being trained.
    """
    if isinstance(sequences, str):
        raise TypeError("sequences must be a list of texts, got one text; put it into a list")
    layers = layer if isinstance(layer, Iterable) else (layer,)
    embedder = Embedder(
        model=model,
        layers=tuple(map(operator.index, layers)),
        pooling=pooling,
        average_strands=average_strands,
        batch_size=batch_size,
    )
    encoded = [_encoded(model, number, sequence) for number, sequence in enumerate(sequences, start=1)]
    return embedder.embed(encoded)


def _encoded(model: HyenaDNA, number: int, sequence: str) -> NDArray[np.uint8]:
    if not sequence:
        raise InputError(f"sequence {number} holds no base; leave it out")
    if len(sequence) > model.context_length:
        raise InputError(
            f"sequence {number} has {len(sequence):,} bases, and the model reads {model.context_length:,}; "
            "cut it, or take model.with_context_length"
        )
    try:
        return model.tokenizer.encode(sequence)
    except InputError as error:
        raise InputError(f"sequence {number}: {error}") from None


def embed_records(
    embedder: Embedder,
    records: RecordFile,
    out: Path,
    *,
    number: Number = "float32",
    on_progress: Callable[[int, int | None], None] | None = None,
) -> int:
    """Write the embeddings of every record of a file, or go on where a run was stopped.

    Args:
        embedder: Model, layers and pooling.
        records: What is embedded.
        out: The file, see :mod:`hyenadna_kit.io.embedding_file`.
        number: Format of the values.
        on_progress: Called with the bases that are done, and with all of them.

    Returns:
        The number of records.

    Raises:
        InputError: A record is wrong or too long, the model gives no finite number, or ``out`` holds
            something else.
    """
    lengths, keys = _survey(embedder, records)
    done, total = 0, sum(lengths)
    with write_embeddings(
        out, keys, width=embedder.width, number=number, provenance=_provenance(embedder, records)
    ) as writer:
        done = sum(lengths[: writer.num_completed])
        waiting = islice(records, writer.num_completed, None)
        most_bases = _GROUP_NUMBERS // embedder.width if embedder.pooling == "none" else _GROUP_BASES
        most_items = _BATCHES_OF_A_GROUP * embedder.batch_size
        for group in neighbours(
            waiting, lambda each: each.length, most_items=most_items, most_bases=most_bases
        ):
            rows = embedder.embed([record.read()[0] for record in group])
            for record, row in zip(group, rows, strict=True):
                _require_finite(record.source, row)
            writer.append(rows)
            done += sum(record.length for record in group)
            if on_progress is not None:
                on_progress(done, total)
    return len(lengths)


def _survey(embedder: Embedder, records: RecordFile) -> tuple[list[int], EmbeddingKeys]:
    """Read what the records are, and how long."""
    names, lengths, intervals = list[str](), list[int](), []
    for record in records:
        names.append(record.name)
        lengths.append(record.length)
        if records.has_places:
            intervals.append(record.interval)
    num_rows = [embedder.num_rows(length) for length in lengths]
    places = [each for each in intervals if each is not None] if records.has_places else None
    try:
        return lengths, EmbeddingKeys.of_records(names, num_rows, places)
    except InputError as error:
        raise InputError(f"{records.path}: {error}") from None


def _provenance(embedder: Embedder, records: RecordFile) -> dict[str, AttributeValue]:
    model, genome = embedder.model, records.reading.genome
    parameter = next(model.parameters())
    return {
        "model_sha256": model.fingerprint(),
        "input_sha256": fingerprint(records.path),
        "genome_sha256": "" if genome is None else genome.fingerprint,
        "layer": ",".join(map(str, embedder.layer_numbers)),
        "pooling": embedder.pooling,
        "average_strands": int(embedder.reads_both_strands),
        "length": model.context_length,
        "batch_size": embedder.batch_size,
        "device": parameter.device.type,
        "products": str(product_dtype(parameter)).removeprefix("torch."),
        "hyenadna_kit": version("hyenadna_kit"),
        "torch": version("torch"),
    }


def _require_finite(source: str, rows: NDArray[np.float32]) -> None:
    if not np.isfinite(rows).all():
        raise InputError(f"{source}: the model gives no finite embedding; its weights may hold NaN")
