"""The configuration of a model in the manner of transformers."""

from typing import Any

from transformers import PreTrainedConfig

from hyenadna_kit.checkpoint import CONFIG_NAME, FORMAT, MODEL_TYPE
from hyenadna_kit.config import from_mapping, to_mapping
from hyenadna_kit.heads.objectives import LabelledHeadConfig
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.pretrained.formats import HF
from hyenadna_kit.pretrained.reading import published_config

_PROBLEMS = {
    "binary": "single_label_classification",
    "multiclass": "single_label_classification",
    "multilabel": "multi_label_classification",
    "regression": "regression",
}


class HyenaDNAPretrainedConfig(PreTrainedConfig):
    """Configuration of a model in transformers' manner; ``own`` is that of this package."""

    model_type = MODEL_TYPE

    def __init__(self, **keys: Any) -> None:
        """Take the keys of a ``config.json``: of a folder of ours, or of a published one."""
        self.format = keys.pop("format", FORMAT)
        self.config: dict[str, Any] = keys.pop("config", None) or _config_of(keys)
        head = self.own.head
        if isinstance(head, LabelledHeadConfig) and head.labels:
            keys.setdefault("id2label", dict(enumerate(head.labels)))
            keys.setdefault("label2id", {label: number for number, label in enumerate(head.labels)})
            keys.setdefault("problem_type", _PROBLEMS[head.objective])
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


def _config_of(keys: dict[str, Any]) -> dict[str, Any]:
    """Return our configuration of a published one, whose keys are taken out; where none is, the default."""
    published = {name: keys[name] for name in keys if name in HF.names}
    if not published.keys() >= HF.required:
        return to_mapping(HyenaDNAConfig())
    for name in (*HF.backbone, *HF.mixer, *HF.filter):
        keys.pop(name, None)
    return published_config(published, CONFIG_NAME)
