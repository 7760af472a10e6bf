"""Read a model folder in any published format: configuration and tensors, never the class.

    own       config.json {"format": "hyenadna_kit.model/1"}   model.safetensors
    -hf       config.json {"model_type": "hyenadna"}           model.safetensors
    original  config.json {"layer": {...}}                     weights.ckpt

Unknown keys are errors that name them; :mod:`~hyenadna_kit.pretrained.formats` lists the known ones.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig, PositionFeatures, decay_rates
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.checkpoint import (
    CONFIG_NAME,
    FORMAT,
    MODEL_TYPE,
    Checkpoint,
    load_checkpoint,
    read_config,
    read_safetensors,
    weights_file,
)
from hyenadna_kit.config import from_mapping, nearest, to_mapping
from hyenadna_kit.errors import CheckpointError
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.pretrained.formats import HF, ORIGINAL, PUBLISHED_SHIFT, Schema
from hyenadna_kit.restricted_pickle import read_checkpoint_file

_POSITION_TOLERANCE = 1e-5
_EMBEDDING = "backbone.embeddings.word_embeddings.weight"
_HEAD = "head.weight"
_FEATURES, _TIMES, _RATES = ".pos_emb.z", ".pos_emb.t", ".modulation.deltas"


def load_pretrained(folder: Path) -> Checkpoint:
    """Read a model folder of any format.

    Args:
        folder: A local folder with ``config.json`` and the weights.

    Returns:
        Our configuration as plain data, and the tensors under our names.

    Raises:
        CheckpointError: The folder is of no known format; a key or a tensor is unknown, missing or
            unsupported; a file is damaged or unsafe.
    """
    config = read_config(folder)
    if config.get("format") == FORMAT:
        return load_checkpoint(folder, config)
    source = str(folder / CONFIG_NAME)
    if config.get("model_type") == MODEL_TYPE:
        return _translate(config, HF, folder, trained_features=True)
    if isinstance(config.get("layer"), dict):
        layer = config.pop("layer")
        # Trained position features are a property of the file only where their rate is not zero.
        trained = bool(layer.get("lr_pos_emb", 0.0))
        return _translate(config | layer, ORIGINAL, folder, trained_features=trained)
    raise CheckpointError(
        f"{source} is of no known format: expected format {FORMAT!r}, model_type 'hyenadna' or a 'layer', "
        f"got the keys {sorted(config)[:8]}"
    )


def published_config(keys: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return our configuration of a published ``-hf`` one, as plain data; weights are not read.

    Raises:
        CheckpointError: A key is unknown, missing or unsupported; ``source`` names them in errors.
    """
    return _config(_backbone(keys, HF, source), LanguageModelHeadConfig())


def _translate(
    config: Mapping[str, Any], schema: Schema, folder: Path, *, trained_features: bool
) -> Checkpoint:
    backbone = _backbone(config, schema, str(folder / CONFIG_NAME))
    mixer = backbone.mixer
    assert isinstance(mixer, HyenaConfig)
    tensors = _rename_tensors(_read_weights(folder), folder)
    features = _absorb_positions(tensors, backbone, mixer, folder, trained=trained_features)
    backbone = replace(backbone, mixer=replace(mixer, filter=replace(mixer.filter, features=features)))
    head, embedding = tensors.get(_HEAD), tensors.get(_EMBEDDING)
    tied = head is None or (embedding is not None and torch.equal(head, embedding))
    if tied:
        tensors.pop(_HEAD, None)
    return Checkpoint(_config(backbone, LanguageModelHeadConfig(tied=tied)), tensors)


def _backbone(config: Mapping[str, Any], schema: Schema, source: str) -> BackboneConfig:
    """Return what the keys of a published configuration say."""
    _check_keys(config, schema, source)
    defaults: dict[str, Any] = {"shift": PUBLISHED_SHIFT, "beyond_context": "truncate"}
    filters = from_mapping(FilterConfig, defaults | _select(config, schema.filter), source)
    mixer = replace(from_mapping(HyenaConfig, _select(config, schema.mixer), source), filter=filters)
    return replace(from_mapping(BackboneConfig, _select(config, schema.backbone), source), mixer=mixer)


def _config(backbone: BackboneConfig, head: LanguageModelHeadConfig) -> dict[str, Any]:
    """Return plain data of a ``HyenaDNAConfig``."""
    as_named = {"class_path": type(head).__name__, "init_args": to_mapping(head)}
    return {"backbone": to_mapping(backbone), "head": as_named}


def _select(config: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: config[theirs] for theirs, ours in names.items() if theirs in config}


def _check_keys(config: Mapping[str, Any], schema: Schema, source: str) -> None:
    for key, value in config.items():
        if key not in schema.names:
            raise CheckpointError(f"{source}: unknown key {key!r}{nearest(key, sorted(schema.names))}")
        if key in schema.inert and value != schema.inert[key]:
            raise CheckpointError(f"{source}: {key}={value!r} is not supported, only {schema.inert[key]!r}")
    if missing := sorted(schema.required - config.keys()):
        raise CheckpointError(f"{source} lacks the keys {missing}")


def _read_weights(folder: Path) -> dict[str, Tensor]:
    path = weights_file(folder)
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    content = read_checkpoint_file(path)
    tensors = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(tensors, dict):
        raise CheckpointError(f"{path} has no 'state_dict': not a Lightning checkpoint")
    return {str(key): tensor for key, tensor in tensors.items() if isinstance(tensor, Tensor)}


def _rename_tensors(tensors: Mapping[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """Bring the published spellings to ours and drop what is not part of the model."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if "torchmetrics" in name:
            continue
        ours = re.sub(r"^(model|hyena)\.", "", name)
        ours = re.sub(r"\.(mixer|mlp)\.layer\.", r".\1.", ours)
        ours = re.sub(r"^lm_head\.", "head.", ours)
        # One frequency serves all layers of a filter and is written under each of their names.
        ours = re.sub(r"\.implicit_filter\.\d+\.freq$", ".implicit_filter.1.freq", ours)
        if ours in renamed and not torch.equal(renamed[ours], tensor):
            raise CheckpointError(f"{folder}: {name!r} differs from another spelling of {ours!r}")
        renamed[ours] = tensor
    return renamed


def _absorb_positions(
    tensors: dict[str, Tensor], backbone: BackboneConfig, mixer: HyenaConfig, folder: Path, *, trained: bool
) -> Literal["computed", "stored", "learned"]:
    """Remove the stored tables of positions that the formulas give; say where z comes from."""
    length, channels = backbone.context_length, backbone.d_model * (mixer.order - 1)
    shapes = {_FEATURES: (1, length, mixer.filter.emb_dim), _TIMES: (1, length, 1), _RATES: (1, 1, channels)}
    stored = _stored_tables(tensors, shapes, folder)
    if not stored:
        return "computed"
    # Not before the shapes agree: what a damaged configuration says may be too much for any memory.
    positions = PositionFeatures(mixer.filter, length)
    expected = {
        _FEATURES: positions.formula(length)[None],
        _TIMES: positions.times(length)[None, :, None],
        _RATES: decay_rates(mixer.filter, channels)[None, None],
    }
    # Of decay rates either sign is in use.
    absolute = {
        name: tensors[name].abs() if table == _RATES else tensors[name] for name, table in stored.items()
    }
    deviating = {
        table: name for name, table in stored.items() if not _agrees(absolute[name], expected[table])
    }
    features = deviating.pop(_FEATURES, None)
    if deviating and mixer.filter.modulate:
        name = next(iter(deviating.values()))
        raise CheckpointError(
            f"{folder}: {name!r} differs from its formula: trained decays are not supported"
        )
    for name, table in stored.items():
        if table != _FEATURES or features is None:
            del tensors[name]
    if features is None:
        return "computed"
    return "learned" if trained else "stored"


def _stored_tables(
    tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], folder: Path
) -> dict[str, str]:
    """Return which table each tensor is, of those that are tables.

    Raises:
        CheckpointError: A table is not as long or as wide as the configuration says.
    """
    stored = {name: table for name in tensors for table in shapes if name.endswith(table)}
    for name, table in stored.items():
        if tensors[name].shape != shapes[table]:
            found = f"shape {tuple(tensors[name].shape)}, expected {shapes[table]}"
            raise CheckpointError(f"{folder} does not fit its {CONFIG_NAME}: {name!r} has {found}")
    return stored


def _agrees(tensor: Tensor, expected: Tensor) -> bool:
    return bool((tensor.double() - expected).abs().max() <= _POSITION_TOLERANCE * expected.abs().max())
