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

#: f(X/Xn) of a, f(Z/Zn) of b.
_X_OF_A = np.float32(1 / 500)
_Z_OF_B = np.float32(-1 / 200)

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
def _row_gamut(a_row, b_row, luma, wanted, matrix, red, green, blue, outside, scratch):
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
    for _ in range(_HALVINGS):
        for i in range(count):
            more = factor[i] + step
            r, g, b = _linear_rgb(root[i], x_part[i] * more, z_part[i] * more, light[i], matrix)
            factor[i] = more if (min(r, g, b) >= _ZERO) & (max(r, g, b) <= _ONE) else factor[i]
        step *= _HALF
    for i in range(count):
        x = outside[i]
        r, g, b = _linear_rgb(root[i], x_part[i] * factor[i], z_part[i] * factor[i], light[i], matrix)
        # They fit but for the last bit of a rounding, which must not leave the tables.
        red[x] = min(max(r, _ZERO), _ONE)
        green[x] = min(max(g, _ZERO), _ONE)
        blue[x] = min(max(b, _ZERO), _ONE)


@_compiled
def _row_samples(
    row, channels, a_row, b_row, wanted, red, green, blue, light, samples, luminance, lightness, out, histogram, sums
):
    """Writes a row's samples and measures how far they moved the lightness; overwrites `red` and `green`."""
    width = wanted.shape[0]
    steps = np.float32(samples.shape[0] - 1)
    lightness_steps = np.float32(lightness.shape[0] - 2)
    share_red, share_green, share_blue = luminance[0], luminance[1], luminance[2]
    place = red
    for x in range(width):
        r = samples[np.uint32(red[x] * steps + _HALF)]
        g = samples[np.uint32(green[x] * steps + _HALF)]
        b = samples[np.uint32(blue[x] * steps + _HALF)]
        if channels == 1 and a_row[x] == _ZERO and b_row[x] == _ZERO:
            r = g = b = row[x, 0]
        out[x, 0], out[x, 1], out[x, 2] = r, g, b
        place[x] = (light[r] * share_red + light[g] * share_green + light[b] * share_blue) * lightness_steps
    delta = green
    for x in range(width):
        cell = np.int32(place[x])
        got = lightness[cell] + (lightness[cell + np.int32(1)] - lightness[cell]) * (place[x] - np.float32(cell))
        delta[x] = abs(got - wanted[x])
    last_bin = histogram.shape[0] - 1
    total, worst = _ZERO, _ZERO
    for x in range(width):
        total += delta[x]
        worst = max(worst, delta[x])
        histogram[min(np.int64(delta[x] * np.float32(200)), last_bin)] += 1
    sums[0] += total
    sums[1] = max(sums[1], worst)


@_compiled
def render_strip(strip, grid, top, height, light, samples, luminance, matrix, lightness, out, histogram, sums):
    """Colors one strip; see `models.render.render`.

    `strip` uint8[rows, w, 1 or 3] begins at row `top` of a picture of `height` rows; `grid` float32[2, gh, gw] covers
    the picture; `out` uint8[rows, w, 3] is written; `histogram` int64[bins] of 0.005 and `sums` (sum and maximum of
    |delta L*|) are added to. Each row goes through several short loops, which the compiler turns into vector
    instructions wherever they neither branch nor look up.
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
    outside, scratch = np.empty(width, np.int32), np.empty((5, width), np.float32)
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
        _row_gamut(a_row, b_row, luma, wanted, matrix, red, green, blue, outside, scratch)
        _row_samples(
            strip[y], channels, a_row, b_row, wanted, red, green, blue, light, samples, luminance, lightness, out[y],
            histogram, sums,
        )  # fmt: skip
