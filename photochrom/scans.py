"""Scans: the files that a person hands over, and where their results will lie."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

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
_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".jp2", ".j2k", ".jpf", ".webp", ".bmp")

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

    @property
    def name(self) -> str:
        """The relative path with forward slashes: the scan's name in state, job and messages."""
        return self.relative.as_posix()


def find(paths: Iterable[Path], *, out: Path | None) -> Iterator[Scan]:
    """Yields the files at and below `paths`, sorted, without hidden ones and without what lies in `out`."""
    seen: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found = [(file, file.relative_to(path)) for file in _walk(path, out.resolve() if out else None)]
        else:
            found = [(path, Path(path.name))]
        for file, relative in found:
            real = file.resolve()
            if real not in seen:
                seen.add(real)
                picture = is_picture(file)
                promised = picture or file.suffix.lower() in _SUFFIXES
                yield Scan(path=file, relative=relative, picture=picture, promised=promised)


def is_picture(path: Path) -> bool:
    """Tells by the first bytes whether a file is a picture that Photochrom reads."""
    with path.open("rb") as stream:
        return _PICTURE.match(stream.read(_HEAD_BYTES)) is not None


def stems(scans: Iterable[Scan]) -> dict[str, Path]:
    """Returns each scan's result without extension, relative to OUT: `<stem>_colorized`.

    Scans that differ only in their extension keep it in the stem: `a.jpg` and `a.tif` give `a.jpg_colorized` and
    `a.tif_colorized`. Scans of the same name from different arguments are told apart by a number.
    """
    scans = list(scans)
    twins = Counter(str(scan.relative.with_suffix("")).casefold() for scan in scans)
    taken: set[str] = set()
    result = {}
    for scan in scans:
        alone = twins[str(scan.relative.with_suffix("")).casefold()] == 1
        stem = scan.relative.stem if alone else scan.relative.name
        number, target = 1, scan.relative.with_name(f"{stem}_colorized")
        while str(target).casefold() in taken:
            number += 1
            target = scan.relative.with_name(f"{stem}-{number}_colorized")
        taken.add(str(target).casefold())
        result[str(scan.path)] = target
    return result


def _walk(folder: Path, out: Path | None) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        parent = Path(here)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (out is None or (parent / name).resolve() != out)
        )
        yield from (parent / name for name in sorted(files) if not name.startswith("."))
