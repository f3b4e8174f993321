"""TIFF files: tifffile for the structure, imagecodecs for what is compressed."""

from __future__ import annotations

import io
from typing import IO, Any

import numpy as np
import tifffile

from models.spaces import Samples
from shared.errors import UnsupportedPicture
from shared.formats import TIFF
from worker.codecs import Dressing, Header, foreign_errors

#: PhotometricInterpretation (TIFF 6.0): 0 white is zero, 1 black is zero, 2 RGB, 6 YCbCr (JPEG in TIFF).
_WHITE_IS_ZERO = 0
_PHOTOMETRIC = (0, 1, 2, 6)

#: ResolutionUnit (TIFF 6.0): dots per inch of one dot per unit.
_PER_INCH = {2: 1.0, 3: 2.54}


_XMP = 700
_PROFILE = 34675
_ORIENTATION = 274


def read_header(source: IO[bytes]) -> Header:
    """Reads size, orientation, profile and resolution of the first page."""
    with foreign_errors(), tifffile.TiffFile(source, name="master.tif") as file:
        page: Any = file.pages.first
        _check(page)
        tags = page.tags
        orientation = int(tags[_ORIENTATION].value) if _ORIENTATION in tags else 1
        profile = tags[_PROFILE].value if _PROFILE in tags else None
        # Reduced copies (NewSubfileType 1) of a pyramid are no pages of their own.
        pages = sum(1 for other in file.pages if not getattr(other, "is_reduced", False))
        return Header(
            format=TIFF,
            stored_width=int(page.imagewidth),
            stored_height=int(page.imagelength),
            orientation=orientation if 1 <= orientation <= 8 else 1,
            profile=bytes(profile) if profile else None,
            dpi=_resolution(page),
            exif=None,
            warnings=("multi_page",) if pages > 1 else (),
        )


def decode(source: IO[bytes], header: Header) -> Samples:
    """Decodes the first page; data that is missing refuses the file."""
    with foreign_errors(), tifffile.TiffFile(source, name="master.tif") as file:
        page: Any = file.pages.first
        end = source.seek(0, io.SEEK_END)
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            if count and offset + count > end:
                raise EOFError(f"truncated: a strip ends at byte {offset + count:,}, the file at {end:,}")
        samples: Samples = page.asarray()
        if page.planarconfig == 2 and samples.ndim == 3:
            samples = np.moveaxis(samples, 0, -1)
        samples = np.ascontiguousarray(samples.reshape(header.stored_height, header.stored_width, -1))
        if page.photometric == _WHITE_IS_ZERO:
            samples = 255 - samples
    return samples[:, :, 0] if samples.shape[2] == 1 else samples


def encode(samples: Samples, dressing: Dressing) -> bytes:
    """Encodes without loss: Deflate with a horizontal predictor, which every reader since 1994 knows."""
    out = io.BytesIO()
    tags: list[tuple[Any, ...]] = [(_XMP, 1, len(dressing.xmp), dressing.xmp, True), (_ORIENTATION, 3, 1, 1, True)]
    extras: dict[str, Any] = {}
    if dressing.dpi:
        extras = {"resolution": dressing.dpi, "resolutionunit": 2}
    tifffile.imwrite(
        out,
        samples,
        photometric="rgb",
        compression="zlib",
        predictor=True,
        rowsperstrip=64,
        iccprofile=dressing.profile,
        description=dressing.description,
        software="Photochrom",
        metadata=None,
        extratags=tags,
        **extras,
    )
    return out.getvalue()


def _check(page: Any) -> None:
    kind = f"{page.photometric.name}, {page.bitspersample} bit, {page.samplesperpixel} channels"
    bits = page.bitspersample if isinstance(page.bitspersample, tuple) else (page.bitspersample,)
    known = page.photometric in _PHOTOMETRIC and set(bits) == {8} and page.samplesperpixel in (1, 3)
    if not known or str(page.dtype) != "uint8" or page.imagedepth != 1:
        raise UnsupportedPicture(
            f"TIFF of kind {kind} is not colored yet; 8-bit gray and RGB are.", seen=kind, limit="8-bit gray or RGB"
        )


def _resolution(page: Any) -> tuple[float, float] | None:
    unit = int(page.tags[296].value) if 296 in page.tags else 2
    if 282 not in page.tags or 283 not in page.tags or unit not in _PER_INCH:
        return None
    values = [page.tags[tag].value for tag in (282, 283)]
    if any(not bottom or not top for top, bottom in values):
        return None
    x, y = (top / bottom * _PER_INCH[unit] for top, bottom in values)
    return round(x, 3), round(y, 3)
