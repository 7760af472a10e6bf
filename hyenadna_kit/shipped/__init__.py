"""Small trained models that come with the package: a name in, a model folder out.

Each lies in a folder of its name, with a model card that says what it was trained on, how, and how good
it is. Their weights are stored in float16; like all models they compute in float32.
"""

from pathlib import Path

_FOLDER = Path(__file__).parent
_CONFIG_NAME = "config.json"


def shipped_models() -> tuple[str, ...]:
    """Return the names of the models that come with the package."""
    return tuple(sorted(path.parent.name for path in _FOLDER.glob(f"*/{_CONFIG_NAME}")))


def shipped_folder(name: str | Path) -> Path:
    """Return the folder of a model on this machine.

    Args:
        name: A folder, or the name of a model that comes with the package. Where the working directory has
            a folder of that name, that one is taken.
    """
    path = Path(name)
    return path if path.exists() or str(name) not in shipped_models() else _FOLDER / path
