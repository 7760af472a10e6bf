"""The loader: the same batches whoever reads them, from any step on."""

from itertools import islice
from types import SimpleNamespace

import pytest
import torch

from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome_store import build_store
from hyenadna_kit.testing import write_toy_genome
from hyenadna_kit.training.datamodule import PretrainingData
from hyenadna_kit.training.pretrain_data import DataPlan
from hyenadna_kit.windows.layout import tile_windows
from hyenadna_kit.windows.stream import CounterStream, LengthSchedule

LENGTH, GLOBAL_BATCH, SEED = 32, 8, 4


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("genome")
    return build_store([write_toy_genome(folder / "g.fa", length=10_000)], folder / "store")


def data(genome, *, batch_size=GLOBAL_BATCH, rank=0, num_ranks=1, accumulate=1, **options):
    regions = [Interval("toy1", 100, 5000), Interval("toy2", 0, 900)]
    lengths = LengthSchedule(final=LENGTH, initial=16, steps_per_length=2)
    stream = CounterStream(regions, lengths, batch_size=GLOBAL_BATCH, seed=SEED)
    tiles = list(tile_windows(Interval("toy3", 0, 500), LENGTH))
    plan = DataPlan(
        source=genome, stream=stream, lengths=lengths, validation=tiles, weigh=None, masking=None, record={}
    )
    module = PretrainingData(plan, batch_size=batch_size, **options)
    module.trainer = SimpleNamespace(
        global_step=0, accumulate_grad_batches=accumulate, global_rank=rank, world_size=num_ranks
    )
    return module


def batches(module, number):
    return list(islice(module.train_dataloader(), number))


def assert_equal(one, other):
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert torch.equal(left.input_ids, right.input_ids)
        assert torch.equal(left.labels, right.labels)


def test_batches_are_the_items_of_the_stream(genome):
    module = data(genome)
    for step, batch in enumerate(batches(module, 3)):
        # Windows of half the length are twice as many; each step has numbers for the most of them.
        first, windows = 2 * step * GLOBAL_BATCH, 2 * GLOBAL_BATCH if step < 2 else GLOBAL_BATCH
        items = range(first, first + windows)
        tokens = [genome.tokens(module.plan.stream[item]).tolist() for item in items]
        assert batch.input_ids.tolist() == [window[:-1] for window in tokens]
        assert batch.labels.tolist() == [
            [token if token <= 10 else IGNORED_LABEL for token in window[1:]] for window in tokens
        ]
        assert batch.input_ids.shape[1] == (16 if step < 2 else 32)


def test_workers_change_nothing(genome):
    assert_equal(batches(data(genome, num_workers=2), 12), batches(data(genome), 12))


def test_ranks_and_accumulation_divide_a_step(genome):
    whole = batches(data(genome), 3)
    parts = [batches(data(genome, batch_size=2, rank=r, num_ranks=2, accumulate=2), 6) for r in range(2)]
    for step, batch in enumerate(whole):
        pieces = [parts[rank][2 * step + number] for number in range(2) for rank in range(2)]
        assert torch.equal(torch.cat([piece.input_ids for piece in pieces]), batch.input_ids)


@pytest.mark.parametrize("step", [1, 2, 5])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_loader_goes_on_where_an_unbroken_one_would(genome, step, accumulate):
    options = {"batch_size": GLOBAL_BATCH // accumulate, "accumulate": accumulate}
    unbroken = batches(data(genome, **options), 7 * accumulate)
    stopped, resumed = data(genome, **options), data(genome, **options)
    stopped.trainer.global_step = step
    state = stopped.state_dict()
    assert state == {"step": step}
    resumed.load_state_dict(state)
    assert_equal(batches(resumed, (7 - step) * accumulate), unbroken[step * accumulate :])


def test_ranks_divide_the_validation(genome):
    whole = list(data(genome).val_dataloader())
    ranks = [list(data(genome, rank=rank, num_ranks=3).val_dataloader()) for rank in range(3)]
    assert len({len(batches) for batches in ranks}) == 1  # no rank waits for a batch of another
    parts = [row for batches in ranks for batch in batches for row in batch.labels if row.max() >= 0]
    assert sorted(row.tolist() for row in parts) == sorted(row.tolist() for b in whole for row in b.labels)
    assert sum(int((batch.labels != IGNORED_LABEL).sum()) for batch in whole) == 500


def test_processes_that_share_windows_hold_their_parts_in_order(genome):
    whole = batches(data(genome, rank=0, num_ranks=2), 3)
    for first in (0, 2):
        windows = batches(data(genome, rank=first // 2, num_ranks=2), 3)
        pair = [data(genome, rank=rank, num_ranks=4, context_parallel=2) for rank in (first, first + 1)]
        for number, batch in enumerate(windows):
            parts = [module.on_before_batch_transfer(batches(module, 3)[number], 0) for module in pair]
            assert [part.input_ids.shape[1] for part in parts] == [batch.input_ids.shape[1] // 2] * 2
            assert torch.equal(torch.cat([part.input_ids for part in parts], dim=1), batch.input_ids)
            assert torch.equal(torch.cat([part.labels for part in parts], dim=1), batch.labels)
    assert not torch.equal(whole[0].input_ids, windows[0].input_ids)
