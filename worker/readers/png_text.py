"""Text chunks of a PNG file, and the profiles that ImageMagick keeps in them."""

from __future__ import annotations

import binascii
import re
import string
import zlib

from worker.pictures import Text
from worker.readers.blocks import decoded

#: Bytes of a compressed profile or text, unpacked, at most. Far more than a setting would let through.
_MOST_UNPACKED = 32 << 20

#: The shape of a language (RFC 5646, 2.1), or none.
_LANGUAGE = re.compile(rb"(?:[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)?")


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


def is_packed(kind: bytes, body: memoryview) -> bool:
    """Tells whether a chunk is a compressed text."""
    return kind == b"zTXt" or (kind == b"iTXt" and bytes(keyword(body)[1][:1]) != b"\0")


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
    """Returns a tEXt, zTXt or iTXt chunk as words; None for one that cannot be read, or has no lawful keyword."""
    name, rest = keyword(body)
    # Printable, with single spaces within (PNG, 11.3.3.2).
    called = " ".join(name.decode("latin-1").split())
    text = read_text(kind, body) if called.isprintable() else None
    if not called or text is None:
        return None
    # No text may hold a NUL (PNG, 11.3.3); for many readers it would end there.
    text = text.replace(b"\0", b" ")
    if kind != b"iTXt":
        return Text(keyword=called, words=decoded(text))
    language = bytes(rest[2:]).split(b"\0", 1)[0].replace(b"_", b"-")
    try:
        words = text.decode()
    except UnicodeDecodeError:
        return None
    return Text(keyword=called, language=language.decode() if _LANGUAGE.fullmatch(language) else "", words=words)


def read_raw_profile(text: bytes) -> bytes | None:
    """Returns the bytes of a "Raw profile type" text: a line with a name, one with a length, then hexadecimal digits.

    None unless there are as many as the length says.
    """
    parts = text.lstrip(b"\n").split(b"\n", 2)
    if len(parts) < 3 or not parts[1].strip().isdigit():
        return None
    try:
        # Split at spaces, hostile digits would be millions of objects.
        profile = binascii.unhexlify(parts[2].translate(None, string.whitespace.encode()))
    except binascii.Error:
        return None
    return profile if len(profile) == int(parts[1].strip()[:12]) else None
