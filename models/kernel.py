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
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nnan", "nsz"}}

#: Parts become part of the function that is called from outside, and only that is kept on disk.
_part = njit(inline="always", **_OPTIONS)
_compiled = njit(cache=True, **_OPTIONS)

#: Columns that are worked on at once: some thirty rows of them stay in a core's first cache. A constant, as then the
#: compiler knows that the rows lie apart and makes vector instructions of every loop that looks nothing up.
TILE = 512

#: Columns that are searched at once for colors outside the gamut; a tile has so many times a whole number.
_BLOCK = 32

#: Rows of a tile's scratch memory, float32[ROWS, TILE]; the names below are those of the rows.
_ROWS = 34
_LUMA, _ROOT, _X_PART, _Z_PART, _RED, _GREEN, _BLUE, _FOUND, _DELTA = range(9)
#: How many rows after light in red, green and blue its places in the table lie.
_CELLS = 27
#: Four planes of the grid at the row above and the row below, by turns.
_LINES = 9
#: Colors outside the gamut.
_OUT_LUMA, _OUT_ROOT, _OUT_X, _OUT_Z, _OUT_LOWEST, _OUT_HIGHEST = range(17, 23)
_LOW, _HIGH, _LOW_ROOM, _HIGH_ROOM, _SIDE, _DARK, _LIGHT = range(23, 30)
#: Place of a pixel between two columns of the grid.
_SHARE = 30

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

#: Partial histograms. Neighbors fall into the same bin, and a processor that guesses wrong whether a count waits for
#: the one before starts anew: with 4, a render took half as long again, or not, as the compiler happened to place it.
PARTS = 16

#: No light.
_NONE = np.float32(-1e30)

_ZERO = np.float32(0)
_HALF = np.float32(0.5)
_ONE = np.float32(1)


@_part
def _find_roots(s, luma, root, n):
    """Writes f(Y/Yn) of luminance, both rows of the scratch: the cube root by Halley's method from its bits.

    A float's bits, read as a number, are nearly its logarithm; a third of them are within 4 % of the cube root (the
    constant: W. Kahan, "Computing a Real Cube Root", 1991), and two steps leave float32's own rounding.
    """
    roots, lumas = s[root], s[luma]
    bits = roots.view(np.int32)
    for x in range(n):
        roots[x] = max(lumas[x], _EPSILON)
    for x in range(n):
        bits[x] = np.int32(np.float32(bits[x]) * np.float32(1 / 3) + np.float32(709921077))
    for x in range(n):
        light = max(lumas[x], _EPSILON)
        found = roots[x]
        cube = found * found * found
        found *= (cube + light + light) / (cube + cube + light)
        cube = found * found * found
        found *= (cube + light + light) / (cube + cube + light)
        roots[x] = found if lumas[x] > _EPSILON else lumas[x] * np.float32(1 / _SLOPE) + _OFFSET


@_part
def _measure(s, n, histogram, sums):
    """Adds |delta L*| between two rows of f(Y/Yn), _ROOT and _DELTA, to the figures; overwrites _DELTA."""
    before, delta = s[_ROOT], s[_DELTA]
    for x in range(n):
        delta[x] = abs(delta[x] - before[x]) * np.float32(116)
    total, worst = np.int64(0), np.int32(0)
    for x in range(n):
        count = np.int32(delta[x] * np.float32(COUNTS_A_UNIT) + _HALF)
        total += np.int64(count)
        worst = max(worst, count)
    sums[0] += total
    sums[1] = max(sums[1], np.int64(worst))
    last = np.float32(histogram.shape[1] - 1)
    for x in range(n):
        histogram[x & (PARTS - 1), np.uint32(min(delta[x] * np.float32(BINS_A_UNIT), last))] += 1


@_part
def _read_luma(row, light, luminance, luma, n):
    """Writes the luminance of a row of RGB samples."""
    red, green, blue = luminance[0], luminance[1], luminance[2]
    for x in range(n):
        luma[x] = light[row[x, 0]] * red + light[row[x, 1]] * green + light[row[x, 2]] * blue
    for x in range(n):
        luma[x] = min(luma[x], _ONE)


@_part
def _read_master(row, channels, source, s, n):
    """Writes luminance and its root, _LUMA and _ROOT, of a row of the master; those of grays stand in tables."""
    light, roots, luminance = source
    lumas, found = s[_LUMA], s[_ROOT]
    if channels == 1:
        for x in range(n):
            sample = row[x, 0]
            lumas[x], found[x] = light[sample], roots[sample]
    else:
        _read_luma(row, light, luminance, lumas, n)
        _find_roots(s, _LUMA, _ROOT, n)


@_part
def _widen(line, left, share, step, row, n):
    """Writes a row of one plane of the grid, interpolated between its columns."""
    for x in range(n):
        at = left[x]
        low = line[at]
        row[x] = low + (line[at + step] - low) * share[x]


@_part
def _mix(s, low, high, weight, target, factor, slopes, n):
    """Writes what one channel of ab adds to f: the plane's value between two rows, plus slope x L* where it has one."""
    above, below, out = s[low], s[high], s[target]
    if slopes:
        above_slope, below_slope, root = s[low + 2], s[high + 2], s[_ROOT]
        for x in range(n):
            slope = above_slope[x] + (below_slope[x] - above_slope[x]) * weight
            lightness = np.float32(116) * root[x] - np.float32(16)
            out[x] = factor * (above[x] + (below[x] - above[x]) * weight + slope * lightness)
    else:
        for x in range(n):
            out[x] = factor * (above[x] + (below[x] - above[x]) * weight)


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
def _color(s, weights, n):
    """Writes linear RGB of a row, in or out of the gamut."""
    x_parts, z_parts, roots, lumas = s[_X_PART], s[_Z_PART], s[_ROOT], s[_LUMA]
    red, green, blue = s[_RED], s[_GREEN], s[_BLUE]
    for x in range(n):
        red[x], green[x], blue[x] = _light(lumas[x], roots[x], x_parts[x], z_parts[x], weights)


@_part
def _gather_outside(s, outside, n):
    """Writes what `_fit` needs of the colors outside the gamut, their places into `outside`; returns how many."""
    red, green, blue, lumas, slack = s[_RED], s[_GREEN], s[_BLUE], s[_LUMA], s[_FOUND]
    for x in range(n):
        lowest, highest = min(red[x], green[x], blue[x]), max(red[x], green[x], blue[x])
        slack[x] = min(lowest + _EDGE * lumas[x], _ONE + _EDGE - highest)
    for x in range(n, min(n + _BLOCK, TILE)):
        slack[x] = _ONE
    count = 0
    for first in range(0, n, _BLOCK):
        # Most blocks have none. Counted in integers, as a sum of floats is no vector instruction.
        found = np.int32(0)
        for x in range(first, first + _BLOCK):
            found += np.int32(slack[x] < _ZERO)
        if found > 0:
            for x in range(first, first + _BLOCK):
                outside[count] = x
                count += 1 if slack[x] < _ZERO else 0
    for i in range(count):
        x = outside[i]
        s[_OUT_LUMA, i], s[_OUT_ROOT, i] = lumas[x], s[_ROOT, x]
        s[_OUT_X, i], s[_OUT_Z, i] = s[_X_PART, x], s[_Z_PART, x]
        s[_OUT_LOWEST, i] = min(red[x], green[x], blue[x])
        s[_OUT_HIGHEST, i] = max(red[x], green[x], blue[x])
    return count


@_part
def _fit(s, weights, outside, count):
    """Lowers the chroma of the gathered colors, along constant lightness and hue, until they fit.

    The factor is the root of the room that is left in the gamut, by regula falsi in its Illinois form (M. Dowell and
    P. Jarratt, BIT 11, 1971): its lower end is always inside. Room is counted in millionths of what a gray has; where
    it is less than one the channel that has it is put on its bound.
    """
    lumas, roots, x_parts, z_parts = s[_OUT_LUMA], s[_OUT_ROOT], s[_OUT_X], s[_OUT_Z]
    low, high, low_room, high_room, side = s[_LOW], s[_HIGH], s[_LOW_ROOM], s[_HIGH_ROOM], s[_SIDE]
    dark, light = s[_DARK], s[_LIGHT]
    for i in range(count):
        low[i], high[i], side[i] = _ZERO, _ONE, _ZERO
        # Above, light is told apart no finer than float32 does next to 1.
        dark[i] = _ONE / max(_EDGE * lumas[i], _TINY)
        light[i] = _ONE / max(_EDGE * (_ONE - lumas[i]), _EDGE * np.float32(0.2))
        low_room[i] = min(lumas[i] * dark[i], (_ONE - lumas[i]) * light[i])
        high_room[i] = min(s[_OUT_LOWEST, i] * dark[i], (_ONE - s[_OUT_HIGHEST, i]) * light[i], -_TINY)
    for _ in range(_STEPS):
        for i in range(count):
            factor = low[i] + (high[i] - low[i]) * (low_room[i] / (low_room[i] - high_room[i]))
            red, green, blue = _light(lumas[i], roots[i], x_parts[i] * factor, z_parts[i] * factor, weights)
            room = min(min(red, green, blue) * dark[i], (_ONE - max(red, green, blue)) * light[i])
            inside, found = room >= _ZERO, abs(room) <= _ONE
            # An end that stays put twice counts half.
            halved_high = high_room[i] * (_HALF if side[i] > _ZERO else _ONE)
            halved_low = low_room[i] * (_HALF if side[i] < _ZERO else _ONE)
            low[i] = factor if inside | found else low[i]
            high[i] = factor if (not inside) | found else high[i]
            low_room[i] = _ONE if found else (room if inside else halved_low)
            high_room[i] = -_ONE if found else (halved_high if inside else room)
            side[i] = _ONE if inside else -_ONE
        left = np.int32(0)
        for i in range(count):
            left += np.int32(low[i] < high[i])
        if left == 0:
            break
    for i in range(count):
        red, green, blue = _light(lumas[i], roots[i], x_parts[i] * low[i], z_parts[i] * low[i], weights)
        lowest, highest = min(red, green, blue), max(red, green, blue)
        at_dark = lowest * dark[i] < (_ONE - highest) * light[i]
        bound = _ZERO if at_dark else _ONE
        # No channel is this one where the last step has not found the edge.
        limit = (lowest if at_dark else highest) if low[i] == high[i] else _NONE
        low[i] = bound if red == limit else red
        high[i] = bound if green == limit else green
        side[i] = bound if blue == limit else blue
    for i in range(count):
        x = outside[i]
        s[_RED, x], s[_GREEN, x], s[_BLUE, x] = low[i], high[i], side[i]


@_part
def _place(s, row, samples, fine, n):
    """Turns linear light into its place in the table over its root: the nearest, or the one below and a fraction."""
    line, cells, shares = s[row], s[row + _CELLS].view(np.int32), s[row]
    steps = np.float32(samples.shape[0] - 2)
    if fine:
        for x in range(n):
            line[x] = np.sqrt(min(max(line[x], _ZERO), _ONE)) * steps
        for x in range(n):
            cells[x] = np.int32(line[x])
            shares[x] = line[x] - np.float32(np.int32(line[x]))
    else:
        for x in range(n):
            cells[x] = np.int32(np.sqrt(min(max(line[x], _ZERO), _ONE)) * steps + _HALF)


@_part
def _between(samples, cell, share):
    """Returns the sample next to what lies between two steps of the table."""
    low = samples[cell]
    return np.uint32(low + (samples[cell + np.uint32(1)] - low) * share + _HALF)


@_part
def _write(s, samples, fine, light, luminance, out, n):
    """Writes a row's samples, each the nearest to its linear light, and their luminance into _FOUND."""
    reds, greens = s[_RED + _CELLS].view(np.uint32), s[_GREEN + _CELLS].view(np.uint32)
    blues, found = s[_BLUE + _CELLS].view(np.uint32), s[_FOUND]
    red_part, green_part, blue_part = s[_RED], s[_GREEN], s[_BLUE]
    red_share, green_share, blue_share = luminance[0], luminance[1], luminance[2]
    for x in range(n):
        if fine:
            r = _between(samples, reds[x], red_part[x])
            g = _between(samples, greens[x], green_part[x])
            b = _between(samples, blues[x], blue_part[x])
        else:
            r, g, b = np.uint32(samples[reds[x]]), np.uint32(samples[greens[x]]), np.uint32(samples[blues[x]])
        out[x, 0], out[x, 1], out[x, 2] = r, g, b
        found[x] = light[r] * red_share + light[g] * green_share + light[b] * blue_share


@_part
def _keep_grays(s, row, out, n):
    """Writes a row's own gray samples where there is no color."""
    x_parts, z_parts = s[_X_PART], s[_Z_PART]
    count = np.int32(0)
    for x in range(n):
        count += np.int32(x_parts[x] == _ZERO)
    if count == 0:
        return
    for x in range(n):
        if x_parts[x] == _ZERO and z_parts[x] == _ZERO:
            out[x, 0] = out[x, 1] = out[x, 2] = row[x, 0]


@_compiled
def render_strip(strip, grid, top, height, source, target, fine, same, out, histogram, sums):
    """Colors one strip; see `models.render.Render`.

    `strip` uint8 or uint16[rows, w, 1 or 3] begins at row `top` of a picture of `height` rows; `grid`
    float32[2 or 4, gh, gw] covers the picture. `source` is (light, roots, luminance) of the space of the strip,
    `target` (samples, light, luminance, matrix) of the space of `out`, uint8 or uint16[rows, w, 3], which is written.
    `fine` tells 16-bit target tables, `same` that a gray sample means the same in both spaces. `histogram`
    int64[PARTS, bins] and `sums` int64[2] (sum and maximum of |delta L*| in counts) are added to.
    """
    samples, target_light, target_luminance, matrix = target
    weights = matrix[0, 0], matrix[0, 2], matrix[1, 0], matrix[1, 2], matrix[2, 0], matrix[2, 2]
    rows, width, channels = strip.shape
    planes, grid_height, grid_width = grid.shape
    step = 1 if grid_width > 1 else 0
    s = np.zeros((_ROWS, TILE), np.float32)
    left, outside = np.zeros(TILE, np.int32), np.zeros(TILE, np.int32)
    for first in range(0, width, TILE):
        n = min(TILE, width - first)
        for x in range(n):
            at = min(max((first + x + 0.5) * grid_width / width - 0.5, 0.0), grid_width - 1.0)
            left[x] = min(int(at), max(grid_width - 2, 0))
            s[_SHARE, x] = at - left[x]
        known_above, known_below = -1, -1
        for y in range(rows):
            at = min(max((top + y + 0.5) * grid_height / height - 0.5, 0.0), grid_height - 1.0)
            above = min(int(at), max(grid_height - 2, 0))
            below = min(above + 1, grid_height - 1)
            # A grid row lies where its number is even or odd, and so stays when it turns from below to above.
            low, high = _LINES + 4 * (above & 1), _LINES + 4 * (below & 1)
            for line in (above, below):
                if line not in (known_above, known_below):
                    for plane in range(planes):
                        _widen(grid[plane, line], left, s[_SHARE], step, s[_LINES + 4 * (line & 1) + plane], n)
            known_above, known_below = above, below
            weight = np.float32(at - above)
            row, colors = strip[y, first : first + n], out[y, first : first + n]
            _read_master(row, channels, source, s, n)
            _mix(s, low, high, weight, _X_PART, _X_OF_A, planes == 4, n)
            _mix(s, low + 1, high + 1, weight, _Z_PART, _Z_OF_B, planes == 4, n)
            _color(s, weights, n)
            count = _gather_outside(s, outside, n)
            if count > 0:
                _fit(s, weights, outside, count)
            for channel in (_RED, _GREEN, _BLUE):
                _place(s, channel, samples, fine, n)
            _write(s, samples, fine, target_light, target_luminance, colors, n)
            if same and channels == 1:
                _keep_grays(s, row, colors, n)
            _find_roots(s, _FOUND, _DELTA, n)
            _measure(s, n, histogram, sums)


@_compiled
def compare_strip(master, derivative, source, target, histogram, sums):
    """Measures how far the lightness of one strip is from another's; see `models.render.Comparison`.

    `master` uint8 or uint16[rows, w, 1 or 3] of a space with `source` (light, roots, luminance), `derivative` uint8
    or uint16[rows, w, 3] of one with `target` (light, luminance); figures as in `render_strip`.
    """
    rows, width, channels = master.shape
    s = np.zeros((_ROWS, TILE), np.float32)
    for first in range(0, width, TILE):
        n = min(TILE, width - first)
        for y in range(rows):
            _read_master(master[y, first : first + n], channels, source, s, n)
            _read_luma(derivative[y, first : first + n], target[0], target[1], s[_FOUND], n)
            _find_roots(s, _FOUND, _DELTA, n)
            _measure(s, n, histogram, sums)
