"""Write files so that a crash, a full disk or a second process never leaves half of one.

In: a target path. Out: the target, complete and on disk, or the target as it was before.
"""

import errno
import fcntl
import glob
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from hyenadna_kit.errors import HyenaDNAKitError, InputError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Numbers of the errors of a disk, a quota or a file that is full."""

_CHUNK_BYTES = 1 << 22

_held: set[TextIO] = set()


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target`` that replaces it when the block ends well.

    The temporary lies in the folder of the target, because a rename is atomic only within one file
    system. A block that raises leaves the target untouched and removes the temporary.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(target, "tmp")
    try:
        with writing(target):
            yield temporary
            sync(temporary)
        os.replace(temporary, target)
        sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Let the error of a full disk name ``target``: a write that fails knows no name."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM and error.filename is None:
            error.filename = str(target)
        raise


def remove_left_over(target: Path) -> None:
    """Remove what :func:`atomic_file` left of ``target`` in processes that were killed.

    For who holds the lock of ``target``.
    """
    temporary = f".*-*.tmp.{glob.escape(target.name)}"
    for pattern in (temporary, f"{temporary}.new.*", f"{temporary}.spool*"):
        for path in target.parent.glob(pattern):
            path.unlink()


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target`` that takes its name when the block ends well.

    A folder that already has the name is replaced; readers that hold its files keep the old ones.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary, retired = _beside(target, "tmp"), _beside(target, "old")
    temporary.mkdir()
    try:
        with writing(target):
            yield temporary
            for path in [*temporary.rglob("*"), temporary]:
                sync(path)
        if target.exists():
            target.rename(retired)
        try:
            temporary.rename(target)
        except OSError:
            if retired.exists():
                retired.rename(target)
            raise
        sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


@contextmanager
def locked(target: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the one lock of ``target`` among all processes of this machine.

    Args:
        target: What is about to be written; the lock is the file ``.NAME.lock`` beside it.
        on_wait: Called once when another process holds the lock, before waiting for it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = target.with_name(f".{target.name}.lock")
    while True:
        with lock.open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if on_wait is not None:
                    on_wait()
                fcntl.flock(handle, fcntl.LOCK_EX)
            # Whoever held the lock removed its file: then this lock is one that nobody else will meet.
            if not _is_file(lock, handle.fileno()):
                continue
            _held.add(handle)
            try:
                yield
            finally:
                _held.discard(handle)
                lock.unlink(missing_ok=True)
            return


def _leave_locks() -> None:
    """Close in a forked child what its parent holds: the lock must end with the parent."""
    while _held:
        _held.pop().close()


os.register_at_fork(after_in_child=_leave_locks)


def _is_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def refuse_foreign(
    folder: Path, own: Collection[str], kind: str, *, error: type[HyenaDNAKitError] = InputError
) -> None:
    """Refuse to replace a folder that holds anything but files of ours.

    Args:
        folder: What is about to be replaced.
        own: Names of the files that a folder of this kind may hold.
        kind: What one is called in a message, after *a*: ``read store``.
        error: What is raised.

    Raises:
        HyenaDNAKitError: It is a file, the current folder, or holds other files.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise error(f"{folder} is a file; choose a folder for the {kind}")
    if folder.resolve() == Path.cwd():
        raise error(f"{folder} is the current folder and is not replaced; choose another folder")
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in own)
    if foreign:
        raise error(
            f"{folder} holds {foreign[0]!r}, which is no part of a {kind}, and is not replaced; "
            "choose another folder"
        )


def refuse_existing(folder: Path, own: Collection[str], kind: str, *, overwrite: bool) -> None:
    """Refuse to replace what is foreign, and one of our own unless it is to be overwritten.

    Raises:
        InputError: See :func:`refuse_foreign`; or the folder holds files already.
    """
    refuse_foreign(folder, own, kind)
    if not overwrite and folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is a {kind} already; overwrite it (--overwrite) or choose another folder")


def refuse_input(out: Path, inputs: Iterable[str | None]) -> None:
    """Refuse to replace a file by what is made from it.

    Args:
        out: What is about to be written.
        inputs: Files that are read; None are passed over.

    Raises:
        InputError: It is one of them.
    """
    for each in inputs:
        if each is not None and out.exists() and Path(each).exists() and out.samefile(each):
            raise InputError(f"--out {out} is what is read, and would be lost; choose another file")


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of the bytes of ``path``, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _beside(target: Path, role: str) -> Path:
    """Return a free hidden name in the folder of ``target``.

    The process id alone would not do: every container calls its first process 1. The suffix stays
    last: writers choose their format by it.
    """
    return target.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.{role}.{target.name}")


def sync(path: Path) -> None:
    """Wait until a file or a folder is on disk as it is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
