"""The render kernel: plain Python that numba compiles. It knows arrays and numbers only.

Formulas: CIE 15:2004, 8.2.1, in the form f(X/Xn) = (L + 16)/116 + a/500, f(Z/Zn) = (L + 16)/116 - b/200.
"""

import numpy as np

#: 6/29 and 3 (6/29)^2: where the cube gives way to a line.
_KNEE = np.float32(6 / 29)
_SLOPE = np.float32(3 * (6 / 29) ** 2)
_OFFSET = np.float32(4 / 29)

#: Halvings of the chroma factor where a color lies outside the gamut: to 1/256 of its chroma.
_HALVINGS = 8


def render_strip(strip, grid, top, height, light, samples, luminance, matrix, lightness, out, histogram, sums):  # type: ignore[no-untyped-def]  # noqa: PLR0915
    """Colors one strip; see `models.render.render`.

    `strip` uint8[rows, w, 1 or 3] begins at row `top` of a picture of `height` rows; `grid` float32[2, gh, gw] covers
    the picture; `out` uint8[rows, w, 3] is written; `histogram` int64[bins] of 0.005 and `sums` (sum and maximum of
    |delta L*|) are added to.
    """
    rows, width, channels = strip.shape
    grid_height, grid_width = grid.shape[1], grid.shape[2]
    steps = np.float32(samples.shape[0] - 1)
    lightness_steps = np.float32(lightness.shape[0] - 2)
    last_bin = histogram.shape[0] - 1
    one, zero, half = np.float32(1), np.float32(0), np.float32(0.5)

    luminance_red, luminance_green, luminance_blue = luminance[0], luminance[1], luminance[2]
    matrix_xr, matrix_yr, matrix_zr = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    matrix_xg, matrix_yg, matrix_zg = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    matrix_xb, matrix_yb, matrix_zb = matrix[2, 0], matrix[2, 1], matrix[2, 2]

    left = np.empty(width, np.int64)
    share = np.empty(width, np.float32)
    for x in range(width):
        at = min(max((x + 0.5) * grid_width / width - 0.5, 0.0), grid_width - 1.0)
        left[x] = min(int(at), max(grid_width - 2, 0))
        share[x] = at - left[x]
    step = 1 if grid_width > 1 else 0
    line_a = np.empty(grid_width, np.float32)
    line_b = np.empty(grid_width, np.float32)
    total = 0.0
    worst = zero
    for y in range(rows):
        at = min(max((top + y + 0.5) * grid_height / height - 0.5, 0.0), grid_height - 1.0)
        above = min(int(at), max(grid_height - 2, 0))
        below = min(above + 1, grid_height - 1)
        weight = np.float32(at - above)
        for x in range(grid_width):
            line_a[x] = grid[0, above, x] + (grid[0, below, x] - grid[0, above, x]) * weight
            line_b[x] = grid[1, above, x] + (grid[1, below, x] - grid[1, above, x]) * weight
        for x in range(width):
            if channels == 1:
                luma = light[strip[y, x, 0]]
            else:
                luma = (
                    light[strip[y, x, 0]] * luminance_red
                    + light[strip[y, x, 1]] * luminance_green
                    + light[strip[y, x, 2]] * luminance_blue
                )
            first = left[x]
            a = line_a[first] + (line_a[first + step] - line_a[first]) * share[x]
            b = line_b[first] + (line_b[first + step] - line_b[first]) * share[x]
            if channels == 1 and a == zero and b == zero:
                out[y, x, 0] = out[y, x, 1] = out[y, x, 2] = strip[y, x, 0]
                histogram[0] += 1
                continue
            place = luma * lightness_steps
            cell = int(place)
            wanted = lightness[cell] + (lightness[cell + 1] - lightness[cell]) * (place - np.float32(cell))
            root = (wanted + np.float32(16)) * np.float32(1 / 116)
            da = a * np.float32(1 / 500)
            db = b * np.float32(1 / 200)
            fx = root + da
            fz = root - db
            relative_x = fx * fx * fx if fx > _KNEE else _SLOPE * (fx - _OFFSET)
            relative_z = fz * fz * fz if fz > _KNEE else _SLOPE * (fz - _OFFSET)
            red = matrix_xr * relative_x + matrix_yr * luma + matrix_zr * relative_z
            green = matrix_xg * relative_x + matrix_yg * luma + matrix_zg * relative_z
            blue = matrix_xb * relative_x + matrix_yb * luma + matrix_zb * relative_z
            if red < zero or green < zero or blue < zero or red > one or green > one or blue > one:
                low, high = zero, one
                for _ in range(_HALVINGS):
                    factor = (low + high) * half
                    fx = root + da * factor
                    fz = root - db * factor
                    relative_x = fx * fx * fx if fx > _KNEE else _SLOPE * (fx - _OFFSET)
                    relative_z = fz * fz * fz if fz > _KNEE else _SLOPE * (fz - _OFFSET)
                    trial_red = matrix_xr * relative_x + matrix_yr * luma + matrix_zr * relative_z
                    trial_green = matrix_xg * relative_x + matrix_yg * luma + matrix_zg * relative_z
                    trial_blue = matrix_xb * relative_x + matrix_yb * luma + matrix_zb * relative_z
                    lowest = min(trial_red, trial_green, trial_blue)
                    highest = max(trial_red, trial_green, trial_blue)
                    if lowest >= zero and highest <= one:
                        low = factor
                        red, green, blue = trial_red, trial_green, trial_blue
                    else:
                        high = factor
                if low == zero:
                    red = green = blue = luma
            sample_red = samples[int(red * steps + half)]
            sample_green = samples[int(green * steps + half)]
            sample_blue = samples[int(blue * steps + half)]
            out[y, x, 0] = sample_red
            out[y, x, 1] = sample_green
            out[y, x, 2] = sample_blue
            got_luma = (
                light[sample_red] * luminance_red
                + light[sample_green] * luminance_green
                + light[sample_blue] * luminance_blue
            )
            place = got_luma * lightness_steps
            cell = int(place)
            got = lightness[cell] + (lightness[cell + 1] - lightness[cell]) * (place - np.float32(cell))
            delta = abs(got - wanted)
            total += delta
            worst = max(worst, delta)
            histogram[min(int(delta * np.float32(200)), last_bin)] += 1
    sums[0] += total
    sums[1] = max(sums[1], worst)
