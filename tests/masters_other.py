"""Masters in JPEG, PNG, JPEG 2000, WebP and BMP: what archives send, and what is rare but allowed."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import cache

import imagecodecs
import numpy as np
import simplejpeg

from models.spaces import Samples
from tests.fixtures import Fixture
from tests.makers import (
    bmp_file,
    bmp_rows,
    box,
    enumerated,
    exif_block,
    iptc_records,
    jp2_file,
    photoshop_resources,
    png_chunk,
    png_file,
    riff_chunks,
    saved,
    scene,
    webp_file,
    with_chunks,
    with_segments,
    without_segment,
)
from tests.worker.icc_samples import GAMMA_18, GAMMA_22, gray_profile, table_profile
from worker.icc import make_profile
from worker.pictures import Kind

SRGB = make_profile()
GRAY_22 = gray_profile(GAMMA_22)
GRAY_18 = gray_profile(GAMMA_18)
CMYK = table_profile(b"CMYK", 4)

#: Levels that a smooth picture at quality 95 is off at most, at 8 bits; measured, and rounded up.
LOSSY = 12

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg"/>'
    b"</rdf:RDF></x:xmpmeta>"
)

#: A ramp of 24 x 16 that libjpeg-turbo's cjpeg coded arithmetically at quality 95.
_ARITHMETIC = (
    "|JeWF01!$>Nk#wx0RR9200961|JwjV00IF40RaI50RaI50s;a81OoyB0s;jD1Oo&H1qKEN1qKEN2MGuU2MGrT1_%oX2?`1d3JL}Y3k(Yi3<(Mf"
    "3jfIf3kU!Z02l!Q5di<p00saM5C#9*00;pA002J#{{Ze~f#@_eZ9*psC1UTCL1M`Vov^?9H4q9d*6*NWNb$&&p>pb3$-w{F"
)

#: Colors of 24 x 16 that OpenJPEG's opj_compress coded without loss as sYCC 4:2:0.
_SUBSAMPLED = (
    "0000CYEU2`4GM<}0000KW^{RQYH%_j00000YH%_j0000jYH%`W0000MX=r3}0000G0000O00RdH0000001sntY;pkr000005&!@JacXcfWB*V8Q2;L"
    "h000007ytkO5C8xG00000000007ytkO5C8xG000000009A0RaaB0tW&D|55-90000100IOA00IA8017}rNJvmfNKpS|03`qcLvm$dbY)~9VtF7>aAj"
    "^vP(?=|c4cyNX>V>IGA=bPF#nJM3IG5A008p<0soWFv|te8T*-7e<17J6B~*mba`~9qLyaYP|9{W490Qyn**Gu|&$J*68^!(L*3f^zd?i8ihk!abEL"
    "?ArvG_-w5zhmHUv(+D4kw10wf+Ks!SjTN)C&M~FcM7CUknz~<3A6mKf&{ZgXaqXA`v}*3>AN#zY7PzI)o39ya2QSOC^8&5EyLjC%1rk&;D2+QYuUeg"
    "_D3PB%56@`<k}p9432-NdJEh&t^2>nl2}3IfNm@kN&^F`2)cD0st$o@NwzmMF7&pf57<zK=}l~2*4~`$Qu@40MWm*O%9fwe;J1-|Je"
)


@cache
def masters() -> Mapping[str, Fixture]:
    """The catalog, by name; made once a test process."""
    return dict((*_jpegs(), *_turned(), *_pngs(), *_palette_pngs(), *_jp2s(), *_webps(), *_bmps()))


def _jpegs() -> Iterator[tuple[str, Fixture]]:
    gray, rgb, cmyk = scene(1), scene(3), scene(4)
    fine = scene(1, depth=12)
    yield (
        "jpeg-gray",
        Fixture(
            data=saved(gray, "JPEG", quality=95, dpi=(300, 300)),
            samples=gray,
            kind=Kind.GRAY,
            depth=8,
            dpi=(300, 300),
            tolerance=LOSSY,
        ),
    )
    yield (
        "jpeg-gray-profile",
        Fixture(
            data=saved(gray, "JPEG", quality=95, icc_profile=GRAY_22),
            samples=gray,
            kind=Kind.GRAY,
            depth=8,
            profile=GRAY_22,
            tolerance=LOSSY,
        ),
    )
    big = SRGB + bytes(100_000)
    for name, data, profile in (
        ("444", saved(rgb, "JPEG", quality=95, subsampling=0, icc_profile=SRGB), SRGB),
        ("profile-in-parts", saved(rgb, "JPEG", quality=95, subsampling=0, icc_profile=big), big),
        ("420-progressive", saved(rgb, "JPEG", quality=95, progressive=True), None),
        ("restarts", saved(rgb, "JPEG", quality=95, subsampling=0, restart_marker_rows=1), None),
        ("rgb", saved(rgb, "JPEG", quality=95, keep_rgb=True), None),
        ("trailing", saved(rgb, "JPEG", quality=95, subsampling=0) + b"\0camera" * 99, None),
        ("two-pictures", saved(rgb, "JPEG", quality=95, subsampling=0) + saved(gray, "JPEG"), None),
    ):
        # Color at half the size, and back, is further off.
        tolerance = 16 if "420" in name else LOSSY
        yield (
            f"jpeg-{name}",
            Fixture(data=data, samples=rgb, kind=Kind.RGB, depth=8, profile=profile, tolerance=tolerance),
        )
    adobe = imagecodecs.jpeg8_encode(255 - cmyk, level=95, colorspace="CMYK", outcolorspace="CMYK")
    plain = imagecodecs.jpeg8_encode(cmyk, level=95, colorspace="CMYK", outcolorspace="CMYK")
    ycck = imagecodecs.jpeg8_encode(255 - cmyk, level=95, colorspace="CMYK", outcolorspace="YCCK", subsampling="444")
    parts = (0xE2, b"ICC_PROFILE\0\1\1" + CMYK)
    for name, data, own in (
        ("cmyk-adobe", adobe, None),
        ("cmyk-profile", with_segments(adobe, parts), CMYK),
        ("cmyk-plain", without_segment(plain, 0xEE), None),
        ("ycck", ycck, None),
    ):
        yield (
            f"jpeg-{name}",
            Fixture(data=data, samples=cmyk, kind=Kind.CMYK, depth=8, profile=own, tolerance=LOSSY),
        )
    full = _widened(fine, 12)
    yield (
        "jpeg-12-gray",
        Fixture(
            data=imagecodecs.jpeg8_encode(fine, level=95, bitspersample=12),
            samples=full,
            kind=Kind.GRAY,
            depth=16,
            tolerance=2 * 257,
        ),
    )
    yield (
        "jpeg-12-rgb",
        Fixture(
            data=imagecodecs.jpeg8_encode(scene(3, depth=12), level=95, bitspersample=12, subsampling="444"),
            samples=_widened(scene(3, depth=12), 12),
            kind=Kind.RGB,
            depth=16,
            tolerance=2 * 257,
        ),
    )
    for bits, channels in ((8, 1), (8, 3), (10, 1), (12, 1), (16, 1), (16, 3)):
        samples = scene(channels, depth=bits)
        yield (
            f"jpeg-lossless-{bits}-{'gray' if channels == 1 else 'rgb'}",
            Fixture(
                data=imagecodecs.jpeg8_encode(samples, bitspersample=bits, lossless=True),
                samples=_widened(samples, bits),
                kind=Kind.GRAY if channels == 1 else Kind.RGB,
                depth=8 if bits == 8 else 16,
            ),
        )
    y, x = np.mgrid[0:16, 0:24]
    yield (
        "jpeg-arithmetic",
        Fixture(
            data=base64.b85decode(_ARITHMETIC),
            samples=(x * 10 + y).astype(np.uint8),
            kind=Kind.GRAY,
            depth=8,
            tolerance=LOSSY,
        ),
    )
    dressed = with_segments(
        simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality=95, colorsubsampling="444"),
        (0xE1, b"Exif\0\0" + exif_block(dpi=600, artist="A. Nother")),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        (0xED, b"Photoshop 3.0\0" + photoshop_resources(iptc_records("A caption"))),
    )
    yield (
        "jpeg-dressed",
        Fixture(data=dressed, samples=rgb, kind=Kind.RGB, depth=8, dpi=(600, 600), tolerance=LOSSY),
    )


def _turned() -> Iterator[tuple[str, Fixture]]:
    """Pictures whose EXIF says how they are turned: what Pillow's own transposition gives is upright."""
    samples = scene(3)
    ways = {
        1: samples,
        2: samples[:, ::-1],
        3: samples[::-1, ::-1],
        4: samples[::-1],
        5: samples.transpose(1, 0, 2),
        6: np.rot90(samples, -1),
        7: samples[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(samples),
    }
    for orientation, upright in ways.items():
        sideways = orientation >= 5
        data = with_chunks(
            png_file(samples, bits=8, color=2),
            png_chunk(b"pHYs", struct.pack(">IIB", 11811, 23622, 1)),
            png_chunk(b"eXIf", exif_block(orientation=orientation)),
        )
        yield (
            f"png-orientation-{orientation}",
            Fixture(
                data=data,
                samples=upright,
                kind=Kind.RGB,
                depth=8,
                dpi=(600.0, 300.0) if sideways else (300.0, 600.0),
            ),
        )
        block = (0xE1, b"Exif\0\0" + exif_block(orientation=orientation, dpi=300))
        jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(samples), quality=95, colorsubsampling="444")
        yield (
            f"jpeg-orientation-{orientation}",
            Fixture(
                data=with_segments(jpeg, block),
                samples=upright,
                kind=Kind.RGB,
                depth=8,
                dpi=(300, 300),
                tolerance=LOSSY,
            ),
        )
    gray = scene(1)
    yield (
        "jpeg-gray-orientation-6",
        Fixture(
            data=with_segments(saved(gray, "JPEG", quality=95), (0xE1, b"Exif\0\0" + exif_block(orientation=6))),
            samples=np.rot90(gray, -1),
            kind=Kind.GRAY,
            depth=8,
            tolerance=LOSSY,
        ),
    )
    yield (
        "webp-orientation-8",
        Fixture(
            data=saved(samples, "WEBP", lossless=True, exif=exif_block(orientation=8)),
            samples=np.rot90(samples),
            kind=Kind.RGB,
            depth=8,
        ),
    )


def _pngs() -> Iterator[tuple[str, Fixture]]:
    for bits in (1, 2, 4, 8, 16):
        samples = scene(1, depth=bits)
        top = 65535 if bits == 16 else 255
        full = (samples * (top // ((1 << bits) - 1))).astype(samples.dtype)
        for way in ("", "-interlaced"):
            yield (
                f"png-gray-{bits}{way}",
                Fixture(
                    data=png_file(samples, bits=bits, color=0, interlaced=bool(way)),
                    samples=full,
                    kind=Kind.GRAY,
                    depth=16 if bits == 16 else 8,
                ),
            )
    for bits in (8, 16):
        for color, channels, name in ((2, 3, "rgb"), (4, 2, "gray-alpha"), (6, 4, "rgb-alpha")):
            samples = scene(channels, depth=bits)
            yield (
                f"png-{name}-{bits}",
                Fixture(
                    data=png_file(samples, bits=bits, color=color, pieces=4),
                    samples=samples,
                    kind=Kind.RGB if channels > 2 else Kind.GRAY,
                    depth=bits,
                    alpha=channels in (2, 4),
                ),
            )
        rgb, gray = scene(3, depth=bits), scene(1, depth=bits)
        clear = rgb[3, 4]
        hidden = (rgb == clear).all(axis=2)
        yield (
            f"png-rgb-{bits}-transparent-color",
            Fixture(
                data=png_file(rgb, bits=bits, color=2, extra=png_chunk(b"tRNS", clear.astype(">u2").tobytes())),
                samples=np.dstack([rgb, np.where(hidden, 0, (1 << bits) - 1).astype(rgb.dtype)]),
                kind=Kind.RGB,
                depth=bits,
                alpha=True,
            ),
        )
        shade = gray[5, 5]
        yield (
            f"png-gray-{bits}-transparent-shade",
            Fixture(
                data=png_file(gray, bits=bits, color=0, extra=png_chunk(b"tRNS", struct.pack(">H", shade))),
                samples=np.dstack([gray, np.where(gray == shade, 0, (1 << bits) - 1).astype(gray.dtype)]),
                kind=Kind.GRAY,
                depth=bits,
                alpha=True,
            ),
        )
    samples = scene(1, depth=16)
    yield (
        "png-dressed",
        Fixture(
            data=png_file(
                samples,
                bits=16,
                color=0,
                extra=png_chunk(b"iCCP", b"gray\0\0" + zlib.compress(GRAY_18))
                + png_chunk(b"pHYs", struct.pack(">IIB", 23622, 23622, 1))
                + png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
                + png_chunk(b"eXIf", exif_block(artist="A. Nother")),
            ),
            samples=samples,
            kind=Kind.GRAY,
            depth=16,
            dpi=(600.0, 600.0),
            profile=GRAY_18,
        ),
    )


def _palette_pngs() -> Iterator[tuple[str, Fixture]]:
    for bits in (1, 2, 4, 8):
        indices = scene(1, depth=bits)
        colors = np.random.default_rng(bits).integers(0, 256, (1 << bits, 3), dtype=np.uint8)
        for way in ("", "-interlaced"):
            yield (
                f"png-palette-{bits}{way}",
                Fixture(
                    data=png_file(
                        indices, bits=bits, color=3, extra=png_chunk(b"PLTE", colors.tobytes()), interlaced=bool(way)
                    ),
                    samples=colors[indices],
                    kind=Kind.RGB,
                    depth=8,
                ),
            )
    indices = scene(1, depth=4)
    shades = np.linspace(255, 0, 16).astype(np.uint8)
    gray = png_chunk(b"PLTE", np.repeat(shades, 3).tobytes())
    yield (
        "png-palette-gray",
        Fixture(data=png_file(indices, bits=4, color=3, extra=gray), samples=shades[indices], kind=Kind.GRAY, depth=8),
    )
    opacity = np.full(16, 255, np.uint8)
    opacity[:3] = 0, 100, 200
    yield (
        "png-palette-gray-alpha",
        Fixture(
            data=png_file(indices, bits=4, color=3, extra=gray + png_chunk(b"tRNS", opacity[:3].tobytes())),
            samples=np.dstack([shades[indices], opacity[indices]]),
            kind=Kind.GRAY,
            depth=8,
            alpha=True,
        ),
    )
    colors = np.random.default_rng(9).integers(0, 256, (16, 3), dtype=np.uint8)
    table = png_chunk(b"PLTE", colors.tobytes()) + png_chunk(b"tRNS", opacity.tobytes())
    yield (
        "png-palette-alpha",
        Fixture(
            data=png_file(indices, bits=4, color=3, extra=table),
            samples=np.dstack([colors[indices], opacity[indices]]),
            kind=Kind.RGB,
            depth=8,
            alpha=True,
        ),
    )


def _jp2s() -> Iterator[tuple[str, Fixture]]:
    for channels, name in ((1, "gray"), (2, "gray-alpha"), (3, "rgb"), (4, "rgb-alpha")):
        for bits in (8, 12, 16):
            samples = scene(channels, depth=bits)
            for way in ("jp2", "j2k"):
                if way == "j2k" and bits == 12:
                    continue
                data = imagecodecs.jpeg2k_encode(samples, 0, codecformat=way, bitspersample=bits)
                yield (
                    f"{way}-{name}-{bits}",
                    Fixture(
                        data=data,
                        samples=_widened(samples, bits),
                        kind=Kind.GRAY if channels < 3 else Kind.RGB,
                        depth=8 if bits == 8 else 16,
                        alpha=channels in (2, 4),
                    ),
                )
    rgb, gray = scene(3), scene(1)
    small = (rgb.shape[1], rgb.shape[0])
    for name, data, tolerance in (
        ("tiled", saved(rgb, "JPEG2000", tile_size=(32, 32)), 0),
        ("precincts", saved(rgb, "JPEG2000", precinct_size=(32, 32), codeblock_size=(16, 16), progression="RPCL"), 0),
        ("layers", saved(rgb, "JPEG2000", quality_layers=[30, 8, 0], quality_mode="rates"), 0),
        ("lossy", saved(rgb, "JPEG2000", irreversible=True, quality_mode="dB", quality_layers=[48]), LOSSY),
        ("high-throughput", imagecodecs.htj2k_encode(rgb, reversible=True), 0),
    ):
        yield f"jp2-{name}", Fixture(data=data, samples=rgb, kind=Kind.RGB, depth=8, tolerance=tolerance)
    stream = imagecodecs.jpeg2k_encode(gray, 0, codecformat="j2k")
    resolution = box(b"res ", box(b"resc", struct.pack(">HHHHbb", 11811, 1, 23622, 1, 0, 0)))
    yield (
        "jp2-dressed",
        Fixture(
            data=jp2_file(
                stream,
                small,
                colr=b"\2\0\0" + GRAY_22,
                channels=1,
                head=resolution,
                tail=box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + XMP),
            ),
            samples=gray,
            kind=Kind.GRAY,
            depth=8,
            dpi=(600.0, 300.0),
            profile=GRAY_22,
        ),
    )
    yield (
        "jp2-profile-cmyk",
        Fixture(
            data=jp2_file(
                imagecodecs.jpeg2k_encode(scene(4), 0, codecformat="j2k", mct=False),
                small,
                colr=b"\2\0\0" + CMYK,
                channels=4,
            ),
            samples=scene(4),
            kind=Kind.CMYK,
            depth=8,
            profile=CMYK,
        ),
    )
    indices = scene(1, depth=4)
    colors = np.random.default_rng(2).integers(0, 256, (16, 3), dtype=np.uint8)
    table = box(b"pclr", struct.pack(">HB", 16, 3) + b"\7\7\7" + colors.tobytes())
    table += box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3)))
    yield (
        "jp2-palette",
        Fixture(
            data=jp2_file(
                imagecodecs.jpeg2k_encode(indices, 0, codecformat="j2k"),
                small,
                colr=enumerated(16),
                channels=1,
                head=table,
            ),
            samples=colors[indices],
            kind=Kind.RGB,
            depth=8,
        ),
    )
    # The first component is opacity, and the definition box says so.
    rgba = scene(4)
    first = np.ascontiguousarray(rgba[:, :, [3, 0, 1, 2]])
    meaning = struct.pack(">13H", 4, 0, 1, 0, 1, 0, 1, 2, 0, 2, 3, 0, 3)
    yield (
        "jp2-alpha-first",
        Fixture(
            data=jp2_file(
                imagecodecs.jpeg2k_encode(first, 0, codecformat="j2k", mct=False),
                small,
                colr=enumerated(16),
                channels=4,
                head=box(b"cdef", meaning),
            ),
            samples=rgba,
            kind=Kind.RGB,
            depth=8,
            alpha=True,
        ),
    )
    y, x = np.mgrid[0:16, 0:24]
    yield (
        "jp2-sycc-420",
        Fixture(
            data=base64.b85decode(_SUBSAMPLED),
            samples=np.stack([x * 10, y * 15, 255 - x * 5 - y * 5], axis=-1).astype(np.uint8),
            kind=Kind.RGB,
            depth=8,
            tolerance=15,
        ),
    )


def _webps() -> Iterator[tuple[str, Fixture]]:
    rgb, rgba = scene(3), scene(4)
    options: Mapping[str, object] = {"lossless": True, "exact": True}
    for name, data, samples, profile, tolerance in (
        ("lossless", saved(rgb, "WEBP", **options), rgb, None, 0),
        ("lossless-alpha", saved(rgba, "WEBP", **options), rgba, None, 0),
        ("lossy", saved(rgb, "WEBP", quality=95), rgb, None, 16),
        ("profile", saved(rgb, "WEBP", icc_profile=SRGB, exif=exif_block(dpi=300), **options), rgb, SRGB, 0),
    ):
        yield (
            f"webp-{name}",
            Fixture(
                data=data,
                samples=samples,
                kind=Kind.RGB,
                depth=8,
                alpha=samples.shape[2] == 4,
                dpi=(300, 300) if profile else None,
                profile=profile,
                tolerance=tolerance,
            ),
        )
    # Lossy color beside an alpha channel that is kept without loss.
    opaque = rgba.copy()
    opaque[:, :, 3] = np.where(rgba[:, :, 3] > 128, 255, 200)
    yield (
        "webp-lossy-alpha",
        Fixture(
            data=saved(opaque, "WEBP", quality=95), samples=opaque, kind=Kind.RGB, depth=8, alpha=True, tolerance=16
        ),
    )
    ((_, frame),) = [part for part in riff_chunks(saved(rgb, "WEBP", **options)) if part[0] == b"VP8L"]
    sides = struct.pack("<I", rgb.shape[1] - 1)[:3] + struct.pack("<I", rgb.shape[0] - 1)[:3]
    anim = b"\0" * 6 + sides + struct.pack("<I", 100)[:3] + b"\2"
    inner = b"VP8L" + struct.pack("<I", len(frame)) + frame + b"\0" * (len(frame) % 2)
    yield (
        "webp-animated-once",
        Fixture(
            data=webp_file([(b"VP8X", b"\2\0\0\0" + sides), (b"ANIM", b"\0" * 6), (b"ANMF", anim + inner)]),
            samples=rgb,
            kind=Kind.RGB,
            depth=8,
        ),
    )


def _bmps() -> Iterator[tuple[str, Fixture]]:
    height, width = scene(1).shape
    up, down = (width, height), (width, -height)
    for bits in (1, 2, 4, 8):
        indices = scene(1, depth=bits)
        colors = np.random.default_rng(bits).integers(0, 256, (1 << bits, 3), dtype=np.uint8)
        yield (
            f"bmp-palette-{bits}",
            Fixture(
                data=bmp_file(bmp_rows(indices, bits=bits), up, bits=bits, palette=colors),
                samples=colors[indices],
                kind=Kind.RGB,
                depth=8,
            ),
        )
    gray = scene(1)
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    for name, size, rows, per_meter in (
        ("gray", up, bmp_rows(gray, bits=8), (11811, 23622)),
        ("gray-top-down", down, bmp_rows(gray, bits=8, top_down=True), (0, 0)),
    ):
        yield (
            f"bmp-{name}",
            Fixture(
                data=bmp_file(rows, size, bits=8, palette=ramp, per_meter=per_meter),
                samples=gray,
                kind=Kind.GRAY,
                depth=8,
                dpi=(300.0, 600.0) if per_meter[0] else None,
            ),
        )
    negative = scene(1, depth=1)
    yield (
        "bmp-bilevel-inverted",
        Fixture(
            data=bmp_file(bmp_rows(negative, bits=1), up, bits=1, palette=ramp[[255, 0]]),
            samples=(255 - negative * 255).astype(np.uint8),
            kind=Kind.GRAY,
            depth=8,
        ),
    )
    rgb = scene(3)
    for name, data in (
        ("rgb", bmp_file(bmp_rows(rgb, bits=24), up, bits=24)),
        ("rgb-top-down", bmp_file(bmp_rows(rgb, bits=24, top_down=True), down, bits=24)),
        ("rgb-32", bmp_file(_words(rgb, (16, 8, 0)).astype("<u4").tobytes(), up, bits=32)),
        ("core", _core_bmp(rgb)),
    ):
        yield f"bmp-{name}", Fixture(data=data, samples=rgb, kind=Kind.RGB, depth=8)
    yield from _masked_bmps(up)
    yield from _run_bmps(up)
    yield (
        "bmp-profile",
        Fixture(
            data=bmp_file(
                bmp_rows(rgb, bits=24),
                up,
                bits=24,
                extra=_v5(profile_at=124 + height * (-(-width * 3 // 4) * 4), profile_size=len(SRGB)),
                tail=SRGB,
            ),
            samples=rgb,
            kind=Kind.RGB,
            depth=8,
            profile=SRGB,
        ),
    )


def _masked_bmps(size: tuple[int, int]) -> Iterator[tuple[str, Fixture]]:
    height, width = size[1], size[0]
    parts = scene(3, depth=5).astype(np.uint32)
    full = np.rint(parts * (255 / 31)).astype(np.uint8)
    pad = np.zeros((height, width % 2), np.uint16)
    words = _words(parts, (10, 5, 0)).astype("<u2")
    yield (
        "bmp-555",
        Fixture(
            data=bmp_file(np.hstack([words, pad]).astype("<u2").tobytes(), size, bits=16),
            samples=full,
            kind=Kind.RGB,
            depth=8,
        ),
    )
    parts[:, :, 1] *= 2
    full = np.rint(parts * (255 / np.array([31, 63, 31]))).astype(np.uint8)
    words = _words(parts, (11, 5, 0)).astype("<u2")
    yield (
        "bmp-565",
        Fixture(
            data=bmp_file(
                np.hstack([words, pad]).astype("<u2").tobytes(),
                size,
                bits=16,
                compression=3,
                extra=struct.pack("<3I", 0xF800, 0x07E0, 0x001F),
            ),
            samples=full,
            kind=Kind.RGB,
            depth=8,
        ),
    )
    deep = scene(3, depth=10).astype(np.uint32)
    yield (
        "bmp-10-bits",
        Fixture(
            data=bmp_file(
                _words(deep, (20, 10, 0)).astype("<u4").tobytes(),
                size,
                bits=32,
                compression=3,
                extra=struct.pack("<3I", 0x3FF00000, 0xFFC00, 0x3FF),
            ),
            samples=np.rint(deep * (65535 / 1023)).astype(np.uint16),
            kind=Kind.RGB,
            depth=16,
        ),
    )
    rgba = scene(4)
    yield (
        "bmp-alpha",
        Fixture(
            data=imagecodecs.bmp_encode(np.ascontiguousarray(rgba)),
            samples=rgba,
            kind=Kind.RGB,
            depth=8,
            alpha=True,
            # 96 an inch, in whole dots a meter.
            dpi=(96.01, 96.01),
        ),
    )


def _run_bmps(size: tuple[int, int]) -> Iterator[tuple[str, Fixture]]:
    flat = np.repeat(scene(1, width=size[0] // 8 + 1, depth=4), 8, axis=1)[: size[1], : size[0]]
    flat[5:9] = scene(1, depth=4)[5:9]
    colors = np.random.default_rng(7).integers(0, 256, (16, 3), dtype=np.uint8)
    for bits, compression in ((8, 1), (4, 2)):
        yield (
            f"bmp-rle{bits}",
            Fixture(
                data=bmp_file(runs(flat, nibbles=bits == 4), size, bits=bits, compression=compression, palette=colors),
                samples=colors[flat],
                kind=Kind.RGB,
                depth=8,
            ),
        )


def runs(indices: Samples, *, nibbles: bool) -> bytes:
    """Run lengths of BMP: equal pixels as runs, others as they are, the last row first."""
    out = bytearray()
    for row in indices[::-1].tolist():
        at = 0
        while at < len(row):
            same = 1
            while at + same < len(row) and row[at + same] == row[at] and same < 255:
                same += 1
            if same > 2 or len(row) - at < 3:
                out += bytes([same, row[at] * 17 if nibbles else row[at]])
                at += same
                continue
            single = row[at : at + 3]
            body = bytes([single[0] << 4 | single[1], single[2] << 4]) if nibbles else bytes(single)
            out += bytes([0, 3]) + body + b"\0" * (len(body) % 2)
            at += 3
        out += b"\0\0"
    return bytes(out[:-2] + b"\0\1")


def _words(parts: Samples, shifts: tuple[int, int, int]) -> Samples:
    """Pixels as numbers, the last row first."""
    words: Samples = sum(parts[::-1, :, number].astype(np.uint32) << shift for number, shift in enumerate(shifts))
    return words


def _core_bmp(rgb: Samples) -> bytes:
    pixels = bmp_rows(rgb, bits=24)
    head = struct.pack("<IHHHH", 12, rgb.shape[1], rgb.shape[0], 1, 24)
    return b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + head + pixels


def _v5(*, profile_at: int, profile_size: int) -> bytes:
    """What BITMAPV5HEADER has behind the 40 bytes of the info header."""
    return bytes(16) + b"DEBM" + bytes(48) + struct.pack("<IIII", 4, profile_at, profile_size, 0)


def _widened(samples: Samples, bits: int) -> Samples:
    """Samples of 8 or more bits over the full range of 8 or 16."""
    if bits in (8, 16):
        return samples
    return np.rint(samples * (65535 / ((1 << bits) - 1))).astype(np.uint16)
