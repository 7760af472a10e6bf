"""A language model on sequences that grow: logits of the next token, from what is kept of those before."""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from hyenadna_kit.backbone.mixer_stream import StreamSize
from hyenadna_kit.backbone.streaming import BackboneStream
from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.language_model import LanguageModelHead
from hyenadna_kit.model import HyenaDNA


class LanguageModelStream:
    """What a model keeps of sequences that it reads token by token.

    stream = LanguageModelStream(model, StreamSize(batch=1, prompt_length=1000, num_steps=500))
    logits = stream.read_prompt(prompt_ids)     # batch vocab, of the first token behind the prompt
    logits = stream.step(next_ids)[:, -1]       # batch vocab, of the token after
    """

    def __init__(self, model: HyenaDNA, size: StreamSize) -> None:
        """Make room for the sequences.

        Args:
            model: In eval mode; the stream is where its parameters are, in their dtype.
            size: Room for them.

        Raises:
            InputError: The model predicts no next token, or its weights are shorter than float32.
            ValueError: It is being trained, or cannot go on from what it has seen.
        """
        if not isinstance(model.head, LanguageModelHead):
            raise InputError(f"a stream needs a language model, this one has {type(model.head).__name__}")
        if (dtype := model.backbone.embedding_weight.dtype).itemsize < torch.float32.itemsize:
            raise InputError(
                f"a stream computes in float32 or float64, this model is in {dtype}; call .float()"
            )
        self.model = model
        self.stream = BackboneStream(model.backbone, size)

    @torch.no_grad()
    def read_prompt(self, input_ids: Integer[Tensor, "batch length"]) -> Float[Tensor, "batch vocab"]:
        """Read the beginning at once; return the logits of the token behind it."""
        return self._logits(self.stream.read_prompt(input_ids))[:, -1]

    @torch.no_grad()
    def step(self, input_ids: Integer[Tensor, "batch step"]) -> Float[Tensor, "batch step vocab"]:
        """Read the next tokens; return at each the logits of the token after it."""
        return self._logits(self.stream.step(input_ids))

    def _logits(self, states: Tensor) -> Tensor:
        logits: Tensor = self.model.head(states, self.model.backbone.embedding_weight)
        return logits
