"""The render kernel: loops over samples that numba compiles. It knows arrays and numbers only.

Import it only where a picture is rendered: numba takes half a second, and where compiled code is kept is read then.

Formulas: CIE 15:2004, 8.2.1, in the form f(X/Xn) = (L + 16)/116 + a/500, f(Z/Zn) = (L + 16)/116 - b/200.
"""

import numpy as np
from numba import njit

#: Other threads go on meanwhile; a x b + c may be one instruction, nothing else is loosened.
_compiled = njit(cache=True, nogil=True, fastmath={"contract"})

#: 6/29 and 3 (6/29)^2: where the cube gives way to a line.
_KNEE = np.float32(6 / 29)
_SLOPE = np.float32(3 * (6 / 29) ** 2)
_OFFSET = np.float32(4 / 29)

#: Halvings of the chroma factor where a color lies outside the gamut: to 1/256 of its chroma.
_HALVINGS = 8

_ZERO = np.float32(0)
_HALF = np.float32(0.5)
_ONE = np.float32(1)


@_compiled
def _row_lightness(row, channels, light, luminance, lightness, luma, wanted):
    """Writes luminance and L* of a row's samples."""
    steps = np.float32(lightness.shape[0] - 2)
    for x in range(luma.shape[0]):
        if channels == 1:
            luma[x] = light[row[x, 0]]
        else:
            luma[x] = (
                light[row[x, 0]] * luminance[0] + light[row[x, 1]] * luminance[1] + light[row[x, 2]] * luminance[2]
            )
        place = luma[x] * steps
        cell = np.int32(place)
        wanted[x] = lightness[cell] + (lightness[cell + 1] - lightness[cell]) * (place - np.float32(cell))


@_compiled
def _row_colors(a_row, b_row, luma, wanted, matrix, red, green, blue):
    """Writes linear RGB of a row, in or out of the gamut."""
    xr, yr, zr = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    xg, yg, zg = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    xb, yb, zb = matrix[2, 0], matrix[2, 1], matrix[2, 2]
    for x in range(luma.shape[0]):
        root = (wanted[x] + np.float32(16)) * np.float32(1 / 116)
        fx = root + a_row[x] * np.float32(1 / 500)
        fz = root - b_row[x] * np.float32(1 / 200)
        relative_x = fx * fx * fx if fx > _KNEE else _SLOPE * (fx - _OFFSET)
        relative_z = fz * fz * fz if fz > _KNEE else _SLOPE * (fz - _OFFSET)
        red[x] = xr * relative_x + yr * luma[x] + zr * relative_z
        green[x] = xg * relative_x + yg * luma[x] + zg * relative_z
        blue[x] = xb * relative_x + yb * luma[x] + zb * relative_z


@_compiled
def _row_gamut(a_row, b_row, luma, wanted, matrix, red, green, blue):
    """Lowers the chroma of colors outside the gamut, along constant lightness and hue, until they fit."""
    for x in range(luma.shape[0]):
        lowest = min(red[x], green[x], blue[x])
        highest = max(red[x], green[x], blue[x])
        if lowest >= _ZERO and highest <= _ONE:
            continue
        root = (wanted[x] + np.float32(16)) * np.float32(1 / 116)
        da = a_row[x] * np.float32(1 / 500)
        db = b_row[x] * np.float32(1 / 200)
        low, high = _ZERO, _ONE
        red[x] = green[x] = blue[x] = luma[x]
        for _ in range(_HALVINGS):
            factor = (low + high) * _HALF
            fx = root + da * factor
            fz = root - db * factor
            relative_x = fx * fx * fx if fx > _KNEE else _SLOPE * (fx - _OFFSET)
            relative_z = fz * fz * fz if fz > _KNEE else _SLOPE * (fz - _OFFSET)
            r = matrix[0, 0] * relative_x + matrix[0, 1] * luma[x] + matrix[0, 2] * relative_z
            g = matrix[1, 0] * relative_x + matrix[1, 1] * luma[x] + matrix[1, 2] * relative_z
            b = matrix[2, 0] * relative_x + matrix[2, 1] * luma[x] + matrix[2, 2] * relative_z
            if min(r, g, b) >= _ZERO and max(r, g, b) <= _ONE:
                low = factor
                red[x], green[x], blue[x] = r, g, b
            else:
                high = factor


@_compiled
def _row_samples(
    row, channels, a_row, b_row, wanted, red, green, blue, light, samples, luminance, lightness, out, histogram, sums
):
    """Writes a row's samples and measures how far they moved the lightness."""
    steps = np.float32(samples.shape[0] - 1)
    lightness_steps = np.float32(lightness.shape[0] - 2)
    last_bin = histogram.shape[0] - 1
    share_red, share_green, share_blue = luminance[0], luminance[1], luminance[2]
    total, worst = _ZERO, _ZERO
    for x in range(wanted.shape[0]):
        if channels == 1 and a_row[x] == _ZERO and b_row[x] == _ZERO:
            out[x, 0] = out[x, 1] = out[x, 2] = row[x, 0]
            histogram[0] += 1
            continue
        r = samples[np.uint32(red[x] * steps + _HALF)]
        g = samples[np.uint32(green[x] * steps + _HALF)]
        b = samples[np.uint32(blue[x] * steps + _HALF)]
        out[x, 0], out[x, 1], out[x, 2] = r, g, b
        place = (light[r] * share_red + light[g] * share_green + light[b] * share_blue) * lightness_steps
        cell = np.uint32(place)
        got = lightness[cell] + (lightness[cell + np.uint32(1)] - lightness[cell]) * (place - np.float32(cell))
        delta = abs(got - wanted[x])
        total += delta
        worst = max(worst, delta)
        histogram[min(np.int64(delta * np.float32(200)), last_bin)] += 1
    sums[0] += total
    sums[1] = max(sums[1], worst)


@_compiled
def render_strip(strip, grid, top, height, light, samples, luminance, matrix, lightness, out, histogram, sums):
    """Colors one strip; see `models.render.render`.

    `strip` uint8[rows, w, 1 or 3] begins at row `top` of a picture of `height` rows; `grid` float32[2, gh, gw] covers
    the picture; `out` uint8[rows, w, 3] is written; `histogram` int64[bins] of 0.005 and `sums` (sum and maximum of
    |delta L*|) are added to. Each row goes through three loops: the first has no branch, so that it is compiled to
    vector instructions; the second mends the few pixels outside the gamut; the third looks samples up.
    """
    rows, width, channels = strip.shape
    grid_height, grid_width = grid.shape[1], grid.shape[2]
    step = 1 if grid_width > 1 else 0
    left = np.empty(width, np.int32)
    share = np.empty(width, np.float32)
    for x in range(width):
        at = min(max((x + 0.5) * grid_width / width - 0.5, 0.0), grid_width - 1.0)
        left[x] = min(int(at), max(grid_width - 2, 0))
        share[x] = at - left[x]
    line_a, line_b = np.empty(grid_width, np.float32), np.empty(grid_width, np.float32)
    a_row, b_row = np.empty(width, np.float32), np.empty(width, np.float32)
    luma, wanted = np.empty(width, np.float32), np.empty(width, np.float32)
    red, green, blue = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    for y in range(rows):
        at = min(max((top + y + 0.5) * grid_height / height - 0.5, 0.0), grid_height - 1.0)
        above = min(int(at), max(grid_height - 2, 0))
        below = min(above + 1, grid_height - 1)
        weight = np.float32(at - above)
        for x in range(grid_width):
            line_a[x] = grid[0, above, x] + (grid[0, below, x] - grid[0, above, x]) * weight
            line_b[x] = grid[1, above, x] + (grid[1, below, x] - grid[1, above, x]) * weight
        for x in range(width):
            first = left[x]
            a_row[x] = line_a[first] + (line_a[first + step] - line_a[first]) * share[x]
            b_row[x] = line_b[first] + (line_b[first + step] - line_b[first]) * share[x]
        _row_lightness(strip[y], channels, light, luminance, lightness, luma, wanted)
        _row_colors(a_row, b_row, luma, wanted, matrix, red, green, blue)
        _row_gamut(a_row, b_row, luma, wanted, matrix, red, green, blue)
        _row_samples(
            strip[y], channels, a_row, b_row, wanted, red, green, blue, light, samples, luminance, lightness, out[y],
            histogram, sums,
        )  # fmt: skip
