"""Write a language model as the published ``-hf`` repositories have theirs, which their code then loads.

    config.json  model.safetensors  tokenizer_config.json

The files name the published code where it lies on the hub; none of it is copied or run here.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import PositionFeatures, decay_rates
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.checkpoint import save_model_files
from hyenadna_kit.config import to_mapping
from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.heads.base import HeadConfig
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.pretrained.formats import HF, PUBLISHED_SHIFT
from hyenadna_kit.tokenizers.nucleotide import VOCABULARY

_CODE = "LongSafari/hyenadna-tiny-1k-seqlen-hf"
_AUTO_MAP = {
    "AutoConfig": f"{_CODE}--configuration_hyena.HyenaConfig",
    "AutoModel": f"{_CODE}--modeling_hyena.HyenaDNAModel",
    "AutoModelForCausalLM": f"{_CODE}--modeling_hyena.HyenaDNAForCausalLM",
    "AutoModelForSequenceClassification": f"{_CODE}--modeling_hyena.HyenaDNAForSequenceClassification",
}
_TOKENIZER_CLASS = "HyenaDNATokenizer"
_CONSTANT = {
    "architectures": ["HyenaDNAForCausalLM"],
    "auto_map": _AUTO_MAP,
    **HF.inert,
    "initializer_range": 0.02,
    "pad_token_id": VOCABULARY.index("[PAD]"),
    "tie_word_embeddings": False,
}
# What the published code has no key for, or another value in than its key says.
_BACKBONE_OF_THE_CODE = {"other_mixer": None, "layer_norm_epsilon": 1e-5}
_MIXER_OF_THE_CODE = {"order": 2, "bidirectional": False}
_FILTER_OF_THE_CODE = {
    "modulate": True,
    "shift": PUBLISHED_SHIFT,
    "fast_decay_fraction": 0.3,
    "slow_decay_fraction": 1.5,
    "decay_target": 1e-2,
    "max_taps": None,
}
_EMBEDDING = "backbone.embeddings.word_embeddings.weight"
_FILTER = "backbone.layers.{}.mixer.filter_fn."


def save_in_hf_format(
    folder: Path, backbone: BackboneConfig, head: HeadConfig, tensors: Mapping[str, Tensor]
) -> None:
    """Write a model that the published ``-hf`` code computes as we do, up to its context length.

    Args:
        folder: Where; it is made where there is none.
        backbone: Of the model.
        head: Of the model.
        tensors: Its weights, under our names, in one number format.

    Raises:
        InputError: The published code has no such model; everything that it lacks is named.
    """
    if lacking := list(_not_in_the_code(backbone, head)):
        raise InputError(f"the published -hf code has no such model: {'; '.join(lacking)}")
    mixer = backbone.mixer
    assert isinstance(mixer, HyenaConfig)
    dtype = tensors[_EMBEDDING].dtype
    parts = ((HF.backbone, backbone), (HF.mixer, mixer), (HF.filter, mixer.filter))
    config: dict[str, Any] = {**_CONSTANT, "torch_dtype": str(dtype).removeprefix("torch.")}
    for names, part in parts:
        values = to_mapping(part)
        config |= {theirs: values[ours] for theirs, ours in names.items()}
    config["d_inner"] = backbone.d_inner or 4 * backbone.d_model
    tokenizer = {
        "tokenizer_class": _TOKENIZER_CLASS,
        "auto_map": {"AutoTokenizer": [f"{_CODE}--tokenization_hyena.{_TOKENIZER_CLASS}", None]},
        "model_max_length": backbone.context_length,
        "padding_side": "left",
    }
    published = dict(tensors)
    published.setdefault("head.weight", tensors[_EMBEDDING].clone())
    tables = _tables(backbone, mixer)
    for layer in range(backbone.num_layers):
        # Copies: the format has no room for tensors that share their memory.
        own = {_FILTER.format(layer) + name: table.clone() for name, table in tables.items()}
        published = own | published
    save_model_files(folder, config, published)
    with atomic_file(folder / "tokenizer_config.json") as path:
        path.write_text(json.dumps(tokenizer, indent=2) + "\n", encoding="utf-8")


def _not_in_the_code(backbone: BackboneConfig, head: HeadConfig) -> Iterator[str]:
    """Yield what of a model the published code cannot compute."""
    mixer = backbone.mixer
    if not isinstance(head, LanguageModelHeadConfig):
        yield f"its models are language models, this head is {type(head).__name__}"
    if not isinstance(mixer, HyenaConfig):
        yield f"its mixers are Hyena, this one is {type(mixer).__name__}"
        return
    for part, of_the_code in (
        (backbone, _BACKBONE_OF_THE_CODE | {"trained_length": backbone.context_length}),
        (mixer, _MIXER_OF_THE_CODE),
        (mixer.filter, _FILTER_OF_THE_CODE),
    ):
        for name, value in of_the_code.items():
            own = getattr(part, name)
            if own != value and own is not None:
                yield f"{name} is {own}, there {value}"


def _tables(backbone: BackboneConfig, mixer: HyenaConfig) -> dict[str, Tensor]:
    """Return what the published code stores of each filter beside its weights, computed by our formulas.

    In float32 whatever the weights are in: in shorter numbers neighbouring positions are one.
    """
    length = backbone.context_length
    positions = PositionFeatures(mixer.filter, length)
    tables = {
        "pos_emb.z": positions.formula(length)[None],
        "pos_emb.t": positions.times(length)[None, :, None],
        "modulation.deltas": -decay_rates(mixer.filter, backbone.d_model * (mixer.order - 1))[None, None],
    }
    return {name: table.float() for name, table in tables.items()}
