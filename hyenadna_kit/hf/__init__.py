"""Models for those who work with the transformers library: import this, and its Auto classes know them.

    import hyenadna_kit.hf
    from transformers import AutoModelForCausalLM, AutoTokenizer
    model = AutoModelForCausalLM.from_pretrained("LongSafari/hyenadna-tiny-1k-seqlen-hf")

reads published ``-hf`` repositories and our own model folders, strictly and without the code that a
repository brings along. What these classes save are model folders of ours, which every command reads. An
``attention_mask`` is honoured: padding on either side changes no output of a base.
"""

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from hyenadna_kit.hf.configuration import HyenaDNAPretrainedConfig
from hyenadna_kit.hf.modeling import HyenaDNAForCausalLM, HyenaDNAForSequenceClassification, HyenaDNAModel
from hyenadna_kit.hf.tokenization import HyenaDNATokenizer

__all__ = [
    "HyenaDNAForCausalLM",
    "HyenaDNAForSequenceClassification",
    "HyenaDNAModel",
    "HyenaDNAPretrainedConfig",
    "HyenaDNATokenizer",
]

AutoConfig.register(HyenaDNAPretrainedConfig.model_type, HyenaDNAPretrainedConfig)
AutoModel.register(HyenaDNAPretrainedConfig, HyenaDNAModel)
AutoModelForCausalLM.register(HyenaDNAPretrainedConfig, HyenaDNAForCausalLM)
AutoModelForSequenceClassification.register(HyenaDNAPretrainedConfig, HyenaDNAForSequenceClassification)
AutoTokenizer.register(HyenaDNAPretrainedConfig, slow_tokenizer_class=HyenaDNATokenizer)
