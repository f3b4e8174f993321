"""JPEG files."""

from __future__ import annotations

import io
from typing import IO

import simplejpeg
from PIL import Image

from models.spaces import Samples
from shared.formats import JPEG
from worker.codecs import Dressing, Header, foreign_errors, pillow


def read_header(source: IO[bytes]) -> Header:
    """Reads size, orientation, profile and resolution."""
    return pillow.read_header(source, JPEG, ("JPEG", "MPO"))


def decode(source: IO[bytes], header: Header) -> Samples:
    """Decodes strictly: what libjpeg would only warn of, a hole in the data for one, refuses the file."""
    data = source.read()
    with foreign_errors():
        _, _, colorspace, _ = simplejpeg.decode_jpeg_header(data)
        gray = colorspace == "Gray"
        samples: Samples = simplejpeg.decode_jpeg(data, "GRAY" if gray else "RGB", strict=True)
    return samples[:, :, 0] if gray else samples


def encode(samples: Samples, dressing: Dressing) -> bytes:
    """Encodes with full color resolution (4:4:4)."""
    out = io.BytesIO()
    extras = {"icc_profile": dressing.profile, "exif": dressing.exif, "dpi": dressing.dpi}
    Image.fromarray(samples, "RGB").save(
        out,
        "JPEG",
        quality=dressing.options["quality"],
        subsampling=0,
        xmp=dressing.xmp,
        comment=dressing.description.encode(),
        **{name: value for name, value in extras.items() if value is not None},
    )
    return out.getvalue()
