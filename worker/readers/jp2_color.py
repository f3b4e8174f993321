"""What the channels of a JPEG 2000 picture mean, by the boxes of its header."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from shared.errors import Corrupt, UnsupportedPicture
from worker.icc import color_space
from worker.pictures import Kind
from worker.readers.codestream import Stream
from worker.readers.jp2_boxes import boxes

#: Enumerated color spaces (ISO/IEC 15444-1, table I.10).
_SRGB, _GRAY, _SYCC = 16, 17, 18
_ENUMERATED = {_SRGB: Kind.RGB, _GRAY: Kind.GRAY, _SYCC: Kind.RGB}
_PROFILED = {"RGB": Kind.RGB, "GRAY": Kind.GRAY, "CMYK": Kind.CMYK}


@dataclass(frozen=True, kw_only=True, slots=True)
class Color:
    """What the channels mean, palette and color differences resolved."""

    #: meaning of the channels
    kind: Kind
    #: whether an alpha channel follows
    alpha: bool
    #: bits a sample
    depth: int
    #: ICC profile
    profile: bytes | None
    #: whether a profile is there but cannot be read
    unreadable: bool = False


def read_color(stream: Stream, head: memoryview | None) -> Color:
    """Returns the meaning for a codestream and the contents of its `jp2h` box, if it has one.

    Raises UnsupportedPicture for what is not read, Corrupt for boxes that contradict each other.
    """
    found: dict[bytes, memoryview] = {}
    colors: list[memoryview] = []
    for kind, body in boxes(head) if head is not None else ():
        if kind == b"colr" and len(body) >= 3:
            colors.append(body)
        found.setdefault(kind, body)
    channels, depth = len(stream.components), _depth(stream)
    if b"pclr" in found:
        channels, depth = _palette(found[b"pclr"])
    space, profile = _space(colors)
    kind = _ENUMERATED.get(space or 0) or (_PROFILED.get(color_space(profile)) if profile else None)
    if space is None and profile and kind is None and color_space(profile):
        raise UnsupportedPicture(
            f"The picture's profile is for {color_space(profile)}; gray, RGB and CMYK are read.",
            seen=color_space(profile),
        )
    if kind is None or channels - kind.channels not in (0, 1):
        kind = _by_count(channels) if kind is None else None
    if kind is None:
        raise UnsupportedPicture(
            f"The picture has {channels} channels, which do not fit its color space; gray, RGB and CMYK with or "
            "without alpha are read.",
            seen=channels,
        )
    _check_grid(stream, ycc=space == _SYCC and b"pclr" not in found)
    return Color(
        kind=kind,
        alpha=channels > kind.channels,
        depth=depth,
        profile=profile,
        unreadable=profile is not None and not color_space(profile),
    )


def _space(colors: list[memoryview]) -> tuple[int | None, bytes | None]:
    """Returns the enumerated space, or the profile, of the first `colr` box that is understood."""
    for body in colors:
        if body[0] == 1 and len(body) >= 7:
            (space,) = struct.unpack_from(">I", body, 3)
            if space in _ENUMERATED:
                return space, None
        elif body[0] in (2, 3):
            return None, bytes(body[3:])
    if colors:
        raise UnsupportedPicture(
            "The picture's color space is none of gray, sRGB and sYCC, and no profile tells more.",
            seen=[bytes(body[:7]).hex() for body in colors[:3]],
        )
    return None, None


def _by_count(channels: int) -> Kind | None:
    """Returns what a bare codestream most likely means: gray, RGB, each with or without alpha."""
    return {1: Kind.GRAY, 2: Kind.GRAY, 3: Kind.RGB, 4: Kind.RGB}.get(channels)


def _depth(stream: Stream) -> int:
    depths = {component.depth for component in stream.components}
    if len(depths) > 1 or max(depths) > 16 or any(component.signed for component in stream.components):
        raise UnsupportedPicture(
            "The picture's components are signed, of different depths or of more than 16 bits; unsigned ones of 1 to "
            "16 bits are read.",
            seen=sorted(depths),
            limit=16,
        )
    return depths.pop()


def _palette(body: memoryview) -> tuple[int, int]:
    """Returns channels and bits of a palette's colors."""
    if len(body) < 3 or len(body) < 3 + body[2] or not body[2]:
        raise Corrupt("The picture's palette is cut off.", seen=len(body))
    bits = {*body[3 : 3 + body[2]]}
    if bits != {7}:
        raise UnsupportedPicture("The picture's palette has colors of other than 8 bits.", seen=sorted(bits))
    return body[2], 8


def _check_grid(stream: Stream, *, ycc: bool) -> None:
    """Raises UnsupportedPicture unless every component has a sample for each pixel; color differences may have fewer."""
    first, *others = (stream.size(component) for component in stream.components)
    if first[0] < 1 or first[1] < 1:
        raise Corrupt("The codestream claims a picture without pixels.")
    if any(size != first for size in others) and not ycc:
        raise UnsupportedPicture("The picture's components have different sizes, and are not sYCC.")
