"""The loaders of a pretraining run: the counter stream, and tiled windows for validation."""

import signal
from typing import Any

from lightning import LightningDataModule
from torch.utils.data import DataLoader

from hyenadna_kit.batch import Batch
from hyenadna_kit.training.pretrain_data import DataPlan
from hyenadna_kit.windows.dataset import TiledBatches, WindowDataset, WindowTokens, collate_next_token
from hyenadna_kit.windows.stream import CounterSampler


class PretrainingData(LightningDataModule):
    """Training windows without end, from the step on at which the run stands."""

    def __init__(self, plan: DataPlan, *, batch_size: int, num_workers: int = 0) -> None:
        """Take the data.

        Args:
            plan: What is read.
            batch_size: Windows that one process takes at a time.
            num_workers: Processes that read beside the training process.
        """
        super().__init__()
        self.plan = plan
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.first_step = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the one integer that says where the stream stands."""
        assert self.trainer is not None
        return {"step": self.trainer.global_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another run stood."""
        self.first_step = state_dict["step"]

    def train_dataloader(self) -> DataLoader[WindowTokens]:
        """Return the batches of this process."""
        assert self.trainer is not None
        sampler = CounterSampler(
            batch_size=self.batch_size,
            lengths=self.plan.lengths,
            num_batches=self.trainer.accumulate_grad_batches,
            first_step=self.first_step,
            rank=self.trainer.global_rank,
            num_ranks=self.trainer.world_size,
        )
        return DataLoader(
            WindowDataset(self.plan.source, self.plan.stream, self.plan.weigh),
            batch_sampler=sampler,
            collate_fn=collate_next_token,
            num_workers=self.num_workers,
            worker_init_fn=_ignore_sigterm,
            persistent_workers=self.num_workers > 0,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation batches of this process."""
        assert self.trainer is not None
        mine = self.plan.validation[self.trainer.global_rank :: self.trainer.world_size]
        return DataLoader(TiledBatches(self.plan.source, mine, batch_size=self.batch_size), batch_size=None)


def _ignore_sigterm(worker: int) -> None:
    """Leave SIGTERM to the training process, which ends its workers after the step it is in."""
    del worker
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
