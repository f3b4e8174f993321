"""Picture formats, told apart by their first bytes."""

from __future__ import annotations

from dataclasses import dataclass

#: How many first bytes `sniff` wants to see.
SNIFF_BYTES = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A picture format that Photochrom reads and, but for BMP, writes."""

    #: name in recipes and sidecars
    name: str
    #: name for people
    title: str
    #: media type (IANA)
    media_type: str
    #: extension of a derivative, without the dot
    extension: str
    #: first bytes, any of them; a space stands for any byte
    magic: tuple[bytes, ...]


JPEG = Format(name="jpeg", title="JPEG", media_type="image/jpeg", extension="jpg", magic=(b"\xff\xd8\xff",))
PNG = Format(name="png", title="PNG", media_type="image/png", extension="png", magic=(b"\x89PNG\r\n\x1a\n",))
# Classic TIFF and BigTIFF, little and big endian (TIFF 6.0, section 2).
TIFF = Format(
    name="tiff",
    title="TIFF",
    media_type="image/tiff",
    extension="tif",
    magic=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
)
# The boxed file (ISO/IEC 15444-1, I.5.1) and the bare codestream (A.4.1 and A.5.1).
JP2 = Format(
    name="jp2",
    title="JPEG 2000",
    media_type="image/jp2",
    extension="jp2",
    magic=(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
)
WEBP = Format(name="webp", title="WebP", media_type="image/webp", extension="webp", magic=(b"RIFF    WEBP",))
BMP = Format(name="bmp", title="BMP", media_type="image/bmp", extension="bmp", magic=(b"BM    \0\0\0\0",))

FORMATS = (JPEG, PNG, TIFF, JP2, WEBP, BMP)

#: For messages: what may be sent.
READABLE = "TIFF, JPEG, JPEG 2000, PNG, WebP or BMP"


def sniff(head: bytes) -> Format | None:
    """Returns the format whose magic bytes `head` starts with, or None."""
    return next((fmt for fmt in FORMATS if any(_starts(head, magic) for magic in fmt.magic)), None)


def _starts(head: bytes, magic: bytes) -> bool:
    return len(head) >= len(magic) and all(want in (seen, ord(" ")) for seen, want in zip(head, magic, strict=False))
