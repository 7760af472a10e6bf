"""What each base of a sequence did to what a model says of it: gradients, and their integral.

    one number (log-likelihood of some bases, or the logit of a class)
        -> its gradient by the share of each base at each position                 gradients
        -> that of the base which is there, against the mean of the four           input x gradient
        -> the same along the way from no knowledge to the base which is there     integrated gradients

A position is a mixture of tokens here; that of a sequence has the share 1 of the base which is there. The way
of the integrated gradients begins where every position is a quarter of each base.

Sources: Simonyan et al. 2013, arXiv:1312.6034 (gradients); Sundararajan et al. 2017, arXiv:1703.01365
(integrated gradients); Majdandzic et al. 2023, Genome Biology 24:109 (less the mean of the four bases).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.language_model import LanguageModelHead, next_token_log_probs
from hyenadna_kit.heads.objectives import LabelledHead
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE

NUM_BASES = LAST_BASE - FIRST_BASE + 1


@dataclass(frozen=True, kw_only=True)
class LogLikelihoodTarget:
    """``log p`` in nats of the bases from a position on, each given those before it."""

    first: int
    """The first of these bases, at least 1: what comes first has nothing before it."""

    def of(self, model: HyenaDNA, logits: Tensor, input_ids: Tensor) -> Float[Tensor, " batch"]:
        """Return the number of each sequence."""
        if not isinstance(model.head, LanguageModelHead):
            raise InputError(
                f"a log-likelihood is of a language model, this one has {type(model.head).__name__}"
            )
        if not 1 <= self.first < input_ids.shape[1]:
            raise InputError(
                f"what is explained begins at 1 to {input_ids.shape[1] - 1} of the window, got {self.first}"
            )
        following = input_ids[:, self.first :]
        log_probs = next_token_log_probs(logits[:, self.first - 1 : -1], following)
        is_base = (following >= FIRST_BASE) & (following <= LAST_BASE)
        return torch.where(is_base, log_probs, 0.0).sum(1)


@dataclass(frozen=True, kw_only=True)
class LogitTarget:
    """The logit of a class, a label or a value of a sequence."""

    label: str
    """Its name; of two classes the negative one has the logit of the other with the sign turned."""

    def of(self, model: HyenaDNA, logits: Tensor, input_ids: Tensor) -> Float[Tensor, " batch"]:
        """Return the number of each sequence."""
        del input_ids
        head = model.head
        if not (isinstance(head, LabelledHead) and head.pools):
            raise InputError(f"a label is of a model of whole sequences, this one has {type(head).__name__}")
        names = head.config.labels
        if self.label not in names:
            raise InputError(f"the model has no label {self.label!r}; it has {', '.join(names)}")
        place = names.index(self.label)
        if head.config.objective == "binary":
            return logits[:, 0] if place else -logits[:, 0]
        return logits[:, place]


Target = LogLikelihoodTarget | LogitTarget


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """What each base of a sequence did."""

    value: float
    """The number that is explained."""
    gradients: Float[np.ndarray, "length 4"]
    """Its gradients by the shares of A, C, G and T, less their mean."""
    input_x_gradient: Float[np.ndarray, " length"]
    """Of these, that of the base which is there; 0 where none of the four is."""
    integrated_gradients: Float[np.ndarray, " length"]
    """The same along the way from a quarter of each base; their sum is what the value gains on that way."""
    baseline: float
    """The number where that way begins."""


def attribute(
    model: HyenaDNA, input_ids: Integer[Tensor, " length"], target: Target, *, steps: int = 32
) -> Attribution:
    """Return what each base of a sequence did to a number.

    Args:
        model: In eval mode, of one strand.
        input_ids: Token ids. What is no base stays as it is.
        target: The number.
        steps: Points on the way of the integrated gradients, those of Gauss and Legendre; 32 leave of most
            models' sums less than a thousandth.

    Raises:
        InputError: The model has no such number.
        ValueError: It is being trained, or reads both strands.
    """
    check_single_strand(model)
    weight = model.backbone.embedding_weight
    ids = input_ids.to(weight.device).long()
    there = torch.nn.functional.one_hot(ids, weight.shape[0]).to(weight.dtype)
    is_base = (ids >= FIRST_BASE) & (ids <= LAST_BASE)
    unknown = there.clone()
    unknown[is_base] = 0
    unknown[is_base, FIRST_BASE : LAST_BASE + 1] = 1 / NUM_BASES
    way = there - unknown
    places, weights = np.polynomial.legendre.leggauss(steps)
    value, at_end = _value_and_gradient(model, ids, there, target)
    integrated = torch.zeros_like(way[:, 0], dtype=torch.float64)
    for place, share in zip(places.tolist(), weights.tolist(), strict=True):
        _, gradient = _value_and_gradient(model, ids, unknown + (place + 1) / 2 * way, target)
        integrated += share / 2 * (gradient * way).sum(1).double()
    baseline, _ = _value_and_gradient(model, ids, unknown, target)
    gradients = at_end[:, FIRST_BASE : LAST_BASE + 1].double()
    gradients = torch.where(is_base[:, None], gradients - gradients.mean(1, keepdim=True), 0.0)
    own = there[:, FIRST_BASE : LAST_BASE + 1].double()
    return Attribution(
        value=value,
        gradients=gradients.cpu().numpy(),
        input_x_gradient=(gradients * own).sum(1).cpu().numpy(),
        integrated_gradients=integrated.cpu().numpy(),
        baseline=baseline,
    )


def substitution_effects(
    model: HyenaDNA, input_ids: Integer[Tensor, " length"], target: Target, *, batch_size: int = 64
) -> Float[np.ndarray, "length 4"]:
    """Return by how much a number changes with every change of a single base.

    At the base itself there is NaN.

    Args:
        model: In eval mode.
        input_ids: Token ids. What is no base is left alone.
        target: The number.
        batch_size: Sequences that the model reads at a time.
    """
    ids = input_ids.to(model.backbone.embedding_weight.device).long()
    effects = np.full((len(ids), NUM_BASES), np.nan)
    places = [
        (place, base)
        for place, token in enumerate(ids.tolist())
        for base in range(NUM_BASES)
        if FIRST_BASE <= token <= LAST_BASE and token != FIRST_BASE + base
    ]
    with torch.inference_mode():
        reference = target.of(model, model(ids[None]).logits, ids[None])[0]
        for first in range(0, len(places), batch_size):
            part = places[first : first + batch_size]
            changed = ids.repeat(len(part), 1)
            for row, (place, base) in enumerate(part):
                changed[row, place] = FIRST_BASE + base
            values = target.of(model, model(changed).logits, changed) - reference
            effects[tuple(np.array(part).T)] = values.double().cpu().numpy()
    return effects


def value_of(
    model: HyenaDNA, mixture: Float[Tensor, "length vocab"], ids: Integer[Tensor, " length"], target: Target
) -> Float[Tensor, ""]:
    """Return the number of a sequence whose positions are mixtures of tokens, with its gradient.

    Args:
        model: In eval mode.
        mixture: Shares of the tokens.
        ids: The tokens whose log-likelihood is asked for.
        target: The number.
    """
    embedded = mixture @ model.backbone.embedding_weight.detach()
    with torch.enable_grad(), read_embedded(model, embedded[None]):
        return target.of(model, model(ids[None]).logits, ids[None])[0]


@contextmanager
def read_embedded(model: HyenaDNA, embedded: Float[Tensor, "batch length d_model"]) -> Iterator[None]:
    """Let the model read these vectors, whatever its tokens are, inside the ``with`` block."""
    handle = model.backbone.embeddings.register_forward_hook(lambda *_: embedded)
    try:
        yield
    finally:
        handle.remove()


def check_single_strand(model: HyenaDNA) -> None:
    """Refuse a model that drops at random, or reads each base twice.

    Raises:
        ValueError: It is being trained.
        InputError: It reads both strands.
    """
    if model.training:
        raise ValueError("the model is in training mode, with dropout; call eval() first")
    if model.config.both_strands:
        raise InputError("a model of both strands reads each base twice; explain one of a single strand")


def _value_and_gradient(
    model: HyenaDNA, ids: Tensor, mixture: Tensor, target: Target
) -> tuple[float, Float[Tensor, "length vocab"]]:
    with torch.enable_grad():
        shares = mixture.clone().requires_grad_()
        value = value_of(model, shares, ids, target)
        (gradient,) = torch.autograd.grad(value, shares)
    return value.item(), gradient
