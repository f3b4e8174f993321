"""JPEG 2000 codestreams: what the main header says, and whether every tile is there (ISO/IEC 15444-1, annex A)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from shared.errors import Corrupt, Truncated, UnsupportedPicture

SOC = b"\xff\x4f"
_SIZ, _COD, _COC, _SOT, _SOD, _EOC = 0xFF51, 0xFF52, 0xFF53, 0xFF90, 0xFF93, 0xFFD9
_SOT_BYTES = 12

#: In the data of packets no marker but those around packets, SOP and EPH, can occur (A.1, "in-bit-stream").
_MARKER = re.compile(rb"\xff[\x90\x93-\xff]")

#: Code-block styles (table A.19) whose data may hold long runs of zeros: raw bits, and high throughput (part 15).
_STYLES_WITH_ZEROS = 0x01 | 0x40

#: An arithmetic coder says one thing in zeros: that the least probable came true each time. Bytes of it that are past
#: belief.
_ZEROS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """One component."""

    #: bits a sample
    depth: int
    #: whether samples may be negative
    signed: bool
    #: pixels of the reference grid between its samples
    dx: int
    dy: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """What the main header says."""

    #: corners of the picture on the reference grid
    left: int
    top: int
    right: int
    bottom: int
    #: tiles of the picture, and the size of one
    tiles: int
    tile_width: int
    tile_height: int
    #: at least one
    components: tuple[Component, ...]
    #: whether the wavelet is the 9-7 one, which rounds
    lossy: bool
    #: packets of a tile at most; each may be empty, that is one byte of 0
    packets: int
    #: whether long runs of zeros are possible in the data of code-blocks, or their packets are not known
    zeros: bool
    #: where the first tile-part begins in the codestream
    end: int

    def size(self, component: Component) -> tuple[int, int]:
        """Returns width and height of a component's samples (B-2)."""
        width = -(-self.right // component.dx) - -(-self.left // component.dx)
        return width, -(-self.bottom // component.dy) - -(-self.top // component.dy)


def read_stream(data: memoryview) -> Stream:
    """Reads the main header of a codestream. Raises Truncated, Corrupt or UnsupportedPicture."""
    segments: dict[int, memoryview] = {}
    end = 0
    for marker, at, body in _main_header(data):
        segments.setdefault(marker, body)
        end = at
    if _SIZ not in segments or _COD not in segments:
        raise Corrupt("The codestream does not say its size or how it is coded.")
    siz, cod = segments[_SIZ], segments[_COD]
    if len(siz) < 36 or len(cod) < 10:
        raise Corrupt("The main header of the codestream is cut off.", seen=len(siz))
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top = struct.unpack_from(">8I", siz, 2)
    (count,) = struct.unpack_from(">H", siz, 34)
    if len(siz) < 36 + 3 * count or not count:
        raise Corrupt(f"The codestream claims {count:,} components.", seen=count)
    components = tuple(
        Component(depth=(depth & 0x7F) + 1, signed=depth > 0x7F, dx=dx, dy=dy)
        for depth, dx, dy in struct.iter_unpack("BBB", siz[36 : 36 + 3 * count])
    )
    if not all(component.dx and component.dy for component in components) or not tile_width or not tile_height:
        raise Corrupt("The codestream claims samples or tiles without size.")
    if not (tile_left <= left < right and tile_top <= top < bottom):
        raise Corrupt("The codestream claims a picture without pixels.")
    across = -(-(right - tile_left) // tile_width)
    tiles = across * -(-(bottom - tile_top) // tile_height)
    if tiles > 65535:
        raise Corrupt(f"The codestream claims {tiles:,} tiles.", seen=tiles, limit=65535)
    return Stream(
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        tiles=tiles,
        tile_width=min(tile_width, right),
        tile_height=min(tile_height, bottom),
        components=components,
        lossy=cod[9] == 0,
        packets=_packets(cod, min(tile_width, right), min(tile_height, bottom), count),
        zeros=bool(cod[8] & _STYLES_WITH_ZEROS) or _COC in segments,
        end=end,
    )


def check(data: memoryview, stream: Stream) -> None:
    """Looks at what the decoder passes over, since it makes gray of what is missing.

    Each tile has all its parts, one behind the other, up to the end marker; their data hold no marker and no hole of
    zeros. Raises Truncated or Corrupt.
    """
    seen: dict[int, int] = {}
    wanted: dict[int, int] = {}
    at = stream.end
    while True:
        if at + 2 > len(data):
            raise Truncated(
                f"The codestream ends at byte {len(data):,}, before its end marker.", seen=len(data), limit=at + 2
            )
        (marker,) = struct.unpack_from(">H", data, at)
        if marker == _EOC:
            break
        if marker != _SOT:
            raise Corrupt(f"At byte {at:,} of the codestream a tile should begin.", seen=at)
        tile, end, part, parts = _read_part(data, at)
        if tile >= stream.tiles or part != seen.get(tile, 0):
            raise Corrupt(f"Part {part} of tile {tile:,} stands in a wrong place.", seen=tile, limit=stream.tiles)
        seen[tile] = part + 1
        if parts:
            wanted[tile] = parts
        _check_packets(data, at + _SOT_BYTES, end, stream)
        at = end
    lost = [tile for tile in range(stream.tiles) if seen.get(tile, 0) < wanted.get(tile, 1)]
    if lost:
        raise Truncated(
            f"Of {stream.tiles:,} tiles {len(lost):,} are missing or cut off.", seen=len(lost), limit=stream.tiles
        )


def _read_part(data: memoryview, at: int) -> tuple[int, int, int, int]:
    """Returns of a tile-part: the tile, where it ends, which part it is, and of how many (0 where it does not say)."""
    if at + _SOT_BYTES > len(data):
        raise Truncated("The codestream ends within the header of a tile.", seen=len(data), limit=at + _SOT_BYTES)
    tile, length, part, parts = struct.unpack_from(">HIBB", data, at + 4)
    # A length of 0 stands for "up to the end marker", which then is the last two bytes.
    end = at + length if length else max(at + _SOT_BYTES, len(data) - 2)
    if length and length < _SOT_BYTES + 2:
        raise Corrupt(f"Tile {tile:,} claims {length:,} bytes.", seen=length)
    if end > len(data):
        raise Truncated(
            f"Tile {tile:,} goes to byte {end:,} of the codestream; it ends at {len(data):,}.",
            seen=len(data),
            limit=end,
        )
    return tile, end, part, parts


def _check_packets(data: memoryview, at: int, end: int, stream: Stream) -> None:
    """Raises Corrupt where the packets of a tile-part cannot be what an encoder wrote."""
    zeros = stream.zeros
    marker = 0
    while at + 2 <= end and (marker := struct.unpack_from(">H", data, at)[0]) != _SOD:
        length = struct.unpack_from(">H", data, at + 2)[0] if at + 4 <= end else 0
        if marker < 0xFF00 or length < 2:
            break
        zeros = zeros or marker in (_COD, _COC)
        at += 2 + length
    if at + 2 > end or marker != _SOD:
        raise Corrupt("The header of a tile does not end where its data begin.", seen=at)
    packets = data[at + 2 : end]
    if found := _MARKER.search(packets):
        raise Corrupt(f"At byte {at + 2 + found.start():,} of the codestream the packets are damaged.", seen=at)
    hole = stream.packets + _ZEROS
    if not zeros and hole <= len(packets) and bytes(hole) in bytes(packets):
        raise Corrupt("The codestream has a hole of zeros.", seen=at)


def _packets(cod: memoryview, width: int, height: int, components: int) -> int:
    """Returns how many packets a tile has at most: layers x components x precincts of all resolutions (B.6)."""
    style, layers, levels = cod[0], struct.unpack_from(">H", cod, 2)[0], cod[5]
    if levels > 32:
        raise UnsupportedPicture(f"The codestream has {levels} decomposition levels; up to 32 are read.", seen=levels)
    precincts = 0
    for level in range(levels + 1):
        size = cod[10 + level] if style & 1 and len(cod) > 10 + level else 0xFF
        shift = levels - level
        # A precinct's border may cut the tile at both ends.
        across = (width >> (shift + (size & 0x0F))) + 2
        precincts += across * ((height >> (shift + (size >> 4))) + 2)
    return int(layers * components * precincts)


def _main_header(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Yields marker, offset of its end, and body of each segment up to the first tile-part."""
    if data[:2] != SOC:
        raise Corrupt("The codestream does not begin with its start marker.")
    at = 2
    while at + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == _SOT:
            return
        if marker < 0xFF00 or length < 2:
            raise Corrupt(f"At byte {at:,} of the codestream a marker is missing.", seen=at)
        at += 2 + length
        if at > len(data):
            break
        yield marker, at, data[at - length + 2 : at]
    raise Truncated(f"The codestream ends at byte {len(data):,}, before its first tile.", seen=len(data))
