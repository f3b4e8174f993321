"""Places: where the color pictures of the files that `colorize` is given lie, settled before anything is computed."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from photochrom.files.names import cut, folded
from shared.errors import NotAPicture
from shared.formats import READABLE, SNIFF_BYTES, sniff
from shared.recipes import Recipe

#: Device and number of a file: the same for all its names.
Identity = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the color pictures of one file go, or why there will be none."""

    #: the file as it was named
    path: Path
    #: where the result of each recipe goes, in their order; none where the file is no picture
    targets: tuple[Path, ...] = ()
    #: stable code and words of what is in the way
    refusal: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """A picture, and the folder of its results."""

    path: Path
    file: Identity
    folder: Path
    folder_file: Identity
    extension: str

    def key(self, stem: str) -> tuple[Identity, str]:
        """Returns what a place is told by."""
        return (self.folder_file, folded(f"{stem}.{self.extension}"))

    @property
    def plain(self) -> tuple[Identity, str]:
        """The place under the file's own stem."""
        return self.key(cut(self.path.stem))


def place(files: Sequence[Path], *, out: Path | None, force: bool, recipe: Recipe) -> list[Place]:
    """Returns a place for each file, in their order: `<stem>_colorized.<ext>` in `out` or beside the file.

    No two share one, also where they are copied to a file system that folds case, and none is that of a file that was
    named: files whose results differ in nothing but the extension of their master keep it, and others are numbered, as
    `photochrom submit` does it. A file that is named twice has one place. Without `force` nothing that is there is
    replaced.
    """
    looked = _once([_look(path, out, recipe) for path in files])
    found = [each for each in looked if isinstance(each, _Found)]
    names: dict[tuple[Identity, str], set[str]] = {}
    for picture in found:
        names.setdefault(picture.plain, set()).add(folded(picture.path.name))
    masters = _masters(files)
    taken: set[tuple[Identity, str]] = set()
    places = []
    for each in looked:
        if isinstance(each, _Found):
            stem = _stem(each, taken, alone=len(names[each.plain]) == 1)
            taken.add(each.key(stem))
            targets = _targets(each.folder, stem, each.extension, recipe.each())
            places.append(Place(path=each.path, targets=targets, refusal=_refusal(targets, masters, force=force)))
        else:
            places.append(each)
    return places


def _look(path: Path, out: Path | None, recipe: Recipe) -> _Found | Place:
    from worker.plans import format_of  # noqa: PLC0415 - only what colors pays for it

    folder = out or path.parent
    try:
        facts, folder_facts = path.stat(), folder.stat()
        if not stat.S_ISREG(facts.st_mode):
            return Place(path=path, refusal=(NotAPicture.code, "It is no file, but a pipe or a device."))
        with path.open("rb") as source:
            fmt = sniff(source.read(SNIFF_BYTES))
    except OSError as error:
        return Place(path=path, refusal=("file_error", error.strerror or str(error)))
    if fmt is None:
        words = f"It is no {READABLE}." if facts.st_size else "It is empty."
        return Place(path=path, refusal=(NotAPicture.code, words))
    return _Found(
        path=path,
        file=(facts.st_dev, facts.st_ino),
        folder=folder,
        folder_file=(folder_facts.st_dev, folder_facts.st_ino),
        extension=format_of(fmt, recipe).extension,
    )


def _once(looked: Sequence[_Found | Place]) -> list[_Found | Place]:
    """Leaves out what was named before: the same file, whose result would lie in the same place."""
    first: dict[object, _Found | Place] = {}
    for each in looked:
        first.setdefault((each.file, each.plain) if isinstance(each, _Found) else each.path, each)
    return list(first.values())


def _stem(found: _Found, taken: set[tuple[Identity, str]], *, alone: bool) -> str:
    """Returns the first stem whose place nobody has."""
    first = stem = cut(found.path.stem if alone else found.path.name)
    count = 1
    while found.key(stem) in taken:
        count += 1
        stem = f"{first}-{count}"
    return stem


def _targets(folder: Path, stem: str, extension: str, recipes: Sequence[Recipe]) -> tuple[Path, ...]:
    """Returns where the result of each recipe goes: the first, or only, one without its temperature in its name."""
    tags = ["", *(f"-t{recipe.temperature:.3f}" for recipe in recipes[1:])]
    return tuple(folder / f"{stem}_colorized{tag}.{extension}" for tag in tags)


def output_exists(target: Path) -> tuple[str, str]:
    """Returns code and words for a file that is in the way."""
    return ("output_exists", f"{target} is there; --force replaces it.")


def _masters(files: Sequence[Path]) -> dict[Identity, Path]:
    """Returns the files that were named, and the links among them, by what they are."""
    masters = {}
    for path in files:
        with suppress(OSError):
            for facts in (path.stat(), path.lstat()):
                masters[facts.st_dev, facts.st_ino] = path
    return masters


def _refusal(targets: Sequence[Path], masters: Mapping[Identity, Path], *, force: bool) -> tuple[str, str] | None:
    """Returns code and words of what is in the way of a file's results."""
    for target in targets:
        try:
            facts = target.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            return ("file_error", error.strerror or str(error))
        if master := masters.get((facts.st_dev, facts.st_ino)):
            words = f"Its result would replace {master}, which is to be colored too; -o names another folder."
            return ("output_is_master", words)
        if not force:
            return output_exists(target)
    if not os.access(targets[0].parent, os.W_OK | os.X_OK):
        return ("file_error", f"Nothing can be written to {targets[0].parent}; -o names another folder.")
    return None
