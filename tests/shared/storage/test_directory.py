"""What only directory storage promises: durable names, a sound file system, words for a tired operator."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shared.errors import StorageUnavailable, StorageUnfit
from shared.storage.directory import DirectoryStore


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """An empty store that waits for the disk."""
    return DirectoryStore(tmp_path / "objects")


def temporary(store: DirectoryStore) -> list[str]:
    """Returns the names of the temporary files."""
    return [path.name for path in (store.root / ".tmp").iterdir()]


def refusing(code: int) -> Callable[..., Any]:
    """Returns a system call that fails."""

    def call(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


def test_no_temporary_file_stays(store: DirectoryStore) -> None:
    """After a win, a loss and a replacement there is no temporary file."""
    store.put_if_absent("t/x", b"")
    store.put_if_absent("t/x", b"")
    store.put("t/x", b"")
    assert temporary(store) == []


def test_an_object_is_a_file_that_no_one_may_write(store: DirectoryStore) -> None:
    """An object's file has one name, its key, and no write permission."""
    store.put_if_absent("t/x", b"bytes")
    seen = (store.root / "t/x").stat()
    assert stat.S_IMODE(seen.st_mode) & 0o222 == 0
    assert seen.st_nlink == 1


def test_the_name_is_durable_before_a_put_returns(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are synced, then the folder and every folder above it up to the one that holds the root, once."""
    synced: list[str] = []
    real = os.fsync

    def spy(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    store.put_if_absent("a/b/1", b"")
    assert synced[1:] == ["b", "a", "objects", store.root.parent.name]
    synced.clear()
    store.put_if_absent("a/b/2", b"")
    assert synced[1:] == ["b"]
    synced.clear()
    store.put("a/c/1", b"")
    assert synced[1:] == ["c", "a"]
    synced.clear()
    store.put_if_absent("a/b/2", b"")
    assert synced == ["b"]  # the creator may have died before it came to that


def test_benches_do_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fsync off nothing is synced."""
    monkeypatch.setattr(os, "fsync", refusing(errno.EIO))
    DirectoryStore(tmp_path, fsync=False).put_if_absent("t/x", b"")


def test_a_file_system_that_cannot_sync_folders_is_fine(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """EINVAL from the fsync of a folder is no trouble: there is nothing to sync."""
    real = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    assert store.put_if_absent("t/x", b"")


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_hard_links_is_refused(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Without hard links there is no create-only: the probe says so and what to do."""
    monkeypatch.setattr(os, "link", refusing(code))
    with pytest.raises(StorageUnfit, match="no hard links") as caught:
        store.probe()
    assert str(store.root) in caught.value.detail
    assert temporary(store) == []


def test_links_that_overwrite_are_refused(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system on which more than one of the racing creates wins is refused by the probe."""
    monkeypatch.setattr(os, "link", lambda source, target, **_: shutil.copyfile(source, f"{target}~") and None)
    with pytest.raises(StorageUnfit, match="8 of 8 racing hard-link creates"):
        store.probe()


def test_a_repeated_nfs_link_counts_as_made(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a link was made and its answer says EEXIST, the file's two names tell the truth."""
    real = os.link

    def twice(source: Path, target: Path, **_: object) -> None:
        real(source, target)
        real(source, target)

    monkeypatch.setattr(os, "link", twice)
    assert store.put_if_absent("t/x", b"")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "give the folder to the user"),
        (errno.EIO, "check the disk"),
        (errno.ESTALE, "mount it again"),
        (errno.ELOOP, "does not answer as it should"),  # one without words of its own
    ],
)
def test_what_a_disk_says_is_passed_on_in_words(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    """Trouble with the disk is StorageUnavailable, says what to do, names the path and leaves no temporary file."""
    monkeypatch.setattr(os, "fsync", refusing(code))
    with pytest.raises(StorageUnavailable, match=words) as caught:
        store.put_if_absent("t/x", b"")
    assert str(store.root) in caught.value.detail
    assert caught.value.extra["reason"] == errno.errorcode[code]
    assert temporary(store) == []
    assert store.head("t/x") is None


def test_a_disk_that_fails_while_an_object_is_read(store: DirectoryStore) -> None:
    """Trouble in the middle of reading is StorageUnavailable; the reader's own errors stay what they are."""
    store.put_if_absent("t/x", b"bytes")
    with store.get("t/x") as stream:
        stream.raw._raw = SimpleNamespace(readinto=refusing(errno.EIO))  # type: ignore[attr-defined]
        with pytest.raises(StorageUnavailable, match="check the disk"):
            stream.read()
    with pytest.raises(OSError, match="mine"), store.get("t/x"):
        raise OSError("mine")


def test_the_callers_missing_file_is_the_callers(store: DirectoryStore, tmp_path: Path) -> None:
    """A source that does not exist is no trouble of the storage."""
    with pytest.raises(FileNotFoundError):
        store.put_if_absent("t/x", tmp_path / "none")


def test_stale_temporary_files_are_swept(store: DirectoryStore) -> None:
    """The probe removes what processes left that died a day ago, and nothing younger."""
    store.put_if_absent("t/x", b"")
    for name, hours in (("old", 25), ("young", 23)):
        path = store.root / ".tmp" / name
        path.touch()
        os.utime(path, times=(time.time() - hours * 3600,) * 2)
    store.probe()
    assert temporary(store) == ["young"]


def test_folders_that_come_and_go(store: DirectoryStore) -> None:
    """Creates and deletes side by side in one folder, which vanishes whenever it is empty, all succeed."""

    def use(worker: int) -> None:
        for number in range(50):
            assert store.put_if_absent(f"open/default/{worker}-{number}", b"")
            store.delete(f"open/default/{worker}-{number}")

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(use, range(8)))
    assert list(store.children("")) == []


def test_a_folder_that_others_make_and_remove(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is there when it is to be made, and gone a moment later, is made again."""
    real, seen = os.mkdir, []

    def exists_and_vanishes(path: str | Path, mode: int = 0o777) -> None:
        if Path(path).name == "busy" and not seen:
            seen.append(path)
            raise FileExistsError(errno.EEXIST, "File exists", os.fspath(path))
        real(path, mode)

    monkeypatch.setattr(os, "mkdir", exists_and_vanishes)
    assert store.put_if_absent("busy/x", b"1")
    assert seen


def test_a_file_in_the_place_of_a_folder(store: DirectoryStore) -> None:
    """What somebody else laid into the storage folder is named, not taken for a folder that vanishes."""
    store.root.mkdir(parents=True, exist_ok=True)
    (store.root / "open").touch()
    with pytest.raises(StorageUnavailable, match="Not a directory"):
        store.put_if_absent("open/default/x", b"1")


@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_folder_that_cannot_be_synced(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A name that may not be durable is no success: the put fails, and the same put later finds the object."""
    real: Callable[..., Any] = getattr(os, call)

    def fails_for_folders(target: int | str, *how: int) -> Any:
        folder = stat.S_ISDIR(os.fstat(int(target)).st_mode) if call == "fsync" else how[0] & os.O_DIRECTORY
        if folder:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(target, *how)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails_for_folders)
        with pytest.raises(StorageUnavailable, match="check the disk"):
            store.put_if_absent("t/x", b"")
        with pytest.raises(StorageUnavailable, match="check the disk"):
            store.put_if_absent("t/x", b"")
    assert not store.put_if_absent("t/x", b"")


def test_a_folder_that_cannot_be_kept(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that vanishes again and again ends in an error and not in a loop."""
    monkeypatch.setattr(os, "link", refusing(errno.ENOENT))
    with pytest.raises(StorageUnavailable, match="vanishes"):
        store.put_if_absent("t/x", b"")


def test_few_folders_are_remembered(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of folders does not grow with their number."""
    monkeypatch.setattr("shared.storage.directory._REMEMBERED", 10)
    for number in range(30):
        store.put_if_absent(f"t/{number}/x", b"")
    assert len(store._durable) <= 10


def test_results_are_streamed(store: DirectoryStore) -> None:
    """A folder has no links to sign."""
    store.put_if_absent("t/x", b"")
    assert store.presign_get("t/x", seconds=60, filename="x.jpg", media_type="image/jpeg") is None
