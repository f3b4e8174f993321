"""Text chunks of a PNG file, and the profiles that ImageMagick keeps in them."""

from __future__ import annotations

import binascii
import zlib

from worker.pictures import Text

#: Bytes of a compressed profile or text, unpacked, at most. Far more than a setting would let through.
_MOST_UNPACKED = 32 << 20


def unpacked(data: bytes | memoryview) -> bytes | None:
    """Returns a zlib stream unpacked; None for one that is damaged, or larger than any profile or packet."""
    stream = zlib.decompressobj()
    try:
        whole = stream.decompress(data, _MOST_UNPACKED)
    except zlib.error:
        return None
    return whole if stream.eof else None


def keyword(body: memoryview) -> tuple[bytes, memoryview]:
    """Returns what a chunk calls its contents (at most 79 bytes), and what follows; empty where it does not say."""
    head, zero, _ = bytes(body[:80]).partition(b"\0")
    return (head, body[len(head) + 1 :]) if zero else (b"", body[:0])


def read_text(kind: bytes, body: memoryview) -> bytes | None:
    """Returns the text of a tEXt, zTXt or iTXt chunk behind its keyword; None for one that cannot be read."""
    _, rest = keyword(body)
    if kind == b"tEXt":
        return bytes(rest)
    if kind == b"zTXt":
        return unpacked(rest[1:]) if bytes(rest[:1]) == b"\0" else None
    if len(rest) < 2:
        return None
    packed, method = rest[0], rest[1]
    # Language and translated keyword come before the text.
    parts = bytes(rest[2:]).split(b"\0", 2)
    if len(parts) < 3 or (packed and method):
        return None
    return unpacked(parts[2]) if packed else parts[2]


def read_words(kind: bytes, body: memoryview) -> Text | None:
    """Returns a tEXt, zTXt or iTXt chunk as words; None for one that cannot be read."""
    name, rest = keyword(body)
    text = read_text(kind, body)
    if not name or text is None:
        return None
    if kind != b"iTXt":
        return Text(keyword=name.decode("latin-1"), words=text.decode("latin-1"))
    language = bytes(rest[2:]).split(b"\0", 1)[0]
    try:
        return Text(keyword=name.decode("latin-1"), language=language.decode("ascii"), words=text.decode())
    except UnicodeDecodeError:
        return None


def read_raw_profile(text: bytes) -> bytes | None:
    """Returns the bytes of a "Raw profile type" text: a line with a name, one with a length, then hexadecimal digits.

    None unless there are as many as the length says.
    """
    parts = text.lstrip(b"\n").split(b"\n", 2)
    if len(parts) < 3 or not parts[1].strip().isdigit():
        return None
    try:
        profile = binascii.unhexlify(b"".join(parts[2].split()))
    except binascii.Error:
        return None
    return profile if len(profile) == int(parts[1].strip()[:12]) else None
