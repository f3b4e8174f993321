"""What is found in a file beside its pixels, on its way into a header."""

from __future__ import annotations

import codecs
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from worker.metadata import exif, iptc, xmp
from worker.metadata.turns import Turn
from worker.pictures import Header, Metadata, Text

_METERS_PER_INCH = 0.0254

#: Byte order marks of XMP packets that are not in UTF-8 (ISO 16684-1, 7.3.2). UTF-32's begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(kw_only=True, slots=True)
class Finds:
    """Blocks as they stand in a file, and what is odd about it."""

    #: ICC profile
    profile: bytes | None = None
    #: a TIFF structure
    exif: bytes | None = None
    #: IIM records
    iptc: bytes | None = None
    #: an XMP packet in any encoding
    xmp: bytes | None = None
    #: plain words
    texts: list[Text] = field(default_factory=list)
    #: XML documents
    documents: list[bytes] = field(default_factory=list)
    #: dots per inch as the picture lies in the file; what EXIF says where it is None
    dpi: tuple[float, float] | None = None
    #: what is odd but no reason to refuse
    warnings: list[str] = field(default_factory=list)

    def keep_iptc(self, block: bytes) -> None:
        """Keeps the IIM records of a block, bare or wrapped, unless there are some already."""
        if not self.iptc:
            self.iptc, damaged = iptc.records(block)
            if damaged:
                self.warnings.append("metadata_unreadable")

    def header(self, *, width: int, height: int, **facts: Any) -> tuple[Header, int]:
        """Returns the upright header of a picture that lies in the file with `width` and `height`, and its orientation.

        `facts` are the other fields of `Header`.
        """
        packet = self._packet()
        # Programs that have no place for EXIF in a format, or leave it as it is, turn a picture in XMP alone.
        orientation = xmp.orientation(packet) if packet else 1
        block = None
        if self.exif:
            orientation, block = exif.clean(self.exif, size=(width, height), otherwise=orientation)
            if not exif.is_block(self.exif):
                self.warnings.append("metadata_unreadable")
        turn = Turn(orientation=orientation, width=width, height=height)
        dpi = self.dpi or (exif.resolution(self.exif) if self.exif else None)
        metadata = Metadata(
            exif=block,
            iptc=self.iptc or None,
            xmp=packet,
            texts=tuple(self.texts),
            documents=tuple(self.documents),
            turn=turn if orientation != 1 else None,
        )
        if turn.sideways:
            width, height = height, width
            dpi = dpi and (dpi[1], dpi[0])
        header = Header(
            width=width,
            height=height,
            profile=self.profile or None,
            dpi=dpi,
            metadata=metadata,
            warnings=tuple(dict.fromkeys(self.warnings)),
            **facts,
        )
        return header, orientation

    def _packet(self) -> bytes | None:
        """Returns the XMP packet in UTF-8, without the padding that some writers leave behind it."""
        if not self.xmp:
            return None
        coding = next((name for mark, name in _MARKS.items() if self.xmp.startswith(mark)), "utf-8-sig")
        try:
            return self.xmp.decode(coding).rstrip("\0").encode() or None
        except UnicodeError:
            self.warnings.append("metadata_unreadable")
            return None


def dots_per_inch(per_meter: Iterable[float]) -> tuple[float, float] | None:
    """Returns the resolution of dots a meter, to 2 decimals, as whole dots a meter allow; None where one is no size."""
    x, y = (round(value * _METERS_PER_INCH, 2) if math.isfinite(value) else 0 for value in per_meter)
    return (x, y) if x > 0 and y > 0 else None
