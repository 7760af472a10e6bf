"""Where a model lies: in a folder, in the package, or on the Hugging Face hub, from which it is fetched.

    folder                                     a model folder of any format
    ecoli-tiny                                 a model that comes with the package
    LongSafari/hyenadna-small-32k-seqlen       a repository of the hub, in its newest state
    LongSafari/hyenadna-small-32k-seqlen@REV   the same in the state of a branch, a tag or a commit

What is fetched lies in the hub's own cache (``$HF_HOME``), where ``HF_HUB_OFFLINE=1`` finds it. A connection
that breaks is taken up where it stood; a process that is killed begins the file again. Of a repository the
configuration and the weights are fetched and nothing else: no code that lies there comes along.
"""

import re
from pathlib import Path
from typing import NamedTuple

from hyenadna_kit.checkpoint import CONFIG_NAME, PICKLED_WEIGHTS_NAME, WEIGHTS_NAME, is_of_hub_cache
from hyenadna_kit.errors import CheckpointError
from hyenadna_kit.files import fingerprint
from hyenadna_kit.shipped import shipped_folder

_NAME = re.compile(r"(?P<repository>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


class HubName(NamedTuple):
    """A repository of the hub, and which state of it."""

    repository: str
    """OWNER/NAME."""
    revision: str | None = None
    """Branch, tag or commit; None is the newest state."""


def model_folder(name: str | Path, *, revision: str | None = None) -> Path:
    """Return the folder of a model; one of the hub is fetched unless it was before.

    Args:
        name: As in the head of this module. Where the working directory has a folder of that name, that one
            is taken.
        revision: Branch, tag or commit of the hub, instead of behind an ``@``.

    Raises:
        CheckpointError: It is an address; the hub has no such model, or cannot be reached and the model was
            not fetched before; or what was fetched is not what the hub says.
    """
    if _ADDRESS.match(str(name)):
        raise CheckpointError(
            f"{name} is an address: a model is named by its folder or, on the hub, by OWNER/NAME; "
            "download it and name the folder"
        )
    found = hub_name(name, revision)
    if found is None:
        if revision is not None:
            raise CheckpointError(f"a revision is for models of the hub, OWNER/NAME; {name} is none")
        return shipped_folder(name)
    return _fetched(found)


def hub_name(name: str | Path, revision: str | None = None) -> HubName | None:
    """Return the repository that a name means; None where it means a folder of this machine.

    Args:
        name: As in the head of this module.
        revision: Its state, instead of the one behind an ``@``.
    """
    matched = _NAME.fullmatch(str(name))
    if matched is None or Path(str(name)).exists():
        return None
    state = matched["revision"] if revision is None else revision
    # In a folder that is here a name means what should lie in it, unless it says that it is of the hub.
    if state is None and Path(str(name)).parent.exists():
        return None
    return HubName(matched["repository"], state)


def commit_of(folder: Path) -> str | None:
    """Return the commit of a folder that was fetched from the hub, None of any other."""
    return folder.name if is_of_hub_cache(folder) else None


def _fetched(name: HubName) -> Path:
    config = _fetch(name, CONFIG_NAME)
    folder, files = config.parent, (WEIGHTS_NAME, PICKLED_WEIGHTS_NAME)
    # Of the same state, also where the hub gets a newer one in between; what is here is not asked for.
    here = next((folder / file for file in files if (folder / file).exists()), None)
    weights = here or _fetch(name._replace(revision=folder.name), *files)
    # The cache names a large file by the digest that the hub states.
    expected = weights.resolve().name
    if _SHA256.fullmatch(expected) and fingerprint(weights) != expected:
        raise CheckpointError(
            f"{weights} is damaged, its sha256 is not {expected}: remove {weights.resolve()} and try again"
        )
    return folder


def _fetch(name: HubName, *files: str) -> Path:
    """Return the first of some files that a repository has."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HTTPError, LocalEntryNotFoundError

    missing: Exception | None = None
    for file in files:
        try:
            return Path(hf_hub_download(name.repository, file, revision=name.revision))
        except EntryNotFoundError as error:
            missing = error if missing is None or isinstance(error, LocalEntryNotFoundError) else missing
        except (HTTPError, OSError, ValueError) as error:
            raise CheckpointError(f"{_spelt(name)}: {_reason(name, error)}") from None
    if isinstance(missing, LocalEntryNotFoundError):
        raise CheckpointError(f"{_spelt(name)}: {_unreachable(missing)}") from None
    raise CheckpointError(f"{_spelt(name)} is no model: the repository has no {' or '.join(files)}") from None


def _spelt(name: HubName) -> str:
    return name.repository if name.revision is None else f"{name.repository}@{name.revision}"


def _unreachable(error: Exception) -> str:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return f"it was not fetched before ({constants.HF_HUB_CACHE}), and HF_HUB_OFFLINE is set; unset it"
    return (
        f"{constants.ENDPOINT} did not answer as it should ({_one_line(error.__cause__ or error)}), and "
        f"it was not fetched before ({constants.HF_HUB_CACHE}); on a machine without network name a folder"
    )


def _reason(name: HubName, error: Exception) -> str:
    """Say in a few words why a repository is not read."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if isinstance(error, GatedRepoError):
        return "its owner gives access by name; ask on its page, and log in by `hf auth login`"
    if isinstance(error, RepositoryNotFoundError):
        return "no such folder here and no such model on the hub; if it is private, log in by `hf auth login`"
    if isinstance(error, RevisionNotFoundError):
        return f"the hub has no state {name.revision!r} of it; name a branch, a tag or a commit"
    return _one_line(error)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
