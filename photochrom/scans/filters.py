"""Filters: which files below a folder are wanted, by patterns that a person types."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

#: What scanners, file managers and storage boxes leave beside pictures.
_LITTER = frozenset({"thumbs.db", "desktop.ini", "@eadir"})

_WILD = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]/]*\]|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One glob, matched with the case it has.

    `*` and `?` stay within a name, `**` crosses folders, `[a-z]` and `[!a-z]` are one character. A pattern without `/`
    is matched against the last name of a path at any depth, one with `/` against the whole path below the folder.
    """

    #: as it was typed
    text: str
    _expression: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _whole: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises ValueError for a pattern that can match nothing."""
        bare = self.text.strip("/")
        if not bare:
            raise ValueError(f"{self.text!r} is no pattern such as '*.tif' or 'box-1/**'.")
        object.__setattr__(self, "_whole", "/" in self.text.rstrip("/"))
        try:
            object.__setattr__(self, "_expression", re.compile("".join(map(_part, _WILD.findall(bare))), re.DOTALL))
        except re.error as error:
            raise ValueError(f"{self.text!r} is no pattern: {error}.") from error

    def matches(self, path: str) -> bool:
        """Tells whether a relative path with forward slashes fits."""
        return self._expression.fullmatch(path if self._whole else path.rpartition("/")[2]) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """A file is taken if it fits one of `include`, or there is none, and no `exclude` fits it or a folder above it."""

    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()

    @classmethod
    def of(cls, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> Filters:
        """Reads what a person typed; raises ValueError where that is no pattern."""
        return cls(include=tuple(map(Pattern, include)), exclude=tuple(map(Pattern, exclude)))

    def enters(self, folder: str) -> bool:
        """Tells whether a folder, by its relative path, may hold something that is taken; its parents were entered."""
        return not (_litter(folder) or any(pattern.matches(folder) for pattern in self.exclude))

    def takes(self, path: str) -> bool:
        """Tells whether a file, by its relative path, is taken; its folders were entered."""
        return not _litter(path) and self.fits(path)

    def fits(self, path: str) -> bool:
        """Tells whether the patterns take a file; also one that is hidden, which somebody named."""
        if any(pattern.matches(path) for pattern in self.exclude):
            return False
        return not self.include or any(pattern.matches(path) for pattern in self.include)

    def reaches(self, path: str) -> bool:
        """Tells the same of a file whose folders nobody has looked at yet."""
        folders = path.split("/")[:-1]
        above = ("/".join(folders[: depth + 1]) for depth in range(len(folders)))
        return all(map(self.enters, above)) and self.takes(path)


#: Takes everything but what is hidden and what others leave about.
EVERYTHING = Filters()


def _litter(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith(".") or name.lower() in _LITTER


def _part(piece: str) -> str:
    """Returns the regular expression of one piece of a glob."""
    if piece == "**/":
        return "(?:.*/)?"
    if piece == "**":
        return ".*"
    if piece == "*":
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if len(piece) > 1:
        inner = piece[1:-1].replace("\\", r"\\").replace("[", r"\[")
        return f"(?!/)[{'^' + inner[1:] if inner.startswith('!') else inner.replace('^', chr(92) + '^')}]"
    return re.escape(piece)
