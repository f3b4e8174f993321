"""TIFF files put together field by field, for what the libraries do not write."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, FLOAT, DOUBLE, LONG8 = 1, 2, 3, 4, 5, 7, 11, 12, 16
_CODES = {BYTE: "B", ASCII: "s", SHORT: "H", LONG: "I", UNDEFINED: "s", FLOAT: "f", DOUBLE: "d", LONG8: "Q"}

#: A field: its type and its values; bytes stand for themselves.
Value = tuple[int, bytes | Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page: fields, and the bytes of its strips or tiles."""

    fields: Mapping[int, Value]
    segments: Sequence[bytes] = ()
    #: whether the segments are tiles
    tiled: bool = False
    #: what fields 273 or 324, 279 or 325 say where it is not as written; nothing leaves the field out
    offsets: Sequence[int] | None = None
    counts: Sequence[int] | None = None


@dataclass(kw_only=True)
class Written:
    """A file, and where its directories begin."""

    data: bytearray
    directories: list[int] = field(default_factory=list)
    #: where the offset of the next directory stands
    links: list[int] = field(default_factory=list)


def gray_fields(width: int, height: int, *, bits: int = 8, compression: int = 1, **more: Value) -> dict[int, Value]:
    """The fields of a gray page in one strip; `more` are others by their number, as t262=(3, [0])."""
    fields: dict[int, Value] = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [bits]),
        259: (SHORT, [compression]),
        262: (SHORT, [1]),
        277: (SHORT, [1]),
        278: (LONG, [height]),
    }
    return fields | {int(name[1:]): value for name, value in more.items()}


def write(*pages: Page, order: str = "<", big: bool = False) -> Written:
    """Writes the pages: segments first, then the values of each directory, then the directory."""
    mark = b"II" if order == "<" else b"MM"
    head = struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, 0) if big else (42, 0)))
    out = Written(data=bytearray(mark + head))
    out.links.append(8 if big else 4)
    for page in pages:
        _write_page(out, page, order=order, big=big)
    del out.links[-1]
    return out


def tiff(*pages: Page, order: str = "<", big: bool = False) -> bytes:
    """Returns the bytes of `write`."""
    return bytes(write(*pages, order=order, big=big).data)


def _write_page(out: Written, page: Page, *, order: str, big: bool) -> None:
    offsets, counts = [], []
    for segment in page.segments:
        offsets.append(len(out.data))
        counts.append(len(segment))
        out.data += segment + bytes(len(segment) % 2)
    fields = dict(page.fields)
    if page.segments:
        kind = LONG8 if big else LONG
        fields[324 if page.tiled else 273] = (kind, offsets if page.offsets is None else page.offsets)
        fields[325 if page.tiled else 279] = (kind, counts if page.counts is None else page.counts)
        fields = {number: value for number, value in fields.items() if value[1]}
    room = 8 if big else 4
    entries = []
    for number, (kind, values) in sorted(fields.items()):
        packed, count = _packed(kind, values, order)
        if len(packed) > room:
            place = len(out.data)
            out.data += packed + bytes(len(packed) % 2)
            packed = struct.pack(order + ("Q" if big else "I"), place)
        entries.append(struct.pack(order + ("HHQ" if big else "HHI"), number, kind, count) + packed.ljust(room, b"\0"))
    out.directories.append(len(out.data))
    link = out.links[-1]
    out.data[link : link + room] = struct.pack(order + ("Q" if big else "I"), len(out.data))
    out.data += struct.pack(order + ("Q" if big else "H"), len(entries)) + b"".join(entries)
    out.links.append(len(out.data))
    out.data += bytes(room)


def _packed(kind: int, values: bytes | Sequence[float], order: str) -> tuple[bytes, int]:
    if isinstance(values, bytes):
        return values, len(values) // struct.calcsize(_CODES[kind])
    if kind == RATIONAL:
        pairs = [int(number) for value in values for number in (round(value * 1000), 1000)]
        return struct.pack(f"{order}{len(pairs)}I", *pairs), len(values)
    return struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values), len(values)
