"""Numbers of TIFF: tags, photometric interpretations and compressions (TIFF 6.0, its supplements, libtiff)."""

from __future__ import annotations

from enum import IntEnum

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES = 273, 274, 277, 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANAR, T4_OPTIONS, RESOLUTION_UNIT = 282, 283, 284, 292, 296
PREDICTOR, COLOR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 317, 320, 322, 323, 324, 325
INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT, LOWEST_SAMPLE, HIGHEST_SAMPLE = 332, 338, 339, 340, 341
JPEG_TABLES, OLD_JPEG_OFFSET, OLD_JPEG_BYTES, DEPTH = 347, 513, 514, 32997
XMP, IPTC, PHOTOSHOP, PROFILE, EXIF, GPS = 700, 33723, 34377, 34675, 34665, 34853


class Photometric(IntEnum):
    """What the first channels of a pixel mean."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    SEPARATED = 5  # inks
    YCBCR = 6
    CIELAB = 8  # a and b signed
    ICCLAB = 9  # a and b with an offset, as ICC profiles of version 2 have them

    @property
    def channels(self) -> int:
        """How many channels it takes."""
        if self <= Photometric.BLACK_IS_ZERO or self is Photometric.PALETTE:
            return 1
        return 4 if self is Photometric.SEPARATED else 3


class Compression(IntEnum):
    """How strips and tiles are compressed; all that are read."""

    NONE = 1
    FAX_RLE = 2
    FAX_3 = 3
    FAX_4 = 4
    LZW = 5
    OLD_JPEG = 6
    JPEG = 7
    DEFLATE = 8
    PACKBITS = 32773
    OLD_DEFLATE = 32946
    JPEG_2000 = 34712
    LZMA = 34925
    ZSTD = 50000
    WEBP = 50001

    @property
    def is_jpeg(self) -> bool:
        """Whether segments are JPEG streams."""
        return self in (Compression.JPEG, Compression.OLD_JPEG)

    @property
    def is_picture(self) -> bool:
        """Whether segments are pictures of another format, which know their own size and depth."""
        return self.is_jpeg or self in (Compression.JPEG_2000, Compression.WEBP)

    @property
    def is_fax(self) -> bool:
        """Whether segments are coded runs of black and white (ITU-T T.4 and T.6)."""
        return self in (Compression.FAX_RLE, Compression.FAX_3, Compression.FAX_4)

    @property
    def predicts(self) -> bool:
        """Whether a predictor may stand before it."""
        return self in (
            Compression.LZW, Compression.DEFLATE, Compression.OLD_DEFLATE, Compression.LZMA, Compression.ZSTD
        )  # fmt: skip

    @property
    def word(self) -> str:
        """The recipe's word for it, else "other"."""
        if self.is_jpeg:
            return "lossy"
        words = {
            Compression.NONE: "none",
            Compression.LZW: "lzw",
            Compression.DEFLATE: "deflate",
            Compression.OLD_DEFLATE: "deflate",
            Compression.ZSTD: "zstd",
        }
        return words.get(self, "other")
