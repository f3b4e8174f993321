"""Headers as Pillow reads them, for JPEG and PNG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from PIL import Image

from shared.errors import UnsupportedPicture
from shared.formats import Format
from worker.codecs import Header, foreign_errors

#: Pillow's names of what is colored: 8-bit gray and RGB.
_MODES = ("L", "RGB")


def read_header(source: IO[bytes], fmt: Format, readers: tuple[str, ...]) -> Header:
    """Reads size, orientation, profile, resolution and EXIF with Pillow's `readers`; no pixel is decoded.

    Raises UnsupportedPicture for any kind but 8-bit gray and RGB, Corrupt or Truncated for a damaged header.
    """
    with foreign_errors(), Image.open(source, formats=readers) as image:
        if image.mode not in _MODES:
            raise UnsupportedPicture(
                f"{fmt.name.upper()} of kind {image.mode} is not colored yet; 8-bit gray and RGB are.",
                seen=image.mode,
                limit=list(_MODES),
            )
        orientation, exif = _exif(image)
        return Header(
            format=fmt,
            stored_width=image.width,
            stored_height=image.height,
            orientation=orientation,
            profile=image.info.get("icc_profile"),
            dpi=_dpi(image.info),
            exif=exif,
        )


def _dpi(info: Mapping[Any, Any]) -> tuple[float, float] | None:
    """Returns the resolution that Pillow found, or None for one that says nothing."""
    dpi = info.get("dpi")
    if not dpi or not all(0 < float(value) < 1e6 for value in dpi):
        return None
    return round(float(dpi[0]), 3), round(float(dpi[1]), 3)


def _exif(image: Image.Image) -> tuple[int, bytes | None]:
    """Returns orientation and the EXIF block with orientation 1; a block that cannot be read is left out."""
    try:
        exif = image.getexif()
        orientation = int(exif.get(0x0112, 1))
        if not exif:
            return 1, None
        exif[0x0112] = 1
        return orientation if 1 <= orientation <= 8 else 1, exif.tobytes()
    except Exception:  # noqa: BLE001 - EXIF of old scanners is wild; the picture matters more
        return 1, None
