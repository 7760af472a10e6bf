"""The small CNN beside a fine-tuned model: the same examples, rules and seeds.

In: a fine-tuning task. Out: predictions of every table but the training one.

As the model it takes its best epoch by the validation table, ends where patience does, reads the examples of
each epoch in the same order and on the same strands, and predicts the mean of both. Its optimiser is its own.
"""

import copy
import math
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from hyenadna_kit.batch import LabelledBatch
from hyenadna_kit.devices import pick_device
from hyenadna_kit.training.finetune import FinetuneTask, Selection
from hyenadna_kit.training.finetune_data import TRAIN, VALIDATION, in_order
from hyenadna_kit.training.optim import OptimizerConfig, build_optimizer, build_schedule
from hyenadna_kit.training.predictions import in_table_order
from hyenadna_kit.training.small_cnn import SmallCNN
from hyenadna_kit.windows.epochs import EpochSampler
from hyenadna_kit.windows.examples import ExampleDataset, Examples, collate_examples

OPTIMIZER = OptimizerConfig(learning_rate=1e-3, weight_decay=0.0)
"""Adam at its usual rate, with the schedule of every training."""


def small_cnn_predictions(
    task: FinetuneTask, selection: Selection, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Train the network, and return its predictions for validation and test, one row an example.

    On one machine they are a pure function of the task and the seed.

    Args:
        task: What is learnt.
        selection: What chooses among the epochs.
        seed: Of weights, order and strands.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _build(task).to(pick_device("auto"))
        network.load_state_dict(_best_weights(network, task, selection, seed))
    others = {side: each for side, each in task.data.examples.items() if side != TRAIN}
    return {side: _predict(network, each, task) for side, each in others.items()}


def _build(task: FinetuneTask) -> SmallCNN:
    sides = task.data.examples.values()
    longest = max(max(examples.pieces.lengths) for examples in sides)
    alleles = len(task.data.examples[TRAIN].pieces.tokens(0))
    return SmallCNN(task.data.head, length=longest, alleles=alleles)


def _best_weights(
    network: SmallCNN, task: FinetuneTask, selection: Selection, seed: int
) -> dict[str, Tensor]:
    """Train the network, and return its weights after the epoch with the best validation."""
    config, validation = task.config, task.data.examples[VALIDATION]
    sampler = EpochSampler(
        lengths=task.data.examples[TRAIN].pieces.lengths, batch_size=config.batch_size, seed=seed
    )
    examples = ExampleDataset(task.data.examples[TRAIN], seed=seed, reverse_fraction=config.reverse_fraction)
    batches = iter(DataLoader(examples, batch_sampler=sampler, collate_fn=collate_examples))
    optimizer = build_optimizer(network, OPTIMIZER)
    schedule = build_schedule(optimizer, OPTIMIZER, config.epochs * sampler.steps_per_epoch)
    best, best_score, since = copy.deepcopy(network.state_dict()), -math.inf, 0
    for _ in range(config.epochs):
        for batch in islice(batches, sampler.steps_per_epoch):
            _step(network, optimizer, batch)
            schedule.step()
        score = selection.score(validation.labels, _predict(network, validation, task))
        since += 1
        if score > best_score:
            best, best_score, since = copy.deepcopy(network.state_dict()), score, 0
        if since >= config.patience:
            break
    return best


def _step(network: SmallCNN, optimizer: torch.optim.Optimizer, batch: LabelledBatch) -> None:
    device = network.head.linear.weight.device
    network.train()
    loss = network.head.loss(network(batch.input_ids.to(device)), batch.labels.to(device))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), OPTIMIZER.gradient_clip)
    optimizer.step()


def _predict(network: SmallCNN, examples: Examples, task: FinetuneTask) -> NDArray[np.float32]:
    config, device = task.config, network.head.linear.weight.device
    network.eval()
    found: list[Tensor] = []
    with torch.inference_mode():
        for batch in in_order(examples, config.batch_size):
            input_ids, mask = batch.input_ids.to(device), batch.attention_mask
            logits = (
                network.both_strands(input_ids, None if mask is None else mask.to(device))
                if config.reads_both_strands
                else network(input_ids)
            )
            found.append(network.head.predictions(logits).float().cpu())
    return in_table_order(torch.cat(found), examples, config.batch_size)
