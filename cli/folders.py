"""Folders: every picture below those that `colorize` is given, found as `photochrom submit` finds scans."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from cli.places import Place, Places
from photochrom.bulk.outputs import MARK
from photochrom.scans.filters import EVERYTHING
from photochrom.scans.scan import SUFFIXES, Scan, find, walk
from shared.recipes import Recipe

#: The end of a result's stem, that of a further candidate too; a file system may have changed its case.
_RESULT = re.compile(rf".*{MARK}(-t\d\.\d{{3}})?", re.IGNORECASE | re.DOTALL)


def below(
    files: Sequence[Path],
    *,
    out: Path | None,
    force: bool,
    recipe: Recipe,
    looked: Callable[[], None],
    skipped: Callable[[Path], None],
) -> Iterator[Place]:
    """Yields a place for each file that was named, and then for each picture below the folders among them, once.

    Results of a folder's pictures lie in the same tree in `out`, or beside each. What is called like a result is left
    out; `skipped` is told other files that are no pictures and are not called like one, and `looked` of each file that
    was looked at. One folder's files are looked at before the first of them is yielded, since they decide each other's
    names; no more than these is kept in memory, but for the names of the results.
    """
    folders = [path for path in files if path.is_dir()]
    named = [path for path in files if not path.is_dir()]
    places = Places(named, out=out, force=force, recipe=recipe)
    yield from places.named()
    if not folders:
        return
    known, unreadable = set(named), list[Place]()

    def cannot_read(path: Path, error: OSError) -> None:
        if path not in known:
            refusal = ("file_error", error.strerror or str(error))
            unreadable.append(Place(path=path, refusal=refusal, found=True))

    def pictures(scans: Iterator[Scan]) -> Iterator[Path]:
        for scan in scans:
            looked()
            if scan.path in known or is_result(scan.path):
                continue
            if scan.promised:
                yield scan.path
            else:
                skipped(scan.path)

    # What is named is not found a second time.
    scans = find([*filter(Path.is_file, named), *folders], out=out, unreadable=cannot_read, any_name=True)
    for (here, relative), group in groupby(scans, key=lambda scan: (scan.path.parent, scan.relative.parent)):
        yield from unreadable
        unreadable.clear()
        if found := [str(path) for path in pictures(group)]:
            yield from places.found(map(Path, found), out / relative if out else here)
    yield from unreadable


def count(folders: Sequence[Path], *, out: Path | None) -> int:
    """Returns how many files below folders are called like a picture, in less time than it takes to look at them."""
    ours = out.resolve() if out else None
    names = (
        Path(name)
        for folder in folders
        for name in walk(folder, out=ours, filters=EVERYTHING, unreadable=lambda path, error: None)
    )
    return sum(name.suffix.lower() in SUFFIXES and not _RESULT.fullmatch(name.stem) for name in names)


def is_result(path: Path) -> bool:
    """Tells whether a file, or what a link leads to, is called like a result."""
    if _RESULT.fullmatch(path.stem):
        return True
    return path.is_symlink() and _RESULT.fullmatch(path.resolve().stem) is not None
