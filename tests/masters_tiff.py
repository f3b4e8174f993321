"""A catalog of TIFF masters: every kind, compression and layout that is read, with the samples a reader must give."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests import tiff_files
from tests.fixtures import Fixture
from tests.tiff_files import LONG, RATIONAL, SHORT, Page, gray_fields
from worker.pictures import Kind

WIDTH, HEIGHT = 150, 110
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

#: Names of the masters, and what makes each.
_MAKERS: dict[str, Callable[[], Fixture]] = {}


class _Masters(Mapping[str, Fixture]):
    """Fixtures that are made when they are asked for."""

    def __getitem__(self, name: str) -> Fixture:
        return _made(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_MAKERS)

    def __len__(self) -> int:
        return len(_MAKERS)


def masters() -> Mapping[str, Fixture]:
    """Returns the catalog by name; a file is made when it is asked for, once."""
    return _Masters()


@cache
def _made(name: str) -> Fixture:
    return _MAKERS[name]()


def _master(name: str, **options: Any) -> Callable[[Callable[..., Fixture]], Callable[..., Fixture]]:
    def add(make: Callable[..., Fixture]) -> Callable[..., Fixture]:
        _MAKERS[name] = lambda: make(**options)
        return make

    return add


# Pictures


def scene(channels: int = 1, top: int = 255, *, dtype: Any = np.uint8, noise: float = 0.03) -> NDArray[Any]:
    """A smooth scene with an edge and grain, 0..top: [h, w] or [h, w, channels]; the same at each call."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = []
    for number in range(channels):
        plane = 0.5 + 0.3 * np.sin(x / (17 + 5 * number)) + 0.2 * np.cos(y / (11 + 3 * number))
        plane[(x - 90) ** 2 + (y - 40) ** 2 < 700] *= 0.4
        planes.append(plane + np.random.default_rng(number).normal(0, noise, plane.shape) * bool(noise))
    stack = np.clip(np.stack(planes, axis=2), 0, 1)
    stack[0, :4], stack[-1, -4:] = 0, 1
    values = np.rint(stack * top).astype(dtype)
    return values[:, :, 0] if channels == 1 else values


def levels(stored: NDArray[Any], bits: int) -> NDArray[Any]:
    """Whole samples of some bits over the full range of 8 or 16 bits."""
    dtype = np.uint8 if bits <= 8 else np.uint16
    full = np.iinfo(dtype).max
    return np.rint(stored.astype(np.float64) / ((1 << bits) - 1) * full).astype(dtype)


def written(samples: NDArray[Any], **options: Any) -> bytes:
    """The samples as tifffile writes them."""
    out = io.BytesIO()
    with tifffile.TiffWriter(out, bigtiff=options.pop("bigtiff", False), byteorder=options.pop("byteorder", "<")) as to:
        to.write(samples, metadata=None, **options)
    return out.getvalue()


def packed(samples: NDArray[Any], bits: int) -> bytes:
    """Whole samples packed, each row to full bytes."""
    rows = samples.reshape(len(samples), -1)
    digits = (rows[:, :, np.newaxis] >> np.arange(bits - 1, -1, -1) & 1).astype(np.uint8)
    return np.packbits(digits.reshape(len(rows), -1), axis=1).tobytes()


# Whole samples

_KINDS = {"minisblack": Kind.GRAY, "rgb": Kind.RGB, "separated": Kind.CMYK}


def _plain(*, dtype: str, photometric: str = "minisblack", **options: Any) -> Fixture:
    kind = _KINDS[photometric]
    samples = scene(kind.channels, np.iinfo(dtype).max, dtype=dtype)
    stored = samples
    if options.get("planarconfig") == "separate":
        stored = np.ascontiguousarray(np.moveaxis(samples, 2, 0))
    return Fixture(
        data=written(stored, photometric=photometric, **options),
        samples=samples,
        kind=kind,
        depth=samples.dtype.itemsize * 8,
    )


_PLAIN: dict[str, dict[str, Any]] = {
    "gray-8": {"dtype": "u1"},
    "gray-16": {"dtype": "u2"},
    "gray-16-big-endian": {"dtype": "u2", "byteorder": ">"},
    "gray-8-bigtiff": {"dtype": "u1", "bigtiff": True},
    "gray-16-bigtiff-big-endian": {"dtype": "u2", "bigtiff": True, "byteorder": ">"},
    "gray-8-one-row-a-strip": {"dtype": "u1", "rowsperstrip": 1},
    "gray-16-deflate": {"dtype": "u2", "compression": "deflate", "rowsperstrip": 16},
    "gray-16-deflate-predictor": {"dtype": "u2", "compression": "deflate", "predictor": True, "rowsperstrip": 16},
    "gray-16-lzw-predictor-big-endian": {
        "dtype": "u2", "compression": "lzw", "predictor": True, "rowsperstrip": 7, "byteorder": ">",
    },
    "gray-8-lzw": {"dtype": "u1", "compression": "lzw"},
    "gray-8-packbits": {"dtype": "u1", "compression": "packbits", "rowsperstrip": 9},
    "gray-8-zstd": {"dtype": "u1", "compression": "zstd"},
    "gray-8-lzma": {"dtype": "u1", "compression": "lzma"},
    "gray-8-tiled": {"dtype": "u1", "tile": (32, 48)},
    "gray-16-tiled-deflate": {"dtype": "u2", "tile": (64, 64), "compression": "deflate"},
    "gray-8-tile-larger-than-picture": {"dtype": "u1", "tile": (256, 256), "compression": "deflate"},
    "gray-16-jpeg2000": {"dtype": "u2", "compression": "jpeg2000"},
    "rgb-8": {"dtype": "u1", "photometric": "rgb"},
    "rgb-16": {"dtype": "u2", "photometric": "rgb"},
    "rgb-16-zstd-predictor": {
        "dtype": "u2", "photometric": "rgb", "compression": "zstd", "predictor": True, "rowsperstrip": 20,
    },
    "rgb-8-lzw-predictor": {"dtype": "u1", "photometric": "rgb", "compression": "lzw", "predictor": True},
    "rgb-8-planar": {"dtype": "u1", "photometric": "rgb", "planarconfig": "separate"},
    "rgb-16-planar-deflate": {
        "dtype": "u2", "photometric": "rgb", "planarconfig": "separate", "compression": "deflate", "predictor": True,
        "rowsperstrip": 30,
    },
    "rgb-16-planar-tiled-big-endian": {
        "dtype": "u2", "photometric": "rgb", "planarconfig": "separate", "tile": (32, 32), "byteorder": ">",
    },
    "rgb-8-tiled-lzw": {"dtype": "u1", "photometric": "rgb", "tile": (48, 32), "compression": "lzw"},
    "rgb-8-jpeg2000-tiled": {"dtype": "u1", "photometric": "rgb", "tile": (64, 64), "compression": "jpeg2000"},
    "rgb-8-webp": {
        "dtype": "u1", "photometric": "rgb", "compression": "webp", "compressionargs": {"lossless": True},
    },
    "cmyk-8": {"dtype": "u1", "photometric": "separated"},
    "cmyk-16-lzw": {"dtype": "u2", "photometric": "separated", "compression": "lzw"},
    "cmyk-16-planar-tiled": {
        "dtype": "u2", "photometric": "separated", "planarconfig": "separate", "tile": (64, 32),
        "compression": "deflate",
    },
    "cmyk-8-planar": {"dtype": "u1", "photometric": "separated", "planarconfig": "separate", "rowsperstrip": 25},
}  # fmt: skip
for _name, _options in _PLAIN.items():
    _master(_name, **_options)(_plain)


@_master("gray-2", bits=2)
@_master("gray-4", bits=4)
@_master("gray-10", bits=10)
@_master("gray-12", bits=12)
@_master("gray-12-big-endian-deflate", bits=12, compression=8, order=">")
@_master("gray-14", bits=14)
def _gray_bits(*, bits: int, compression: int = 1, order: str = "<") -> Fixture:
    stored = scene(top=(1 << bits) - 1, dtype=np.uint16)
    data = packed(stored, bits)
    if compression == 8:
        data = imagecodecs.deflate_encode(data)
    page = Page(fields=gray_fields(WIDTH, HEIGHT, bits=bits, compression=compression), segments=[data])
    samples = levels(stored, bits)
    return Fixture(data=tiff_files.tiff(page, order=order), samples=samples, kind=Kind.GRAY, depth=samples.itemsize * 8)


@_master("rgb-4")
def _rgb_4() -> Fixture:
    stored = scene(3, 15)
    fields = gray_fields(WIDTH, HEIGHT, t258=(SHORT, [4, 4, 4]), t262=(SHORT, [2]), t277=(SHORT, [3]))
    data = tiff_files.tiff(Page(fields=fields, segments=[packed(stored, 4)]))
    return Fixture(data=data, samples=stored * 17, kind=Kind.RGB, depth=8)


@_master("gray-32")
def _gray_32() -> Fixture:
    samples = scene(top=65535, dtype=np.uint16)
    # Anywhere within what is rounded to a level.
    stored = samples * np.uint32(65537) + np.random.default_rng(5).integers(0, 32768, samples.shape, dtype=np.uint32)
    stored[samples == 65535] = 0xFFFFFFFF
    return Fixture(data=written(stored, photometric="minisblack"), samples=samples, kind=Kind.GRAY, depth=16)


@_master("white-is-zero-8", bits=8)
@_master("white-is-zero-16", bits=16)
@_master("white-is-zero-4", bits=4)
@_master("white-is-zero-1", bits=1)
def _white_is_zero(*, bits: int) -> Fixture:
    stored = scene(top=(1 << bits) - 1, dtype=np.uint16)
    fields = gray_fields(WIDTH, HEIGHT, bits=bits, t262=(SHORT, [0]))
    samples = levels(((1 << bits) - 1) - stored, bits)
    data = stored.astype("<u2").tobytes() if bits == 16 else packed(stored, bits)
    return Fixture(
        data=tiff_files.tiff(Page(fields=fields, segments=[data])),
        samples=samples,
        kind=Kind.GRAY,
        depth=samples.itemsize * 8,
    )


@_master("gray-16-lowest-bit-first")
def _lowest_bit_first() -> Fixture:
    samples = scene(top=65535, dtype="<u2")
    fields = gray_fields(WIDTH, HEIGHT, bits=16, t266=(SHORT, [2]))
    segment = imagecodecs.bitorder_decode(samples.tobytes())
    return Fixture(
        data=tiff_files.tiff(Page(fields=fields, segments=[segment])), samples=samples, kind=Kind.GRAY, depth=16
    )


@_master("gray-8-old-deflate-last-strip-full")
def _old_deflate() -> Fixture:
    samples = scene()
    below = np.vstack((samples, np.full((10, WIDTH), 77, np.uint8)))
    strips = [imagecodecs.zlib_encode(below[top : top + 40].tobytes()) for top in range(0, HEIGHT, 40)]
    fields = gray_fields(WIDTH, HEIGHT, compression=32946, t278=(SHORT, [40]))
    return Fixture(
        data=tiff_files.tiff(Page(fields=fields, segments=strips), big=True), samples=samples, kind=Kind.GRAY, depth=8
    )


@_master("gray-8-strips-out-of-order")
def _out_of_order() -> Fixture:
    samples = scene()
    strips = [samples[top : top + 30].tobytes() for top in range(0, HEIGHT, 30)]
    fields = gray_fields(WIDTH, HEIGHT, t278=(SHORT, [30]))
    # In the file they lie from the last to the first, after a header of 8 bytes.
    places = [8 + sum(map(len, strips[number + 1 :])) for number in range(len(strips))]
    page = Page(fields=fields, segments=strips[::-1], offsets=places, counts=[len(strip) for strip in strips])
    return Fixture(data=tiff_files.tiff(page), samples=samples, kind=Kind.GRAY, depth=8)


@_master("gray-8-no-byte-counts")
def _no_byte_counts() -> Fixture:
    samples = scene()
    fields = gray_fields(WIDTH, HEIGHT)
    del fields[278]
    data = tiff_files.tiff(Page(fields=fields, segments=[samples.tobytes()], counts=()))
    return Fixture(data=data, samples=samples, kind=Kind.GRAY, depth=8)


# Floating point


@_master("gray-float16", dtype="f2")
@_master("gray-float32", dtype="f4")
@_master("gray-float64-big-endian", dtype="f8", byteorder=">")
@_master("gray-float32-predictor", dtype="f4", compression="deflate", predictor=3, rowsperstrip=32)
@_master("gray-float32-lzw-big-endian", dtype="f4", compression="lzw", byteorder=">")
@_master("gray-float32-tiled-zstd-predictor", dtype="f4", compression="zstd", predictor=3, tile=(32, 32))
def _gray_float(*, dtype: str, **options: Any) -> Fixture:
    # Half floats have 11 bits.
    stored = scene(top=1024, dtype=np.uint16).astype(np.float64) / 1024
    samples = np.rint(stored * 65535).astype(np.uint16)
    data = written(stored.astype(dtype), photometric="minisblack", **options)
    return Fixture(data=data, samples=samples, kind=Kind.GRAY, depth=16)


@_master("rgb-float32-planar", dtype="f4", planar=True)
@_master("rgb-float16", dtype="f2", planar=False)
def _rgb_float(*, dtype: str, planar: bool) -> Fixture:
    stored = scene(3, 1024, dtype=np.uint16).astype(np.float64) / 1024
    samples = np.rint(stored * 65535).astype(np.uint16)
    wide = stored.astype(dtype)
    if planar:
        data = written(np.moveaxis(wide, 2, 0), photometric="rgb", planarconfig="separate")
    else:
        data = written(wide, photometric="rgb")
    return Fixture(data=data, samples=samples, kind=Kind.RGB, depth=16)


@_master("gray-float32-range-found")
def _range_found() -> Fixture:
    steps = scene(top=65535, dtype=np.uint16)
    # Binary fractions, so that the way back is exact.
    stored = (steps.astype(np.float64) / 64 - 128).astype(np.float32)
    return Fixture(data=written(stored, photometric="minisblack"), samples=steps, kind=Kind.GRAY, depth=16)


@_master("gray-float32-range-told")
def _range_told() -> Fixture:
    steps = scene(top=65535, dtype=np.uint16)
    stored = (steps.astype(np.float64) * 2 - 30000).astype(np.float32)
    extra = [(340, "d", 1, -30000.0, True), (341, "d", 1, 101070.0, True)]
    data = written(stored, photometric="minisblack", extratags=extra)
    return Fixture(data=data, samples=steps, kind=Kind.GRAY, depth=16)


@_master("gray-float32-nan")
def _nan() -> Fixture:
    stored = scene(top=1024, dtype=np.uint16).astype(np.float32) / 1024
    samples = np.rint(stored.astype(np.float64) * 65535).astype(np.uint16)
    stored[20:25, 30:50], samples[20:25, 30:50] = np.nan, 0
    return Fixture(data=written(stored, photometric="minisblack"), samples=samples, kind=Kind.GRAY, depth=16)


# Other colors


@_master("cielab-8", order="<")
@_master("cielab-8-big-endian", order=">")
def _cielab_8(*, order: str) -> Fixture:
    samples = scene(3)
    # a and b signed.
    stored = samples ^ np.array([0, 128, 128], np.uint8)
    fields = gray_fields(
        WIDTH, HEIGHT, t258=(SHORT, [8] * 3), t262=(SHORT, [8]), t277=(SHORT, [3]), t339=(SHORT, [1, 2, 2])
    )
    data = tiff_files.tiff(Page(fields=fields, segments=[stored.tobytes()]), order=order)
    return Fixture(data=data, samples=samples, kind=Kind.LAB, depth=8)


@_master("cielab-16-lzw")
def _cielab_16() -> Fixture:
    lab = _lab()
    stored = np.empty(lab.shape, "<i4")
    stored[:, :, 0] = np.rint(lab[:, :, 0] / 100 * 65535)
    stored[:, :, 1:] = np.rint(lab[:, :, 1:] * 256)
    samples = np.floor((stored / 256 + 128) * 257 + 0.5).astype(np.uint16)
    samples[:, :, 0] = stored[:, :, 0]
    fields = gray_fields(WIDTH, HEIGHT, compression=5, t258=(SHORT, [16] * 3), t262=(SHORT, [8]), t277=(SHORT, [3]))
    segment = imagecodecs.lzw_encode(stored.astype("<u2").tobytes())
    data = tiff_files.tiff(Page(fields=fields, segments=[segment]))
    return Fixture(data=data, samples=samples, kind=Kind.LAB, depth=16)


@_master("icclab-8")
def _icclab_8() -> Fixture:
    samples = scene(3)
    return Fixture(data=written(samples, photometric="icclab"), samples=samples, kind=Kind.LAB, depth=8)


@_master("icclab-16")
def _icclab_16() -> Fixture:
    lab = _lab()
    stored = np.empty(lab.shape, np.uint16)
    stored[:, :, 0] = np.rint(lab[:, :, 0] / 100 * 65280)
    stored[:, :, 1:] = np.rint((lab[:, :, 1:] + 128) * 256)
    samples = np.floor(stored * (65535 / 65280) + 0.5).astype(np.uint16)
    return Fixture(data=written(stored, photometric="icclab"), samples=samples, kind=Kind.LAB, depth=16)


def _lab() -> NDArray[np.float64]:
    """L* 0..100, a* and b* -128..127."""
    steps = scene(3, 65535, dtype=np.uint16) / 65535
    return np.asarray(steps * [100, 255, 255] - [0, 128, 128])


@_master("palette-8", bits=8)
@_master("palette-4", bits=4)
@_master("palette-1", bits=1)
@_master("palette-8-gray", bits=8, gray=True)
@_master("palette-4-narrow-values", bits=4, scale=1)
@_master("palette-8-values-shifted", bits=8, scale=256)
@_master("palette-8-lzw", bits=8, compression=5)
def _palette(*, bits: int, gray: bool = False, scale: int = 257, compression: int = 1) -> Fixture:
    count = 1 << bits
    indices = scene(top=count - 1)
    colors = np.random.default_rng(bits).integers(0, 256, (count, 3), dtype=np.uint8)
    if gray:
        colors[:] = colors[:, :1]
    table = (colors.T.astype(np.uint32) * scale).ravel().tolist()
    fields = gray_fields(WIDTH, HEIGHT, bits=bits, compression=compression, t262=(SHORT, [3]), t320=(SHORT, table))
    segment = packed(indices, bits)
    if compression == 5:
        segment = imagecodecs.lzw_encode(segment)
    samples = colors[indices]
    return Fixture(
        data=tiff_files.tiff(Page(fields=fields, segments=[segment])),
        samples=samples[:, :, 0] if gray else samples,
        kind=Kind.GRAY if gray else Kind.RGB,
        depth=8,
    )


# Alpha


@_master("rgba-8", extra=2)
@_master("rgba-8-planar", extra=2, planarconfig="separate")
@_master("rgba-16-deflate", extra=2, dtype="u2", compression="deflate")
@_master("rgba-8-webp", extra=2, compression="webp", compressionargs={"lossless": True})
def _rgba(*, extra: int, dtype: str = "u1", **options: Any) -> Fixture:
    samples = scene(4, np.iinfo(dtype).max, dtype=dtype)
    # WebP keeps no color where nothing shows.
    samples[:, :, 3] |= 1
    stored = np.moveaxis(samples, 2, 0) if "planarconfig" in options else samples
    data = written(stored, photometric="rgb", extrasamples=[extra], **options)
    return Fixture(data=data, samples=samples, kind=Kind.RGB, depth=samples.itemsize * 8, alpha=True)


@_master("gray-alpha-16")
def _gray_alpha() -> Fixture:
    samples = scene(2, 65535, dtype=np.uint16)
    data = written(samples, photometric="minisblack", extrasamples=[2], planarconfig="contig")
    return Fixture(data=data, samples=samples, kind=Kind.GRAY, depth=16, alpha=True)


@_master("rgba-8-associated", dtype="u1")
@_master("rgba-16-associated", dtype="u2")
def _associated(*, dtype: str) -> Fixture:
    top = np.iinfo(dtype).max
    straight = scene(3, top, dtype=dtype).astype(np.float64)
    alpha = np.zeros((HEIGHT, WIDTH), dtype)
    alpha[:, :50], alpha[:, 50:100] = top, top // 3
    stored = np.dstack((np.rint(straight * alpha[:, :, np.newaxis] / top).astype(dtype), alpha))
    samples = np.dstack((straight.astype(dtype), alpha))
    samples[:, 100:, :3] = 0
    data = written(stored, photometric="rgb", extrasamples=[1])
    # A third of the levels: each stands for three.
    return Fixture(data=data, samples=samples, kind=Kind.RGB, depth=8 * stored.itemsize, alpha=True, tolerance=2)


@_master("gray-8-two-extra")
def _two_extra() -> Fixture:
    stored = scene(3)
    fields = gray_fields(WIDTH, HEIGHT, t258=(SHORT, [8] * 3), t277=(SHORT, [3]), t338=(SHORT, [0, 2]))
    data = tiff_files.tiff(Page(fields=fields, segments=[stored.tobytes()]))
    return Fixture(data=data, samples=stored[:, :, [0, 2]], kind=Kind.GRAY, depth=8, alpha=True)


@_master("rgb-8-one-extra")
def _one_extra() -> Fixture:
    stored = scene(4)
    data = written(stored, photometric="rgb", extrasamples=[0])
    return Fixture(data=data, samples=stored[:, :, :3], kind=Kind.RGB, depth=8)


# Runs of black and white


@_master("ccitt-rle", compression="tiff_ccitt")
@_master("ccitt-group-3", compression="group3")
@_master("ccitt-group-4", compression="group4")
def _fax(*, compression: str) -> Fixture:
    bits = scene(top=1).astype(bool)
    return Fixture(data=pillowed(bits, compression=compression), samples=bits * np.uint8(255), kind=Kind.GRAY, depth=8)


@_master("ccitt-group-4-smooth-strips")
def _fax_smooth() -> Fixture:
    bits = scene(top=1, noise=0).astype(bool)
    data = pillowed(bits, compression="group4", tiffinfo={278: 20})
    return Fixture(data=data, samples=bits * np.uint8(255), kind=Kind.GRAY, depth=8)


@_master("ccitt-group-3-two-dimensional")
def _fax_2d() -> Fixture:
    bits = scene(top=1, noise=0.1).astype(bool)
    data = pillowed(bits, compression="group3", tiffinfo={292: 1})
    return Fixture(data=data, samples=bits * np.uint8(255), kind=Kind.GRAY, depth=8)


@_master("ccitt-group-4-long-runs-lowest-bit-first")
def _fax_wide() -> Fixture:
    bits = np.zeros((12, 7000), bool)
    bits[3:7, 100:6900], bits[8:] = True, True
    with tifffile.TiffFile(io.BytesIO(pillowed(bits, compression="group4"))) as file:
        page = file.pages.first
        file.filehandle.seek(page.dataoffsets[0])
        code = file.filehandle.read(page.databytecounts[0])
    fields = gray_fields(7000, 12, bits=1, compression=4, t262=(SHORT, [0]), t266=(SHORT, [2]))
    data = tiff_files.tiff(Page(fields=fields, segments=[imagecodecs.bitorder_decode(code)]))
    return Fixture(data=data, samples=~bits * np.uint8(255), kind=Kind.GRAY, depth=8)


@_master("bilevel-packbits")
def _bilevel() -> Fixture:
    bits = scene(top=1).astype(bool)
    data = written(bits, photometric="minisblack", compression="packbits")
    return Fixture(data=data, samples=bits * np.uint8(255), kind=Kind.GRAY, depth=8)


def pillowed(samples: NDArray[Any], **options: Any) -> bytes:
    """The samples as Pillow and libtiff write them."""
    out = io.BytesIO()
    Image.fromarray(samples).save(out, "TIFF", **options)
    return out.getvalue()


# JPEG

#: Levels by which JPEG at quality 95 moves these scenes at most, in gray and in YCbCr, whose color it keeps less of.
_JPEG_TOLERANCE = 12
_YCBCR_TOLERANCE = 24


@_master("gray-8-jpeg", channels=1)
@_master("gray-8-jpeg-tiled", channels=1, tile=(64, 64))
@_master("rgb-8-jpeg-ycbcr", channels=3)
@_master("rgb-8-jpeg-ycbcr-tiled", channels=3, tile=(64, 64))
def _jpeg(*, channels: int, **options: Any) -> Fixture:
    samples = scene(channels, noise=0)
    options = options or {"rowsperstrip": 32}
    if channels == 3:
        # tifffile makes YCbCr of it.
        options |= {"subsampling": (1, 1)}
    data = written(
        samples,
        photometric="minisblack" if channels == 1 else "rgb",
        compression="jpeg",
        compressionargs={"level": 95},
        **options,
    )
    kind = Kind.GRAY if channels == 1 else Kind.RGB
    tolerance = _JPEG_TOLERANCE if channels == 1 else _YCBCR_TOLERANCE
    return Fixture(data=data, samples=samples, kind=kind, depth=8, tolerance=tolerance)


@_master("rgb-8-jpeg")
def _jpeg_rgb() -> Fixture:
    # As libtiff writes it: three channels that are no YCbCr, and no marker that says so.
    samples = scene(3, noise=0)
    stream = imagecodecs.jpeg8_encode(samples, level=95, colorspace="RGB", outcolorspace="RGB")
    at = stream.index(b"\xff\xee")
    bare = stream[:at] + stream[at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big") :]
    fields = gray_fields(WIDTH, HEIGHT, compression=7, t258=(SHORT, [8] * 3), t262=(SHORT, [2]), t277=(SHORT, [3]))
    data = tiff_files.tiff(Page(fields=fields, segments=[bare]))
    return Fixture(data=data, samples=samples, kind=Kind.RGB, depth=8, tolerance=_JPEG_TOLERANCE)


@_master("rgb-8-jpeg-tables-420")
def _jpeg_tables() -> Fixture:
    # As libtiff writes it: tables apart, color at a quarter of the size.
    samples = np.repeat(scene(noise=0)[:, :, np.newaxis], 3, axis=2)
    samples[:, :, 2] //= 2
    data = pillowed(samples, compression="jpeg", quality=95)
    return Fixture(data=data, samples=samples, kind=Kind.RGB, depth=8, tolerance=_JPEG_TOLERANCE)


@_master("cmyk-8-jpeg")
def _jpeg_cmyk() -> Fixture:
    samples = scene(4, noise=0)
    data = written(samples, photometric="separated", compression="jpeg", compressionargs={"level": 95})
    return Fixture(data=data, samples=samples, kind=Kind.CMYK, depth=8, tolerance=_JPEG_TOLERANCE)


@_master("gray-12-jpeg")
def _jpeg_12() -> Fixture:
    stored = scene(top=4095, dtype=np.uint16, noise=0)
    segment = imagecodecs.jpeg8_encode(stored, level=98, bitspersample=12)
    page = Page(fields=gray_fields(WIDTH, HEIGHT, bits=12, compression=7), segments=[segment])
    return Fixture(
        data=tiff_files.tiff(page), samples=levels(stored, 12), kind=Kind.GRAY, depth=16, tolerance=16 * _JPEG_TOLERANCE
    )


@_master("gray-16-jpeg-lossless")
def _jpeg_lossless() -> Fixture:
    samples = scene(top=65535, dtype=np.uint16)
    segment = imagecodecs.jpeg8_encode(samples, lossless=True, bitspersample=16)
    page = Page(fields=gray_fields(WIDTH, HEIGHT, bits=16, compression=7), segments=[segment])
    return Fixture(data=tiff_files.tiff(page), samples=samples, kind=Kind.GRAY, depth=16)


@_master("rgb-8-old-jpeg")
def _old_jpeg() -> Fixture:
    samples = scene(3, noise=0)
    stream = imagecodecs.jpeg8_encode(samples, level=95, subsampling="444")
    fields = gray_fields(
        WIDTH, HEIGHT, compression=6, t258=(SHORT, [8] * 3), t262=(SHORT, [6]), t277=(SHORT, [3]), t513=(LONG, [8]),
        t514=(LONG, [len(stream)]),
    )  # fmt: skip
    data = tiff_files.tiff(Page(fields=fields, segments=[stream], counts=(), offsets=()))
    return Fixture(data=data, samples=samples, kind=Kind.RGB, depth=8, tolerance=_YCBCR_TOLERANCE)


# What lies around the samples


@_master("orientation-1", orientation=1)
@_master("orientation-2", orientation=2)
@_master("orientation-3", orientation=3)
@_master("orientation-4", orientation=4)
@_master("orientation-5", orientation=5)
@_master("orientation-6", orientation=6)
@_master("orientation-7", orientation=7)
@_master("orientation-8", orientation=8)
def _orientation(*, orientation: int) -> Fixture:
    stored = scene(3)
    # Row 0 and column 0 of what is stored, by the orientation (TIFF 6.0, section 8).
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.swapaxes(0, 1),
        6: np.rot90(stored, -1),
        7: np.rot90(stored, 2).swapaxes(0, 1),
        8: np.rot90(stored, 1),
    }[orientation]
    data = written(
        stored,
        photometric="rgb",
        compression="deflate",
        rowsperstrip=24,
        resolution=(300, 200),
        resolutionunit=2,
        extratags=[(274, "H", 1, orientation, True)],
    )
    return Fixture(
        data=data,
        samples=upright,
        kind=Kind.RGB,
        depth=8,
        dpi=(200.0, 300.0) if orientation >= 5 else (300.0, 200.0),
    )


@_master("profile-and-resolution")
def _profile() -> Fixture:
    samples = scene(3, 65535, dtype=np.uint16)
    data = written(samples, photometric="rgb", iccprofile=PROFILE, resolution=(600, 600), resolutionunit=2)
    return Fixture(data=data, samples=samples, kind=Kind.RGB, depth=16, dpi=(600.0, 600.0), profile=PROFILE)


@_master("resolution-in-centimeters")
def _centimeters() -> Fixture:
    samples = scene()
    fields = gray_fields(WIDTH, HEIGHT, t282=(RATIONAL, [100]), t283=(RATIONAL, [50]), t296=(SHORT, [3]))
    data = tiff_files.tiff(Page(fields=fields, segments=[samples.tobytes()]), order=">")
    return Fixture(data=data, samples=samples, kind=Kind.GRAY, depth=8, dpi=(254.0, 127.0))


@_master("resolution-without-unit")
def _no_unit() -> Fixture:
    samples = scene()
    fields = gray_fields(WIDTH, HEIGHT, t282=(RATIONAL, [4]), t283=(RATIONAL, [3]), t296=(SHORT, [1]))
    data = tiff_files.tiff(Page(fields=fields, segments=[samples.tobytes()]))
    return Fixture(data=data, samples=samples, kind=Kind.GRAY, depth=8)


@_master("pyramid-in-subifds")
def _pyramid() -> Fixture:
    samples = scene(3)
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as to:
        to.write(samples, photometric="rgb", tile=(64, 64), subifds=2, metadata=None)
        for step in (2, 4):
            to.write(samples[::step, ::step], photometric="rgb", tile=(64, 64), subfiletype=1, metadata=None)
    return Fixture(data=out.getvalue(), samples=samples, kind=Kind.RGB, depth=8)


@_master("reduced-copy-first")
def _reduced_first() -> Fixture:
    samples = scene()
    small = samples[::4, ::4]
    copy = Page(fields=gray_fields(small.shape[1], small.shape[0], t254=(LONG, [1])), segments=[small.tobytes()])
    full = Page(fields=gray_fields(WIDTH, HEIGHT, t254=(LONG, [0])), segments=[samples.tobytes()])
    return Fixture(data=tiff_files.tiff(copy, full), samples=samples, kind=Kind.GRAY, depth=8)


@_master("three-pages")
def _three_pages() -> Fixture:
    pages = [scene(), scene(3), scene(top=65535, dtype=np.uint16)]
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as to:
        for page in pages:
            to.write(page, photometric="rgb" if page.ndim == 3 else "minisblack", compression="lzw", metadata=None)
    return Fixture(data=out.getvalue(), samples=pages[0], kind=Kind.GRAY, depth=8)
