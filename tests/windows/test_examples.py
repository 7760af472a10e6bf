"""Labelled examples: what is read, on which strand, and how it is padded."""

import numpy as np
import pytest

from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.testing import write_toy_genome
from hyenadna_kit.tokenizers.nucleotide import PAD, NucleotideTokenizer
from hyenadna_kit.windows.epochs import Draw
from hyenadna_kit.windows.examples import (
    ExampleDataset,
    Examples,
    IntervalPieces,
    SequencePieces,
    batches_in_order,
    collate_examples,
)

TOKENIZER = NucleotideTokenizer()
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def examples_of(*sequences):
    return Examples(SequencePieces(sequences, TOKENIZER), np.arange(len(sequences)))


def read(dataset, example, epoch=0):
    (tokens,), label = dataset[Draw(example, epoch)]
    return TOKENIZER.decode(tokens), int(label)


def test_share_of_draws_is_read_on_the_other_strand():
    sequence = "AACGTTTG"
    dataset = ExampleDataset(examples_of(sequence), seed=4, reverse_fraction=0.25)
    found = [read(dataset, 0, epoch)[0] for epoch in range(2000)]
    other = sequence[::-1].translate(COMPLEMENT)
    assert set(found) == {sequence, other}
    assert found.count(other) == pytest.approx(500, abs=80)  # four standard deviations
    assert found == [read(dataset, 0, epoch)[0] for epoch in range(2000)]


def test_without_reverse_strands_sequences_are_as_they_stand():
    dataset = ExampleDataset(examples_of("ACGTN", "gg"))
    assert [read(dataset, example) for example in (0, 1)] == [("ACGTN", 0), ("GG", 1)]


def test_intervals_are_read_on_their_strand(tmp_path):
    genome = Fasta(write_toy_genome(tmp_path / "g.fa", length=10_000))
    places = [Interval("toy1", 100, 130), Interval("toy1", 100, 130, Strand.REVERSE)]
    dataset = ExampleDataset(Examples(IntervalPieces(places, genome), np.zeros(2)))
    forward, reverse = (read(dataset, example)[0] for example in (0, 1))
    assert forward == genome.fetch(places[0]).upper()
    assert reverse == forward[::-1].translate(COMPLEMENT)


def test_shorter_sequences_are_padded_on_the_right():
    dataset = ExampleDataset(examples_of("ACGT", "G"))
    batch = collate_examples([dataset[Draw(0, 0)], dataset[Draw(1, 0)]])
    assert batch.input_ids.tolist() == [[7, 8, 9, 10], [9, PAD, PAD, PAD]]
    assert batch.attention_mask.tolist() == [[True] * 4, [True, False, False, False]]
    assert batch.labels.tolist() == [0, 1]


def test_sequences_of_one_length_need_no_mask():
    dataset = ExampleDataset(examples_of("ACGT", "GGGG"))
    assert collate_examples([dataset[Draw(0, 0)], dataset[Draw(1, 0)]]).attention_mask is None


def test_all_reference_rows_come_before_all_alternative_ones():
    ref, alt, other = (TOKENIZER.encode(bases) for bases in ("AA", "CCC", "GG"))
    batch = collate_examples([((ref, alt), np.float32(0.5)), ((other, ref), np.float32(-1))])
    assert batch.input_ids.tolist() == [[7, 7, PAD], [9, 9, PAD], [8, 8, 8], [7, 7, PAD]]
    assert batch.labels.tolist() == [0.5, -1]


def test_batches_in_order_hold_everything_once_the_shortest_first():
    batches = batches_in_order([5, 3, 9, 3, 1], 2)
    assert [[draw.example for draw in batch] for batch in batches] == [[4, 1], [3, 0], [2]]
