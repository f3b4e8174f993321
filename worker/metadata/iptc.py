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


def from_photoshop(resources: bytes) -> bytes | None:
    """Returns the IIM records among image resources, with or without the prefix.

    None where there are none, or where lengths do not fit before they are reached.
    """
    data = resources.removeprefix(PREFIX)
    at = 0
    while data[at : at + 4] in _SIGNATURES:
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        # A Pascal string: its length and its bytes, together an even number.
        name = 1 + int.from_bytes(data[at + 6 : at + 7], "big")
        at += 6 + name + name % 2
        size = int.from_bytes(data[at : at + 4], "big")
        at += 4
        if at + size > len(data):
            return None
        if number == _IIM and data[at : at + 1] == _MARKER:
            return data[at : at + size]
        at += size + size % 2
    return None


def records(block: bytes) -> bytes | None:
    """Returns the IIM records of a block that holds them bare, or among image resources; None where it is neither."""
    return block if block.startswith(_MARKER) else from_photoshop(block)


def to_photoshop(iim: bytes) -> bytes:
    """Returns the records as one image resource, without the prefix."""
    size = len(iim).to_bytes(4, "big")
    return b"8BIM" + _IIM.to_bytes(2, "big") + b"\0\0" + size + iim + bytes(len(iim) % 2)
