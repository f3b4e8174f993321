"""The scans of a JPEG file: how many there are, and holes of zeros that even a strict decoder takes for coefficients.

A decoder that loses its place in Huffman codes finds it again soon. If by chance it then has as many blocks as before,
nothing is left over and nothing missing. But what zeros decode to is known, since the first code of a table is all
zeros (T.81, annex C): mostly a coefficient of -1, sixty-three times a block. No encoder writes that.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping

import numpy as np

from shared.errors import Corrupt, Truncated
from worker.readers.jpeg_segments import EOI, SOS, Frame

_DHT = 0xC4
_SEQUENTIAL, _PROGRESSIVE, _ARITHMETIC = (0xC0, 0xC1), 0xC2, (0xC9, 0xCA)
#: Classes of Huffman tables.
_DC, _AC = 0, 1
_END_OF_BLOCK = 0x00

#: Scans of a picture at most. Encoders make about 10; each costs a pass over the whole picture, however short it is
#: (libjpeg-turbo's fuzzers draw the line at 500).
_MOST_SCANS = 500

#: Bytes of zeros that are past belief as blocks full of coefficients; as differences, or bits that refine, that go the
#: same way each time.
_ZEROS_AS_BLOCKS = 64
_ZEROS_AS_STEPS = 512

#: What ends the data of a scan: a marker other than a restart; FF 00 stands for a byte FF.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

#: First of the values of each Huffman table, and whether it has runs of ends of blocks, by class and number.
Tables = Mapping[tuple[int, int], tuple[int, bool]]


def check_scans(data: memoryview, frame: Frame) -> None:
    """Raises Truncated where the end marker is missing, Corrupt for too many scans or for a hole of zeros in one.

    What else is damaged is left to the decoder.
    """
    for number, (start, end, head, tables) in enumerate(_scans(data)):
        if number == _MOST_SCANS:
            raise Corrupt(f"The JPEG has more than {_MOST_SCANS} scans.", limit=_MOST_SCANS)
        limit = _zeros_past_belief(frame, head, tables)
        if limit and (hole := _find_zeros(data, start, end, limit)) is not None:
            raise Corrupt(f"The JPEG has a hole of zeros at byte {hole:,}.", seen=hole)


def _find_zeros(data: memoryview, start: int, end: int, count: int) -> int | None:
    """Returns where so many bytes of zeros lie, at least 15; None if nowhere."""
    # Looked at in words first: wherever they lie, one is all zeros, and in most pictures none is.
    coded = data[start:end]
    if np.frombuffer(coded[: len(coded) // 8 * 8], np.uint64).all():
        return None
    found = re.compile(b"\0" * count).search(data, start, end)
    return found.start() if found else None


def _scans(data: memoryview) -> Iterator[tuple[int, int, bytes, Tables]]:
    """Yields of each scan where its data begin and end, its header's body, and the tables as they then are."""
    tables: dict[tuple[int, int], tuple[int, bool]] = {}
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = data[found.start() + 1], found.end()
        if marker == EOI:
            return
        if at + 2 > len(data):
            break
        (length,) = struct.unpack_from(">H", data, at)
        body = bytes(data[at + 2 : at + length])
        at += length
        if marker == _DHT:
            tables.update(_read_tables(body))
        elif marker == SOS:
            found = _MARKER.search(data, at)
            end = found.start() if found else len(data)
            yield at, end, body, tables
            at = end
    raise Truncated(f"The file ends at byte {len(data):,}, before its end marker.", seen=len(data))


def _read_tables(body: bytes) -> Iterator[tuple[tuple[int, int], tuple[int, bool]]]:
    """Yields the tables of a DHT segment (T.81, B.2.4.2)."""
    at = 0
    while at + 17 < len(body):
        count = sum(body[at + 1 : at + 17])
        values = body[at + 17 : at + 17 + count]
        if values:
            runs = any(value & 0x0F == 0 and 0x10 <= value < 0xF0 for value in values)
            yield (body[at] >> 4, body[at] & 0x0F), (values[0], runs)
        at += 17 + count


def _zeros_past_belief(frame: Frame, head: bytes, tables: Tables) -> int | None:
    """Returns how many bytes of zeros a scan cannot have; None where flat areas may look like that."""
    count = head[0] if head else 0
    if len(head) < 4 + 2 * count:
        return None
    places = [head[2 + 2 * number] for number in range(count)]
    steps = [tables[_DC, place >> 4][0] for place in places if (_DC, place >> 4) in tables]
    blocks = [tables[_AC, place & 0x0F] for place in places if (_AC, place & 0x0F) in tables]
    first_band, refines = head[1 + 2 * count], head[3 + 2 * count] >> 4
    if frame.marker == _PROGRESSIVE and first_band:
        # An encoder that makes runs of ends of blocks does not write one end after the other.
        full, limit = any(first != _END_OF_BLOCK or runs for first, runs in blocks), _ZEROS_AS_BLOCKS
    elif frame.marker in _SEQUENTIAL and any(first != _END_OF_BLOCK for first, _ in blocks):
        full, limit = True, _ZEROS_AS_BLOCKS
    else:
        # In arithmetic coding zeros are what comes as expected; what refines a mean is bits as they are.
        full, limit = any(steps) and frame.marker not in _ARITHMETIC and not refines, _ZEROS_AS_STEPS
    if not full:
        return None
    return _ZEROS_AS_STEPS if refines else limit
