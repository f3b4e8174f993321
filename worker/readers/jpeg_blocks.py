"""What the application segments of a JPEG file carry: profile, EXIF, XMP, IPTC, resolution."""

from __future__ import annotations

import struct

from worker.pictures import Text
from worker.readers.blocks import decoded, require_small
from worker.readers.extended_xmp import Extension, joined
from worker.readers.finds import Finds, dots_per_inch
from worker.readers.jpeg_segments import APP0, COMMENT

#: How the segments begin: JFIF 1.02; EXIF 2.32, 4.7.2; XMP part 3, 1.1.3; ICC.1:2022, B.4; Photoshop's own.
_JFIF = b"JFIF\0"
_EXIF = b"Exif\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_ICC = b"ICC_PROFILE\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_ADOBE = b"Adobe"

#: How comments begin that say with what the file was compressed (GD, jpeg-archive): not true of a derivative.
_MAKING = ("CREATOR: gd-jpeg", "Compressed by jpeg-recompress")

#: Dots a meter of JFIF's units: 1 is dots an inch, 2 dots a centimeter; 0 says only the shape of a pixel.
_DOTS_PER_METER = {1: 1 / 0.0254, 2: 100.0}


class Blocks:
    """Takes the segments one by one and joins what is cut into several."""

    def __init__(self) -> None:
        """Nothing is found yet."""
        #: whether Adobe's segment is there: its CMYK is upside down
        self.adobe = False
        self._finds = Finds()
        #: number of the part, how many there are said to be, bytes
        self._profile: list[tuple[int, int, bytes]] = []
        self._profile_markers: list[int] = []
        self._photoshop: list[bytes] = []
        self._extension = Extension()
        #: bytes of application segments so far
        self._size = 0

    def add(self, marker: int, at: int, body: memoryview) -> None:
        """Takes a segment: its marker's second byte, where its body begins, the body. Most mean nothing here."""
        app = marker - APP0
        if app in (1, 2, 13) or marker == COMMENT:
            self._size += len(body)
            require_small(self._size, "profile and metadata")
        if app == 0 and _begins(body, _JFIF):
            self._add_density(body)
        elif app == 1 and _begins(body, _EXIF) and self._finds.exif is None:
            self._finds.exif = bytes(body[6:])
        elif app == 1 and _begins(body, _XMP) and self._finds.xmp is None:
            self._finds.xmp = bytes(body[len(_XMP) :])
        elif app == 1 and _begins(body, _MORE_XMP):
            self._extension.add(body[len(_MORE_XMP) :])
        elif app == 2 and _begins(body, _ICC) and len(body) >= len(_ICC) + 2:
            self._profile.append((body[len(_ICC)], body[len(_ICC) + 1], bytes(body[len(_ICC) + 2 :])))
            self._profile_markers.append(at - 3)
        elif app == 13 and _begins(body, _PHOTOSHOP):
            self._photoshop.append(bytes(body[len(_PHOTOSHOP) :]))
        elif app == 14 and _begins(body, _ADOBE):
            self.adobe = True
        elif marker == COMMENT:
            self._add_comment(bytes(body))

    def finds(self) -> Finds:
        """Returns what was found, joined; a profile of which a part is missing counts as unreadable."""
        finds = self._finds
        if self._profile and self._whole:
            finds.profile = b"".join(part for _, _, part in sorted(self._profile))
        elif self._profile:
            finds.warnings.append("profile_unreadable")
        if self._photoshop:
            finds.keep_iptc(b"".join(self._photoshop))
        if finds.xmp and self._extension.names(finds.xmp):
            whole = joined(finds.xmp, self._extension)
            if whole is None:
                finds.warnings.append("metadata_unreadable")
            finds.xmp = whole or finds.xmp
        return finds

    def lies(self) -> dict[int, int]:
        """Returns bytes by offset that keep the decoder from a profile that it would refuse the picture for."""
        # As APP15, which means nothing, the parts are passed over.
        return {} if self._whole else dict.fromkeys(self._profile_markers, APP0 + 15)

    @property
    def _whole(self) -> bool:
        count = len(self._profile)
        return sorted(part[:2] for part in self._profile) == [(number + 1, count) for number in range(count)]

    def _add_comment(self, body: bytes) -> None:
        """Takes a comment, whose characters nobody has fixed (T.81, B.2.4.5)."""
        # Some end it as C does; elsewhere a NUL is no character of a text.
        words = decoded(body).replace("\0", " ").strip()
        if words and not words.startswith(_MAKING):
            self._finds.texts.append(Text(keyword="Comment", words=words))

    def _add_density(self, body: memoryview) -> None:
        if len(body) < 12:
            return
        unit, x, y = struct.unpack_from(">BHH", body, 7)
        scale = _DOTS_PER_METER.get(unit)
        if scale:
            self._finds.dpi = dots_per_inch((x * scale, y * scale))


def _begins(body: memoryview, prefix: bytes) -> bool:
    return bytes(body[: len(prefix)]) == prefix
