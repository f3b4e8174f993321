"""The render kernel: loops over samples that numba compiles. It knows arrays and numbers only.

Import it only where a picture is rendered: numba takes half a second, and where compiled code is kept is read then.
All of it is in one file, since numba notices a change only in the file of the function that is called.

Formulas: CIE 15:2004, 8.2.1, in the form f(X/Xn) = f(Y/Yn) + a/500, f(Z/Zn) = f(Y/Yn) - b/200. Light is counted as what
it differs from Y/Yn, so that a gray stays exact and rounding grows with chroma only.
"""

from typing import Any

import numpy as np
from numba import njit

#: Other threads go on meanwhile. a x b + c may be one instruction, and nothing is ever no number: `Render` sees to it.
#: No part allocates: without numba's runtime a row of an array need not be counted as in use, which takes a lock.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "_nrt": False,
    "error_model": "numpy",
    "fastmath": {"contract", "nnan", "nsz"},
}

#: Both become part of the function that is called from outside, and only that is kept on disk: stages by LLVM, parts by
#: numba, which compiles for twice as long. It has to where tuples come and go in a loop: LLVM leaves that no vector
#: instructions, and the render takes twice as long.
_stage = njit(forceinline=True, **_OPTIONS)
_part = njit(inline="always", **_OPTIONS)
_compiled = njit(cache=True, **_OPTIONS)

#: Columns that are worked on at once, few enough that what is in use of their rows stays near a core.
TILE = 384

#: Colors outside the gamut are filled up to a multiple of this, so that vector instructions leave none over.
_LANES = 16

#: The scratch memory is float32[SCRATCH], zeros at first, in rows of a tile; these are where its rows begin. Constants,
#: as then the compiler knows that they lie apart and makes vector instructions of every loop that looks nothing up.
_LUMA, _ROOT, _X_PART, _Z_PART, _RED, _GREEN, _BLUE, _FOUND, _DELTA = range(0, 9 * TILE, TILE)
#: Colors outside the gamut, and where they come from.
_OUT_LUMA, _OUT_ROOT, _OUT_X, _OUT_Z, _OUTSIDE = range(9 * TILE, 14 * TILE, TILE)
_LOW, _HIGH, _LOW_ROOM, _HIGH_ROOM, _SIDE, _DARK, _LIGHT = range(14 * TILE, 21 * TILE, TILE)
#: Between which columns of the grid a pixel lies, and how far.
_LEFT, _SHARE = range(21 * TILE, 23 * TILE, TILE)
#: Places in the tables of samples.
_RED_CELL, _GREEN_CELL, _BLUE_CELL = range(23 * TILE, 26 * TILE, TILE)
#: Four planes of the grid at the row above and the row below, by turns.
_LINES = 26 * TILE
#: A byte a pixel: whether it needs more work. Counted in floats, in bytes and in eight of them.
_FLAGS = 34 * TILE
_BYTE_FLAGS, _LONG_FLAGS = 4 * _FLAGS, _FLAGS // 2
SCRATCH = 35 * TILE

#: There is another, int64[WORDS]: a word a pixel of a tile, then what `_tabulate` writes.
_TABLE = TILE
WORDS = _TABLE + 3 * 256

#: (6/29)^3, 6/29, 3 (6/29)^2 and 4/29: where and how the cube root gives way to a line.
_EPSILON = np.float32((6 / 29) ** 3)
_KNEE = np.float32(6 / 29)
_SLOPE = np.float32(3 * (6 / 29) ** 2)
_OFFSET = np.float32(4 / 29)

#: f(X/Xn) of a, f(Z/Zn) of b.
_X_OF_A = np.float32(1 / 500)
_Z_OF_B = np.float32(-1 / 200)

#: What float32 leaves of a color on the gamut's edge, as a share of luminance and of white.
_EDGE = np.float32(1e-6)

#: Steps to the gamut's edge at most: five are usual, and so many suffice for every color that the bins can say.
_STEPS = 32

#: Stands for nothing where it is divided by.
_TINY = np.float32(1e-30)

#: Bins of the histogram in one unit of L*, and counts of the sum in one.
BINS_A_UNIT = 1_000
COUNTS_A_UNIT = 1 << 20

#: Partial histograms: neighbors fall into the same bin, and a count would wait for the one before.
PARTS = 4

#: What the luminance of white is in integers: any space's sum of three stays below 2^31.
_WHITE = 1 << 29

#: No light.
_NONE = np.float32(-1e30)

_ZERO = np.float32(0)
_HALF = np.float32(0.5)
_ONE = np.float32(1)


@_stage
def _find_roots(s, luma, root, n):
    """Writes f(Y/Yn) of luminance, both rows of the scratch: the cube root by Halley's method from its bits.

    A float's bits, read as a number, are nearly its logarithm; a third of them are within 4 % of the cube root (the
    constant: W. Kahan, "Computing a Real Cube Root", 1991), and two steps leave float32's own rounding.
    """
    bits = s.view(np.int32)
    for x in range(n):
        s[root + x] = max(s[luma + x], _EPSILON)
    for x in range(n):
        bits[root + x] = np.int32(np.float32(bits[root + x]) * np.float32(1 / 3) + np.float32(709921077))
    for x in range(n):
        light = max(s[luma + x], _EPSILON)
        found = s[root + x]
        cube = found * found * found
        found *= (cube + light + light) / (cube + cube + light)
        cube = found * found * found
        found *= (cube + light + light) / (cube + cube + light)
        s[root + x] = found if s[luma + x] > _EPSILON else s[luma + x] * np.float32(1 / _SLOPE) + _OFFSET


@_stage
def _measure(s, n, histogram, sums, tail):
    """Adds |delta L*| between two rows of f(Y/Yn), _ROOT and _DELTA, to the figures; overwrites _DELTA.

    The percentile needs the bins of its tail only: a pixel that does not lie beyond the floor is not binned.
    """
    bins, flags, eights = s.view(np.int32), s.view(np.int8), s.view(np.int64)
    for x in range(n):
        s[_DELTA + x] = abs(s[_DELTA + x] - s[_ROOT + x]) * np.float32(116)
    total, worst = np.int64(0), np.int32(0)
    for x in range(n):
        count = np.int32(s[_DELTA + x] * np.float32(COUNTS_A_UNIT) + _HALF)
        total += np.int64(count)
        worst = max(worst, count)
    sums[0] += total
    sums[1] = max(sums[1], np.int64(worst))
    last = np.float32(histogram.shape[1] - 1)
    for x in range(n):
        bins[_DELTA + x] = np.int32(min(s[_DELTA + x] * np.float32(BINS_A_UNIT), last))
    floor = np.int32(sums[2])
    for x in range(n):
        flags[_BYTE_FLAGS + x] = bins[_DELTA + x] > floor
    for eight in range((n + 7) // 8):
        if eights[_LONG_FLAGS + eight] != 0:
            for x in range(8 * eight, 8 * eight + 8):
                if flags[_BYTE_FLAGS + x] != 0:
                    histogram[x & (PARTS - 1), np.uint32(bins[_DELTA + x])] += 1
                    sums[3] += 1
    if sums[3] >= 2 * tail:
        _raise_floor(histogram, sums, tail)


@_stage
def _raise_floor(histogram, sums, tail):
    """Raises the floor to the highest bin that `tail` pixels have reached: the percentile cannot lie below it."""
    at = min((sums[1] * BINS_A_UNIT // COUNTS_A_UNIT) + 1, histogram.shape[1] - 1)
    beyond, here = 0, 0
    while at > sums[2]:
        for part in range(PARTS):
            here += histogram[part, at]
        if here >= tail:
            break
        beyond = here
        at -= 1
    sums[2], sums[3] = at, beyond


@_stage
def _read_luma(row, light, luminance, s, luma, n):
    """Writes the luminance of a row of RGB samples."""
    red, green, blue = luminance[0], luminance[1], luminance[2]
    for x in range(n):
        s[luma + x] = light[row[3 * x]] * red + light[row[3 * x + 1]] * green + light[row[3 * x + 2]] * blue
    for x in range(n):
        s[luma + x] = min(s[luma + x], _ONE)


@_stage
def _read_bytes(row, words, s, n):
    """Writes the luminance of a row of RGB samples of 8 bits, which `_tabulate` knows, into _FOUND."""
    for x in range(n):
        words[x] = _word(words, np.uint32(row[3 * x]), np.uint32(row[3 * x + 1]), np.uint32(row[3 * x + 2]))
    for x in range(n):
        s[_FOUND + x] = np.float32(np.int32(words[x] >> 32)) * np.float32(1 / _WHITE)


@_stage
def _read_master(row, channels, source, words, s, n):
    """Writes luminance and its root, _LUMA and _ROOT, of a row of the master; one look-up finds those of a gray."""
    light, grays, luminance = source
    if channels == 1:
        pairs, halves = grays.view(np.int64), words.view(np.float32)
        for x in range(n):
            words[x] = pairs[row[x]]
        for x in range(n):
            s[_LUMA + x], s[_ROOT + x] = halves[2 * x], halves[2 * x + 1]
    else:
        _read_luma(row, light, luminance, s, _LUMA, n)
        _find_roots(s, _LUMA, _ROOT, n)


@_stage
def _tabulate(words, light, luminance):
    """Writes what stands for each sample of 8 bits in red, green and blue: its byte of a pixel, its luminance above.

    The sum of three holds the pixel in its lower half and the luminance in its upper.
    """
    for channel in range(3):
        for sample in range(256):
            lit = np.int64(np.rint(np.float64(light[sample]) * luminance[channel] * _WHITE))
            words[_TABLE + 256 * channel + sample] = (lit << 32) + (sample << (8 * channel))


@_part
def _word(words, red, green, blue):
    """Returns the sum of what stands for three samples; see `_tabulate`."""
    return (
        words[np.uint32(_TABLE) + red] + words[np.uint32(_TABLE + 256) + green] + words[np.uint32(_TABLE + 512) + blue]
    )


@_stage
def _widen(line, s, step, row, n):
    """Writes a row of one plane of the grid, interpolated between its columns."""
    left = s.view(np.uint32)
    for x in range(n):
        at = left[_LEFT + x]
        low = line[at]
        s[row + x] = low + (line[at + step] - low) * s[_SHARE + x]


@_part
def _mix(s, low, high, weight, root):
    """Returns one channel of ab: its plane's value between two rows, plus slope x L*."""
    slope = s[low + 2 * TILE] + (s[high + 2 * TILE] - s[low + 2 * TILE]) * weight
    lightness = np.float32(116) * root - np.float32(16)
    return s[low] + (s[high] - s[low]) * weight + slope * lightness


@_part
def _differ(part, root, luma):
    """Returns how far X/Xn, or Z/Zn, is from Y/Yn where f differs by `part`.

    On one side of the knee the difference is a polynomial of `part`, without a constant; only where the knee lies
    between both is there one.
    """
    above = root > _KNEE
    line = _SLOPE * (root - _OFFSET) - luma if above else _ZERO
    cube = _ZERO if above else root * root * root - luma
    thrice = root * np.float32(3)
    if root + part > _KNEE:
        return part * (thrice * root + part * (thrice + part)) + cube
    return _SLOPE * part + line


@_part
def _light(luma, root, x_part, z_part, weights):
    """Returns linear RGB; `weights` are those of X/Xn and Z/Zn in red, green and blue."""
    red_x, red_z, green_x, green_z, blue_x, blue_z = weights
    more_x, more_z = _differ(x_part, root, luma), _differ(z_part, root, luma)
    return (
        luma + (red_x * more_x + red_z * more_z),
        luma + (green_x * more_x + green_z * more_z),
        luma + (blue_x * more_x + blue_z * more_z),
    )


@_part
def _color(s, low, high, weight, weights, n):
    """Writes linear RGB of a row, in or out of the gamut, and what a and b add to f."""
    for x in range(n):
        root = s[_ROOT + x]
        x_part = _X_OF_A * _mix(s, low + x, high + x, weight, root)
        z_part = _Z_OF_B * _mix(s, low + TILE + x, high + TILE + x, weight, root)
        s[_X_PART + x], s[_Z_PART + x] = x_part, z_part
        s[_RED + x], s[_GREEN + x], s[_BLUE + x] = _light(s[_LUMA + x], root, x_part, z_part, weights)


@_stage
def _gather_outside(s, n):
    """Writes what `_fit` needs of the colors outside the gamut, their places into _OUTSIDE; returns how many."""
    outside, flags, eights = s.view(np.uint32), s.view(np.int8), s.view(np.int64)
    for x in range(n):
        lowest = min(s[_RED + x], s[_GREEN + x], s[_BLUE + x])
        highest = max(s[_RED + x], s[_GREEN + x], s[_BLUE + x])
        flags[_BYTE_FLAGS + x] = min(lowest + _EDGE * s[_LUMA + x], _ONE + _EDGE - highest) < _ZERO
    count = np.uint32(0)
    for eight in range((n + 7) // 8):
        # Most have none.
        if eights[_LONG_FLAGS + eight] != 0:
            for x in range(8 * eight, 8 * eight + 8):
                outside[np.uint32(_OUTSIDE) + count] = x
                count += np.uint32(flags[_BYTE_FLAGS + x])
    if count == 0:
        return count
    while count % np.uint32(_LANES) != 0:
        outside[np.uint32(_OUTSIDE) + count] = outside[_OUTSIDE]
        count += np.uint32(1)
    for i in range(count):
        x = outside[_OUTSIDE + i]
        s[_OUT_LUMA + i], s[_OUT_ROOT + i] = s[_LUMA + x], s[_ROOT + x]
        s[_OUT_X + i], s[_OUT_Z + i] = s[_X_PART + x], s[_Z_PART + x]
        s[_LOW + i] = min(s[_RED + x], s[_GREEN + x], s[_BLUE + x])
        s[_HIGH + i] = max(s[_RED + x], s[_GREEN + x], s[_BLUE + x])
    return count


@_part
def _faded(s, i, factor, weights):
    """Returns linear RGB of a gathered color with its chroma lowered."""
    return _light(s[_OUT_LUMA + i], s[_OUT_ROOT + i], s[_OUT_X + i] * factor, s[_OUT_Z + i] * factor, weights)


@_stage
def _fit(s, weights, count):
    """Lowers the chroma of the gathered colors, along constant lightness and hue, until they fit.

    The factor is the root of the room that is left in the gamut, by regula falsi in its Illinois form (M. Dowell and
    P. Jarratt, BIT 11, 1971): its lower end is always inside. Room is counted in millionths of what a gray has; where
    it is less than one the channel that has it is put on its bound. _LOW and _HIGH hold the least and most light first.
    """
    outside = s.view(np.uint32)
    for i in range(count):
        luma = s[_OUT_LUMA + i]
        # Above, light is told apart no finer than float32 does next to 1.
        dark = _ONE / max(_EDGE * luma, _TINY)
        light = _ONE / max(_EDGE * (_ONE - luma), _EDGE * np.float32(0.2))
        s[_DARK + i], s[_LIGHT + i] = dark, light
        s[_LOW_ROOM + i] = min(luma * dark, (_ONE - luma) * light)
        s[_HIGH_ROOM + i] = min(s[_LOW + i] * dark, (_ONE - s[_HIGH + i]) * light, -_TINY)
        s[_LOW + i], s[_HIGH + i], s[_SIDE + i] = _ZERO, _ONE, _ZERO
    for _ in range(_STEPS):
        left = np.int32(0)
        for i in range(count):
            low, high, side = s[_LOW + i], s[_HIGH + i], s[_SIDE + i]
            low_room, high_room = s[_LOW_ROOM + i], s[_HIGH_ROOM + i]
            factor = low + (high - low) * (low_room / (low_room - high_room))
            red, green, blue = _faded(s, i, factor, weights)
            room = min(min(red, green, blue) * s[_DARK + i], (_ONE - max(red, green, blue)) * s[_LIGHT + i])
            inside, found = room >= _ZERO, abs(room) <= _ONE
            # An end that stays put twice counts half.
            halved_high = high_room * (_HALF if side > _ZERO else _ONE)
            halved_low = low_room * (_HALF if side < _ZERO else _ONE)
            s[_LOW + i] = factor if inside | found else low
            s[_HIGH + i] = factor if (not inside) | found else high
            s[_LOW_ROOM + i] = _ONE if found else (room if inside else halved_low)
            s[_HIGH_ROOM + i] = -_ONE if found else (halved_high if inside else room)
            s[_SIDE + i] = _ONE if inside else -_ONE
        for i in range(count):
            left += np.int32(s[_LOW + i] < s[_HIGH + i])
        if left == 0:
            break
    for i in range(count):
        red, green, blue = _faded(s, i, s[_LOW + i], weights)
        lowest, highest = min(red, green, blue), max(red, green, blue)
        at_dark = lowest * s[_DARK + i] < (_ONE - highest) * s[_LIGHT + i]
        bound = _ZERO if at_dark else _ONE
        # No channel is this one where the last step has not found the edge.
        limit = (lowest if at_dark else highest) if s[_LOW + i] == s[_HIGH + i] else _NONE
        s[_LOW + i] = bound if red == limit else red
        s[_HIGH + i] = bound if green == limit else green
        s[_SIDE + i] = bound if blue == limit else blue
    for i in range(count):
        x = outside[_OUTSIDE + i]
        s[_RED + x], s[_GREEN + x], s[_BLUE + x] = s[_LOW + i], s[_HIGH + i], s[_SIDE + i]


@_stage
def _place_between(s, row, cell, steps, n):
    """Turns linear light into its place in the table over its root: the step below, and a fraction."""
    cells = s.view(np.int32)
    for x in range(n):
        s[row + x] = np.sqrt(min(max(s[row + x], _ZERO), _ONE)) * steps
    for x in range(n):
        cells[cell + x] = np.int32(s[row + x])
        s[row + x] = s[row + x] - np.float32(np.int32(s[row + x]))


@_part
def _cell(light, steps):
    """Returns the nearest place of linear light in the table over its root."""
    return np.int32(np.sqrt(min(max(light, _ZERO), _ONE)) * steps + _HALF)


@_part
def _between(samples, cell, share):
    """Returns the sample next to what lies between two steps of the table."""
    low = samples[cell]
    return np.uint32(low + (samples[cell + np.uint32(1)] - low) * share + _HALF)


@_stage
def _write(s, samples, light, luminance, out, n):
    """Writes a row's 16-bit samples, each the nearest to its linear light, and their luminance into _FOUND."""
    cells = s.view(np.uint32)
    red_share, green_share, blue_share = luminance[0], luminance[1], luminance[2]
    steps = np.float32(samples.shape[0] - 2)
    _place_between(s, _RED, _RED_CELL, steps, n)
    _place_between(s, _GREEN, _GREEN_CELL, steps, n)
    _place_between(s, _BLUE, _BLUE_CELL, steps, n)
    for x in range(n):
        r = _between(samples, cells[_RED_CELL + x], s[_RED + x])
        g = _between(samples, cells[_GREEN_CELL + x], s[_GREEN + x])
        b = _between(samples, cells[_BLUE_CELL + x], s[_BLUE + x])
        out[3 * x], out[3 * x + 1], out[3 * x + 2] = r, g, b
        s[_FOUND + x] = light[r] * red_share + light[g] * green_share + light[b] * blue_share


@_stage
def _write_bytes(s, words, samples, out, n):
    """Writes a row's 8-bit samples, each the nearest to its linear light, and their luminance into _FOUND."""
    cells, places = s.view(np.int32), s.view(np.uint32)
    steps = np.float32(samples.shape[0] - 2)
    for x in range(n):
        cells[_RED_CELL + x] = _cell(s[_RED + x], steps) | _cell(s[_GREEN + x], steps) << 16
    for x in range(n):
        cells[_BLUE_CELL + x] = _cell(s[_BLUE + x], steps)
    for x in range(n):
        both = places[_RED_CELL + x]
        red, green = samples[both & np.uint32(0xFFFF)], samples[both >> np.uint32(16)]
        blue = samples[places[_BLUE_CELL + x]]
        words[x] = _word(words, np.uint32(red), np.uint32(green), np.uint32(blue))
    for x in range(n):
        s[_FOUND + x] = np.float32(np.int32(words[x] >> 32)) * np.float32(1 / _WHITE)
    for x in range(n):
        word = words[x]
        out[3 * x], out[3 * x + 1], out[3 * x + 2] = word & 0xFF, (word >> 8) & 0xFF, (word >> 16) & 0xFF


@_stage
def _keep_grays(s, row, out, n):
    """Writes a row's own gray samples where there is no color."""
    count = np.int32(0)
    for x in range(n):
        count += np.int32(s[_X_PART + x] == _ZERO)
    if count == 0:
        return
    for x in range(n):
        if s[_X_PART + x] == _ZERO and s[_Z_PART + x] == _ZERO:
            out[3 * x] = out[3 * x + 1] = out[3 * x + 2] = row[x]


@_stage
def _clear(s):
    """Sets what loops over whole vectors find beyond a tile that is not full: nothing to do."""
    for x in range(TILE // 4):
        s[_FLAGS + x] = _ZERO


@_compiled
def render_strip(strip, grid, top, height, source, target, same, out, s, words, histogram, sums, tail):
    """Colors one strip; see `models.render.Render`.

    `strip` uint8 or uint16[rows, w or 3 w] begins at row `top` of a picture of `height` rows; `grid`
    float32[2 or 4, gh, gw] covers the picture. `source` is (light, grays, luminance) of the space of the strip,
    `target` (samples, light, luminance, matrix) of the space of `out`, uint8 or uint16[rows, 3 w], which is written.
    `same` tells that a gray sample means the same in both spaces. `s` and `words` are scratch memory, which a render
    keeps.

    `histogram` int64[PARTS, bins] and `sums` int64[4] are added to: the sum and the maximum of |delta L*| in counts;
    the floor, a bin, and how many pixels lie beyond it. Pixels up to the floor are in no bin. It rises to where `tail`
    pixels are known to lie as high.
    """
    samples, target_light, target_luminance, matrix = target
    weights = matrix[0, 0], matrix[0, 2], matrix[1, 0], matrix[1, 2], matrix[2, 0], matrix[2, 2]
    rows, width = out.shape[0], out.shape[1] // 3
    channels = strip.shape[1] // width
    planes, grid_height, grid_width = grid.shape
    step = np.uint32(1 if grid_width > 1 else 0)
    fine = target_light.shape[0] > 256
    if not fine:
        _tabulate(words, target_light, target_luminance)
    left = s.view(np.uint32)
    for first in range(0, width, TILE):
        n = min(TILE, width - first)
        _clear(s)
        for x in range(n):
            at = min(max((first + x + 0.5) * grid_width / width - 0.5, 0.0), grid_width - 1.0)
            column = min(int(at), max(grid_width - 2, 0))
            left[_LEFT + x], s[_SHARE + x] = column, at - column
        known_above, known_below = -1, -1
        for y in range(rows):
            at = min(max((top + y + 0.5) * grid_height / height - 0.5, 0.0), grid_height - 1.0)
            above = min(int(at), max(grid_height - 2, 0))
            below = min(above + 1, grid_height - 1)
            # A grid row lies where its number is even or odd, and so stays when it turns from below to above.
            low, high = _LINES + 4 * TILE * (above & 1), _LINES + 4 * TILE * (below & 1)
            for line in (above, below):
                if line not in (known_above, known_below):
                    # Without slopes their rows stay zero.
                    for plane in range(planes):
                        _widen(grid[plane, line], s, step, _LINES + TILE * (4 * (line & 1) + plane), n)
            known_above, known_below = above, below
            row, colors = strip[y, first * channels : (first + n) * channels], out[y, 3 * first : 3 * (first + n)]
            _read_master(row, channels, source, words, s, n)
            _color(s, low, high, np.float32(at - above), weights, n)
            count = _gather_outside(s, n)
            if count > 0:
                _fit(s, weights, count)
            if fine:
                _write(s, samples, target_light, target_luminance, colors, n)
            else:
                _write_bytes(s, words, samples, colors, n)
            if same and channels == 1:
                _keep_grays(s, row, colors, n)
            _find_roots(s, _FOUND, _DELTA, n)
            _measure(s, n, histogram, sums, tail)


@_compiled
def compare_strip(master, derivative, source, target, s, words, histogram, sums, tail):
    """Measures how far the lightness of one strip is from another's; see `models.render.Comparison`.

    `master` uint8 or uint16[rows, w or 3 w] of a space with `source` (light, roots, luminance), `derivative` uint8
    or uint16[rows, 3 w] of one with `target` (light, luminance); memory and figures as in `render_strip`.
    """
    rows, width = derivative.shape[0], derivative.shape[1] // 3
    channels = master.shape[1] // width
    fine = target[0].shape[0] > 256
    if not fine:
        _tabulate(words, target[0], target[1])
    for y in range(rows):
        for first in range(0, width, TILE):
            n = min(TILE, width - first)
            _clear(s)
            row = master[y, first * channels : (first + n) * channels]
            colors = derivative[y, 3 * first : 3 * (first + n)]
            if channels == 1:
                for x in range(n):
                    s[_ROOT + x] = source[1][row[x]]
            else:
                _read_luma(row, source[0], source[2], s, _LUMA, n)
                _find_roots(s, _LUMA, _ROOT, n)
            if fine:
                _read_luma(colors, target[0], target[1], s, _FOUND, n)
            else:
                _read_bytes(colors, words, s, n)
            _find_roots(s, _FOUND, _DELTA, n)
            _measure(s, n, histogram, sums, tail)
