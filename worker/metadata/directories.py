"""Image file directories (TIFF 6.0, section 2): fields by tag, their values byte for byte; classic and BigTIFF."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import IO, Literal, TypeAlias

import numpy as np

#: Types of values (TIFF 6.0, section 2; EXIF 3.0 for 129): bytes of a value, and of the words that byte order turns.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8, 129: 1}
_WORDS = {**_SIZES, 5: 4, 10: 4}

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8, IFD8, UTF8 = 1, 2, 3, 4, 5, 7, 16, 18, 129

_FORMATS = {1: "B", 3: "H", 4: "I", 5: "I", 6: "b", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d", 16: "Q", 17: "q"}

#: Most entries of a directory: what a classic one can count.
_MOST_ENTRIES = 0xFFFF

#: Largest denominator of a rational made here; two decimals of a resolution are exact. And largest numerator, a
#: rounding below what 32 bits hold.
_DENOMINATOR = 10_000
_NUMERATOR = 2**32 - 2

#: Numbers of a field that are looked at: of what is read here, none has more than three.
_MOST_NUMBERS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """The values of a tag."""

    #: one of TIFF's types
    type: int
    #: values, little-endian
    data: bytes
    #: where they lay in the structure that they were read from, bytes from its start; 0 for what fits into its entry
    home: int = field(default=0, compare=False)
    #: whether they lie at home already, so that `pack` only points there
    pinned: bool = False

    @property
    def count(self) -> int:
        """Number of values."""
        return len(self.data) // _SIZES[self.type]

    def numbers(self) -> tuple[float, ...]:
        """Returns the first 8 values as numbers; rationals as quotients, without those by zero. Text has none."""
        code = _FORMATS.get(self.type)
        if code is None:
            return ()
        # A hostile field has millions, which as objects need ten times its bytes.
        data = self.data[: _MOST_NUMBERS * _SIZES[self.type]]
        words = struct.unpack(f"<{len(data) // _WORDS[self.type]}{code}", data)
        if self.type in (5, 10):
            pairs = zip(words[::2], words[1::2], strict=True)
            return tuple(above / below for above, below in pairs if below)
        return words

    def text(self) -> bytes:
        """Returns the bytes of a text up to its first NUL."""
        return self.data.split(b"\0", 1)[0]


#: A directory in a field's place is one that the tag points to.
Directory: TypeAlias = "dict[int, Field | Directory]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How a structure writes its numbers."""

    #: byte order, as `struct` has it
    order: Literal["<", ">"] = "<"
    #: whether offsets have 64 bits
    big: bool = False

    @property
    def header(self) -> struct.Struct:
        """A file's first bytes before the offset of its first directory."""
        return struct.Struct(self.order + ("2sHHH" if self.big else "2sH"))

    @property
    def count(self) -> struct.Struct:
        """A directory's number of entries."""
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @property
    def entry(self) -> struct.Struct:
        """Tag, type, count, and value or offset."""
        return struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    @property
    def offset(self) -> struct.Struct:
        """An offset, counted from the start of the structure."""
        return struct.Struct(self.order + ("Q" if self.big else "I"))

    def turned(self, field_type: int, data: bytes) -> bytes:
        """Returns values of a type between little-endian and this order, which is the same way there and back."""
        word = _WORDS[field_type]
        if self.order == "<" or word == 1:
            return data
        return np.frombuffer(data, f"<u{word}").byteswap().tobytes()


class Structure:
    """A TIFF structure to be read: a file, or a block within one."""

    def __init__(self, source: IO[bytes], *, allowance: int) -> None:
        """Reads the header at the start. `allowance` is how many bytes its values may have in all: fields can lie.

        Raises ValueError where there is no header.
        """
        source.seek(0)
        head = source.read(16).ljust(16, b"\0")
        layouts = {
            b"II*\0": Layout(order="<"),
            b"MM\0*": Layout(order=">"),
            b"II+\0": Layout(order="<", big=True),
            b"MM\0+": Layout(order=">", big=True),
        }
        layout = layouts.get(head[:4])
        if layout is None:
            raise ValueError("A TIFF structure begins with II or MM.")
        self.layout = layout
        #: offset of the first directory
        (self.first,) = layout.offset.unpack_from(head, layout.header.size)
        self._source = source
        self._end = source.seek(0, os.SEEK_END)
        self._left = allowance

    def directory(self, offset: int, *, kept: Callable[[int], bool]) -> Directory:
        """Returns the fields at `offset` whose tags are kept and whose values are there; the rest is passed over."""
        layout = self.layout
        (count,) = layout.count.unpack(self._read(offset, layout.count.size) or bytes(layout.count.size))
        if count > _MOST_ENTRIES:
            return {}
        size = layout.entry.size
        # The file may end within the directory.
        whole = min(count, max(self._end - offset - layout.count.size, 0) // size)
        entries = self._read(offset + layout.count.size, whole * size) or b""
        found: Directory = {}
        for tag, field_type, values, place in layout.entry.iter_unpack(entries):
            if tag not in found and field_type in _SIZES and values and kept(tag):
                home = self._home(values * _SIZES[field_type], place)
                data = self._values(values * _SIZES[field_type], place, home)
                if data is not None:
                    found[tag] = Field(type=field_type, data=layout.turned(field_type, data), home=home)
        return found

    def child(self, parent: Directory, tag: int, *, kept: Callable[[int], bool]) -> None:
        """Puts the directory that the tag of `parent` points to in the tag's place; a tag that leads nowhere goes."""
        pointer = parent.pop(tag, None)
        if isinstance(pointer, Field) and pointer.type in (LONG, 13, LONG8, IFD8):
            fields = self.directory(int.from_bytes(pointer.data[: _SIZES[pointer.type]], "little"), kept=kept)
            if fields:
                parent[tag] = fields

    def _home(self, size: int, place: bytes) -> int:
        """Returns where a field's `size` bytes lie, 0 for `place` itself."""
        return 0 if size <= len(place) else int(self.layout.offset.unpack(place)[0])

    def _values(self, size: int, place: bytes, home: int) -> bytes | None:
        """Returns a field's `size` bytes: `place` itself, or what lies at home."""
        if size <= len(place):
            return place[:size]
        if size > self._left:
            return None
        self._left -= size
        return self._read(home, size)

    def _read(self, offset: int, size: int) -> bytes | None:
        if offset + size > self._end:
            return None
        self._source.seek(offset)
        data = self._source.read(size)
        return data if len(data) == size else None


def pack(directory: Mapping[int, Field | Directory], at: int, layout: Layout, *, following: int = 0) -> bytes:
    """Returns a directory that will stand at offset `at` (even), with its values and children behind it.

    `following` is the offset of the next directory. Raises struct.error where an offset does not fit the layout.
    """
    inline = layout.offset.size
    end = at + layout.count.size + len(directory) * layout.entry.size + inline
    entries, behind = [], bytearray()
    for tag, found in sorted(directory.items()):
        here = end + len(behind)
        if isinstance(found, Field):
            values = layout.turned(found.type, found.data)
            if len(values) <= inline:
                entries.append(layout.entry.pack(tag, found.type, found.count, values))
                continue
            where = found.home if found.pinned else here
            entries.append(layout.entry.pack(tag, found.type, found.count, layout.offset.pack(where)))
            if found.pinned:
                continue
        else:
            values = pack(found, here, layout)
            entries.append(layout.entry.pack(tag, IFD8 if layout.big else LONG, 1, layout.offset.pack(here)))
        behind += values
        # Values and directories begin on a word.
        behind += bytes(len(behind) % 2)
    return b"".join((layout.count.pack(len(entries)), *entries, layout.offset.pack(following), behind))


def header(first: int, layout: Layout) -> bytes:
    """Returns a structure's first bytes: 8, or 16 of a BigTIFF; `first` is the offset of the first directory."""
    name = b"II" if layout.order == "<" else b"MM"
    start = layout.header.pack(name, 43, 8, 0) if layout.big else layout.header.pack(name, 42)
    return start + layout.offset.pack(first)


def text(value: bytes) -> Field:
    """Returns a field of text, ended by a NUL; of UTF-8 under the type for ASCII, as readers expect it."""
    return Field(type=ASCII, data=value + b"\0")


def short(*values: int) -> Field:
    """Returns a field of 16-bit numbers."""
    return Field(type=SHORT, data=struct.pack(f"<{len(values)}H", *values))


def long(*values: int, big: bool = False) -> Field:
    """Returns a field of 32-bit numbers, or of 64-bit ones."""
    return Field(type=LONG8 if big else LONG, data=struct.pack(f"<{len(values)}{'Q' if big else 'I'}", *values))


def rational(value: float) -> Field:
    """Returns a field of one number of 0 to 2**32 - 2, exact to 4 decimals up to 400,000, to 3 up to a million."""
    quotient = Fraction(value).limit_denominator(min(_DENOMINATOR, int(_NUMERATOR / max(value, 1))))
    return Field(type=RATIONAL, data=struct.pack("<2I", quotient.numerator, quotient.denominator))
