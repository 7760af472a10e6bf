"""Model folders: ``config.json`` and ``model.safetensors``; configuration and tensors, never the class.

The tensors carry the names of the published ``-hf`` repositories (``hyena.backbone...``,
``lm_head.weight``). A tensor that several modules share is written once, under its first name.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
from safetensors.torch import load_file, save
from torch import Tensor

from hyenadna_kit.errors import CheckpointError
from hyenadna_kit.files import atomic_file
from hyenadna_kit.shipped import shipped_models

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
PICKLED_WEIGHTS_NAME = "weights.ckpt"
"""Of the original format."""
_WEIGHTS_NAMES = (WEIGHTS_NAME, PICKLED_WEIGHTS_NAME, "weights.safetensors")
FORMAT = "hyenadna_kit.model/1"
MODEL_TYPE = "hyenadna"
"""What the transformers library looks for."""

_OWN_TO_PUBLISHED = {"backbone.": "hyena.backbone.", "head.weight": "lm_head.weight"}
_OF_A_LAYER = re.compile(r"backbone\.layers\.(\d+)\.")
_MAX_CONFIG_BYTES = 1 << 20


class Checkpoint(NamedTuple):
    """A model without its class."""

    config: dict[str, Any]
    """Plain data of a ``HyenaDNAConfig``."""
    tensors: dict[str, Tensor]
    """Tensors under the names of the model's parameters and buffers."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write both files into ``folder``, each of them whole or not at all; other files stay."""
    config = {"format": FORMAT, "model_type": MODEL_TYPE, "config": checkpoint.config}
    save_model_files(folder, config, checkpoint.tensors)


def save_model_files(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write ``config.json`` as it is given, and the tensors under their published names."""
    # First of all, so that a configuration that is not plain data leaves the weights as they were.
    text = json.dumps(config, indent=2) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    published = {published_name(name): tensor.contiguous() for name, tensor in tensors.items()}
    with atomic_file(folder / WEIGHTS_NAME) as path:
        # Written by us: safetensors' own writer gives a file that nobody else in a group can read.
        path.write_bytes(save(published, metadata={"format": "pt"}))
    with atomic_file(folder / CONFIG_NAME) as path:
        path.write_text(text, encoding="utf-8")


def load_checkpoint(folder: Path, config: Mapping[str, Any]) -> Checkpoint:
    """Read a folder that :func:`save_checkpoint` wrote, whose ``config.json`` holds ``config``.

    Raises:
        CheckpointError: The weights are missing or damaged, or the configuration is not a mapping.
    """
    if unknown := sorted(config.keys() - {"format", "model_type", "config"}):
        raise CheckpointError(f"{folder / CONFIG_NAME}: unknown key {unknown[0]!r}; known: config, format")
    if not isinstance(config.get("config"), dict):
        raise CheckpointError(f"{folder / CONFIG_NAME} has no configuration under the key 'config'")
    tensors = read_safetensors(file_of(folder, WEIGHTS_NAME))
    return Checkpoint(config["config"], {own_name(name): tensor for name, tensor in tensors.items()})


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json`` of a model folder of any format.

    Raises:
        CheckpointError: The folder or the file is missing, too large or not a JSON object.
    """
    path = file_of(folder, CONFIG_NAME)
    if not folder.is_dir():
        known = ", ".join(shipped_models())
        raise CheckpointError(
            f"model folder {folder} does not exist; name a folder, a model of the hub as OWNER/NAME@main, "
            f"or one that comes along ({known})"
        )
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise CheckpointError(f"{path} is larger than {_MAX_CONFIG_BYTES} bytes: not a configuration")
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        seeds = sorted(folder.glob(f"seeds/*/{CONFIG_NAME}"))
        hint = f"; it is a run, name the model of one seed, as {seeds[0].parent}" if seeds else ""
        raise CheckpointError(f"{folder} is not a model folder: it has no {CONFIG_NAME}{hint}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} must hold a JSON object, got {type(config).__name__}")
    return config


def file_of(folder: Path, name: str) -> Path:
    """Return a file of a model folder, which may be missing.

    Raises:
        CheckpointError: It is a link to what lies outside: a folder from elsewhere has no say in which other
            files are read. The links of the hub's cache stay within it.
    """
    path = folder / name
    root = (folder.parents[2] if is_of_hub_cache(folder) else folder).resolve()
    if not path.resolve().is_relative_to(root):
        raise CheckpointError(
            f"{path} is a link out of its folder, to {path.resolve()}: not read; copy the file there"
        )
    return path


def weights_file(folder: Path) -> Path:
    """Return the file with the weights of a model folder of any format.

    Raises:
        CheckpointError: There is none, or it is a link out of the folder.
    """
    for name in _WEIGHTS_NAMES:
        if (path := file_of(folder, name)).is_file():
            return path
    raise CheckpointError(f"{folder} has no weights: none of {', '.join(_WEIGHTS_NAMES)}")


def is_of_hub_cache(folder: Path) -> bool:
    """Say whether a folder lies as the hub's cache has them: models--X--Y/snapshots/COMMIT."""
    return folder.parent.name == "snapshots" and folder.parents[1].name.startswith("models--")


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a safetensors file.

    Raises:
        CheckpointError: The file is missing, cut short or not safetensors.
    """
    if not path.is_file():
        raise CheckpointError(f"weights {path} do not exist")
    try:
        return dict(load_file(path))
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(
            f"weights {path} are damaged or cut short: {error}; fetch or copy them again"
        ) from None


def check_num_layers(tensors: Mapping[str, Tensor], num_layers: int, source: str) -> None:
    """Refuse tensors of fewer layers than a configuration has; ``source`` names them in errors.

    Raises:
        CheckpointError: A layer has none.
    """
    found = {matched[1] for name in tensors if (matched := _OF_A_LAYER.match(name))}
    if len(found) < num_layers:
        raise CheckpointError(
            f"{source} does not fit its config.json: it has {len(found)} layers, expected {num_layers:,}"
        )


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: str) -> None:
    """Refuse by name what is missing, extra, of another shape or no floating-point tensor.

    Args:
        tensors: What was read.
        expected: What the model has, under the same names.
        source: What was read from, for the error.

    Raises:
        CheckpointError: The two differ in names, shapes or kinds of number.
    """
    problems = [f"missing {name}" for name in expected if name not in tensors]
    problems += [f"unexpected {name!r}" for name in tensors if name not in expected]
    both = [(name, tensors[name], tensor) for name, tensor in expected.items() if name in tensors]
    problems += [
        f"{name} has shape {tuple(found.shape)}, expected {tuple(own.shape)}"
        for name, found, own in both
        if found.shape != own.shape
    ]
    problems += [
        f"{name} holds {found.dtype}, expected {own.dtype}"
        for name, found, own in both
        if found.is_floating_point() != own.is_floating_point()
    ]
    if problems:
        more = f" and {len(problems) - 4} more" if len(problems) > 4 else ""
        raise CheckpointError(f"{source} does not fit its config.json: {'; '.join(problems[:4])}{more}")


def published_name(name: str) -> str:
    """Return the name that a weight of a model has in files."""
    return _renamed(name, _OWN_TO_PUBLISHED.items())


def own_name(name: str) -> str:
    """Return the name that a weight in a file has in a model."""
    return _renamed(name, ((published, own) for own, published in _OWN_TO_PUBLISHED.items()))


def _renamed(name: str, prefixes: Iterable[tuple[str, str]]) -> str:
    for prefix, replacement in prefixes:
        if name.startswith(prefix):
            return replacement + name.removeprefix(prefix)
    return name
