"""Places: where the color pictures of the files that `colorize` is given lie, settled before anything is computed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from photochrom.bulk.outputs import MARK
from photochrom.files.folders import make_folder
from photochrom.files.names import cut, folded
from shared.errors import NotAPicture
from shared.formats import READABLE, SNIFF_BYTES, sniff
from shared.recipes import Recipe

#: Device and number of a file: the same for all its names.
Identity = tuple[int, int]

#: What no two results share: their folder, and their name as a file system may fold it.
_Key = tuple[Identity, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the color pictures of one file go, or why there will be none."""

    #: the file as it was named
    path: Path
    #: where the result of each recipe goes, in their order; none where the file is no picture
    targets: tuple[Path, ...] = ()
    #: stable code and words of what is in the way
    refusal: tuple[str, str] | None = None
    #: found in a folder, and not named: a result of it that is there already is no failure
    found: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Picture:
    """A picture, and the folder of its results. A folder may hold very many, so it is small."""

    path: str
    file: Identity
    folder: Path
    folder_file: Identity
    extension: str

    def key(self, stem: str) -> _Key:
        """Returns what a place is told by."""
        return (self.folder_file, folded(f"{stem}.{self.extension}"))

    @property
    def plain(self) -> _Key:
        """The place under the file's own stem."""
        return self.key(cut(Path(self.path).stem))

    @property
    def name(self) -> str:
        """The file's name, folded."""
        return folded(Path(self.path).name)


class Places:
    """Settles where results go, for one group of files after the other: `<stem>_colorized.<ext>`.

    No two share a place, also where they are copied to a file system that folds case, and none is that of a file that
    was named: files of a group whose results differ in nothing but the extension of their master keep it, and others
    are numbered, as `photochrom submit` does it. A file that is named twice has one place. Without `force` nothing that
    is there is replaced.
    """

    def __init__(self, named: Sequence[Path], *, out: Path | None, force: bool, recipe: Recipe) -> None:
        """Takes the files that were named one by one. Their results go to `out`, or beside each."""
        self._named = named
        self._out = out
        self._force = force
        self._recipe = recipe
        self._masters = _masters(named)
        self._taken: set[_Key] = set()

    def named(self) -> Iterator[Place]:
        """Yields a place for each file that was named, in their order."""
        looked = _once([self._look(path, self._out or path.parent, found=False) for path in self._named])
        return self._settled(looked, found=False)

    def found(self, files: Iterable[Path], folder: Path) -> Iterator[Place]:
        """Yields a place in `folder`, made below `out`, for each file that was found in one folder, in their order."""
        try:
            if self._out:  # that of the files is there, unless somebody has removed it
                make_folder(folder)
        except OSError as error:
            refusal = ("file_error", f"{folder}: {error.strerror or error}")
            return (Place(path=path, refusal=refusal, found=True) for path in files)
        return self._settled([self._look(path, folder, found=True) for path in files], found=True)

    def _look(self, path: Path, folder: Path, *, found: bool) -> _Picture | Place:
        from worker.plans import format_of  # noqa: PLC0415 - only what colors pays for it

        def refused(code: str, words: str) -> Place:
            return Place(path=path, refusal=(code, words), found=found)

        try:
            facts, folder_facts = path.stat(), folder.stat()
            if not stat.S_ISREG(facts.st_mode):
                return refused(NotAPicture.code, "It is no file, but a pipe or a device.")
            with path.open("rb", buffering=0) as source:
                fmt = sniff(source.read(SNIFF_BYTES))
        except OSError as error:
            return refused("file_error", error.strerror or str(error))
        if fmt is None:
            return refused(NotAPicture.code, f"It is no {READABLE}." if facts.st_size else "It is empty.")
        return _Picture(
            path=str(path),
            file=(facts.st_dev, facts.st_ino),
            folder=folder,
            folder_file=(folder_facts.st_dev, folder_facts.st_ino),
            extension=format_of(fmt, self._recipe).extension,
        )

    def _settled(self, looked: Sequence[_Picture | Place], *, found: bool) -> Iterator[Place]:
        shared = _shared([each for each in looked if isinstance(each, _Picture)])
        for each in looked:
            if isinstance(each, Place):
                yield each
                continue
            stem = _stem(each, self._taken, alone=each.plain not in shared)
            self._taken.add(each.key(stem))
            targets = _targets(each.folder, stem, each.extension, self._recipe.each())
            refusal = self._refusal(targets, found=found)
            yield Place(path=Path(each.path), targets=targets, refusal=refusal, found=found)

    def _refusal(self, targets: Sequence[Path], *, found: bool) -> tuple[str, str] | None:
        """Returns code and words of what is in the way of a file's results."""
        there = False
        for target in targets:
            try:
                facts = target.lstat()
            except FileNotFoundError:
                continue
            except OSError as error:
                return ("file_error", error.strerror or str(error))
            if master := self._masters.get((facts.st_dev, facts.st_ino)):
                words = f"Its result would replace {master}, which is to be colored too; -o names another folder."
                return ("output_is_master", words)
            if not (self._force or found):
                return output_exists(target)
            there = True
        # What was found may have its result already, and is asked about it when its turn comes.
        if not (found and there and not self._force) and not os.access(targets[0].parent, os.W_OK | os.X_OK):
            return ("file_error", f"Nothing can be written to {targets[0].parent}; -o names another folder.")
        return None


def _shared(pictures: Iterable[_Picture]) -> set[_Key]:
    """Returns the places that files of several names would have under their own stem."""
    names: dict[_Key, str] = {}
    return {each.plain for each in pictures if names.setdefault(each.plain, each.name) != each.name}


def _once(looked: Sequence[_Picture | Place]) -> list[_Picture | Place]:
    """Leaves out what was named before: the same file, whose result would lie in the same place."""
    first: dict[object, _Picture | Place] = {}
    for each in looked:
        first.setdefault((each.file, each.plain) if isinstance(each, _Picture) else each.path, each)
    return list(first.values())


def _stem(picture: _Picture, taken: set[_Key], *, alone: bool) -> str:
    """Returns the first stem whose place nobody has."""
    path = Path(picture.path)
    first = stem = cut(path.stem if alone else path.name)
    count = 1
    while picture.key(stem) in taken:
        count += 1
        stem = f"{first}-{count}"
    return stem


def _targets(folder: Path, stem: str, extension: str, recipes: Sequence[Recipe]) -> tuple[Path, ...]:
    """Returns where the result of each recipe goes: the first, or only, one without its temperature in its name."""
    tags = ["", *(f"-t{recipe.temperature:.3f}" for recipe in recipes[1:])]
    return tuple(folder / f"{stem}{MARK}{tag}.{extension}" for tag in tags)


def output_exists(target: Path, *, foreign: bool = False) -> tuple[str, str]:
    """Returns code and words for a file that is in the way, `foreign` where it is known to be no result of the same."""
    words = " and was not made of this file with these options" if foreign else ""
    return ("output_exists", f"{target} is there{words}; --force replaces it.")


def _masters(files: Sequence[Path]) -> dict[Identity, Path]:
    """Returns the files that were named, and the links among them, by what they are."""
    masters = {}
    for path in files:
        with suppress(OSError):
            for facts in (path.stat(), path.lstat()):
                masters[facts.st_dev, facts.st_ino] = path
    return masters
