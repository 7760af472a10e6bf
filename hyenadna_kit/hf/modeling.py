"""Models in the manner of transformers: hidden states, next tokens, classes of sequences."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
from jaxtyping import Integer, Real
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import (
    BaseModelOutputWithNoAttention,
    CausalLMOutput,
    SequenceClassifierOutput,
)

from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.checkpoint import own_name
from hyenadna_kit.config import to_mapping
from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.heads.objectives import Objective
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.hf.configuration import HyenaDNAPretrainedConfig
from hyenadna_kit.model import HyenaDNA, HyenaDNAOutput

_OBJECTIVES: dict[str | None, Objective] = {
    None: "multiclass",
    "single_label_classification": "multiclass",
    "multi_label_classification": "multilabel",
    "regression": "regression",
}
_KEYS_OF_LABELS = ("num_labels", "id2label", "label2id", "problem_type")
_WITHOUT_EFFECT = ("trust_remote_code", "adapter_kwargs")
_REMEDIES = {
    "cache_dir": "the environment variable HF_HOME says where fetched files lie",
    "token": "log in by `hf auth login`",
    "local_files_only": "set the environment variable HF_HUB_OFFLINE",
    "device_map": "call .to(device)",
}


class HyenaDNAPreTrainedModel(PreTrainedModel):
    """A model of ours with the names and the calls that transformers expects."""

    config_class = HyenaDNAPretrainedConfig
    base_model_prefix = "hyena"
    supports_gradient_checkpointing = True

    def __init__(self, config: HyenaDNAPretrainedConfig, model: HyenaDNA | None = None) -> None:
        """Take a model; None builds the one of the configuration, with freshly drawn weights."""
        model = self._with_head(config.own.build() if model is None else model, config)
        config.config = to_mapping(model.config)
        super().__init__(config)
        self.hyena = model
        self.num_labels = config.num_labels
        self.register_load_state_dict_pre_hook(_to_names_of_modules)
        if self.can_generate():
            self.generation_config.use_cache = False

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        config: HyenaDNAPretrainedConfig | None = None,
        revision: str | None = None,
        dtype: torch.dtype | str | None = None,
        torch_dtype: torch.dtype | str | None = None,
        **options: Any,
    ) -> Self:
        """Read a model as :meth:`hyenadna_kit.model.HyenaDNA.from_pretrained` does, in eval mode.

        Args:
            pretrained_model_name_or_path: Folder or name.
            config: Says how many labels a new classifier has, and of which kind.
            revision: Of a repository of the hub.
            dtype: Number format of the weights, or its name in PyTorch; None and ``auto`` take float32.
            torch_dtype: Its former name.
            options: Keys of the configuration that are to be others, as ``num_labels``.

        Raises:
            InputError: An option is for what is not done here, or the model has another head.
            CheckpointError: As there.
        """
        for name in [name for name in options if name not in _KEYS_OF_LABELS]:
            if options.pop(name) and name not in _WITHOUT_EFFECT:
                remedy = _REMEDIES.get(name, f"known are {', '.join(_KEYS_OF_LABELS)}")
                raise InputError(f"from_pretrained of these models has no option {name}; {remedy}")
        model = HyenaDNA.from_pretrained(pretrained_model_name_or_path, revision=revision)
        found = HyenaDNAPretrainedConfig(config=to_mapping(model.config))
        if config is not None:
            options = {name: getattr(config, name) for name in _KEYS_OF_LABELS} | options
        for name, value in options.items():
            setattr(found, name, value)
        found.name_or_path = str(pretrained_model_name_or_path)
        wrapped = cls(found, model)
        dtype = torch_dtype if dtype is None else dtype
        if dtype not in (None, "auto"):
            wrapped.to(_dtype(dtype))
        return wrapped.eval()

    def save_pretrained(
        self, save_directory: str | Path, *, state_dict: dict[str, Tensor] | None = None, **options: Any
    ) -> None:
        """Write a model folder of ours.

        Args:
            save_directory: Where.
            state_dict: Weights to write instead of those of this model, which stays as it is.
            options: Of transformers; those that upload or rename files are refused.

        Raises:
            InputError: Such an option is there.
        """
        if options.get("is_main_process") is False:
            return
        for name in ("push_to_hub", "variant"):
            if options.get(name):
                raise InputError(f"save_pretrained of these models has no option {name}; leave it out")
        model = self.hyena
        if state_dict is not None:
            model = HyenaDNA(model.config)
            model.load_state_dict(
                {name.removeprefix("hyena."): tensor for name, tensor in state_dict.items()}
            )
        model.save_pretrained(save_directory)

    def gradient_checkpointing_enable(self, *_: Any, **__: Any) -> None:
        """Let the backward pass compute activations again; there is one way."""
        self.hyena.backbone.recompute_activations(enabled=True)

    def gradient_checkpointing_disable(self) -> None:
        """Keep activations."""
        self.hyena.backbone.recompute_activations(enabled=False)

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding of the tokens."""
        embedding: nn.Module = self.hyena.backbone.embeddings.word_embeddings
        return embedding

    def _init_weights(self, module: nn.Module) -> None:
        """Leave weights as they were drawn or read."""

    @classmethod
    def _with_head(cls, model: HyenaDNA, config: HyenaDNAPretrainedConfig) -> HyenaDNA:
        """Return the model with the head of this class."""
        del config
        return model

    def _read(
        self, input_ids: Tensor, attention_mask: Tensor | None, options: dict[str, Any]
    ) -> HyenaDNAOutput:
        for name in ("output_hidden_states", "output_attentions"):
            if options.get(name):
                raise InputError(
                    f"these models have no {name}; hyenadna-kit embed writes states of any layer"
                )
        return self.hyena(input_ids, None if attention_mask is None else attention_mask.bool())


class HyenaDNAModel(HyenaDNAPreTrainedModel):
    """Hidden states; the head that a model has is left alone."""

    def forward(
        self,
        input_ids: Integer[Tensor, "batch length"],
        attention_mask: Integer[Tensor, "batch length"] | None = None,
        **options: Any,
    ) -> BaseModelOutputWithNoAttention:
        """Return ``last_hidden_state``, after the final norm.

        Args:
            input_ids: Token ids.
            attention_mask: 0 where a position is padding.
            options: Of transformers; states of layers and attentions are refused.
        """
        return BaseModelOutputWithNoAttention(
            last_hidden_state=self._read(input_ids, attention_mask, options).last_hidden_state
        )


class HyenaDNAForCausalLM(HyenaDNAPreTrainedModel, GenerationMixin):
    """Logits of the next token.

    ``generate`` reads the whole sequence for each token again; :func:`hyenadna_kit.generate` of ``.hyena``
    keeps what it needs of it and draws the same tokens in a small part of the time.
    """

    def forward(
        self,
        input_ids: Integer[Tensor, "batch length"],
        attention_mask: Integer[Tensor, "batch length"] | None = None,
        labels: Integer[Tensor, "batch length"] | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **options: Any,
    ) -> CausalLMOutput:
        """Return ``logits`` over the whole vocabulary, and with labels the mean ``loss``.

        Args:
            input_ids: Token ids.
            attention_mask: 0 where a position is padding.
            labels: Token ids, as a rule those of ``input_ids``: each is compared with what the position
                before it says. -100 where none is asked for.
            num_items_in_batch: Labels of all batches of a step, which the sum of the losses, in nats, is
                divided by.
            options: Of transformers; states of layers and attentions are refused.
        """
        logits = self._read(input_ids, attention_mask, options).logits
        if labels is None:
            return CausalLMOutput(logits=logits)
        following = labels[:, 1:]
        loss = self.hyena.head.loss(logits[:, :-1], following)
        if num_items_in_batch is not None:
            loss = loss * (following != IGNORED_LABEL).sum() / num_items_in_batch
        return CausalLMOutput(loss=loss, logits=logits)

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any
    ) -> dict[str, Tensor | None]:
        """Return what :meth:`forward` is called with for the next token: everything so far."""
        return {"input_ids": input_ids, "attention_mask": attention_mask}

    @classmethod
    def _with_head(cls, model: HyenaDNA, config: HyenaDNAPretrainedConfig) -> HyenaDNA:
        del config
        if not isinstance(model.config.head, LanguageModelHeadConfig):
            raise InputError(
                f"this model is no language model, its head is {type(model.config.head).__name__}; "
                "take AutoModelForSequenceClassification or AutoModel"
            )
        return model


class HyenaDNAForSequenceClassification(HyenaDNAPreTrainedModel):
    """Logits of whole sequences; a language model gets a new head, on the mean of the states.

    Of a binary head of ours, which has one logit, the other class has the logit 0.
    """

    def forward(
        self,
        input_ids: Integer[Tensor, "batch length"],
        attention_mask: Integer[Tensor, "batch length"] | None = None,
        labels: Real[Tensor, "batch ..."] | None = None,
        **options: Any,
    ) -> SequenceClassifierOutput:
        """Return ``logits``, one a label, and the mean ``loss`` where there are labels.

        Args:
            input_ids: Token ids.
            attention_mask: 0 where a position is padding.
            labels: Numbers of the classes; of several labels 0 and 1, of regression numbers, a column
                for each label.
            options: Of transformers; states of layers and attentions are refused.
        """
        head = self.hyena.config.head
        assert isinstance(head, SequenceHeadConfig)
        logits = self._read(input_ids, attention_mask, options).logits
        loss = None if labels is None else self.hyena.head.loss(logits, labels)
        if head.objective == "binary":
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        elif head.objective == "regression":
            logits = self.hyena.head.predictions(logits)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    @classmethod
    def _with_head(cls, model: HyenaDNA, config: HyenaDNAPretrainedConfig) -> HyenaDNA:
        if isinstance(model.config.head, SequenceHeadConfig):
            if config.num_labels != len(model.config.head.labels):
                raise InputError(
                    f"this classifier has {len(model.config.head.labels)} labels, not {config.num_labels}; "
                    "for others begin at the language model that it was made from"
                )
            return model
        if config.problem_type not in _OBJECTIVES:
            known = ", ".join(name for name in _OBJECTIVES if name)
            raise InputError(f"problem_type must be one of {known}, got {config.problem_type!r}")
        objective = _OBJECTIVES[config.problem_type]
        labels = tuple(str(config.id2label[number]) for number in range(config.num_labels))
        if config.num_labels == 1 and config.problem_type is None:
            objective = "regression"
        head = SequenceHeadConfig(objective=objective, labels=labels)
        classifier = HyenaDNA(replace(model.config, head=head))
        classifier.backbone.load_state_dict(model.backbone.state_dict())
        return classifier


def _dtype(name: torch.dtype | str | None) -> torch.dtype:
    found = getattr(torch, name, None) if isinstance(name, str) else name
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise InputError(f"dtype must be float32, bfloat16, float16, float64 or auto, got {name!r}")
    return found


def _to_names_of_modules(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Give the weights of a file, which has the published names, those of the modules here."""
    for name in [name for name in state if name.startswith((f"{prefix}head.", f"{prefix}lm_head."))]:
        state[f"{prefix}hyena.{own_name(name.removeprefix(prefix))}"] = state.pop(name)
    # One frequency serves all layers of a filter and stands in the file once.
    for name in [prefix + name for name in module.state_dict() if name.endswith(".freq")]:
        first = re.sub(r"\.\d+\.freq$", ".1.freq", name)
        if first in state:
            state.setdefault(name, state[first])
