"""Files that are whole or absent, whatever happens while they are written."""

import errno
import hashlib
import multiprocessing
import os
import signal
import time

import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file, atomic_folder, fingerprint, locked, refuse_existing


class InterruptedWriteError(Exception):
    """What goes wrong in the middle of a write."""


def interrupt(path):
    path.write_text("half")
    raise InterruptedWriteError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=["absent", "present"])
def target(request, tmp_path):
    """A file to be written, in a folder that may not exist yet."""
    path = tmp_path / "out" / "scores.tsv.gz"
    if request.param == "present":
        path.parent.mkdir()
        path.write_text("old")
    return path


def test_file_appears_when_the_block_ends(target):
    before = target.read_text() if target.exists() else None
    with atomic_file(target) as path:
        assert path.parent == target.parent
        assert path.suffixes[-2:] == [".tsv", ".gz"]  # writers choose their format by it
        path.write_text("new")
        assert (target.read_text() if target.exists() else None) == before
    assert target.read_text() == "new"
    assert names(target.parent) == [target.name]


def test_failed_block_leaves_the_file_as_it_was(target):
    existed = target.exists()
    with pytest.raises(InterruptedWriteError), atomic_file(target) as path:
        interrupt(path)
    assert names(target.parent) == ([target.name] if existed else [])
    assert not existed or target.read_text() == "old"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("write", [atomic_file, atomic_folder])
def test_full_disk_is_an_error_that_names_the_target(tmp_path, write, number):
    with pytest.raises(OSError, match=os.strerror(number)) as caught, write(tmp_path / "a"):
        raise OSError(number, os.strerror(number))  # as a write does, which knows no name
    assert caught.value.filename == str(tmp_path / "a")
    assert names(tmp_path) == []


def test_error_of_another_file_keeps_its_name(tmp_path):
    for error in (OSError(errno.EIO, "of an input"), OSError(errno.ENOSPC, "No space", "other")):
        name = error.filename
        with pytest.raises(OSError, match=r"of an input|No space"), atomic_file(tmp_path / "a"):
            raise error
        assert error.filename == name


def test_two_writers_of_one_file_do_not_share_a_temporary(tmp_path):
    with atomic_file(tmp_path / "a") as one, atomic_file(tmp_path / "a") as other:
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "a").read_text() == "one"  # the block that ended last
    assert names(tmp_path) == ["a"]


def test_folder_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "deep" / "store"
    with atomic_folder(target) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "tokens").write_bytes(b"ACGT")
        assert not target.exists()
    assert (target / "sub" / "tokens").read_bytes() == b"ACGT"
    assert names(target.parent) == ["store"]


def test_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "store"
    for name in ("first", "second"):
        with atomic_folder(target) as folder:
            (folder / name).touch()
    assert names(target) == ["second"]
    assert names(tmp_path) == ["store"]


def test_failed_block_leaves_the_folder_as_it_was(tmp_path):
    target = tmp_path / "store"
    with atomic_folder(target) as folder:
        (folder / "first").touch()
    with pytest.raises(InterruptedWriteError), atomic_folder(target) as folder:
        interrupt(folder / "second")
    assert names(target) == ["first"]
    assert names(tmp_path) == ["store"]


def test_folder_comes_back_when_its_successor_cannot_take_the_name(tmp_path, monkeypatch):
    target = tmp_path / "store"
    with atomic_folder(target) as folder:
        (folder / "first").touch()
    rename = type(target).rename

    def refuse_successor(self, new):
        if ".tmp." in self.name:
            raise PermissionError(13, "Permission denied")
        return rename(self, new)

    monkeypatch.setattr(type(target), "rename", refuse_successor)
    with pytest.raises(PermissionError), atomic_folder(target):
        pass
    assert names(target) == ["first"]
    assert names(tmp_path) == ["store"]


def test_remains_of_a_killed_process_are_in_nobodys_way(tmp_path, monkeypatch):
    """In a container every run has the same process id."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    target = tmp_path / "store"
    abandoned = atomic_folder(target)
    abandoned.__enter__()
    with atomic_folder(target) as folder:
        (folder / "tokens").touch()
    assert names(target) == ["tokens"]


def hold(target, connection):
    with locked(target):
        connection.send("ready")
        connection.poll(20)
        time.sleep(0.2)  # a lock that does not wait is entered meanwhile
        target.with_name("left").touch()


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of ``tmp_path / "store"``, and the pipe that ends it."""
    context = multiprocessing.get_context("spawn")
    # A pipe and no Event: setting an Event whose waiter was killed never returns.
    here, there = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path / "store", there))
    process.start()
    there.close()
    assert here.recv() == "ready"
    yield process, here
    here.close()
    process.join()


def test_lock_waits_for_its_holder_and_says_so_once(tmp_path, holder):
    process, connection = holder
    waits = []

    def on_wait():
        waits.append(process.is_alive())
        connection.send("release")

    with locked(tmp_path / "store", on_wait=on_wait):
        assert (tmp_path / "left").exists()
    assert waits == [True]


@pytest.mark.kill
def test_lock_of_a_killed_holder_is_free(tmp_path, holder):
    process, _ = holder
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with locked(tmp_path / "store", on_wait=lambda: pytest.fail("a dead process holds the lock")):
        pass


def hold_beside_a_child(target, connection):
    with locked(target):
        if not os.fork():
            connection.send(os.getpid())
            time.sleep(30)
            os._exit(0)
        connection.poll(20)


@pytest.mark.kill
def test_lock_of_a_killed_holder_is_free_while_its_forked_children_live(tmp_path):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=hold_beside_a_child, args=(tmp_path / "store", there))
    process.start()
    child = here.recv()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    try:
        with locked(tmp_path / "store", on_wait=lambda: pytest.fail("a child holds its parent's lock")):
            os.kill(child, 0)  # it is alive
    finally:
        os.kill(child, signal.SIGKILL)


def test_lock_of_another_target_is_another_lock(tmp_path, holder):
    with locked(tmp_path / "other", on_wait=lambda: pytest.fail("two targets share a lock")):
        pass


def test_lock_leaves_no_file_behind(tmp_path):
    with locked(tmp_path / "store"):
        assert names(tmp_path) == [".store.lock"]
    assert names(tmp_path) == []


def count_up(target, times):
    for _ in range(times):
        with locked(target):
            before = int(target.read_text())
            time.sleep(0.001)
            target.write_text(str(before + 1))


def test_one_process_at_a_time_holds_a_lock_whose_file_comes_and_goes(tmp_path):
    target = tmp_path / "count"
    target.write_text("0")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=count_up, args=(target, 50)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert target.read_text() == "150"


def test_fingerprint_is_the_sha256_of_the_bytes(tmp_path):
    path = tmp_path / "genome"
    path.write_bytes(b"abc")
    assert fingerprint(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(b"ACGT" * 3_000_001)  # several chunks and a part of one
    assert fingerprint(path) == hashlib.sha256(b"ACGT" * 3_000_001).hexdigest()


def test_folder_of_ours_is_replaced_when_told_and_another_never(tmp_path, monkeypatch):
    folder, own = tmp_path / "t", ("a.txt",)
    refuse_existing(folder, own, "task", overwrite=False)
    folder.mkdir()
    refuse_existing(folder, own, "task", overwrite=False)
    (folder / "a.txt").touch()
    refuse_existing(folder, own, "task", overwrite=True)
    with pytest.raises(InputError, match="t is a task already; overwrite it"):
        refuse_existing(folder, own, "task", overwrite=False)
    (folder / "notes.txt").touch()
    with pytest.raises(InputError, match=r"t holds 'notes\.txt', which is no part of a task"):
        refuse_existing(folder, own, "task", overwrite=True)
    with pytest.raises(InputError, match=r"notes\.txt is a file; choose a folder for the task"):
        refuse_existing(folder / "notes.txt", own, "task", overwrite=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is the current folder"):
        refuse_existing(tmp_path, own, "task", overwrite=True)
