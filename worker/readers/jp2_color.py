"""What the channels of a JPEG 2000 picture mean, by the boxes of its header."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from shared.errors import Corrupt, UnsupportedPicture
from worker.icc import color_space
from worker.pictures import Kind
from worker.readers.blocks import taken
from worker.readers.codestream import Stream
from worker.readers.jp2_boxes import boxes, make_box

#: Enumerated color spaces (ISO/IEC 15444-1, table I.10).
_SRGB, _GRAY, _SYCC = 16, 17, 18
_ENUMERATED = {_SRGB: Kind.RGB, _GRAY: Kind.GRAY, _SYCC: Kind.RGB}
#: What channels most likely mean where nothing tells, such as in a bare codestream.
_LIKELY = {1: Kind.GRAY, 2: Kind.GRAY, 3: Kind.RGB, 4: Kind.RGB}
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
    unreadable: bool
    #: header box with all that the decoder has to resolve: palette, order of channels, color differences; None where
    #: the codestream alone says enough
    head: bytes | None


def read_color(stream: Stream, head: memoryview | None) -> Color:
    """Returns the meaning for a codestream and the contents of its `jp2h` box, if it has one.

    Raises UnsupportedPicture for what is not read, Corrupt for boxes that contradict each other.
    """
    found: dict[bytes, memoryview] = {}
    colors: list[memoryview] = []
    for name, _, body in boxes(head) if head is not None else ():
        if name == b"colr" and len(body) >= 3:
            colors.append(body)
        found.setdefault(name, body)
    channels, depth = _palette(found[b"pclr"]) if b"pclr" in found else (len(stream.components), _depth(stream))
    space, profile = _space(colors)
    kind = _kind(space, profile) or _LIKELY.get(channels)
    if kind is None or channels - kind.channels not in (0, 1):
        raise UnsupportedPicture(
            f"The picture has {channels} channels, which do not fit its color space; gray, RGB and CMYK with or "
            "without alpha are read.",
            seen=channels,
        )
    alpha = channels > kind.channels
    if alpha and b"cdef" in found:
        _check_opacity(found[b"cdef"])
    _check_grid(stream, ycc=space == _SYCC and b"pclr" not in found)
    return Color(
        kind=kind,
        alpha=alpha,
        depth=depth,
        profile=profile,
        unreadable=profile is not None and not color_space(profile),
        head=_head(found, space or _SRGB) if space == _SYCC or {b"pclr", b"cdef"} & found.keys() else None,
    )


def _space(colors: list[memoryview]) -> tuple[int | None, bytes | None]:
    """Returns the enumerated space, or the profile, of the first `colr` box that is understood."""
    for body in colors:
        if body[0] == 1 and len(body) >= 7:
            (space,) = struct.unpack_from(">I", body, 3)
            if space in _ENUMERATED:
                return space, None
        elif body[0] in (2, 3):
            return None, taken(body[3:], "profile")
    if colors:
        raise UnsupportedPicture(
            "The picture's color space is none of gray, sRGB and sYCC, and no profile tells more.",
            seen=[bytes(body[:7]).hex() for body in colors[:3]],
        )
    return None, None


def _head(found: dict[bytes, memoryview], space: int) -> bytes:
    """Returns a header box with an enumerated color space instead of a profile, which the decoder would apply."""
    names = (b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef")
    kept = [make_box(name, bytes(found[name])) for name in names if name in found]
    color = make_box(b"colr", struct.pack(">BBBI", 1, 0, 0, space))
    return make_box(b"jp2h", b"".join([*kept, color]))


def _kind(space: int | None, profile: bytes | None) -> Kind | None:
    """Returns what the color space says, None where it says nothing."""
    own = color_space(profile) if profile else ""
    if own and own not in _PROFILED:
        raise UnsupportedPicture(f"The picture's profile is for {own}; gray, RGB and CMYK are read.", seen=own)
    return _ENUMERATED[space] if space else _PROFILED.get(own)


def _check_opacity(body: memoryview) -> None:
    """Raises UnsupportedPicture unless a channel is said to be opacity (table I.16: types 1 and 2)."""
    types = [struct.unpack_from(">H", body, at)[0] for at in range(4, len(body) - 3, 6)]
    if not {1, 2} & {*types}:
        raise UnsupportedPicture("The picture has a channel beside its colors that is not opacity.", seen=types[:8])


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
    """Raises UnsupportedPicture unless each component has all pixels; color differences may have fewer."""
    first, *others = (stream.size(component) for component in stream.components)
    if first[0] < 1 or first[1] < 1:
        raise Corrupt("The codestream claims a picture without pixels.")
    if any(size != first for size in others) and not ycc:
        raise UnsupportedPicture("The picture's components have different sizes, and are not sYCC.")
