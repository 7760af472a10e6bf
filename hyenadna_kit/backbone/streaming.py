"""The backbone token by token: the states of a position, from what is kept of the positions before it.

    prompt  ->  block by block, whole                       what it adds to the positions behind it is kept
    tokens  ->  one step through all blocks  ->  states     then the inputs of all long convolutions meet
                                                            what is still to come, in one go

The states are those of a pass over the whole sequence, up to rounding. Of every channel and layer as many
numbers are kept as there will be steps, or as its filter has taps if these are fewer.
"""

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from hyenadna_kit.backbone.backbone import Backbone
from hyenadna_kit.backbone.memory import plan_inference
from hyenadna_kit.backbone.mixer_stream import MixerStream, StreamSize
from hyenadna_kit.ops.online_conv import OnlineConvolution


class BackboneStream:
    """Sequences that grow, seen by a backbone in eval mode; without gradients."""

    def __init__(self, backbone: Backbone, size: StreamSize) -> None:
        """Make room for the sequences.

        Raises:
            ValueError: The backbone is being trained, or a mixer cannot go on from what it has seen.
        """
        if backbone.training:
            raise ValueError("the backbone is in training mode, with dropout; call eval() first")
        backbone.config.mixers.check_streams()
        self.size = size
        self.position = 0
        """Tokens that have been read."""
        self._backbone = backbone
        self._convolution, self._streams = _streams(backbone, size)

    @property
    def num_bytes(self) -> int:
        """Bytes that are kept of the sequences."""
        return self._convolution.num_bytes if self._convolution else 0

    @torch.no_grad()
    def read_prompt(self, input_ids: Integer[Tensor, "batch length"]) -> Float[Tensor, "batch 1 d_model"]:
        """Read the beginning of the sequences at once; return the states at its last position.

        Raises:
            ValueError: There is no token, tokens have been read before, or it is not the prompt that there
                is room for.
        """
        if self.position or input_ids.shape != (self.size.batch, self.size.prompt_length):
            raise ValueError(
                f"expected a prompt of {self.size.batch} x {self.size.prompt_length} tokens first of all, "
                f"got {tuple(input_ids.shape)} behind {self.position}"
            )
        backbone = self._backbone
        plans = plan_inference(backbone.config.pass_size(*input_ids.shape), backbone.room(input_ids.device))
        residual = backbone.residual(input_ids)
        for block, stream, plan in zip(backbone.blocks, self._streams, plans, strict=True):
            block.read_prompt_(residual, stream, plan)
        self.position = input_ids.shape[1]
        return backbone.final_norm_(residual[:, -1:].clone())

    @torch.no_grad()
    def step(self, input_ids: Integer[Tensor, "batch step"]) -> Float[Tensor, "batch step d_model"]:
        """Read the next tokens; return their states after the final norm.

        Raises:
            ValueError: It is not as many tokens as a step has, or there is no room for more.
        """
        if input_ids.shape != (self.size.batch, self.size.step):
            raise ValueError(
                f"a step has {self.size.batch} x {self.size.step} tokens, got {tuple(input_ids.shape)}"
            )
        if self.size.num_tokens is not None and self.position + self.size.step > self.size.num_tokens:
            raise ValueError(f"there is room for {self.size.num_tokens} tokens, and these are more")
        residual = self._backbone.residual(input_ids)
        for block, stream in zip(self._backbone.blocks, self._streams, strict=True):
            block.step_(residual, stream)
        if self._convolution is not None:
            self._convolution.advance()
        self.position += self.size.step
        return self._backbone.final_norm_(residual)


def _streams(backbone: Backbone, size: StreamSize) -> tuple[OnlineConvolution | None, list[MixerStream]]:
    """Return the streams of all mixers, and the long convolutions that they have in common."""
    filters = [block.mixer.stream_filters(size) for block in backbone.blocks]
    num_taps = max((each.shape[1] for each in filters), default=0)
    stacked = torch.cat([nn.functional.pad(each, (0, num_taps - each.shape[1])) for each in filters])
    convolution = None
    if len(stacked):
        convolution = OnlineConvolution(stacked, batch=size.batch, num_steps=size.num_steps, step=size.step)
    streams, first = [], 0
    for block, rows in zip(backbone.blocks, map(len, filters), strict=True):
        streams.append(block.mixer.stream(size, convolution, first))
        first += rows
    return convolution, streams
