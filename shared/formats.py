"""Picture formats, told apart by their first bytes."""

from __future__ import annotations

from dataclasses import dataclass

#: How many first bytes `sniff` wants to see.
SNIFF_BYTES = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A picture format that Photochrom reads and writes."""

    #: name in recipes and sidecars
    name: str
    #: media type (IANA)
    media_type: str
    #: extension of a derivative, without the dot
    extension: str
    #: first bytes, any of them
    magic: tuple[bytes, ...]


JPEG = Format(name="jpeg", media_type="image/jpeg", extension="jpg", magic=(b"\xff\xd8\xff",))
PNG = Format(name="png", media_type="image/png", extension="png", magic=(b"\x89PNG\r\n\x1a\n",))
# Classic TIFF and BigTIFF, little and big endian (TIFF 6.0, section 2).
TIFF = Format(name="tiff", media_type="image/tiff", extension="tif", magic=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))

FORMATS = (JPEG, PNG, TIFF)

#: For messages: what may be sent.
READABLE = "JPEG, PNG or TIFF"


def sniff(head: bytes) -> Format | None:
    """Returns the format whose magic bytes `head` starts with, or None."""
    return next((fmt for fmt in FORMATS if head.startswith(fmt.magic)), None)
