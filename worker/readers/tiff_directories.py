"""Image file directories of TIFF 6.0 (section 2) and BigTIFF: the chain of pages, and the fields of one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shared.errors import Corrupt, TooManyPages, UnsupportedPicture
from shared.formats import TIFF
from worker.readers.tiff_file import File

#: Directories in a chain at most: as many as a derivative may ever have pages.
MOST_DIRECTORIES = 100_000

#: Fields of a directory at most; libtiff and tifffile draw the line at the same number.
_MOST_FIELDS = 4096

#: NumPy's names of the field types (TIFF 6.0, section 2; BigTIFF). Rationals are pairs.
_TYPES = {
    1: "u1", 2: "u1", 3: "u2", 4: "u4", 5: "2u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 10: "2i4",
    11: "f4", 12: "f8", 13: "u4", 16: "u8", 17: "i8", 18: "u8",
}  # fmt: skip

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _PHOTOMETRIC = 254, 255, 262
#: Bits of NewSubfileType: a reduced copy of another page; a transparency mask.
_REDUCED, _MASK = 1, 4
#: SubfileType, which NewSubfileType took the place of: a reduced copy.
_OLD_REDUCED = 2
#: PhotometricInterpretation of a transparency mask.
_PHOTOMETRIC_MASK = 4


#: NumPy's and struct's signs.
Order = Literal["<", ">"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """How the numbers of a file are written."""

    #: lowest byte first, or highest
    order: Order
    #: whether it is a BigTIFF
    big: bool

    @property
    def head(self) -> struct.Struct:
        """Of the number of fields that a directory begins with."""
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @property
    def field(self) -> struct.Struct:
        """Of a field: tag, type, count, value or its offset."""
        return struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    @property
    def offset(self) -> struct.Struct:
        """Of an offset in the file."""
        return struct.Struct(self.order + ("Q" if self.big else "I"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A field as the directory has it."""

    #: TIFF field type
    type: int
    #: values
    count: int
    #: the value where it fits, else the bytes of its offset
    inline: bytes


class Directory:
    """The fields of one page."""

    def __init__(self, file: File, form: Form, offset: int) -> None:
        """Reads the directory at `offset`, but no value outside it. Raises Truncated or Corrupt."""
        self.form = form
        self.offset = offset
        self._file = file
        self._fields: dict[int, Field] = {}
        for tag, type_, count, inline in form.field.iter_unpack(_read_fields(file, form, offset)[0]):
            # The first of a kind counts, as for libtiff.
            self._fields.setdefault(tag, Field(type=type_, count=count, inline=inline))

    def __contains__(self, tag: int) -> bool:
        return tag in self._fields

    def type_of(self, tag: int) -> int:
        """Returns the type of a field that is there."""
        return self._fields[tag].type

    def size(self, tag: int) -> int:
        """Returns the bytes that a field claims; 0 where there is none, or of an unknown type."""
        field = self._fields.get(tag)
        return field.count * np.dtype(_TYPES[field.type]).itemsize if field and field.type in _TYPES else 0

    def data(self, tag: int, most: int | None = None) -> bytes | None:
        """Returns the bytes of a field's values (the first `most` of them); None where there is none.

        Raises Truncated where they do not lie within the file, Corrupt for an unknown type.
        """
        field = self._fields.get(tag)
        if field is None:
            return None
        if field.type not in _TYPES:
            raise Corrupt(f"Field {tag} of a directory has the unknown type {field.type}.", seen=field.type)
        size = np.dtype(_TYPES[field.type]).itemsize
        length = size * (field.count if most is None else min(field.count, most))
        if size * field.count <= len(field.inline):
            return field.inline[:length]
        (offset,) = self.form.offset.unpack(field.inline)
        return self._file.read(offset, length, f"Field {tag} of a directory")

    def numbers(self, tag: int, most: int | None = None) -> NDArray[Any] | None:
        """Returns a field's values (the first `most`) in native byte order, rationals as float64; None without them.

        A rational without a denominator is not finite. Raises as `data` does.
        """
        data = self.data(tag, most)
        if not data:
            return None
        dtype = np.dtype(_TYPES[self._fields[tag].type]).newbyteorder(self.form.order)
        values = np.frombuffer(data, dtype.base if dtype.subdtype else dtype)
        if dtype.subdtype:
            pairs = values.reshape(-1, 2).astype(np.float64)
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.asarray(pairs[:, 0] / pairs[:, 1])
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def whole(self, tag: int, default: int) -> int:
        """Returns the first value of a field of whole numbers, or `default`; raises Corrupt where it is no such."""
        return self.wholes(tag, (default,), most=1)[0]

    def wholes(self, tag: int, default: tuple[int, ...] = (), most: int | None = None) -> tuple[int, ...]:
        """Returns the values (the first `most`) of a field of whole numbers, or `default`; raises as `whole` does."""
        values = self.numbers(tag, most)
        if values is None:
            return default
        if values.dtype.kind not in "ui":
            raise Corrupt(f"Field {tag} of a directory should hold whole numbers.", seen=self.type_of(tag))
        return tuple(values.tolist())


def read_pages(file: File) -> tuple[Form, list[int]]:
    """Returns how the file is written, and the offsets of the directories of its full pages.

    Reduced copies, thumbnails and masks are left out; SubIFDs, where pyramids keep theirs, are not entered. Of each
    directory only the fields are read. Raises Truncated, Corrupt (a chain that leads back into itself as well),
    UnsupportedPicture or TooManyPages.
    """
    form, offset = _read_form(file)
    pages = [directory for directory, full in _walk(file, form, offset) if full]
    if not pages:
        raise UnsupportedPicture(
            "The file has no full page: each one is a reduced copy or a mask. A camera's raw file is like that."
        )
    return form, pages


def _read_form(file: File) -> tuple[Form, int]:
    head = file.read(0, 8, "The header")
    if head[:4] not in TIFF.magic:
        raise Corrupt(f"The header begins with {head[:4].hex(' ')}.", seen=head[:4].hex())
    order: Order = "<" if head[:2] == b"II" else ">"
    (version,) = struct.unpack(order + "H", head[2:4])
    form = Form(order=order, big=version == 43)
    if not form.big:
        return form, form.offset.unpack(head[4:8])[0]
    width, zero = struct.unpack(order + "HH", head[4:8])
    if (width, zero) != (8, 0):
        raise Corrupt(f"The header says that offsets have {width} bytes; BigTIFF knows 8.", seen=width)
    return form, form.offset.unpack(file.read(8, 8, "The header"))[0]


def _walk(file: File, form: Form, offset: int) -> Iterator[tuple[int, bool]]:
    """Yields the offset of each directory of the chain, and whether it is a full page."""
    if offset == 0:
        raise Corrupt("The file has no directory.")
    seen: set[int] = set()
    while offset:
        if offset in seen:
            raise Corrupt(f"The chain of pages leads from page {len(seen):,} back to an earlier one.", seen=len(seen))
        if len(seen) == MOST_DIRECTORIES:
            raise TooManyPages(f"The file has more than {MOST_DIRECTORIES:,} pages.", limit=MOST_DIRECTORIES)
        seen.add(offset)
        fields, following = _read_fields(file, form, offset)
        yield offset, _is_full(form, fields)
        offset = following


def _read_fields(file: File, form: Form, offset: int) -> tuple[bytes, int]:
    """Returns the bytes of a directory's fields, and the offset of the directory after it (0: none)."""
    what = f"The directory at byte {offset:,}"
    (count,) = form.head.unpack(file.read(offset, form.head.size, what))
    if not 0 < count <= _MOST_FIELDS:
        raise Corrupt(f"{what} claims {count:,} fields.", seen=count, limit=_MOST_FIELDS)
    length = count * form.field.size
    data = file.read(offset + form.head.size, length + form.offset.size, what)
    return data[:length], form.offset.unpack(data[length:])[0]


def _is_full(form: Form, fields: bytes) -> bool:
    inline: dict[int, int] = {}
    for tag, type_, count, value in form.field.iter_unpack(fields):
        if tag in (_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _PHOTOMETRIC) and count == 1 and type_ in (3, 4):
            code = form.order + ("H" if type_ == 3 else "I")
            inline.setdefault(tag, struct.unpack_from(code, value)[0])
    return not (
        inline.get(_NEW_SUBFILE_TYPE, 0) & (_REDUCED | _MASK)
        or inline.get(_SUBFILE_TYPE) == _OLD_REDUCED
        or inline.get(_PHOTOMETRIC) == _PHOTOMETRIC_MASK
    )
