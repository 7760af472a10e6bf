"""The loaders of a pretraining run: the counter stream, and tiled windows for validation."""

import signal
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from hyenadna_kit.batch import Batch
from hyenadna_kit.training.pretrain_data import DataPlan
from hyenadna_kit.windows.dataset import TiledBatches, WindowDataset, collate_next_token
from hyenadna_kit.windows.layout import TiledWindow
from hyenadna_kit.windows.masking import MaskedDataset, MaskedTiles, collate_masked
from hyenadna_kit.windows.stream import CounterSampler


class PretrainingData(LightningDataModule):
    """Training windows without end, from the step on at which the run stands."""

    def __init__(
        self, plan: DataPlan, *, batch_size: int, num_workers: int = 0, context_parallel: int = 1
    ) -> None:
        """Take the data.

        Args:
            plan: What is read.
            batch_size: Windows that one process takes at a time.
            num_workers: Processes that read beside the training process.
            context_parallel: Processes, one after the other, that share a window: each reads all of it and
                takes its part of the tokens.
        """
        super().__init__()
        self.plan = plan
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.context_parallel = context_parallel
        self.first_step = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the one integer that says where the stream stands."""
        assert self.trainer is not None
        return {"step": self.trainer.global_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another run stood."""
        self.first_step = state_dict["step"]

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of this process."""
        assert self.trainer is not None
        rank, num_ranks = self._rank_of_windows
        sampler = CounterSampler(
            batch_size=self.batch_size,
            lengths=self.plan.lengths,
            num_batches=self.trainer.accumulate_grad_batches,
            first_step=self.first_step,
            rank=rank,
            num_ranks=num_ranks,
        )
        plan = self.plan
        dataset: Dataset[Any] = WindowDataset(plan.source, plan.stream, plan.weigh)
        if plan.masking is not None:
            dataset = MaskedDataset(plan.source, plan.stream, plan.masking, plan.weigh)
        return DataLoader(
            dataset,
            batch_sampler=sampler,
            collate_fn=collate_next_token if plan.masking is None else collate_masked,
            num_workers=self.num_workers,
            worker_init_fn=ignore_sigterm,
            persistent_workers=self.num_workers > 0,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation batches of this process."""
        mine = share_windows(self.plan.validation, *self._rank_of_windows)
        source, masking = self.plan.source, self.plan.masking
        tiles: Dataset[Batch] = TiledBatches(source, mine, batch_size=self.batch_size)
        if masking is not None:
            tiles = MaskedTiles(source, mine, masking, batch_size=self.batch_size)
        return DataLoader(tiles, batch_size=None)

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Return the tokens of each window that this process takes."""
        del dataloader_idx
        assert self.trainer is not None
        parts, part = self.context_parallel, self.trainer.global_rank % self.context_parallel
        input_ids, labels, weights = (
            None if each is None else each.chunk(parts, dim=1)[part] for each in batch
        )
        assert input_ids is not None
        assert labels is not None
        return Batch(input_ids, labels, weights)

    @property
    def _rank_of_windows(self) -> tuple[int, int]:
        """The number of this process among those that take other windows, and how many they are."""
        assert self.trainer is not None
        parts = self.context_parallel
        return self.trainer.global_rank // parts, self.trainer.world_size // parts


def share_windows(windows: Sequence[TiledWindow], rank: int, num_ranks: int) -> list[TiledWindow]:
    """Return the windows of one rank; all have as many, some a last one that scores nothing."""
    mine = list(windows[rank::num_ranks])
    if rank >= len(windows) % num_ranks > 0:
        window = windows[0].window
        mine.append(TiledWindow(window, replace(window, start=window.start + 1, end=window.start + 1)))
    return mine


def ignore_sigterm(worker: int) -> None:
    """Leave SIGTERM to the training process, which ends its workers after the step it is in."""
    del worker
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
