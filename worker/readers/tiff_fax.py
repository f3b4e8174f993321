"""CCITT compressions of TIFF: runs of white and black (ITU-T T.4, T.6). A row that is not exactly full is damage.

Decoders of fax fill up what they cannot read, since a page with a flaw is better than none. Here it is not.
"""

from __future__ import annotations

from enum import Enum
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from shared.errors import Corrupt, Truncated, UnsupportedPicture

# Codes of runs of 0 to 63 pixels, then of 64, 128 to 1,728 (T.4, tables 2 and 3a).
_WHITE = """
00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 101010 101011 0100111
0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011 00011010 00011011
00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 00101100 00101101 00000100
00000101 00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010 01011011
01001010 01001011 00110010 00110011 00110100 11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000
01100111 011001100 011001101 011010010 011010011 011010100 011010101 011010110 011010111 011011000 011011001 011011010
011011011 010011000 010011001 010011010 011000 010011011
"""
_BLACK = """
0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000 0000010111
0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 00000011000 000011001010
000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 000001101011 000011010010 000011010011
000011010100 000011010101 000011010110 000011010111 000001101100 000001101101 000011011010 000011011011 000001010100
000001010101 000001010110 000001010111 000001100100 000001100101 000001010010 000001010011 000000100100 000000110111
000000111000 000000100111 000000101000 000001011000 000001011001 000000101011 000000101100 000001011010 000001100110
000001100111 0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100
0000001101101 0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100
0000001110101 0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101 0000001011010
0000001011011 0000001100100 0000001100101
"""
# Codes of runs of 1,792, 1,856 to 2,560 pixels of either color (T.4, table 3b).
_LONG = """
00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 000000010111
000000011100 000000011101 000000011110 000000011111
"""
# Modes of rows that refer to their predecessor (T.4, table 4): a vertical one by its offset, and the other two.
_PASS, _HORIZONTAL = 8, 9
_MODES = {
    "1": 0, "011": 1, "000011": 2, "0000011": 3, "010": -1, "000010": -2, "0000010": -3,
    "0001": _PASS, "001": _HORIZONTAL,
}  # fmt: skip

#: Longest code of a run, bits, and of a mode.
_RUN_BITS, _MODE_BITS = 13, 7
#: An end of line is this many zeros or more, and a one.
_EOL_ZEROS = 11

#: Rows whose changes of color are turned into pixels at once.
_ROWS = 512


class Code(Enum):
    """How rows are coded."""

    BYTE_ALIGNED = "rle"  # runs; each row begins at a full byte, there is no end of line
    GROUP_3 = "g3"  # runs, with or without an end of line before each row
    GROUP_3_2D = "g3-2d"  # after each end of line a bit says whether the row refers to its predecessor
    GROUP_4 = "g4"  # each row refers to its predecessor


def decode(data: bytes, rows: int, width: int, code: Code) -> NDArray[np.uint8]:
    """Returns uint8[rows, width] with 0 for a white run and 1 for a black one.

    Raises Truncated where the data end before the rows do, Corrupt for anything that is no code or a row that is not
    exactly full, UnsupportedPicture for the uncompressed mode.
    """
    bits = _Bits(data)
    pixels = np.zeros((rows, width), np.uint8)
    before: list[int] = []
    for top in range(0, rows, _ROWS):
        changes: list[list[int]] = []
        for row in range(top, min(top + _ROWS, rows)):
            before = _row(bits, before, width, code, row)
            changes.append(before)
        _paint(pixels[top : top + len(changes)], changes)
    return pixels


def _row(bits: _Bits, before: list[int], width: int, code: Code, row: int) -> list[int]:
    try:
        if code is Code.GROUP_4:
            changes = bits.relative_row(before, width)
        elif code is Code.BYTE_ALIGNED:
            bits.align()
            changes = bits.plain_row(width)
        else:
            ended = bits.skip_end_of_line()
            if code is Code.GROUP_3_2D and not ended:
                raise _Damage
            plain = code is Code.GROUP_3 or bits.take_bit()
            changes = bits.plain_row(width) if plain else bits.relative_row(before, width)
    except (_Damage, IndexError) as error:
        # Beyond the end there are zeros, which are no code.
        if bits.left < _RUN_BITS or isinstance(error, IndexError):
            raise Truncated(f"The CCITT data end in row {row + 1:,}.", seen=row) from None
        raise Corrupt(f"The CCITT data are damaged in row {row + 1:,}.", seen=row) from None
    if bits.left < 0:
        raise Truncated(f"The CCITT data end in row {row + 1:,}.", seen=row)
    return changes


def _paint(pixels: NDArray[np.uint8], changes: list[list[int]]) -> None:
    """Turns the places where each row changes its color into pixels; a row begins white."""
    lengths = [len(row) for row in changes]
    places = np.fromiter((place for row in changes for place in row), np.int64, sum(lengths))
    pixels[np.repeat(np.arange(len(changes)), lengths), places] = 1
    np.bitwise_xor.accumulate(pixels, axis=1, out=pixels)


class _Damage(Exception):
    """What comes next is no code, or does not fit into its row."""


class _Bits:
    """The data, bit by bit from the highest of each byte."""

    def __init__(self, data: bytes) -> None:
        padded = np.frombuffer(data + bytes(3), np.uint8).astype(np.uint32)
        # The 24 bits from each byte on. A memoryview gives Python's own integers, an array does not.
        self._windows = (padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]).data
        self._end = 8 * len(data)
        self._at = 0

    @property
    def left(self) -> int:
        """Bits that are left; negative where more was taken than there is."""
        return self._end - self._at

    def align(self) -> None:
        """Goes to the next full byte."""
        self._at = self._at + 7 & ~7

    def take_bit(self) -> bool:
        """Takes one bit."""
        bit = self._windows[self._at >> 3] >> 23 - (self._at & 7) & 1
        self._at += 1
        return bool(bit)

    def skip_end_of_line(self) -> bool:
        """Skips an end of line with the zeros that fill up before it; raises _Damage where two follow each other."""
        if not self._skip_one():
            return False
        if self._peek(12) == 1:
            # That is the end of the page.
            raise _Damage
        return True

    def plain_row(self, width: int) -> list[int]:
        """Takes a row of runs (T.4, 4.1) and returns where its color changes."""
        changes: list[int] = []
        place, color = 0, 0
        while place < width:
            place += self._run(color)
            _turn(changes, place, width)
            color ^= 1
        return changes

    def relative_row(self, before: list[int], width: int) -> list[int]:
        """Takes a row that refers to its predecessor (T.4, 4.2) and returns where its color changes."""
        windows, modes = self._windows, _MODE_TABLE
        # The first change of the row before that is right of `place` and away from the row's own color.
        marks = [*before, width, width, width, width]
        mark = 0
        changes: list[int] = []
        place, color = -1, 0
        while place < width:
            at = self._at
            entry = modes[windows[at >> 3] >> 24 - _MODE_BITS - (at & 7) & (1 << _MODE_BITS) - 1]
            if entry is None:
                self._refuse_extension()
            length, mode = entry
            self._at = at + length
            while marks[mark] <= place and marks[mark] < width:
                mark += 2
            if mode == _PASS:
                place = marks[mark + 1]
            elif mode == _HORIZONTAL:
                place = max(place, 0) + self._run(color)
                _turn(changes, place, width)
                place += self._run(color ^ 1)
                _turn(changes, place, width)
            else:
                target = marks[mark] + mode
                if target <= place:
                    raise _Damage
                place = target
                _turn(changes, place, width)
                color ^= 1
                mark += -1 if mark else 1
        return changes

    def _refuse_extension(self) -> NoReturn:
        """Raises what it means that no mode comes next."""
        if self._peek(_MODE_BITS) == 1 and self.left >= _RUN_BITS:
            raise UnsupportedPicture("The CCITT data use the uncompressed mode, which is not read.")
        raise _Damage

    def _run(self, color: int) -> int:
        table, windows = _RUN_TABLES[color], self._windows
        total = 0
        while True:
            at = self._at
            entry = table[windows[at >> 3] >> 24 - _RUN_BITS - (at & 7) & (1 << _RUN_BITS) - 1]
            if entry is None:
                raise _Damage
            length, run = entry
            self._at = at + length
            total += run
            if run < 64:
                return total

    def _peek(self, count: int) -> int:
        return self._windows[self._at >> 3] >> 24 - count - (self._at & 7) & (1 << count) - 1

    def _skip_one(self) -> bool:
        if self._peek(_EOL_ZEROS):
            return False
        while not self._peek(1):
            self._at += 8 if self._peek(8) == 0 else 1
        self._at += 1
        return True


def _turn(changes: list[int], place: int, width: int) -> None:
    """Notes a change of color; two at one place are none."""
    if place > width:
        raise _Damage
    if changes and changes[-1] == place:
        changes.pop()
    elif place < width:
        changes.append(place)


def _table(codes: dict[str, int], bits: int) -> list[tuple[int, int] | None]:
    """Returns length and meaning of the code that each number of `bits` bits begins with."""
    table: list[tuple[int, int] | None] = [None] * (1 << bits)
    for code, meaning in codes.items():
        spare = bits - len(code)
        first = int(code, 2) << spare
        table[first : first + (1 << spare)] = [(len(code), meaning)] * (1 << spare)
    return table


def _runs(codes: str) -> dict[str, int]:
    lengths = [*range(64), *range(64, 1729, 64), *range(1792, 2561, 64)]
    return dict(zip((codes + _LONG).split(), lengths, strict=True))


_RUN_TABLES = (_table(_runs(_WHITE), _RUN_BITS), _table(_runs(_BLACK), _RUN_BITS))
_MODE_TABLE = _table(_MODES, _MODE_BITS)
