"""Making a bag of a folder of results (BagIt 1.0, RFC 8493), once they are all there.

`bagit.txt` is taken away before anything changes and written last: a folder without it is no bag, so that an
interrupted run leaves nothing that looks finished, and the next run finishes it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import TextIO

from photochrom.bagit.bags import DECLARATION, PAYLOAD
from photochrom.bagit.lines import manifest_line
from photochrom.errors import DownloadDamaged
from photochrom.files.fixity import digests, many
from photochrom.files.replacing import is_partial, replacing

#: SHA-512 since the RFC asks for it by default, SHA-256 since it is what the service names files by.
_ALGORITHMS = ("sha256", "sha512")

_INFO = "bag-info.txt"

#: How bag-info.txt says that a bag was made here; a version follows.
_MADE_HERE = "Bag-Software-Agent: photochrom"


def is_made_here(folder: Path) -> bool:
    """Tells whether a bag lies in `folder`, or what is left of one, that Photochrom made."""
    try:
        return _MADE_HERE in (folder / _INFO).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False


def open_bag(folder: Path) -> Path:
    """Makes `folder` fit to take results, and returns where they go: its payload.

    Raises FileExistsError for a bag that was not made here: its tags would be lost.
    """
    if not is_made_here(folder) and any((folder / name).exists() for name in (DECLARATION, _INFO)):
        raise FileExistsError(errno.EEXIST, "a bag that was not made by Photochrom. Name another folder", str(folder))
    (folder / DECLARATION).unlink(missing_ok=True)
    payload = folder / PAYLOAD
    payload.mkdir(parents=True, exist_ok=True)
    return payload


def close_bag(
    folder: Path,
    *,
    known: Callable[[str], str | None],
    agent: str,
    today: date,
    info: Mapping[str, str],
    threads: int = 1,
) -> None:
    """Reads the payload once and writes the tag files.

    `known` tells the SHA-256 that a result had when it came, by its path below the payload: a file that has another by
    now raises DownloadDamaged, and the folder stays unfinished. `info` are further tags of bag-info.txt. Raises
    OSError.
    """
    size, count = 0, 0
    with ExitStack() as stack:
        manifests = {name: stack.enter_context(replacing(folder / f"manifest-{name}.txt")) for name in _ALGORITHMS}
        for file, found in many(((path, _ALGORITHMS) for path in _payload(folder)), threads=threads):
            if isinstance(found, OSError):
                raise found
            path = file.relative_to(folder).as_posix()
            _require(path, known(path.removeprefix(f"{PAYLOAD}/")), found["sha256"])
            _list(manifests, found, path)
            size, count = size + file.stat().st_size, count + 1
    lines = {
        **info,
        "Bagging-Date": today.isoformat(),
        "Bag-Software-Agent": agent,
        "Payload-Oxum": f"{size}.{count}",
    }
    with replacing(folder / _INFO) as tags:
        tags.writelines(f"{name}: {' '.join(value.split())}\n" for name, value in lines.items())
    text = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    with replacing(folder / f"{DECLARATION}.new") as declaration:
        declaration.write(text)
    with ExitStack() as stack:
        manifests = {name: stack.enter_context(replacing(folder / f"tagmanifest-{name}.txt")) for name in _ALGORITHMS}
        for name in (_INFO, *(f"manifest-{name}.txt" for name in _ALGORITHMS)):
            _list(manifests, digests(folder / name, _ALGORITHMS), name)
        _list(manifests, digests(folder / f"{DECLARATION}.new", _ALGORITHMS), DECLARATION)
    (folder / f"{DECLARATION}.new").replace(folder / DECLARATION)


def _payload(folder: Path) -> Iterator[Path]:
    """Yields the files of the payload, sorted; removes what a killed run left half written."""
    for here, folders, names in os.walk(folder / PAYLOAD):
        folders.sort()
        for name in sorted(names):
            if is_partial(name):
                Path(here, name).unlink()
            else:
                yield Path(here, name)


def _require(path: str, known: str | None, found: str) -> None:
    if known is not None and known != found:
        raise DownloadDamaged(
            f"{path} has changed since it was written: its SHA-256 was {known}, now it is {found}. Remove the file and "
            "run the command again."
        )


def _list(manifests: Mapping[str, TextIO], found: Mapping[str, str], path: str) -> None:
    for name, manifest in manifests.items():
        manifest.write(manifest_line(found[name], path))
