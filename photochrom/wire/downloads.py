"""Downloads: a file appears whole and proved, or not at all."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import requests

from photochrom.errors import DownloadDamaged, NoSpace, ServerUnreachable
from photochrom.files.replacing import FULL
from photochrom.wire.transport import Transport, reason

_CHUNK = 1 << 20

#: Bytes that stay free on a disk: what else is written there, logs and our own state, must not fail first.
_RESERVE = 64 << 20


def download(
    transport: Transport,
    address: str,
    path: Path,
    sha256: str | None,
    *,
    staging: Path | None,
    progress: Callable[[int], None],
) -> str:
    """Writes what lies at an address to `path`, all or nothing, and returns its SHA-256.

    Unfinished files lie in `staging` if that is on the same disk, else beside `path`. `progress` is told the bytes of
    each packet, and takes back (a negative number) what came in vain. Raises DownloadDamaged where other bytes came
    than `sha256`, NoSpace where the disk is full.
    """
    near = staging is not None and staging.stat().st_dev == path.parent.stat().st_dev
    folder = staging if staging is not None and near else path.parent
    return transport.patiently(lambda: _once(transport, address, path, sha256, folder=folder, progress=progress))


def require_space(folder: Path, size: int) -> None:
    """Raises NoSpace where a file of `size` bytes would fill the disk of a folder up to the last 64 MiB."""
    free = shutil.disk_usage(folder).free
    if free < size + _RESERVE:
        raise NoSpace(
            f"no space: {folder} has {free / 1e6:,.0f} MB left, the next file has {size / 1e6:,.1f} MB, and "
            f"{_RESERVE / 1e6:,.0f} MB stay free. Make room and run the same command again; it goes on from here."
        )


def _once(
    transport: Transport,
    address: str,
    path: Path,
    sha256: str | None,
    *,
    folder: Path,
    progress: Callable[[int], None],
) -> str:
    digest, came = hashlib.sha256(), 0
    partial = folder / f".photochrom-{uuid.uuid4().hex}.part"
    try:
        with transport.once("GET", address, stream=True) as answer, partial.open("xb") as file:
            require_space(path.parent, int(answer.headers.get("Content-Length", 0)))
            for chunk in answer.iter_content(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
                came += len(chunk)
                progress(len(chunk))
        if sha256 and digest.hexdigest() != sha256:
            raise DownloadDamaged(f"{path.name}: {digest.hexdigest()} came, {sha256} was promised.")
        partial.replace(path)
    except BaseException as error:
        progress(-came)
        if isinstance(error, OSError) and error.errno in FULL:
            raise NoSpace(f"no space: {path.parent} is full, or your share of it is. Make room first.") from error
        if isinstance(error, requests.RequestException):
            raise ServerUnreachable(f"The download of {path.name} broke off: {reason(error)}") from error
        raise
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()
