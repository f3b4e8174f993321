"""Scans: the files that a person hands over, and where their results will lie."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photochrom.scans.filters import EVERYTHING, Filters

#: First bytes of JPEG, PNG, TIFF (classic and big, both byte orders), JPEG 2000 (boxed and bare), WebP and BMP.
_MAGIC = (
    rb"\xff\xd8\xff",
    rb"\x89PNG\r\n\x1a\n",
    rb"II[*+]\0",
    rb"MM\0[*+]",
    rb"\0\0\0\x0cjP  \r\n\x87\n",
    rb"\xff\x4f\xff\x51",
    rb"RIFF.{4}WEBP",
    rb"BM.{4}\0{4}",
)
_PICTURE = re.compile(b"|".join(_MAGIC), re.DOTALL)

#: How many first bytes tell.
_HEAD_BYTES = 16

#: Names that promise a picture.
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".jp2", ".j2k", ".jpf", ".webp", ".bmp")

#: Extension of a result by its media type.
EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "image/jp2": "jp2",
    "image/webp": "webp",
}

#: The folder in OUT where a submission remembers what it has done.
STATE_FOLDER = ".photochrom"

#: Is told a file or folder that cannot be read, and why.
Unreadable = Callable[[Path, OSError], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """One file that was found."""

    #: where it lies
    path: Path
    #: its place below the folder that was named, or its bare name
    relative: Path
    #: whether its first bytes are those of a picture
    picture: bool
    #: whether its name or its bytes promise a picture
    promised: bool
    #: the archive's own name for it, which goes along as client_ref
    identifier: str | None = None
    #: algorithm -> hexadecimal digest, as somebody vouches for it; such a scan is sent only if its bytes fit
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The relative path with forward slashes: the scan's name in state, job and messages."""
        return self.relative.as_posix()


def find(
    paths: Iterable[Path],
    *,
    out: Path | None,
    filters: Filters = EVERYTHING,
    unreadable: Unreadable = lambda path, error: None,
    any_name: bool = False,
) -> Iterator[Scan]:
    """Yields the files at and below `paths`, sorted, each once, without hidden ones, litter, and what lies in `out`.

    Links to folders are not followed, so that a walk ends; a link to a file below `paths` is left out, since that file
    is found itself. What cannot be read is told to `unreadable` and left out, and so is a file whose name is not UTF-8,
    which no server takes, unless `any_name` is wished. No more is kept in memory than the names
    of one folder at each depth, the files that `paths` names one by one, and what links lead to.
    """
    paths = list(paths)
    roots = [path.resolve() for path in paths if path.is_dir()]
    ours = out.resolve() if out else None
    named: set[Path] = set()
    walked = 0
    for path in paths:
        folder, earlier = path.is_dir(), roots[:walked]
        top = path if folder else path.parent
        real_top = top.resolve()
        if folder:
            walked += 1
            found = walk(path, out=ours, filters=filters, unreadable=unreadable)
        else:
            found = iter([path.name] if filters.fits(path.name) else [])
        for relative in found:
            file = top / relative
            linked = file.is_symlink()
            real = file.resolve() if linked else real_top / relative
            if real in named or any(_finds(root, real, filters) for root in (roots if folder and linked else earlier)):
                continue
            if linked or not folder:
                named.add(real)
            if taken := scan(file, Path(relative), unreadable, any_name=any_name):
                yield taken


def walk(top: Path, *, out: Path | None, filters: Filters, unreadable: Unreadable) -> Iterator[str]:
    """Yields the files below a folder by relative path, a folder's own before those of its folders, each sorted.

    `out`, resolved, is not entered. Links to folders are not followed; pipes and the like are left out.
    """
    waiting = [""]
    while waiting:
        here = waiting.pop()
        files: list[str] = []
        folders: list[str] = []
        try:
            with os.scandir(top / here) as entries:
                for entry in entries:
                    path = f"{here}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        if filters.enters(path) and not (out and _leads_to(entry, out)):
                            folders.append(f"{path}/")
                    elif filters.takes(path) and _is_file(entry, unreadable):
                        files.append(path)
        except OSError as error:
            unreadable(top / here, error)
        yield from sorted(files)
        waiting += sorted(folders, reverse=True)


def scan(
    file: Path,
    relative: Path,
    unreadable: Unreadable = lambda path, error: None,
    *,
    any_name: bool = False,
    **facts: Any,
) -> Scan | None:
    """Returns the scan that a file is, `facts` being further fields of it, or None where it cannot be read.

    Where its name is not UTF-8 that is so as well, unless `any_name` is wished.
    """
    try:
        if not any_name:
            relative.as_posix().encode()
        picture = is_picture(file)
    except UnicodeEncodeError:
        unreadable(file, OSError(errno.EILSEQ, "The name is not UTF-8"))
        return None
    except OSError as error:
        unreadable(file, error)
        return None
    promised = picture or file.suffix.lower() in SUFFIXES
    return Scan(path=file, relative=relative, picture=picture, promised=promised, **facts)


def is_picture(path: Path) -> bool:
    """Tells by the first bytes whether a file is a picture that Photochrom reads."""
    with path.open("rb") as stream:
        return _PICTURE.match(stream.read(_HEAD_BYTES)) is not None


def _leads_to(entry: os.DirEntry[str], folder: Path) -> bool:
    """Tells whether a folder, which is no link, is another one that is resolved; most are not by their name alone."""
    return entry.name == folder.name and Path(entry.path).resolve() == folder


def _is_file(entry: os.DirEntry[str], unreadable: Unreadable) -> bool:
    """Tells whether an entry is a file or leads to one; a link that leads nowhere is told of."""
    try:
        if entry.is_symlink():
            Path(entry.path).stat()
        return entry.is_file()
    except OSError as error:
        unreadable(Path(entry.path), error)
        return False


def _finds(root: Path, real: Path, filters: Filters) -> bool:
    """Tells whether the walk through a folder finds a file itself."""
    return real.is_relative_to(root) and filters.reaches(real.relative_to(root).as_posix())
