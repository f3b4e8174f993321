"""The one place where an operating system's errors become ours, in words that say what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import StorageUnavailable, StorageUnfit

_WORDS = {
    errno.ENOSPC: "The disk is full: free some space.",
    errno.EDQUOT: "The disk quota is used up: raise it or free some space.",
    errno.EROFS: "The file system is mounted read-only: look for disk errors, then mount it writable.",
    errno.EACCES: "This user may not read or write there: give the folder to the user that runs Photochrom.",
    errno.EPERM: "This user may not do that there: give the folder to the user that runs Photochrom.",
    errno.EIO: "The disk reports a read or write error: check the disk.",
    errno.ESTALE: "The network mount has gone stale: mount it again.",
    errno.ENOTCONN: "The network mount is not connected: mount it again.",
    errno.EMFILE: "This process has too many files open: raise its limit (ulimit -n).",
    errno.ENFILE: "This machine has too many files open: raise its limit (fs.file-max).",
    errno.ENOMEM: "The machine is out of memory.",
}


@contextmanager
def disk_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns OSError into StorageUnavailable: nothing that a disk says is the fault of a picture.

    `path` is named unless the error names a path itself.
    """
    try:
        yield
    except OSError as error:
        place = error.filename if isinstance(error.filename, str) else os.fspath(path)
        words = _WORDS.get(error.errno or 0, "The storage folder does not answer as it should.")
        raise StorageUnavailable(
            f"{words} Path: {place} ({error.strerror or error}).", path=place, reason=_name(error)
        ) from error


@contextmanager
def link_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns the answers of a file system without hard links into StorageUnfit."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV):
            raise
        raise StorageUnfit(
            f"The file system of {os.fspath(path)} has no hard links ({error.strerror}), so create-only writes cannot "
            "be made safe on it. Put the storage on ext4, XFS, Btrfs, ZFS or NFS, or use S3.",
            path=os.fspath(path),
            reason=_name(error),
        ) from error


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "unknown")
