"""Models for those who work with the transformers library: import this, and its Auto classes know them.

    import hyenadna_kit.hf
    from transformers import AutoModelForCausalLM, AutoTokenizer
    model = AutoModelForCausalLM.from_pretrained("LongSafari/hyenadna-tiny-1k-seqlen-hf")

reads published ``-hf`` repositories and our own model folders, strictly and without the code that a
repository brings along. What these classes save are model folders of ours, which every command reads. An
``attention_mask`` is honoured: padding on either side changes no output of a base.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
from jaxtyping import Integer, Real
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizer,
)
from transformers.modeling_outputs import (
    BaseModelOutputWithNoAttention,
    CausalLMOutput,
    SequenceClassifierOutput,
)

from hyenadna_kit.checkpoint import CONFIG_NAME, FORMAT, MODEL_TYPE, own_name
from hyenadna_kit.config import from_mapping, to_mapping
from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.heads.objectives import Objective
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig, HyenaDNAOutput
from hyenadna_kit.pretrained.formats import HF
from hyenadna_kit.pretrained.reading import published_config
from hyenadna_kit.tokenizers.nucleotide import VOCABULARY, NucleotideTokenizer

_IGNORED_LABEL = -100
_OBJECTIVES: dict[str | None, Objective] = {
    None: "multiclass",
    "single_label_classification": "multiclass",
    "multi_label_classification": "multilabel",
    "regression": "regression",
}
_KEYS_OF_LABELS = ("num_labels", "id2label", "label2id", "problem_type")
_KEYS_OF_TOKENIZER = ("padding_side", "model_max_length")
_WITHOUT_EFFECT = ("trust_remote_code", "adapter_kwargs")
_REMEDIES = {
    "cache_dir": "the environment variable HF_HOME says where fetched files lie",
    "token": "log in by `hf auth login`",
    "local_files_only": "set the environment variable HF_HUB_OFFLINE",
    "device_map": "call .to(device)",
}


class HyenaDNAPretrainedConfig(PreTrainedConfig):
    """Configuration of a model in transformers' manner; ``own`` is that of this package."""

    model_type = MODEL_TYPE

    def __init__(self, **keys: Any) -> None:
        """Take the keys of a ``config.json``: of a folder of ours, or of a published one."""
        self.format = keys.pop("format", FORMAT)
        self.config: dict[str, Any] = keys.pop("config", None) or _config_of(keys)
        labels = getattr(self.own.head, "labels", ())
        if labels:
            keys.setdefault("id2label", dict(enumerate(labels)))
            keys.setdefault("label2id", {label: number for number, label in enumerate(labels)})
        super().__init__(**keys)

    @property
    def own(self) -> HyenaDNAConfig:
        """The configuration as this package has it."""
        return from_mapping(HyenaDNAConfig, self.config, "config")

    @property
    def hidden_size(self) -> int:
        """Width of the hidden states."""
        return self.own.backbone.d_model

    @property
    def vocab_size(self) -> int:
        """Columns of the logits of a language model."""
        return self.own.backbone.padded_vocab_size


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
        self.register_load_state_dict_pre_hook(_to_names_of_modules)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        config: HyenaDNAPretrainedConfig | None = None,
        revision: str | None = None,
        dtype: torch.dtype | str | None = None,
        **options: Any,
    ) -> Self:
        """Read a model as :meth:`hyenadna_kit.model.HyenaDNA.from_pretrained` does, in eval mode.

        Args:
            pretrained_model_name_or_path: Folder or name.
            config: Says how many labels a new classifier has, and of which kind.
            revision: Of a repository of the hub.
            dtype: Number format of the weights; None and ``auto`` take float32.
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
        return (wrapped.to(dtype) if isinstance(dtype, torch.dtype) else wrapped).eval()

    def save_pretrained(
        self, save_directory: str | Path, *, state_dict: dict[str, Tensor] | None = None, **options: Any
    ) -> None:
        """Write a model folder of ours.

        Args:
            save_directory: Where.
            state_dict: Weights to write instead of those of this model, which stays as it is.
            options: Of transformers; those that split, upload or rename files are refused.

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

    def _read(self, input_ids: Tensor, attention_mask: Tensor | None) -> HyenaDNAOutput:
        return self.hyena(input_ids, None if attention_mask is None else attention_mask.bool())


class HyenaDNAModel(HyenaDNAPreTrainedModel):
    """Hidden states; the head that a model has is left alone."""

    def forward(
        self,
        input_ids: Integer[Tensor, "batch length"],
        attention_mask: Integer[Tensor, "batch length"] | None = None,
        **_: Any,
    ) -> BaseModelOutputWithNoAttention:
        """Return ``last_hidden_state``, after the final norm.

        Args:
            input_ids: Token ids.
            attention_mask: 0 where a position is padding.
        """
        return BaseModelOutputWithNoAttention(
            last_hidden_state=self._read(input_ids, attention_mask).last_hidden_state
        )


class HyenaDNAForCausalLM(HyenaDNAPreTrainedModel):
    """Logits of the next token."""

    def forward(
        self,
        input_ids: Integer[Tensor, "batch length"],
        attention_mask: Integer[Tensor, "batch length"] | None = None,
        labels: Integer[Tensor, "batch length"] | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **_: Any,
    ) -> CausalLMOutput:
        """Return ``logits`` over the whole vocabulary, and the mean ``loss`` in nats where there are labels.

        Args:
            input_ids: Token ids.
            attention_mask: 0 where a position is padding.
            labels: Token ids, as a rule those of ``input_ids``: each is compared with what the position
                before it says. -100 where none is asked for.
            num_items_in_batch: Labels of all batches of a step, which the sum of the losses is divided by.
        """
        logits = self._read(input_ids, attention_mask).logits
        if labels is None:
            return CausalLMOutput(logits=logits)
        said, following = logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten().long()
        loss = functional.cross_entropy(said, following, ignore_index=_IGNORED_LABEL, reduction="sum")
        count = (following != _IGNORED_LABEL).sum() if num_items_in_batch is None else num_items_in_batch
        return CausalLMOutput(loss=loss / count, logits=logits)

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
    """Logits of whole sequences: of a language model by a new head, which reads the mean of the states.

    Of a binary head of ours, which has one logit, the other class has the logit 0.
    """

    def forward(
        self,
        input_ids: Integer[Tensor, "batch length"],
        attention_mask: Integer[Tensor, "batch length"] | None = None,
        labels: Real[Tensor, "batch ..."] | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Return ``logits``, one a label, and the mean ``loss`` where there are labels.

        Args:
            input_ids: Token ids.
            attention_mask: 0 where a position is padding.
            labels: Numbers of the classes; of several labels 0 and 1, of regression numbers, a column
                for each label.
        """
        head = self.hyena.config.head
        assert isinstance(head, SequenceHeadConfig)
        logits = self._read(input_ids, attention_mask).logits
        if head.objective == "binary":
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        elif head.objective == "regression":
            logits = self.hyena.head.predictions(logits)
        if labels is None:
            return SequenceClassifierOutput(logits=logits)
        return SequenceClassifierOutput(loss=_loss(head.objective, logits.float(), labels), logits=logits)

    @classmethod
    def _with_head(cls, model: HyenaDNA, config: HyenaDNAPretrainedConfig) -> HyenaDNA:
        if isinstance(model.config.head, SequenceHeadConfig):
            return model
        objective = _OBJECTIVES[config.problem_type]
        labels = tuple(str(config.id2label[number]) for number in range(config.num_labels))
        if config.num_labels == 1 and config.problem_type is None:
            objective = "regression"
        head = SequenceHeadConfig(objective=objective, labels=labels)
        classifier = HyenaDNA(replace(model.config, head=head))
        classifier.backbone.load_state_dict(model.backbone.state_dict())
        return classifier


class HyenaDNATokenizer(PreTrainedTokenizer):
    """One base, one token, and ``[SEP]`` behind the last as the published tokenizer has it.

    Unlike that one it reads lower case, and other IUPAC codes as N. Special tokens are read by their names.
    """

    vocab_files_names: dict[str, str] = {}  # noqa: RUF012 (as transformers declares it)
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(self, *, padding_side: str = "left", **keys: Any) -> None:
        """Take the keys of a ``tokenizer_config.json``; characters and ids are always the same."""
        self._nucleotides = NucleotideTokenizer()
        names = ("bos", "sep", "cls", "pad", "mask", "unk")
        keys |= {f"{name}_token": f"[{name.upper()}]" for name in names}
        super().__init__(padding_side=padding_side, **keys | {"eos_token": "[SEP]"})

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, *_: Any, **options: Any) -> Self:
        """Return the tokenizer, which is the same for every model.

        Args:
            pretrained_model_name_or_path: A folder may have a ``tokenizer_config.json`` with another
                ``padding_side`` or ``model_max_length``.
            options: These two by name go before it.
        """
        path = Path(pretrained_model_name_or_path, "tokenizer_config.json")
        keys = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        keys |= options
        return cls(**{name: keys[name] for name in _KEYS_OF_TOKENIZER if name in keys})

    @property
    def vocab_size(self) -> int:
        """Number of tokens."""
        return len(VOCABULARY)

    def get_vocab(self) -> dict[str, int]:
        """Return the id of each token."""
        return {token: number for number, token in enumerate(VOCABULARY)}

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write nothing: the vocabulary is always the same."""
        del save_directory, filename_prefix
        return ()

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """Return the ids with ``[SEP]`` behind each sequence."""
        end = [self.sep_token_id]
        return token_ids_0 + end if token_ids_1 is None else token_ids_0 + end + token_ids_1 + end

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        return [VOCABULARY[token] for token in self._nucleotides.encode(text)]

    def _convert_token_to_id(self, token: str) -> int:
        return VOCABULARY.index(token) if token in VOCABULARY else VOCABULARY.index("[UNK]")

    def _convert_id_to_token(self, index: int) -> str:
        return VOCABULARY[index]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """Return the bases."""
        return "".join(tokens)


def _config_of(keys: dict[str, Any]) -> dict[str, Any]:
    """Return our configuration of a published one, whose keys are taken out; where none is, the default."""
    published = {name: keys[name] for name in keys if name in HF.names}
    if not published.keys() >= HF.required:
        return to_mapping(HyenaDNAConfig())
    for name in (*HF.backbone, *HF.mixer, *HF.filter):
        keys.pop(name, None)
    return published_config(published, CONFIG_NAME)


def _loss(objective: Objective, logits: Tensor, labels: Tensor) -> Tensor:
    if objective == "regression":
        return functional.mse_loss(logits, labels.view_as(logits).float())
    if objective == "multilabel":
        return functional.binary_cross_entropy_with_logits(logits, labels.float())
    return functional.cross_entropy(logits, labels.long())


def _to_names_of_modules(_: nn.Module, state: dict[str, Tensor], prefix: str, *__: Any) -> None:
    """Give the weights of a file, which has the published names, those of the modules here."""
    for name in [name for name in state if name.startswith((f"{prefix}head.", f"{prefix}lm_head."))]:
        state[f"{prefix}hyena.{own_name(name.removeprefix(prefix))}"] = state.pop(name)


AutoConfig.register(HyenaDNAPretrainedConfig.model_type, HyenaDNAPretrainedConfig)
AutoModel.register(HyenaDNAPretrainedConfig, HyenaDNAModel)
AutoModelForCausalLM.register(HyenaDNAPretrainedConfig, HyenaDNAForCausalLM)
AutoModelForSequenceClassification.register(HyenaDNAPretrainedConfig, HyenaDNAForSequenceClassification)
AutoTokenizer.register(HyenaDNAPretrainedConfig, slow_tokenizer_class=HyenaDNATokenizer)
