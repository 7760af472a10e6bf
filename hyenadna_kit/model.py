"""HyenaDNA: backbone, head and the tokenizer that the weights belong to."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import BeyondContext
from hyenadna_kit.backbone.memory import PassSize
from hyenadna_kit.backbone.mixers.base import MixerConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.backbone.suffixes import SuffixPlaces
from hyenadna_kit.checkpoint import CONFIG_NAME, Checkpoint, check_num_layers, check_tensors, save_checkpoint
from hyenadna_kit.config import from_mapping, to_mapping
from hyenadna_kit.errors import CheckpointError, InputError
from hyenadna_kit.heads.base import HeadConfig
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.heads.masked_language_model import MaskedLanguageModelHeadConfig
from hyenadna_kit.heads.token_logits import TokenHead
from hyenadna_kit.pretrained.hub import model_folder
from hyenadna_kit.pretrained.reading import load_pretrained
from hyenadna_kit.pretrained.writing import save_in_hf_format
from hyenadna_kit.strands import Strands, complement_logits
from hyenadna_kit.tokenizers.nucleotide import VOCABULARY, NucleotideTokenizerConfig

Layout = Literal["own", "hf"]
"""Formats in which a model is written."""


@dataclass(frozen=True, kw_only=True)
class HyenaDNAConfig:
    """A model: its backbone, its head and its tokenizer."""

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    """Tokens to hidden states."""
    head: HeadConfig = field(default_factory=LanguageModelHeadConfig)
    """Hidden states to outputs."""
    tokenizer: NucleotideTokenizerConfig = field(default_factory=NucleotideTokenizerConfig)
    """Bases to tokens."""
    both_strands: bool = False
    """Read every sequence on both strands with the same weights: a sequence and its reverse complement get
    the same answer. For masked training and classification; it takes twice the time and memory."""

    def __post_init__(self) -> None:
        if self.backbone.vocab_size < len(VOCABULARY):
            raise ValueError(
                f"vocab_size must be at least {len(VOCABULARY)}, the tokens of the vocabulary, "
                f"got {self.backbone.vocab_size}"
            )
        if self.both_strands and self.head.predicts_next:
            raise ValueError(
                "both_strands shows each position what follows it, which a head that predicts the next token "
                "must not see; take a masked_language_model head, or both_strands false"
            )
        if self.head.predicts_next and not self.backbone.mixers.causal:
            raise ValueError(
                "a head that predicts the next token needs a causal mixer, got a bidirectional one"
            )
        hides = isinstance(self.head, MaskedLanguageModelHeadConfig)
        if hides and self.backbone.mixers.causal and not self.both_strands:
            raise ValueError(
                "a masked_language_model head guesses tokens from both sides, and every mixer is causal; "
                "take a bidirectional mixer, or both_strands true"
            )

    def pass_size(self, batch: int, length: int) -> PassSize:
        """Return what decides how much memory a pass over so many sequences takes."""
        rows = 2 if self.both_strands else 1
        return self.backbone.pass_size(batch, length, rows_per_sequence=rows)

    def build(self) -> "HyenaDNA":
        """Return a model with freshly drawn weights."""
        return HyenaDNA(self)


class HyenaDNAOutput(NamedTuple):
    """What a model returns."""

    logits: Float[Tensor, "..."]
    """What its head makes of the hidden states. Of a language model, ``batch length vocab``: unnormalised
    log-probabilities of the *next* token. Of a sequence head ``batch outputs``, of a nucleotide head
    ``batch bins outputs``, of a variant-effect head ``variants outputs``, half as many rows as the batch;
    ``model.head.predictions(logits)`` are their probabilities or values."""
    last_hidden_state: Float[Tensor, "batch length d_model"]
    """Hidden states after the final norm."""


class HyenaDNA(nn.Module):
    """A HyenaDNA model.

    model = HyenaDNA.from_pretrained("folder")
    out = model(torch.tensor([[7, 8, 9, 10]]))
    out.logits                  # batch length vocab
    """

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = config.backbone.build()
        self.head = config.head.build(config.backbone)
        self.tokenizer = config.tokenizer.build()

    def forward(
        self,
        input_ids: Integer[Tensor, "batch length"],
        attention_mask: Bool[Tensor, "batch length"] | None = None,
        *,
        read_from: int = 0,
    ) -> HyenaDNAOutput:
        """Run the model on token ids of any integer dtype.

        Args:
            input_ids: Token ids. Longer input than the trained context is allowed.
            attention_mask: False where a position is padding; None where there is none. Padding on
                the right needs no mask where the model is causal and its head reads position by position.
            read_from: First position that is returned and read by the head; those before it are its context.

        Raises:
            ValueError: There is no token or no position ``read_from``, or it is not 0 and the model reads
                both strands.
        """
        if self.config.both_strands:
            return self._read_both_strands(input_ids, attention_mask, read_from)
        hidden_states = self.backbone(input_ids, attention_mask, read_from=read_from)
        read_mask = None if attention_mask is None else attention_mask[:, read_from:]
        return HyenaDNAOutput(self._head_logits(hidden_states, read_mask), hidden_states)

    def _head_logits(self, hidden_states: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        logits: Tensor = self.head(hidden_states, self.backbone.embedding_weight, attention_mask)
        return logits

    def _read_both_strands(
        self, input_ids: Tensor, attention_mask: Tensor | None, read_from: int
    ) -> HyenaDNAOutput:
        if read_from:
            raise ValueError(f"a model of both strands reads whole sequences, got read_from={read_from}")
        strands = Strands(input_ids, attention_mask)
        first, second = self.backbone(strands.ids, strands.mask).chunk(2)
        hidden_states = strands.mean(first, second)
        if isinstance(self.head, TokenHead):
            complement = complement_logits(self._head_logits(second))
            return HyenaDNAOutput(strands.mean(self._head_logits(first), complement), hidden_states)
        if not self.head.pools:
            return HyenaDNAOutput(self._head_logits(hidden_states, attention_mask), hidden_states)
        # Each strand in its own reading direction: the last token of one is the first of the other.
        pooled = [self._head_logits(strand, attention_mask) for strand in (first, second)]
        return HyenaDNAOutput((pooled[0] + pooled[1]) / 2, hidden_states)

    def forward_with_suffixes(
        self,
        input_ids: Integer[Tensor, "batch length"],
        suffix_ids: Integer[Tensor, "suffixes suffix_length"],
        places: SuffixPlaces,
        *,
        read_from: int = 0,
    ) -> tuple[HyenaDNAOutput, HyenaDNAOutput]:
        """Run the model on sequences and on changed ends of them, without gradients.

        See :meth:`~hyenadna_kit.backbone.backbone.Backbone.forward_with_suffixes`.
        """
        states = self.backbone.forward_with_suffixes(input_ids, suffix_ids, places, read_from=read_from)
        with torch.no_grad():
            whole, suffixes = (HyenaDNAOutput(self._head_logits(each), each) for each in states)
        return whole, suffixes

    @property
    def context_length(self) -> int:
        """Most tokens the model was trained on."""
        return self.config.backbone.context_length

    def with_context_length(self, context_length: int, *, mode: BeyondContext | None = None) -> Self:
        """Return a model of the same weights that reads another number of tokens.

        The filters go on measuring distance by the length they were trained on: with every mode but
        ``interpolate`` the outputs at the first positions stay as they are.

        Args:
            context_length: Tokens of its windows from now on.
            mode: What the filters do beyond the trained length, see
                :class:`~hyenadna_kit.backbone.filters.FilterConfig`; None leaves it as it is.

        Raises:
            TypeError: ``context_length`` is no whole number.
            ValueError: ``context_length`` is less than 2, the mode is unknown, or one is named and no layer
                has filters.
        """
        if not isinstance(context_length, int):
            raise TypeError(f"context_length must be a whole number, got {context_length!r}")
        backbone = self.config.backbone
        longer = replace(backbone, context_length=context_length, trained_length=backbone.filter_unit)
        config = replace(self.config, backbone=longer)
        return self._with_config(config if mode is None else _with_tail(config, mode))

    def with_filter_taps(self, max_taps: int) -> Self:
        """Return a model of the same weights whose filters end after so many taps.

        Nothing further upstream is seen: what a stream keeps of a sequence grows no more.

        Args:
            max_taps: Taps of every filter that is longer.

        Raises:
            ValueError: It is less than 1.
            InputError: Filters are stretched to the length of the input.
        """
        if self.config.backbone.mixers.stretches:
            raise InputError(
                "taps end filters, and beyond_context 'interpolate' stretches them; leave taps out"
            )
        return self._with_config(_with_filters(self.config, max_taps=max_taps))

    def _with_config(self, config: HyenaDNAConfig) -> Self:
        """Return a model of the same weights, on the same device and in the same mode."""
        model = type(self)(config)
        parameter = next(self.parameters())
        model.to(device=parameter.device, dtype=parameter.dtype)
        model.load_tensors(self._own_tensors(), source="this model")
        return model.train(self.training)

    @property
    def num_parameters(self) -> int:
        """Number of weights, shared ones counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def save_pretrained(
        self, folder: str | Path, *, dtype: torch.dtype | None = None, layout: Layout = "own"
    ) -> None:
        """Write ``config.json``, ``model.safetensors`` and ``tokenizer.json`` into ``folder``.

        Args:
            folder: Where; it is made where there is none.
            dtype: Number format of the stored weights; None is that of the model.
            layout: ``own``, or ``hf`` for files that the published ``-hf`` code loads: of language models
                alone, and with less said of what only training needs.

        Raises:
            ValueError: A weight is beyond the largest number of ``dtype``.
            InputError: The published code has no such model.
        """
        tensors = {name: tensor.to(dtype or tensor.dtype) for name, tensor in self._own_tensors().items()}
        for name, tensor in tensors.items():
            if not tensor.isfinite().all() and self._own_tensors()[name].isfinite().all():
                raise ValueError(f"{name} has values beyond the largest number of {dtype}")
        if layout == "hf":
            save_in_hf_format(Path(folder), self.config.backbone, self.config.head, tensors)
            return
        save_checkpoint(Path(folder), Checkpoint(to_mapping(self.config), tensors))
        self.tokenizer.save_pretrained(Path(folder))

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        beyond_context: BeyondContext | None = None,
    ) -> Self:
        """Read a model: our own format, the original published one or the ``-hf`` one.

        Args:
            name: Local folder with ``config.json`` and the weights; or the name of a model that comes with
                the package, as ``ecoli-tiny``; or a repository of the Hugging Face hub, as
                ``LongSafari/hyenadna-small-32k-seqlen``, which is fetched once; see
                :mod:`hyenadna_kit.pretrained.hub`.
            revision: Branch, tag or commit of such a repository; None is its newest state.
            beyond_context: What the filters do beyond the trained length; None takes what the
                folder says (published weights: ``truncate``).

        Returns:
            The model in eval mode, in float32, on the CPU.

        Raises:
            CheckpointError: A file is missing, damaged or unsafe, the weights do not fit, or the hub has no
                such model or cannot be reached.
            ConfigError: ``config.json`` has an unknown key or a value of the wrong kind.
        """
        path = model_folder(name, revision=revision)
        checkpoint = load_pretrained(path)
        config = from_mapping(HyenaDNAConfig, checkpoint.config, str(path / CONFIG_NAME))
        cls._check_fit(config, checkpoint.tensors, str(path))
        model = cls(config if beyond_context is None else _with_tail(config, beyond_context))
        model.load_tensors(checkpoint.tensors, source=str(path))
        return model.eval()

    @classmethod
    def _check_fit(cls, config: HyenaDNAConfig, tensors: Mapping[str, Tensor], source: str) -> None:
        """Refuse tensors that are not those of a configuration, before memory is taken for what it says."""
        check_num_layers(tensors, config.backbone.num_layers, source)
        try:
            with torch.device("meta"):
                expected = cls(config)._own_tensors()  # noqa: SLF001 - of its own class
        except RuntimeError as error:
            raise CheckpointError(f"{source}: a model of this {CONFIG_NAME} is too large: {error}") from None
        check_tensors(tensors, expected, source)
        for name, tensor in tensors.items():
            if not tensor.isfinite().all():
                raise CheckpointError(
                    f"{source}: {name} holds NaN or infinity; take weights of an earlier step"
                )

    def fingerprint(self) -> str:
        """Return a SHA-256 over names, shapes and values of the weights, in hexadecimal.

        It does not depend on the format of the folder or on the device.
        """
        digest = hashlib.sha256()
        for name, tensor in sorted(self._own_tensors().items()):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            digest.update(tensor.cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def load_tensors(self, tensors: Mapping[str, Tensor], *, source: str) -> None:
        """Take the values of ``tensors``, which must fit exactly; ``source`` names them in errors."""
        own = self._own_tensors()
        check_tensors(tensors, own, source)
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(tensors[name])

    def _own_tensors(self) -> dict[str, Tensor]:
        """Return every parameter once: shared ones under their first name."""
        return {name: parameter.detach() for name, parameter in self.named_parameters()}


def _with_tail(config: HyenaDNAConfig, beyond_context: BeyondContext) -> HyenaDNAConfig:
    backbone = config.backbone
    if not any(backbone.mixers.filter_modes):
        raise InputError(
            f"beyond_context={beyond_context!r} is for Hyena mixers, this one is "
            f"{type(backbone.mixer).__name__}; leave it out"
        )
    return _with_filters(config, beyond_context=beyond_context)


def _with_filters(config: HyenaDNAConfig, **options: Any) -> HyenaDNAConfig:
    """Return a configuration with other options of its filters."""
    backbone = config.backbone
    mixer = _with_filters_of(backbone.mixer, options)
    other = backbone.other_mixer and _with_filters_of(backbone.other_mixer, options)
    return replace(config, backbone=replace(backbone, mixer=mixer, other_mixer=other))


def _with_filters_of(mixer: MixerConfig, options: dict[str, Any]) -> MixerConfig:
    """Return the mixer with other filters; one that has none is left alone."""
    if not isinstance(mixer, HyenaConfig):
        return mixer
    return replace(mixer, filter=replace(mixer.filter, **options))
