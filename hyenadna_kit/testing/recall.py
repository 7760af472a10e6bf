"""Associative recall: which base stood behind this word, earlier in the sequence?

    ACG T N  GGA C N  TTC T N   then every word once more, in another order   GGA ? N  TTC ? N  ACG ? N

In: how many pairs, and a seed. Out: sequences, models that were trained on them, and the share of bases that
they get right. What a fixed filter adds to a position depends on distances; here it must depend on what
stands there. Attention compares the words.

Source: Poli et al. 2023, arXiv:2302.10866, section 4.1; with every key asked for, as in Arora et al. 2023,
arXiv:2312.04927.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, N

_NUM_BASES = 4
_WARM_UP = 0.1
_LEARNING_RATE = 2e-3
_TESTED_SEQUENCES = 256


@dataclass(frozen=True, kw_only=True)
class RecallTask:
    """Sequences of pairs of a word and a base, and then of the words again."""

    num_pairs: int = 8
    """Pairs of a sequence, each with a word of its own."""
    word_length: int = 3
    """Bases of a word."""

    def __post_init__(self) -> None:
        if not 1 <= self.num_pairs <= _NUM_BASES**self.word_length:
            raise ValueError(
                f"num_pairs must be 1 to {_NUM_BASES**self.word_length}, the number of words of "
                f"{self.word_length} bases, got {self.num_pairs}"
            )

    @property
    def length(self) -> int:
        """Tokens of a sequence."""
        return 2 * self.num_pairs * (self.word_length + 2)

    @property
    def answers(self) -> Int[Tensor, " pairs"]:
        """Positions of the bases that are asked for; those before them predict them."""
        return torch.arange(self.length // 2 + self.word_length, self.length, self.word_length + 2)

    def draw(self, count: int, generator: torch.Generator) -> Int[Tensor, "batch length"]:
        """Return the token ids of some sequences."""
        numbers = torch.rand(count, _NUM_BASES**self.word_length, generator=generator).argsort(1)
        places = _NUM_BASES ** torch.arange(self.word_length)
        words = numbers[:, : self.num_pairs, None] // places % _NUM_BASES
        values = torch.randint(_NUM_BASES, (count, self.num_pairs, 1), generator=generator)
        pairs = pad(torch.cat([words, values], dim=2) + FIRST_BASE, (0, 1), value=N)
        order = torch.rand(count, self.num_pairs, generator=generator).argsort(1)
        asked = pairs[torch.arange(count)[:, None], order]
        return torch.cat([pairs, asked], dim=1).flatten(1)


def learn_recall(
    config: HyenaDNAConfig, task: RecallTask, *, num_steps: int, batch_size: int = 32, seed: int = 0
) -> HyenaDNA:
    """Return a model that was trained on the task, in eval mode.

    AdamW with warm-up and a linear decay; weights begin at 1 / sqrt(inputs), larger than those of a
    model for genomes: so narrow a one would begin with nothing but its embedding.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = config.build().train()
    _widen(model, generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_LEARNING_RATE, weight_decay=0.0)
    for step in range(num_steps):
        risen, left = (step + 1) / (_WARM_UP * num_steps), 1 - step / num_steps
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * min(1.0, risen) * left
        input_ids = task.draw(batch_size, generator)
        logits = model(input_ids).logits[:, task.answers - 1]
        loss = cross_entropy(logits.flatten(0, 1), input_ids[:, task.answers].flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


def recall_accuracy(model: HyenaDNA, task: RecallTask, *, seed: int = 1_000_000) -> float:
    """Return the share of bases that a model recalls in sequences it was not trained on."""
    input_ids = task.draw(_TESTED_SEQUENCES, torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        logits = model(input_ids).logits[:, task.answers - 1]
    return (logits.argmax(2) == input_ids[:, task.answers]).double().mean().item()


def counting_accuracy(task: RecallTask, *, seed: int = 1_000_000) -> float:
    """Return the share that is right where the answer is the most frequent base of the pairs."""
    input_ids = task.draw(_TESTED_SEQUENCES, torch.Generator().manual_seed(seed))
    bases = input_ids[:, task.answers]
    return (bases == bases.mode(1, keepdim=True).values).double().mean().item()


def _widen(model: HyenaDNA, generator: torch.Generator) -> None:
    """Draw all matrices anew but for those of the filters."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and ".filter_fn." not in name:
                parameter.normal_(std=parameter.shape[1] ** -0.5, generator=generator)
