"""Windows to tokens and batches, against strings."""

import numpy as np
import pytest
import torch
from Bio.Seq import Seq

from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.windows.dataset import TiledBatches, WindowDataset, WindowTokens, collate_next_token
from hyenadna_kit.windows.layout import tile_windows

IDS = {"A": 7, "C": 8, "G": 9, "T": 10, "N": 11}
CONTIGS = {"one": "ACGTTNNGCAaccgtRGTTAACCGT", "two": "GGGGACGTACGATCGATTTTACG"}
READ = {name: bases.upper().replace("R", "N") for name, bases in CONTIGS.items()}


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in CONTIGS.items()))
    return Fasta(path)


def ids(bases):
    return [IDS[base] for base in bases]


def test_items_are_the_tokens_of_their_windows_on_their_strand(genome):
    windows = [Interval("one", 2, 9), Interval("two", 3, 12).reverse_complement(), Interval("two", 20, 27)]
    dataset = WindowDataset(genome, windows)
    assert dataset[0].tokens.tolist() == ids(READ["one"][2:9])
    assert dataset[1].tokens.tolist() == ids(str(Seq(READ["two"][3:12]).reverse_complement()))
    assert dataset[2].tokens.tolist() == ids("ACGNNNN")


def test_next_tokens_are_labels_unless_they_are_n(genome):
    windows = [Interval("one", 2, 10), Interval("one", 9, 17)]
    batch = collate_next_token([WindowTokens(genome.tokens(window)) for window in windows])
    assert batch.input_ids.tolist() == [ids("GTTNNGC"), ids("AACCGTN")]
    assert batch.labels.tolist() == [
        [10, 10, IGNORED_LABEL, IGNORED_LABEL, 9, 8, 7],
        [7, 8, 8, 9, 10, IGNORED_LABEL, 9],
    ]


def test_weights_of_a_window_are_those_of_the_bases_to_predict(genome):
    windows = [Interval("one", 2, 6), Interval("two", 0, 4).reverse_complement()]
    weights = {window: np.float32(range(10 * row, 10 * row + 4)) for row, window in enumerate(windows)}
    dataset = WindowDataset(genome, windows, weights.__getitem__)
    batch = collate_next_token([dataset[0], dataset[1]])
    assert batch.weights.tolist() == [[1, 2, 3], [11, 12, 13]]
    assert collate_next_token([WindowDataset(genome, windows)[0]]).weights is None


@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.parametrize("length", [2, 5, 16, 64])
def test_tiled_batches_label_every_base_once(genome, batch_size, length):
    regions = [Interval("one", 0, 25), Interval("two", 4, 21)]
    tiles = [tile for region in regions for tile in tile_windows(region, length)]
    dataset = TiledBatches(genome, tiles, batch_size=batch_size)
    seen = []
    batches = [dataset[index] for index in range(len(dataset))]
    rows = [row for batch in batches for row in zip(batch.input_ids, batch.labels, strict=True)]
    for tile, (inputs, labels) in zip(tiles, rows, strict=True):
        for index in torch.nonzero(labels != IGNORED_LABEL).flatten().tolist():
            position = tile.window.start + 1 + index
            assert labels[index] == IDS[READ[tile.window.contig][position]]
            before = [token for token in inputs[: index + 1].tolist() if token != IDS["N"]]
            known = READ[tile.window.contig][max(0, tile.window.start) : position].replace("N", "")
            assert before == ids(known)
            seen.append((tile.window.contig, position))
    expected = [
        (region.contig, position)
        for region in regions
        for position in range(region.start, region.end)
        if READ[region.contig][position] != "N"
    ]
    assert seen == expected


@pytest.mark.parametrize(("num_windows", "sizes"), [(4, [4]), (5, [4, 1]), (3, [3]), (0, [])])
def test_last_batch_may_be_smaller(genome, num_windows, sizes):
    tiles = list(tile_windows(Interval("two", 0, 23), 4))[:num_windows]
    dataset = TiledBatches(genome, tiles, batch_size=4)
    assert [len(dataset[index].labels) for index in range(len(dataset))] == sizes
