"""IPTC records (IIM 4.2) in and out of the image resources that Photoshop wraps them in."""

from __future__ import annotations

#: What stands before resources in JPEG's APP13.
PREFIX = b"Photoshop 3.0\0"

#: Signatures of resources that Adobe's programs have written.
_SIGNATURES = (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR")

#: Number of the resource that holds IIM (Adobe Photoshop File Formats, Image Resource IDs).
_IIM = 0x0404

#: Each record of IIM begins with it (IIM 4.2, 1.5).
_MARKER = b"\x1c"

#: Most bytes of a record whose size has 15 bits (1.6.2).
_LONGEST = 0x7FFF


def records(block: bytes) -> tuple[bytes | None, bool]:
    """Returns the whole IIM records of a block, and whether there is more that cannot be read.

    The block holds them bare, or among image resources with or without the prefix; zeros behind them are padding. None
    where there are none, or where lengths do not fit before they are reached.
    """
    data, whole = (block, True) if block.startswith(_MARKER) else _from_photoshop(block)
    end = _end(data)
    return data[:end] or None, not whole or bool(data[end:].strip(b"\0"))


def _end(data: bytes) -> int:
    """Returns where the last whole record ends."""
    end = at = 0
    while at <= len(data):
        end = at
        if data[at : at + 1] != _MARKER:
            break
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        at += 5
        if size > _LONGEST:
            # A long record says how many bytes its size has (1.6.2).
            digits = size & _LONGEST
            size = int.from_bytes(data[at : at + min(digits, 8)], "big")
            at += digits
        at += size
    return end


def _from_photoshop(resources: bytes) -> tuple[bytes, bool]:
    """Returns the IIM resource among image resources, empty where there is none, and whether it is there to its end."""
    data = resources.removeprefix(PREFIX)
    at = 0
    while data[at : at + 4] in _SIGNATURES:
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        # A Pascal string: its length and its bytes, together an even number.
        name = 1 + int.from_bytes(data[at + 6 : at + 7], "big")
        at += 6 + name + name % 2
        size = int.from_bytes(data[at : at + 4], "big")
        at += 4
        if number == _IIM and data[at : at + 1] == _MARKER:
            return data[at : at + size], at + size <= len(data)
        at += size + size % 2
    return b"", True


def to_photoshop(iim: bytes) -> bytes:
    """Returns the records as one image resource, without the prefix."""
    size = len(iim).to_bytes(4, "big")
    return b"8BIM" + _IIM.to_bytes(2, "big") + b"\0\0" + size + iim + bytes(len(iim) % 2)
