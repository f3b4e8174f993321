"""Lines of a bag's manifests and tag files (RFC 8493, sections 2.1.3, 2.2.2 and 2.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

#: What a manifest's path must not hold as it is. Of other % signs nothing is said, and nothing is changed.
_ENCODED = {"%": "%25", "\n": "%0A", "\r": "%0D"}
_DECODED = {code: char for char, code in _ENCODED.items()}

_LINE = re.compile(r"([0-9A-Fa-f]+)[ \t]+\*?(.+)")

#: The version of BagIt whose paths encode % as well.
_PERCENT_SINCE = (1, 0)


def encode(path: str) -> str:
    """Returns a path as a manifest has it."""
    return re.sub(r"[%\r\n]", lambda found: _ENCODED[found[0]], path)


def decode(path: str, version: tuple[int, int]) -> str:
    """Returns the path that a manifest of a BagIt version means. Before 1.0 a % stands for itself."""
    codes = "%25|%0A|%0D" if version >= _PERCENT_SINCE else "%0A|%0D"
    return re.sub(codes, lambda found: _DECODED[found[0].upper()], path, flags=re.IGNORECASE)


def manifest_line(digest: str, path: str) -> str:
    """Returns a manifest's line, as `sha256sum -c` reads it too."""
    return f"{digest}  {encode(path)}\n"


def read_line(line: str, version: tuple[int, int]) -> tuple[str, str] | None:
    """Returns digest, in lower case, and path of a manifest's line, or None where it is no such line."""
    found = _LINE.fullmatch(line.rstrip("\r\n"))
    if not found:
        return None
    path = decode(found[2], version)
    return found[1].lower(), path.removeprefix("./")


def tags(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields name and value of each tag; a line that begins with a blank goes on with the one before.

    Raises ValueError for a line that is neither.
    """
    name, value = "", ""
    for line in lines:
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        if text[0] in " \t" and name:
            value += f" {text.strip()}"
            continue
        if name:
            yield name, value
        name, colon, value = (part.strip() for part in text.partition(":"))
        if not colon or not name:
            raise ValueError(f"{text[:80]!r} is no tag such as `Bagging-Date: 2026-01-31`.")
    if name:
        yield name, value
