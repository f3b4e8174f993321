"""PNG files."""

from __future__ import annotations

import io
from typing import IO

import numpy as np
from PIL import Image, PngImagePlugin

from models.spaces import Samples
from shared.formats import PNG
from worker.codecs import Dressing, Header, foreign_errors, pillow

#: zlib level: 3 is twice as fast as the default and costs a few percent of size on photographs.
_COMPRESSION = 3


def read_header(source: IO[bytes]) -> Header:
    """Reads size, orientation, profile and resolution."""
    return pillow.read_header(source, PNG, ("PNG",))


def decode(source: IO[bytes], header: Header) -> Samples:
    """Decodes; a wrong checksum or missing data refuses the file."""
    with foreign_errors(), Image.open(source, formats=("PNG",)) as image:
        image.load()
        return np.asarray(image)


def encode(samples: Samples, dressing: Dressing) -> bytes:
    """Encodes without loss."""
    out = io.BytesIO()
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", dressing.xmp.decode())
    text.add_itxt("Description", dressing.description)
    extras = {"icc_profile": dressing.profile, "exif": dressing.exif, "dpi": dressing.dpi}
    Image.fromarray(samples, "RGB").save(
        out,
        "PNG",
        compress_level=_COMPRESSION,
        pnginfo=text,
        **{name: value for name, value in extras.items() if value is not None},
    )
    return out.getvalue()
