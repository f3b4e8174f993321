"""Protocol buffers on the wire: the fields of one message, read without copies, and written.

The form is that of https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

#: Wire types: a varint; a length and so many bytes.
_VARINT, _BYTES = 0, 2

#: Wire type -> its bytes, for those of a fixed length.
_FIXED = {1: 8, 5: 4}

#: Most fields of one message. The largest of a net, the net itself, has one a layer.
_MOST_FIELDS = 100_000

#: Most bytes of a varint: 64 bits, seven each.
_VARINT_BYTES = 10


class Broken(ValueError):
    """The bytes are no such message; the words say what was seen, and where."""


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields number and value of each field: bytes where it has a length, else an int.

    Raises Broken for what is no message.
    """
    place = 0
    for _ in range(_MOST_FIELDS):
        if place == len(message):
            return
        begun = place
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if not number:
            raise Broken(f"a field without a number at byte {begun:,}")
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == _BYTES:
            length, place = _varint(message, place)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise Broken(f"the wire type {kind} at byte {begun:,}")
        if length > len(message) - place:
            raise Broken(f"a field of {length:,} bytes at byte {begun:,}, where {len(message) - place:,} are left")
        content = message[place : place + length]
        yield number, content if kind == _BYTES else int.from_bytes(content, "little")
        place += length
    raise Broken(f"more than {_MOST_FIELDS:,} fields in one message")


def varints(packed: memoryview) -> list[int]:
    """Returns the varints of a packed field; raises Broken."""
    found = []
    place = 0
    while place < len(packed):
        value, place = _varint(packed, place)
        found.append(value)
    return found


def varint(value: int) -> bytes:
    """Returns a varint's bytes."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    """Returns a field of bytes: text, a message or packed numbers."""
    return head(number, len(content)) + content


def head(number: int, length: int) -> bytes:
    """Returns what stands before the bytes of a field."""
    return varint(number << 3 | _BYTES) + varint(length)


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(message[place : place + _VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, place + shift + 1
    raise Broken(f"a number without an end at byte {place:,}")
