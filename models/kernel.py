"""The render kernel: loops over samples that numba compiles. It knows arrays and numbers only.

Import it only where a picture is rendered: numba takes half a second, and where compiled code is kept is read then.

Formulas: CIE 15:2004, 8.2.1, in the form f(X/Xn) = (L + 16)/116 + a/500, f(Z/Zn) = (L + 16)/116 - b/200.
"""

import numpy as np
from numba import njit

from models.spaces import COARSE, FINE, FINE_BELOW

#: Other threads go on meanwhile; a x b + c may be one instruction, nothing else is loosened.
_compiled = njit(cache=True, nogil=True, fastmath={"contract"})

#: 6/29 and 3 (6/29)^2: where the cube gives way to a line.
_KNEE = np.float32(6 / 29)
_SLOPE = np.float32(3 * (6 / 29) ** 2)
_OFFSET = np.float32(4 / 29)

#: Steps of the 8-bit tables; see `models.spaces`.
_FINE = np.float32(FINE)
_COARSE = np.float32(COARSE)
_FINE_BELOW = np.float32(FINE_BELOW)
_COARSE_START = np.float32(FINE * FINE_BELOW + 1 + 0.5)

#: Bins of the histogram in one unit of L*.
BINS_A_UNIT = 1_000
_BINS_A_UNIT = np.float32(BINS_A_UNIT)

#: f(X/Xn) of a, f(Z/Zn) of b.
_X_OF_A = np.float32(1 / 500)
_Z_OF_B = np.float32(-1 / 200)

_ZERO = np.float32(0)
_HALF = np.float32(0.5)
_ONE = np.float32(1)


@_compiled
def _row_lightness(row, channels, light, grays, luminance, lightness, luma, wanted):
    """Writes luminance and L* of a row's samples."""
    if channels == 1:
        for x in range(luma.shape[0]):
            luma[x] = light[row[x, 0]]
            wanted[x] = grays[row[x, 0]]
        return
    steps = np.float32(lightness.shape[0] - 2)
    for x in range(luma.shape[0]):
        luma[x] = light[row[x, 0]] * luminance[0] + light[row[x, 1]] * luminance[1] + light[row[x, 2]] * luminance[2]
        place = luma[x] * steps
        cell = np.int32(place)
        wanted[x] = lightness[cell] + (lightness[cell + 1] - lightness[cell]) * (place - np.float32(cell))


@_compiled
def _row_chroma(lines, left, share, step, wanted, a_row, b_row):
    """Writes a and b of a row: the grid's values at each pixel, and what they add for each unit of its L*."""
    for x in range(wanted.shape[0]):
        at = left[x]
        after = at + step
        part = share[x]
        a_slope = lines[2, at] + (lines[2, after] - lines[2, at]) * part
        b_slope = lines[3, at] + (lines[3, after] - lines[3, at]) * part
        a_row[x] = lines[0, at] + (lines[0, after] - lines[0, at]) * part + a_slope * wanted[x]
        b_row[x] = lines[1, at] + (lines[1, after] - lines[1, at]) * part + b_slope * wanted[x]


@_compiled
def _linear_rgb(root, x_part, z_part, luma, matrix):
    """Returns linear RGB of f(Y/Yn), of what the chroma adds to it in f(X/Xn) and f(Z/Zn), and of Y/Yn."""
    fx = root + x_part
    fz = root + z_part
    x = fx * fx * fx if fx > _KNEE else _SLOPE * (fx - _OFFSET)
    z = fz * fz * fz if fz > _KNEE else _SLOPE * (fz - _OFFSET)
    return (
        matrix[0, 0] * x + matrix[0, 1] * luma + matrix[0, 2] * z,
        matrix[1, 0] * x + matrix[1, 1] * luma + matrix[1, 2] * z,
        matrix[2, 0] * x + matrix[2, 1] * luma + matrix[2, 2] * z,
    )


@_compiled
def _row_colors(a_row, b_row, luma, wanted, matrix, red, green, blue):
    """Writes linear RGB of a row, in or out of the gamut."""
    for x in range(luma.shape[0]):
        root = (wanted[x] + np.float32(16)) * np.float32(1 / 116)
        red[x], green[x], blue[x] = _linear_rgb(root, a_row[x] * _X_OF_A, b_row[x] * _Z_OF_B, luma[x], matrix)


@_compiled
def _row_gamut(a_row, b_row, luma, wanted, matrix, halvings, red, green, blue, outside, scratch):
    """Lowers the chroma of colors outside the gamut, along constant lightness and hue, until they fit.

    They are gathered first, so that each halving is a loop without a branch. `outside` int32[w] and `scratch`
    float32[5, w] are overwritten.
    """
    count = 0
    for x in range(luma.shape[0]):
        outside[count] = x
        if min(red[x], green[x], blue[x]) < _ZERO or max(red[x], green[x], blue[x]) > _ONE:
            count += 1
    root, x_part, z_part, light, factor = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    for i in range(count):
        x = outside[i]
        root[i] = (wanted[x] + np.float32(16)) * np.float32(1 / 116)
        x_part[i] = a_row[x] * _X_OF_A
        z_part[i] = b_row[x] * _Z_OF_B
        light[i] = luma[x]
        factor[i] = _ZERO
    step = _HALF
    for _ in range(halvings):
        for i in range(count):
            more = factor[i] + step
            r, g, b = _linear_rgb(root[i], x_part[i] * more, z_part[i] * more, light[i], matrix)
            factor[i] = more if (min(r, g, b) >= _ZERO) & (max(r, g, b) <= _ONE) else factor[i]
        step *= _HALF
    for i in range(count):
        x = outside[i]
        r, g, b = _linear_rgb(root[i], x_part[i] * factor[i], z_part[i] * factor[i], light[i], matrix)
        # The channel that would leave the gamut next stands at its bound; halvings end just short of that.
        lowest, highest = min(r, g, b), max(r, g, b)
        dark = lowest < _ONE - highest
        bound, limiting = (_ZERO, lowest) if dark else (_ONE, highest)
        red[x] = bound if r == limiting else r
        green[x] = bound if g == limiting else g
        blue[x] = bound if b == limiting else b


@_compiled
def _row_samples(red, green, blue, samples, fine, out):
    """Writes a row's samples, each the nearest to its linear light."""
    if fine:
        last = np.float32(samples.shape[0] - 2)
        for channel, line in enumerate((red, green, blue)):
            for x in range(line.shape[0]):
                line[x] = np.sqrt(line[x]) * last
            for x in range(line.shape[0]):
                cell = np.uint32(line[x])
                low = np.float32(samples[cell])
                high = np.float32(samples[cell + np.uint32(1)])
                out[x, channel] = np.uint32(low + (high - low) * (line[x] - np.float32(cell)) + _HALF)
        return
    for channel, line in enumerate((red, green, blue)):
        for x in range(line.shape[0]):
            below = line[x] < _FINE_BELOW
            line[x] = line[x] * (_FINE if below else _COARSE) + (_HALF if below else _COARSE_START)
        for x in range(line.shape[0]):
            out[x, channel] = samples[np.uint32(line[x])]


@_compiled
def _row_grays(row, a_row, b_row, out):
    """Writes a row's own samples where there is no color."""
    for x in range(a_row.shape[0]):
        if a_row[x] == _ZERO and b_row[x] == _ZERO:
            out[x, 0] = out[x, 1] = out[x, 2] = row[x, 0]


@_compiled
def _row_measure(out, light, luminance, lightness, wanted, place, histogram, sums):
    """Measures how far a row's samples moved the lightness; overwrites `place`."""
    steps = np.float32(lightness.shape[0] - 2)
    share_red, share_green, share_blue = luminance[0], luminance[1], luminance[2]
    for x in range(wanted.shape[0]):
        place[x] = (
            light[out[x, 0]] * share_red + light[out[x, 1]] * share_green + light[out[x, 2]] * share_blue
        ) * steps
    delta = place
    for x in range(wanted.shape[0]):
        cell = np.int32(place[x])
        got = lightness[cell] + (lightness[cell + np.int32(1)] - lightness[cell]) * (place[x] - np.float32(cell))
        delta[x] = abs(got - wanted[x])
    last_bin = histogram.shape[0] - 1
    total, worst = _ZERO, _ZERO
    for x in range(wanted.shape[0]):
        total += delta[x]
        worst = max(worst, delta[x])
        histogram[min(np.int64(delta[x] * _BINS_A_UNIT), last_bin)] += 1
    sums[0] += total
    sums[1] = max(sums[1], worst)


@_compiled
def render_strip(strip, grid, top, height, source, target, lightness, fine, same, halvings, out, histogram, sums):
    """Colors one strip; see `models.render.Render`.

    `strip` uint8 or uint16[rows, w, 1 or 3] begins at row `top` of a picture of `height` rows; `grid`
    float32[4, gh, gw] covers the picture. `source` is (light, lightness of grays, luminance) of the space of the strip,
    `target` (samples, light, luminance, matrix) of the space of `out`, uint8 or uint16[rows, w, 3], which is written.
    `fine` tells 16-bit target tables, `same` that a gray sample means the same in both spaces. `histogram` int64[bins]
    and `sums` float64[2] (sum and maximum of |delta L*|) are added to. Each row goes through several short loops, which
    the compiler turns into vector instructions wherever they neither branch nor look up.
    """
    source_light, grays, source_luminance = source
    samples, target_light, target_luminance, matrix = target
    rows, width, channels = strip.shape
    planes, grid_height, grid_width = grid.shape
    step = 1 if grid_width > 1 else 0
    left = np.empty(width, np.int32)
    share = np.empty(width, np.float32)
    for x in range(width):
        at = min(max((x + 0.5) * grid_width / width - 0.5, 0.0), grid_width - 1.0)
        left[x] = min(int(at), max(grid_width - 2, 0))
        share[x] = at - left[x]
    lines = np.empty((planes, grid_width), np.float32)
    a_row, b_row = np.empty(width, np.float32), np.empty(width, np.float32)
    luma, wanted = np.empty(width, np.float32), np.empty(width, np.float32)
    red, green, blue = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    outside, scratch = np.empty(width, np.int32), np.empty((5, width), np.float32)
    for y in range(rows):
        at = min(max((top + y + 0.5) * grid_height / height - 0.5, 0.0), grid_height - 1.0)
        above = min(int(at), max(grid_height - 2, 0))
        below = min(above + 1, grid_height - 1)
        weight = np.float32(at - above)
        for plane in range(planes):
            for x in range(grid_width):
                first = grid[plane, above, x]
                lines[plane, x] = first + (grid[plane, below, x] - first) * weight
        _row_lightness(strip[y], channels, source_light, grays, source_luminance, lightness, luma, wanted)
        _row_chroma(lines, left, share, step, wanted, a_row, b_row)
        _row_colors(a_row, b_row, luma, wanted, matrix, red, green, blue)
        _row_gamut(a_row, b_row, luma, wanted, matrix, halvings, red, green, blue, outside, scratch)
        _row_samples(red, green, blue, samples, fine, out[y])
        if same and channels == 1:
            _row_grays(strip[y], a_row, b_row, out[y])
        _row_measure(out[y], target_light, target_luminance, lightness, wanted, red, histogram, sums)
