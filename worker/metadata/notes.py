"""What of EXIF depends on where it stands: a maker's note, which may count from its file's start, and 16-bit texts."""

from __future__ import annotations

from dataclasses import replace

from worker.metadata.directories import SHORT, Directory, Field, Layout

NOTE = 37500
_EXIF, _GPS = 34665, 34853

#: Texts that say first what their characters are: a comment; method and area of GPS (EXIF 2.32, 4.6.5 and 4.6.6).
_TEXTS = {_EXIF: (37510,), _GPS: (27, 28)}
_UNICODE = b"UNICODE\0"

#: Farthest from the start that a note is kept where it was: what lies before it may have to be filled up.
_FARTHEST = 1 << 15


def turned(directory: Directory, layout: Layout) -> Directory:
    """Returns a first directory with its texts of 16 bits turned between little-endian and the layout's byte order."""
    whole = dict(directory)
    for parent, tags in _TEXTS.items():
        child = whole.get(parent)
        if isinstance(child, dict):
            whole[parent] = {tag: _turned(field, layout) if tag in tags else field for tag, field in child.items()}
    return whole


def pinned(directory: Directory, at: int, layout: Layout) -> tuple[Directory, bytes]:
    """Returns a first directory with its note pinned to its home, and the bytes from offset `at` (even) to its end.

    There are none, and the directory is as it was, where there is no note, or its home lies before `at` or too far
    behind. The bytes are even.
    """
    details = directory.get(_EXIF)
    note = details.get(NOTE) if isinstance(details, dict) else None
    if not isinstance(details, dict) or not isinstance(note, Field) or not at <= note.home <= _FARTHEST:
        return directory, b""
    filled = bytes(note.home - at) + layout.turned(note.type, note.data)
    return {**directory, _EXIF: {**details, NOTE: replace(note, pinned=True)}}, filled + bytes(len(filled) % 2)


def _turned(text: Field | Directory, layout: Layout) -> Field | Directory:
    if not isinstance(text, Field) or not text.data.startswith(_UNICODE):
        return text
    words = text.data[len(_UNICODE) :]
    whole = len(words) // 2 * 2
    return replace(text, data=_UNICODE + layout.turned(SHORT, words[:whole]) + words[whole:])
