"""WebP: 8 bits, lossless or by quality, with profile, EXIF and XMP."""

from __future__ import annotations

from typing import IO

from PIL import Image

from worker.writers.pages import Pages, dropped, exif_of, single, texts_of

#: Longest side (RFC 9649, 2.7.1).
_SIDE = 16_383

#: Efforts, on 3 MP of a photo with grain. Lossless: 0.379 of the samples at 16 MB/s; method 6 makes 0.373 at 3.
#: Lossy, at quality 95: 0.110 at 11 MB/s; method 6 makes 0.107 at 4.
_LOSSLESS = {"lossless": True, "method": 2, "quality": 25}
_LOSSY_METHOD = 4


def write(target: IO[bytes], pages: Pages) -> tuple[str, ...]:
    """Writes the page into an empty file; see `worker.pictures.Writer`. Raises UnsupportedPicture above 16,383 pixels.

    The resolution has a place in EXIF only. IPTC, texts and documents have none: they are left out,
    with the warning `metadata_dropped`.
    """
    dressing, samples = single(pages, side=_SIDE, what="WebP")
    image = Image.fromarray(samples)
    del samples
    lossless = dressing.compression == "lossless"
    image.save(
        target,
        "WEBP",
        **(_LOSSLESS if lossless else {"method": _LOSSY_METHOD, "quality": dressing.quality}),
        # What lies under full transparency is part of the picture.
        exact=True,
        icc_profile=dressing.profile or b"",
        exif=exif_of(dressing),
        xmp=dressing.metadata.xmp or b"",
    )
    return dropped(dressing.metadata.iptc, texts_of(dressing), dressing.metadata.documents)
