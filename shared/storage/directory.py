"""Directory storage: objects as files below one folder, on one machine or a shared POSIX mount."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, BinaryIO, TypeVar

from shared.errors import StorageUnavailable
from shared.storage import ObjectInfo, Source
from shared.storage.direct import NotOffered
from shared.storage.disk_errors import disk_errors, link_errors
from shared.storage.keys import check_key, check_prefix
from shared.storage.probing import race
from shared.storage.streams import CHUNK, check_digest, open_source, prove, window

Outcome = TypeVar("Outcome")

_TEMPORARY = ".tmp"
#: A temporary file of that age belongs to a process that died, seconds.
_STALE_SECONDS = 24 * 3600
#: How often a folder may vanish between its making and its use: `delete` removes folders that it empties.
_TRIES = 16
#: Folders that are remembered as durable.
_REMEMBERED = 10_000
#: Files that are put on the disk at once.
_SYNCS = 8
#: What file systems answer that have nothing to sync in a folder.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)


class DirectoryStore:
    """An ObjectStore below `root`, which is made when needed.

    An object's bytes are complete and on the disk before its name appears, and the name is on the disk before a put
    returns. A key cannot be a folder of another: `a` and `a/b` exclude each other. Safe for threads and processes.
    """

    def __init__(self, root: Path, *, fsync: bool = True) -> None:
        """Takes the folder; `fsync=False` (benches) leaves the time of writing to the operating system."""
        self.root = root
        self._temporary = root / _TEMPORARY
        self._fsync = fsync
        self.breadth = _SYNCS if fsync else 1
        self._durable: set[Path] = set()

    def put_if_absent(
        self, key: str, source: Source, *, sha256: str | None = None, media_type: str = "application/octet-stream"
    ) -> bool:
        """Creates the object unless it exists; see ObjectStore."""
        path = self._path(key)
        with open_source(source) as stream:
            with disk_errors(path):
                exists = path.exists()
            if exists:
                prove(stream, sha256)
                # Its creator may not have come to this line yet, and the caller will rely on the object.
                self._sync_folder(path.parent)
                return False
            with self._written(stream, sha256) as temporary:
                return self._in_folder(path, lambda: self._link(path, temporary))

    def put(self, key: str, source: Source, *, media_type: str = "application/octet-stream") -> None:
        """Creates or replaces the object; see ObjectStore."""
        path = self._path(key)
        with open_source(source) as stream, self._written(stream, None) as temporary:
            self._in_folder(path, lambda: temporary.replace(path))

    @contextmanager
    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        """Opens the object or a range of it; see ObjectStore."""
        path = self._path(key)
        with disk_errors(path):
            try:
                raw = path.open("rb", buffering=0)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise KeyError(key) from None
        with raw:
            raw.seek(start)
            yield window(raw, length, lambda: disk_errors(path))

    def head(self, key: str) -> ObjectInfo | None:
        """Returns what is known of the object, or None."""
        path = self._path(key)
        with disk_errors(path):
            try:
                seen = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            return None if path.is_dir() else ObjectInfo(key=key, size=seen.st_size, modified=seen.st_mtime)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yields the objects below `prefix`, a folder's names in memory at a time; see ObjectStore."""
        for entry in self._entries(check_prefix(prefix)):
            key = prefix + entry.name
            if entry.is_dir():
                yield from self.list(f"{key}/")
                continue
            with disk_errors(entry.path), suppress(FileNotFoundError):  # deleted since
                seen = entry.stat()
                yield ObjectInfo(key=key, size=seen.st_size, modified=seen.st_mtime)

    def children(self, prefix: str) -> Iterator[str]:
        """Yields the next segments below `prefix`; an empty folder that a crash left may be among them."""
        yield from sorted(entry.name for entry in self._entries(check_prefix(prefix)))

    def delete(self, key: str) -> None:
        """Removes the object and the folders that this empties."""
        path = self._path(key)
        with disk_errors(path):
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
            self._sync_folder(path.parent)
            folder = path.parent
            with suppress(OSError):  # not empty, or gone already
                while folder != self.root:
                    self._durable.discard(folder)
                    folder.rmdir()
                    folder = folder.parent

    def presign_get(self, key: str, *, seconds: int, filename: str, media_type: str) -> str | None:
        """Returns None: the API streams what lies in a folder."""
        return None

    def direct(self) -> NotOffered:
        """Returns that there is no such thing: only the API reaches the folder."""
        return NotOffered()

    def probe(self) -> None:
        """Proves that create-only holds and removes what dead processes left; see ObjectStore."""
        self.sweep()
        race(self, self.put_if_absent, where=f"The folder {self.root}", way="hard-link")

    def sweep(self) -> int:
        """Removes temporary files older than 24 h and returns how many there were."""
        removed = 0
        with disk_errors(self._temporary), suppress(FileNotFoundError), os.scandir(self._temporary) as entries:
            for entry in entries:
                if time.time() - entry.stat().st_mtime > _STALE_SECONDS:
                    Path(entry.path).unlink(missing_ok=True)
                    removed += 1
        return removed

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _entries(self, prefix: str) -> Sequence[os.DirEntry[str]]:
        """Returns what lies in a prefix's folder, in the order of keys, where `a-b` comes before `a/`."""
        folder = self.root / prefix
        with disk_errors(folder):
            try:
                with os.scandir(folder) as found:
                    entries = [entry for entry in found if not entry.name.startswith(".")]
            except (FileNotFoundError, NotADirectoryError):
                return []
            return sorted(entries, key=lambda entry: f"{entry.name}/" if entry.is_dir() else entry.name)

    @contextmanager
    def _written(self, stream: IO[bytes], sha256: str | None) -> Iterator[Path]:
        """Copies the stream into a temporary file, proved and on the disk, which is gone afterwards."""
        path = self._temporary / secrets.token_hex(16)
        digest = hashlib.sha256() if sha256 is not None else None
        with disk_errors(path):
            try:
                target = self._create(path)
            except FileNotFoundError:
                self._temporary.mkdir(parents=True, exist_ok=True)
                target = self._create(path)
        try:
            with disk_errors(path), open(target, "wb", buffering=0) as file:  # noqa: PTH123 - a descriptor, not a path
                while chunk := stream.read(CHUNK):
                    if digest:
                        digest.update(chunk)
                    rest = memoryview(chunk)
                    while rest:  # one write may take less than all
                        rest = rest[file.write(rest) :]
                if self._fsync:
                    os.fsync(target)
            if digest and sha256 is not None:
                check_digest(digest.hexdigest(), sha256)
            yield path
        finally:
            with disk_errors(path):
                path.unlink(missing_ok=True)

    @staticmethod
    def _create(path: Path) -> int:
        # Not writable for anyone: an object never changes, and `put` replaces the whole file.
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)

    def _link(self, path: Path, temporary: Path) -> bool:
        """Gives the written bytes their name unless it is taken: the one step that decides every race."""
        try:
            with link_errors(self.root):
                path.hardlink_to(temporary)
        except FileExistsError:
            # An NFS server may have done it and answered only the repeated call.
            return temporary.stat().st_nlink > 1
        return True

    def _in_folder(self, path: Path, act: Callable[[], Outcome]) -> Outcome:
        """Does `act`, which names `path`, in a folder that is made if need be, and makes the name durable."""
        for _ in range(_TRIES):
            with disk_errors(path):
                try:
                    outcome = act()
                except FileNotFoundError:
                    self._durable.discard(path.parent)
                    # Both errors: another made and removed it meanwhile. A file in its place, `act` names next.
                    with suppress(FileNotFoundError, FileExistsError):
                        path.parent.mkdir(parents=True, exist_ok=True)
                    continue
            self._sync_folder(path.parent)
            return outcome
        raise StorageUnavailable(f"The folder of {path} vanishes whenever it is made.", path=str(path))

    def _sync_folder(self, folder: Path) -> None:
        """Puts the folder's names on the disk, and the folder's own name up to the root: another may have made it."""
        if not self._fsync:
            return
        with disk_errors(folder):
            _sync(folder)
            while folder not in self._durable:
                with suppress(PermissionError) if folder == self.root else nullcontext():  # its parent is not ours
                    _sync(folder.parent)
                if len(self._durable) >= _REMEMBERED:
                    self._durable.clear()
                self._durable.add(folder)
                if folder != self.root:
                    folder = folder.parent


def _sync(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # emptied and removed since: there is no name left to keep
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)
