"""Pictures in files: what a header tells, samples strip by strip, and what a derivative wears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, Protocol

from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from models.spaces import Samples
from shared.errors import Corrupt, PictureError, Truncated
from shared.formats import Format
from worker.metadata.turns import AXES, Turn

#: Most texts and XML documents of a page, read and written: each has a segment or a box of its own in a derivative, of
#: which readers take some 65,000 of all kinds.
MOST_TEXTS = 10_000


class Kind(StrEnum):
    """What the channels of a picture's samples mean; alpha, where there is one, comes after them."""

    GRAY = "gray"  # 1 channel: 0 black, all bits white
    RGB = "rgb"  # 3 channels
    CMYK = "cmyk"  # 4 channels: 0 no ink, all bits full ink
    LAB = "lab"  # 3 channels: L* 0..100 over the range; a and b offset, as ICC.1:2022 encodes them in 8 and 16 bits

    @property
    def channels(self) -> int:
        """How many, without alpha."""
        return {Kind.GRAY: 1, Kind.RGB: 3, Kind.CMYK: 4, Kind.LAB: 3}[self]


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """Plain words in a file, as PNG has them (third edition, 11.3.3); a comment of JPEG is one under "Comment"."""

    #: what they are: 1 to 79 Latin-1 characters
    keyword: str
    #: RFC 5646; empty where it is not told
    language: str = ""
    #: the words
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """What a file says of its picture beside pixels, profile and resolution; each block as its own standard has it."""

    #: a TIFF structure (EXIF 2.32, 4.5) without the "Exif" prefix and without thumbnail; orientation 1, or none
    exif: bytes | None = None
    #: IIM records (IPTC-NAA 4.2), without Photoshop's wrapping
    iptc: bytes | None = None
    #: an XMP packet (ISO 16684-1), UTF-8
    xmp: bytes | None = None
    #: plain words, but for what is said of the file's own making
    texts: tuple[Text, ...] = ()
    #: XML documents of a JPEG 2000 file (ISO/IEC 15444-1, I.7.1), such as a newspaper's title and date
    documents: tuple[bytes, ...] = ()
    #: how the picture was turned since the packet told of places in it; None where it was not
    turn: Turn | None = None

    @property
    def size(self) -> int:
        """Bytes of all blocks and documents, and characters of the texts."""
        blocks = sum(len(block) for block in (self.exif, self.iptc, self.xmp, *self.documents) if block)
        return blocks + sum(len(text.words) for text in self.texts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What is known of one page before a pixel is decoded."""

    #: pixels, upright
    width: int
    #: pixels, upright
    height: int
    #: meaning of the channels
    kind: Kind
    #: bits of the samples that `strips` gives: 8 or 16
    depth: int
    #: bits of a sample in the file: 1..64
    stored_depth: int
    #: whether an alpha channel follows the others
    alpha: bool = False
    #: whether `strips` needs memory for a few strips only, not for the whole picture
    streamed: bool = False
    #: compression of the file, in a recipe's words: none, lzw, deflate, zstd, lossless, lossy; "other" for the rest
    compression: str = "lossless"
    #: ICC profile
    profile: bytes | None = None
    #: dots per inch, horizontally and vertically, upright
    dpi: tuple[float, float] | None = None
    #: EXIF, IPTC, XMP
    metadata: Metadata = field(default_factory=Metadata)
    #: what is odd but no reason to refuse
    warnings: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Channels of the samples, with alpha."""
        return self.kind.channels + self.alpha

    @property
    def pixels(self) -> int:
        """Pixels of the page."""
        return self.width * self.height

    @property
    def size(self) -> int:
        """Bytes of the samples that `strips` gives."""
        return self.pixels * self.channels * self.depth // 8


class Page(Protocol):
    """One page of an open master."""

    @property
    def header(self) -> Header:
        """What is known of it; no pixel is decoded for that."""

    def strips(self) -> Iterator[Samples]:
        """Yields the rows from top to bottom, upright: uint8 or uint16, [rows, w] for one channel else [rows, w, c].

        Each call begins anew; a strip may be overwritten by the caller. Raises Truncated or Corrupt, never gives rows
        that are not in the file.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Master:
    """An open master."""

    #: file format
    format: Format
    #: its pages, at least one; reduced copies (pyramids, thumbnails) are none
    pages: Sequence[Page]


class Reader(Protocol):
    """What each module of `worker.readers` offers."""

    def open_master(self, source: IO[bytes]) -> Master:
        """Reads the headers of a seekable file at its start; pages read from it later, while it stays open.

        Raises UnsupportedPicture, Truncated or Corrupt.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Dressing:
    """How a page of a derivative is written, and what it carries beside its pixels."""

    #: pixels
    width: int
    #: pixels
    height: int
    #: bits a sample, 8 or 16
    depth: int
    #: whether a fourth channel is alpha
    alpha: bool = False
    #: ICC profile
    profile: bytes | None = None
    #: dots per inch
    dpi: tuple[float, float] | None = None
    #: the master's EXIF and IPTC, and the merged XMP packet
    metadata: Metadata
    #: a sentence for people
    description: str
    #: one of the recipe's words, resolved: none, lzw, deflate, zstd (TIFF), lossless, lossy
    compression: str = "lossless"
    #: 1..100, where the compression is lossy
    quality: int = 95


class Writer(Protocol):
    """What each module of `worker.writers` offers."""

    def write(self, target: IO[bytes], pages: Iterator[tuple[Dressing, Iterator[Samples]]]) -> tuple[str, ...]:
        """Writes a file to `target` (seekable, empty) and returns warnings.

        Strips are RGB uint8 or uint16 [rows, w, 3], or [rows, w, 4] with alpha, from top to bottom; each holds until
        the next is asked for. The strips of a page are taken before its successor is asked for. Only TIFF takes more
        than one page. Metadata that the format has no place for is left out, with a warning.
        """


def oriented(samples: Samples, orientation: int) -> Samples:
    """Returns the samples upright (EXIF 2.32, tag 0x0112); a view where that suffices."""
    swapped, from_right, from_bottom = AXES[orientation]
    if swapped:
        samples = samples.swapaxes(0, 1)
    if from_right:
        samples = samples[:, ::-1]
    if from_bottom:
        samples = samples[::-1]
    return samples


@contextmanager
def foreign_errors() -> Iterator[None]:
    """Turns what picture libraries raise into errors of ours, by what they say."""
    try:
        yield
    except (PictureError, MemoryError):
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
