"""The render kernel: loops over samples that numba compiles. It knows arrays and numbers only.

Import it only where a picture is rendered: numba takes half a second, and where compiled code is kept is read then.
All of it is in one file, since numba notices a change only in the file of the function that is called.

Formulas: CIE 15:2004, 8.2.1, in the form f(X/Xn) = f(Y/Yn) + a/500, f(Z/Zn) = f(Y/Yn) - b/200. Light is counted as what
it differs from Y/Yn, so that a gray stays exact and rounding grows with chroma only.
"""

from typing import Any

import numpy as np
from numba import njit

from models.spaces import HALF_ONE, WHITE

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
#: Four planes of the grid at the row above and the row below, by turns, then what they rise by from above to below.
_EVEN, _ODD, _RISES = 26 * TILE, 30 * TILE, 34 * TILE
#: A byte a pixel: whether it needs more work. Counted in floats, in bytes and in eight of them.
_FLAGS = 38 * TILE
_BYTE_FLAGS, _LONG_FLAGS = 4 * _FLAGS, _FLAGS // 2
SCRATCH = 39 * TILE

#: (6/29)^3, 6/29, 3 (6/29)^2 and 4/29: where and how the cube root gives way to a line.
_EPSILON = np.float32((6 / 29) ** 3)
_KNEE = np.float32(6 / 29)
_SLOPE = np.float32(3 * (6 / 29) ** 2)
_OFFSET = np.float32(4 / 29)

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

#: Up to here the counts of a tile have a sum below 2^31.
_NARROW = (1 << 31) // TILE

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
        near = s[root + x]
        near = _step(near, near * near * near, light)
        s[root + x] = _root(_step(near, near * near * near, light), s[luma + x])


@_stage
def _follow_roots(s, n):
    """Writes f(Y/Yn) of the luminance in _FOUND into _DELTA, by one step from the master's, which lies next to it.

    Of a relative distance e it leaves 2/3 e^3: 0.0003 of L* where that has moved by the most that 8 bits need, 0.6, in
    the darkest that the cube root is for.
    """
    for x in range(n):
        light = s[_FOUND + x]
        s[_DELTA + x] = _root(_step(max(s[_ROOT + x], _KNEE), max(s[_LUMA + x], _EPSILON), light), light)


@_part
def _step(root, cube, light):
    """Returns what Halley's method makes of a cube root: nearer to that of light by the third power of its distance."""
    return root * ((cube + light + light) / (cube + cube + light))


@_part
def _root(cubic, light):
    """Returns f(Y/Yn) of light whose cube root is known."""
    return cubic if light > _EPSILON else light * np.float32(1 / _SLOPE) + _OFFSET


@_stage
def _measure(s, n, histogram, sums, tail):
    """Adds |delta L*| between two rows of f(Y/Yn), _ROOT and _DELTA, to the figures; overwrites _DELTA.

    The percentile needs the bins of its tail only: a pixel that does not lie beyond the floor is not binned.
    """
    total, worst = np.int32(0), np.int32(0)
    for x in range(n):
        delta = abs(s[_DELTA + x] - s[_ROOT + x]) * np.float32(116)
        s[_DELTA + x] = delta
        count = np.int32(delta * np.float32(COUNTS_A_UNIT) + _HALF)
        total = np.int32(total + count)
        worst = max(worst, count)
    if worst < _NARROW:
        sums[0] += np.int64(total)
    else:
        for x in range(n):
            sums[0] += np.int64(s[_DELTA + x] * np.float32(COUNTS_A_UNIT) + _HALF)
    sums[1] = max(sums[1], np.int64(worst))
    last = np.float32(histogram.shape[1] - 1)
    if (np.int64(worst) + 1) * BINS_A_UNIT // COUNTS_A_UNIT <= sums[2]:
        return
    bins, flags, eights = s.view(np.int32), s.view(np.int8), s.view(np.int64)
    floor = np.int32(sums[2])
    for x in range(n):
        bins[_DELTA + x] = np.int32(min(s[_DELTA + x] * np.float32(BINS_A_UNIT), last))
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
    """Writes the luminance of a row of RGB samples; overwrites _RED, _GREEN and _BLUE."""
    for x in range(n):
        s[_RED + x], s[_GREEN + x], s[_BLUE + x] = light[row[3 * x]], light[row[3 * x + 1]], light[row[3 * x + 2]]
    for x in range(n):
        s[luma + x] = min(_luma(s[_RED + x], s[_GREEN + x], s[_BLUE + x], luminance), _ONE)


@_part
def _luma(red, green, blue, luminance):
    """Returns the luminance of linear RGB."""
    return red * luminance[0] + green * luminance[1] + blue * luminance[2]


@_stage
def _read_master(row, channels, source, s, n):
    """Writes luminance and its root, _LUMA and _ROOT, of a row of the master."""
    light, roots, luminance = source
    if channels == 1:
        for x in range(n):
            s[_LUMA + x], s[_ROOT + x] = light[row[x]], roots[row[x]]
    else:
        _read_luma(row, light, luminance, s, _LUMA, n)
        _find_roots(s, _LUMA, _ROOT, n)


@_stage
def _widen(line, s, step, row, n):
    """Writes a row of one plane of the grid, interpolated between its columns."""
    left = s.view(np.uint32)
    for x in range(n):
        at = left[_LEFT + x]
        low = line[at]
        s[row + x] = low + (line[at + step] - low) * s[_SHARE + x]


@_stage
def _rise(s, above, below):
    """Writes what the planes rise by from one row of the grid to the next."""
    # Where the planes lie has to be a constant of each loop.
    if below == above:
        for x in range(4 * TILE):
            s[_RISES + x] = _ZERO
    elif above & 1:
        for x in range(4 * TILE):
            s[_RISES + x] = s[_EVEN + x] - s[_ODD + x]
    else:
        for x in range(4 * TILE):
            s[_RISES + x] = s[_ODD + x] - s[_EVEN + x]


@_part
def _mix(s, low, rise, weight, root):
    """Returns what one channel adds to f: its plane's value between two rows of the grid, plus slope x f(Y/Yn)."""
    slope = s[low + 2 * TILE] + s[rise + 2 * TILE] * weight
    return s[low] + s[rise] * weight + slope * root


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
def _color(s, low, weight, weights, n):
    """Writes linear RGB of a row and what a and b add to f; returns whether any color lies outside the gamut."""
    signs = np.int32(0)
    for x in range(n):
        root, luma = s[_ROOT + x], s[_LUMA + x]
        x_part = _mix(s, low + x, _RISES + x, weight, root)
        z_part = _mix(s, low + TILE + x, _RISES + TILE + x, weight, root)
        s[_X_PART + x], s[_Z_PART + x] = x_part, z_part
        red, green, blue = _light(luma, root, x_part, z_part, weights)
        s[_RED + x], s[_GREEN + x], s[_BLUE + x] = red, green, blue
        signs = np.int32(signs | np.float32(_room(luma, red, green, blue)).view(np.int32))
    return signs < 0


@_part
def _room(luma, red, green, blue):
    """Returns a number below zero for a color outside the gamut."""
    return min(min(red, green, blue) + _EDGE * luma, _ONE + _EDGE - max(red, green, blue))


@_stage
def _gather_outside(s, n):
    """Writes what `_fit` needs of the colors outside the gamut, their places into _OUTSIDE; returns how many."""
    outside, flags, eights = s.view(np.uint32), s.view(np.int8), s.view(np.int64)
    for x in range(n):
        flags[_BYTE_FLAGS + x] = _room(s[_LUMA + x], s[_RED + x], s[_GREEN + x], s[_BLUE + x]) < _ZERO
    count = np.uint32(0)
    for eight in range((n + 7) // 8):
        # Most have none.
        if eights[_LONG_FLAGS + eight] != 0:
            for x in range(8 * eight, 8 * eight + 8):
                outside[np.uint32(_OUTSIDE) + count] = x
                count += np.uint32(flags[_BYTE_FLAGS + x])
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


@_part
def _place(light):
    """Returns the place of linear light among the steps of `models.spaces`, 0..1; see `models.spaces.light_at`."""
    bits = np.float32(min(max(light, _ZERO), _ONE)).view(np.int32)
    return np.int32((bits >> np.int32(1)) + np.int32(HALF_ONE)).view(np.float32)


@_stage
def _place_between(s, row, cell, steps, n):
    """Turns linear light into the step of the table below it, and how far it lies beyond."""
    cells = s.view(np.int32)
    for x in range(n):
        place = _place(s[row + x]) * steps
        cells[cell + x] = np.int32(place)
        s[row + x] = place - np.float32(np.int32(place))


@_part
def _cell(light, steps):
    """Returns the step of the table that is nearest to linear light."""
    return np.int32(_place(light) * steps + _HALF)


@_part
def _between(samples, cell, share):
    """Returns the sample next to what lies between two steps of the table."""
    low = samples[cell]
    return np.uint32(low + (samples[cell + np.uint32(1)] - low) * share + _HALF)


@_stage
def _write(s, samples, light, luminance, out, n):
    """Writes a row's 16-bit samples, each the nearest to its linear light, and their luminance into _FOUND."""
    cells = s.view(np.uint32)
    steps = np.float32(samples.size - 2)
    _place_between(s, _RED, _RED_CELL, steps, n)
    _place_between(s, _GREEN, _GREEN_CELL, steps, n)
    _place_between(s, _BLUE, _BLUE_CELL, steps, n)
    for x in range(n):
        r = _between(samples, cells[_RED_CELL + x], s[_RED + x])
        g = _between(samples, cells[_GREEN_CELL + x], s[_GREEN + x])
        b = _between(samples, cells[_BLUE_CELL + x], s[_BLUE + x])
        out[3 * x], out[3 * x + 1], out[3 * x + 2] = r, g, b
        s[_FOUND + x] = _luma(light[r], light[g], light[b], luminance)


@_stage
def _write_bytes(s, nearest, luminance, out, n):
    """Writes a row's 8-bit samples, each the nearest to its linear light, and their luminance into _FOUND."""
    cells, found = s.view(np.uint32), s.view(np.int32)
    steps = np.float32(nearest.size - 1)
    for x in range(n):
        found[_RED_CELL + x] = _cell(s[_RED + x], steps) | _cell(s[_GREEN + x], steps) << 16
    for x in range(n):
        found[_BLUE_CELL + x] = _cell(s[_BLUE + x], steps)
    for x in range(n):
        both = cells[_RED_CELL + x]
        cells[_RED_CELL + x] = nearest[both & np.uint32(0xFFFF)]
        cells[_GREEN_CELL + x] = nearest[both >> np.uint32(16)]
        cells[_BLUE_CELL + x] = nearest[cells[_BLUE_CELL + x]]
    for x in range(n):
        red, green, blue = _lit(found[_RED_CELL + x]), _lit(found[_GREEN_CELL + x]), _lit(found[_BLUE_CELL + x])
        s[_FOUND + x] = _luma(red, green, blue, luminance) * np.float32(1 / WHITE)
    for x in range(n):
        red, green, blue = cells[_RED_CELL + x], cells[_GREEN_CELL + x], cells[_BLUE_CELL + x]
        out[3 * x], out[3 * x + 1], out[3 * x + 2] = red & 0xFF, green & 0xFF, blue & 0xFF


@_part
def _lit(entry):
    """Returns the light, of WHITE, that an entry of the table of nearest samples holds."""
    return np.float32((entry >> np.int32(8)) & np.int32(WHITE))


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
def render_strip(strip, grid, top, height, source, target, same, out, s, histogram, sums, tail):
    """Colors one strip; see `models.render.Render`.

    `strip` uint8 or uint16[rows, w or 3 w] begins at row `top` of a picture of `height` rows; `grid`
    float32[4, gh, gw] covers the picture: what a and b add to f(X/Xn) and f(Z/Zn), the slopes of both on f(Y/Yn).
    `source` is (light, roots, luminance) of the space of the strip, `target` (light, luminance, samples, nearest,
    matrix) of the space of `out`, uint8 or uint16[rows, 3 w], which is written. `same` tells that a gray sample means
    the same in both spaces. `s` is scratch memory, which a render keeps.

    `histogram` int64[PARTS, bins] and `sums` int64[4] are added to: the sum and the maximum of |delta L*| in counts;
    the floor, a bin, and how many pixels lie beyond it. Pixels up to the floor are in no bin. It rises to where `tail`
    pixels are known to lie as high.
    """
    target_light, target_luminance, samples, nearest, matrix = target
    weights = matrix[0, 0], matrix[0, 2], matrix[1, 0], matrix[1, 2], matrix[2, 0], matrix[2, 2]
    rows, width = out.shape[0], out.shape[1] // 3
    channels = strip.shape[1] // width
    grid_height, grid_width = grid.shape[1:]
    step = np.uint32(1 if grid_width > 1 else 0)
    fine = target_light.shape[0] > 256
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
            # A row of the grid lies where its number, even or odd, says: it stays there when below turns to above.
            low = _ODD if above & 1 else _EVEN
            if above != known_above:
                for line in (above, below):
                    if line not in (known_above, known_below):
                        for plane in range(4):
                            _widen(grid[plane, line], s, step, (_ODD if line & 1 else _EVEN) + TILE * plane, n)
                _rise(s, above, below)
                known_above, known_below = above, below
            row, colors = strip[y, first * channels : (first + n) * channels], out[y, 3 * first : 3 * (first + n)]
            _read_master(row, channels, source, s, n)
            if _color(s, low, np.float32(at - above), weights, n):
                _fit(s, weights, _gather_outside(s, n))
            if fine:
                _write(s, samples, target_light, target_luminance, colors, n)
            else:
                _write_bytes(s, nearest, target_luminance, colors, n)
            if same and channels == 1:
                _keep_grays(s, row, colors, n)
            _follow_roots(s, n)
            _measure(s, n, histogram, sums, tail)


@_compiled
def compare_strip(master, derivative, source, target, s, histogram, sums, tail):
    """Measures how far the lightness of one strip is from another's; see `models.render.Comparison`.

    `master` uint8 or uint16[rows, w or 3 w] of a space with `source` (light, roots, luminance), `derivative` uint8
    or uint16[rows, 3 w] of one with `target` (light, luminance); memory and figures as in `render_strip`.
    """
    rows, width = derivative.shape[0], derivative.shape[1] // 3
    channels = master.shape[1] // width
    light, luminance = target
    for y in range(rows):
        for first in range(0, width, TILE):
            n = min(TILE, width - first)
            _clear(s)
            colors = derivative[y, 3 * first : 3 * (first + n)]
            _read_master(master[y, first * channels : (first + n) * channels], channels, source, s, n)
            _read_luma(colors, light, luminance, s, _FOUND, n)
            _find_roots(s, _FOUND, _DELTA, n)
            _measure(s, n, histogram, sums, tail)
