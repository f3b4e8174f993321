"""Picture files: what a header tells, samples in, bytes out. One module a format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

import numpy as np
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from models.spaces import Samples
from shared.errors import Corrupt, NotAPicture, Truncated, UnsupportedPicture
from shared.formats import READABLE, SNIFF_BYTES, Format, sniff

#: EXIF orientations that turn the picture on its side (EXIF 2.32, tag 0x0112).
_SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What is known of a master before a pixel is decoded."""

    #: file format
    format: Format
    #: pixels as stored, before orientation
    stored_width: int
    #: pixels as stored, before orientation
    stored_height: int
    #: EXIF orientation, 1..8
    orientation: int = 1
    #: ICC profile
    profile: bytes | None = None
    #: dots per inch, horizontally and vertically as stored
    dpi: tuple[float, float] | None = None
    #: EXIF block as Pillow writes it, orientation set to 1
    exif: bytes | None = None
    #: what is odd but no reason to refuse
    warnings: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Pixels, upright."""
        return self.stored_height if self.orientation in _SIDEWAYS else self.stored_width

    @property
    def height(self) -> int:
        """Pixels, upright."""
        return self.stored_width if self.orientation in _SIDEWAYS else self.stored_height

    @property
    def upright_dpi(self) -> tuple[float, float] | None:
        """Dots per inch, horizontally and vertically, upright."""
        if self.dpi and self.orientation in _SIDEWAYS:
            return self.dpi[1], self.dpi[0]
        return self.dpi


@dataclass(frozen=True, kw_only=True, slots=True)
class Dressing:
    """What a derivative carries beside its pixels."""

    #: ICC profile
    profile: bytes | None
    #: dots per inch
    dpi: tuple[float, float] | None
    #: EXIF block
    exif: bytes | None
    #: XMP packet
    xmp: bytes
    #: a sentence for people
    description: str
    #: options of the format
    options: Mapping[str, Any] = field(default_factory=dict)


class Codec(Protocol):
    """What each format's module offers."""

    def read_header(self, source: IO[bytes]) -> Header:
        """Reads the header only."""

    def decode(self, source: IO[bytes], header: Header) -> Samples:
        """Returns samples as stored: gray uint8[h, w] or RGB uint8[h, w, 3], white at 255."""

    def encode(self, samples: Samples, dressing: Dressing) -> bytes:
        """Returns the file for RGB uint8[h, w, 3]."""


def codec_of(source: IO[bytes]) -> Codec:
    """Returns the codec for a file at its start; raises NotAPicture."""
    from worker.codecs import jpeg, png, tiff  # noqa: PLC0415 - they import this module

    head = source.read(SNIFF_BYTES)
    source.seek(0)
    fmt = sniff(head)
    if fmt is None:
        seen = f"begins with {head[:8].hex(' ')}" if head else "is empty"
        raise NotAPicture(f"The file {seen}: it is no {READABLE}.", seen=head[:8].hex(), limit=READABLE)
    codecs: dict[str, Codec] = {"jpeg": jpeg, "png": png, "tiff": tiff}
    return codecs[fmt.name]


def oriented(samples: Samples, orientation: int) -> Samples:
    """Returns the samples upright (EXIF 2.32, tag 0x0112)."""
    if orientation in _SIDEWAYS:
        samples = samples.swapaxes(0, 1)
    if orientation in (2, 3, 7, 8) and orientation not in (7, 8):
        samples = samples[:, ::-1]
    if orientation in (3, 4):
        samples = samples[::-1]
    if orientation in (6, 7):
        samples = samples[:, ::-1]
    if orientation in (7, 8):
        samples = samples[::-1]
    return np.ascontiguousarray(samples)


@contextmanager
def foreign_errors() -> Iterator[None]:
    """Turns what picture libraries raise into errors of ours, by what they say."""
    try:
        yield
    except (Truncated, Corrupt, UnsupportedPicture, NotAPicture):
        raise
    except UnidentifiedImageError as error:
        raise Corrupt(f"The header cannot be read: {error}") from error
    except PillowImage.DecompressionBombError as error:
        raise Corrupt(f"The header is not believable: {error}") from error
    except Exception as error:  # decoders of untrusted bytes raise what they like
        # A lookup that fails deep in a decoder says only its key.
        told = str(error) and not isinstance(error, LookupError | TypeError | AttributeError)
        words = str(error) if told else f"its decoder stopped with {error!r}"
        if any(
            word in words.lower() for word in ("truncat", "premature", "end of", "eof", "not enough", "failed to read")
        ):
            raise Truncated(f"The file ends before the picture does: {words}") from error
        raise Corrupt(f"The file is damaged: {words}") from error
