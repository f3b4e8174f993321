"""Pictures for the writers: noise over a slope, with everything that a derivative wears."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from PIL import ImageCms

from models.spaces import Samples
from shared.formats import FORMATS
from tests.worker.metadata.blocks import IPTC, MARKS, SENTENCE, XMP, exif_block
from worker.metadata import exif, xmp
from worker.pictures import Dressing, Metadata
from worker.writers import writer_of

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

METADATA = Metadata(exif=exif.clean(exif_block())[1], iptc=IPTC, xmp=xmp.merged(XMP, MARKS)[0])

#: Format, depth, alpha and compression of every kind of file that is written without loss.
LOSSLESS = [
    *(
        ("tiff", depth, alpha, how)
        for how in ("none", "lzw", "deflate", "zstd")
        for depth in (8, 16)
        for alpha in (0, 1)
    ),
    *((fmt, depth, alpha, "lossless") for fmt in ("png", "jp2") for depth in (8, 16) for alpha in (0, 1)),
    *(("webp", 8, alpha, "lossless") for alpha in (0, 1)),
]
LOSSY = [("jpeg", 8, 0, "lossy"), ("jp2", 8, 1, "lossy"), ("jp2", 16, 0, "lossy"), ("webp", 8, 0, "lossy")]


def picture(height: int, width: int, *, depth: int = 8, alpha: bool | int = False, noise: float = 0.01) -> Samples:
    """Returns samples [h, w, 3 or 4]: slopes in each channel under grain; alpha is a slope as well."""
    chance = np.random.default_rng(1907)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    slopes = [x, y, 1 - x, y * 0.8 + 0.1][: 4 if alpha else 3]
    light = np.stack(slopes, axis=-1) * 0.8 + 0.1 + chance.normal(0, noise, (height, width, len(slopes)))
    top = 2**depth - 1
    return np.rint(np.clip(light, 0, 1) * top).astype(np.uint8 if depth == 8 else np.uint16)


def dressing(samples: Samples, **changes: Any) -> Dressing:
    """Returns the dressing of samples, with profile, resolution, metadata and sentence."""
    facts: dict[str, Any] = {
        "width": samples.shape[1],
        "height": samples.shape[0],
        "depth": samples.dtype.itemsize * 8,
        "alpha": samples.shape[2] == 4,
        "profile": PROFILE,
        "dpi": (300.0, 299.5),
        "metadata": METADATA,
        "description": SENTENCE,
    }
    return Dressing(**{**facts, **changes})


def strips(samples: Samples, heights: Iterable[int] = ()) -> Iterator[Samples]:
    """Yields the samples in strips of the given heights; what is left comes as one."""
    top = 0
    for height in heights:
        if top + height < len(samples):
            yield samples[top : top + height].copy()
            top += height
    yield samples[top:].copy()


def written(
    fmt: str, samples: Samples, *, heights: Iterable[int] = (), **changes: Any
) -> tuple[bytes, tuple[str, ...]]:
    """Returns a file of one page and the writer's warnings."""
    out = io.BytesIO()
    writer = writer_of(next(known for known in FORMATS if known.name == fmt))
    warnings = writer.write(out, iter([(dressing(samples, **changes), strips(samples, heights))]))
    assert out.tell() == len(out.getvalue())
    return out.getvalue(), warnings


class Sink(io.RawIOBase):
    """A file that keeps nothing but its size."""

    def __init__(self) -> None:
        self.size = 0
        self._at = 0

    def write(self, data: Any) -> int:
        self._at += memoryview(data).nbytes
        self.size = max(self.size, self._at)
        return memoryview(data).nbytes

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset if whence == 0 else self.size + offset
        return self._at
