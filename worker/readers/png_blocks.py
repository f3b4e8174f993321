"""What a PNG file carries beside its pixels: profile, EXIF, XMP, IPTC, resolution, gamma."""

from __future__ import annotations

import struct

from worker.icc import make_profile, power_curve
from worker.readers.blocks import require_small, taken
from worker.readers.finds import Finds, dots_per_inch
from worker.readers.png_chunks import Chunk
from worker.readers.png_text import keyword, read_raw_profile, read_text, read_words, unpacked

_XMP = b"XML:com.adobe.xmp"
_RAW = b"Raw profile type "
_XMP_SPACE = b"http://ns.adobe.com/xap/1.0/\0"

#: The gamma of samples that a screen shows right, 1/2.2, and how far from it, as a factor, is the same to the eye.
_GAMMA = 1 / 2.2
_NEAR = 0.05

#: What a profile that we made of a gamma calls itself.
_GAMMA_NAME = "Photochrom: sRGB primaries, the master's own gamma"

#: The least that a gamma can mean, and its reciprocal the most; what lies beyond is an error of its writer.
_LEAST_GAMMA = 0.1

#: Texts that cannot be read before the rest is left: it can take 32 MB of unpacking to find out about one.
_MOST_UNREADABLE = 16

#: Transfer functions of cICP that come near sRGB's curve (ITU-T H.273, table 3): BT.709, 601, 2020, and sRGB itself.
_COMMON_TRANSFERS = (1, 6, 13, 14, 15)


def find(data: memoryview, chunks: list[Chunk]) -> Finds:
    """Returns the blocks of the chunks; the first of each kind counts, and a chunk's own kind before a text."""
    finds = Finds()
    chosen: dict[bytes, memoryview] = {}
    texts: dict[bytes, tuple[bytes, memoryview]] = {}
    words: list[tuple[bytes, memoryview]] = []
    for chunk in chunks:
        body = chunk.body(data)
        if chunk.kind in (b"tEXt", b"zTXt", b"iTXt"):
            name = keyword(body)[0]
            texts.setdefault(name, (chunk.kind, body))
            if _is_plain(name):
                words.append((chunk.kind, body))
        elif chunk.kind in (b"iCCP", b"sRGB", b"gAMA", b"cICP", b"pHYs", b"eXIf", b"acTL"):
            chosen.setdefault(chunk.kind, body)
    if b"eXIf" in chosen:
        finds.exif = taken(chosen[b"eXIf"], "EXIF")
    if len(chosen.get(b"pHYs", b"")) == 9:
        x, y, unit = struct.unpack(">IIB", chosen[b"pHYs"])
        finds.dpi = dots_per_inch((x, y)) if unit == 1 else None
    if len(chosen.get(b"acTL", b"")) == 8 and struct.unpack_from(">I", chosen[b"acTL"])[0] > 1:
        finds.warnings.append("multi_page")
    _find_texts(finds, texts)
    _find_color(finds, chosen)
    _find_words(finds, words)
    return finds


def _is_plain(name: bytes) -> bool:
    """Tells whether a text of this name is for people, and not of the file's own making."""
    # Programs keep properties of theirs, such as the file's date, under names with a colon.
    return bool(name) and name != b"Software" and b":" not in name and not name.startswith(_RAW)


def _find_words(finds: Finds, words: list[tuple[bytes, memoryview]]) -> None:
    size = unreadable = 0
    for kind, body in words:
        size += len(body)
        require_small(size, "text")
        text = read_words(kind, body)
        if text:
            size += len(text.words)
            finds.texts.append(text)
        else:
            finds.warnings.append("metadata_unreadable")
            unreadable += 1
            if unreadable == _MOST_UNREADABLE:
                break


def _find_color(finds: Finds, chosen: dict[bytes, memoryview]) -> None:
    """Finds what the samples mean: a profile of the file's own kind, one in a text, or one that a gamma makes."""
    if b"iCCP" in chosen:
        require_small(len(chosen[b"iCCP"]), "packed profile")
        _, rest = keyword(chosen[b"iCCP"])
        profile = unpacked(rest[1:]) if bytes(rest[:1]) == b"\0" else None
        finds.profile = profile or finds.profile
        if not profile:
            finds.warnings.append("profile_unreadable")
    elif b"cICP" in chosen:
        if len(chosen[b"cICP"]) == 4 and chosen[b"cICP"][1] not in _COMMON_TRANSFERS:
            finds.warnings.append("gamma_ignored")
    elif not finds.profile and b"sRGB" not in chosen and len(chosen.get(b"gAMA", b"")) == 4:
        gamma = struct.unpack(">I", chosen[b"gAMA"])[0] / 100_000
        if not _LEAST_GAMMA <= gamma <= 1 / _LEAST_GAMMA:
            finds.warnings.append("gamma_ignored")
        elif abs(gamma / _GAMMA - 1) > _NEAR:
            finds.profile = make_profile(power_curve(1 / gamma), name=_GAMMA_NAME)


def _find_texts(finds: Finds, texts: dict[bytes, tuple[bytes, memoryview]]) -> None:
    for _, body in texts.values():
        require_small(len(body), "text")
    if _XMP in texts:
        finds.xmp = _told(finds, read_text(*texts[_XMP]))
    for name in (b"exif", b"APP1", b"iptc", b"8bim", b"xmp", b"icc", b"icm"):
        if _RAW + name not in texts:
            continue
        text = read_text(*texts[_RAW + name])
        block = _told(finds, read_raw_profile(text) if text else None)
        if block:
            _keep(finds, name, block)


def _keep(finds: Finds, name: bytes, block: bytes) -> None:
    """Puts the block of a raw profile in its place, unless that is taken."""
    if name in (b"icc", b"icm"):
        finds.profile = finds.profile or block
    elif name in (b"iptc", b"8bim"):
        # ImageMagick wraps the records as Photoshop does; others write them bare.
        finds.keep_iptc(block)
    elif name == b"xmp" or block.startswith(_XMP_SPACE):
        finds.xmp = finds.xmp or block.removeprefix(_XMP_SPACE)
    else:
        finds.exif = finds.exif or block.removeprefix(b"Exif\0\0")


def _told(finds: Finds, block: bytes | None) -> bytes | None:
    """Returns the block; where there is none, a warning says so."""
    if block is None:
        finds.warnings.append("metadata_unreadable")
    return block
