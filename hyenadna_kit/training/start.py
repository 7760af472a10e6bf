"""What a run begins with: fresh weights, or those of a trained model, maybe at another length.

In: the options of a run. Out: the options with the model that is trained, and its weights.
"""

from dataclasses import replace
from typing import NamedTuple

from hyenadna_kit.errors import InputError
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.training.pretrain_config import PretrainConfig


class Start(NamedTuple):
    """What a run begins with."""

    config: PretrainConfig
    """The options; where weights are taken over, with their model."""
    model: HyenaDNA | None
    """The weights; None for fresh ones."""

    def fresh_model(self) -> HyenaDNA:
        """Return the model to be trained; fresh weights are drawn now."""
        return self.config.model.build() if self.model is None else self.model.train()

    @property
    def record(self) -> dict[str, str | None]:
        """What decides the result of the run beside the options."""
        return {"start_fingerprint": None if self.model is None else self.model.fingerprint()}


def prepare_start(config: PretrainConfig) -> Start:
    """Return what a run begins with.

    Raises:
        InputError: A model is described beside the folder whose weights are taken, or the lengths of windows
            and steps do not go with its length.
        CheckpointError: The folder is damaged.
    """
    if config.start_from is None:
        return Start(config, None)
    model = HyenaDNA.from_pretrained(config.start_from)
    described = (HyenaDNAConfig(), model.config)
    if (config.length or 0) > model.context_length:
        model = model.with_context_length(config.length or 0)
    # A resumed run describes the model that was lengthened.
    if config.model not in (*described, model.config):
        raise InputError(
            f"the model is that of start_from {config.start_from}, and --model describes another one; leave "
            "--model out"
        )
    config = replace(config, model=model.config)
    config.check_lengths()
    return Start(config, model)
