"""The figures of an evaluation as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.evaluation import FIGURES

#: What each figure is called, and its decimals.
_COLUMNS = {
    "ab_rmse": ("ab RMSE", 1),
    "auc": ("AuC %", 1),
    "auc_rebalanced": ("rebalanced %", 1),
    "psnr": ("PSNR dB", 1),
    "colorfulness": ("colorfulness", 1),
    "near_gray": ("near gray %", 0),
}

_NAME, _WIDTH = 24, 15


def table(report: Mapping[str, Any]) -> str:
    """Returns the table of a report of `photochrom models eval`."""
    size = f"{report['longest_side']:,} pixels at most"
    engines = ", ".join(sorted({row["engine"] for row in report["rows"] if row["engine"]}))
    lines = [
        f"{report['photos']:,} photos of {report['folder']}, {size}, made gray and colored again.",
        f"Temperature {report['temperature']:g}; engine {engines}.",
        "",
        "".join((f"{'':{_NAME}}", *(f"{_COLUMNS[name][0]:>{_WIDTH}}" for name in FIGURES), f"{'ms':>{_WIDTH}}")),
        *(_line(row["name"], row, signed=False) for row in report["rows"]),
        *(_line(f"{row['name']} - {row['less']}", row, signed=True) for row in report["differences"]),
        "",
        "±: one standard error over the photos; a difference of less than twice its own may be chance.",
        f"near gray: mean chroma below {report['near_gray_chroma']:g}. ms: net and decoding on one thread, median.",
    ]
    if report["left_out"]:
        lines.append(f"Left out: {', '.join(f'{count:,} {reason}' for reason, count in report['left_out'].items())}.")
    return "\n".join(lines)


def _line(name: str, row: Mapping[str, Any], *, signed: bool) -> str:
    cells = "".join(f"{_cell(row[figure], _COLUMNS[figure][1], signed):>{_WIDTH}}" for figure in FIGURES)
    took = row.get("milliseconds")
    return f"{name:{_NAME}}{cells}{'' if signed or took is None else f'{took:.0f}':>{_WIDTH}}".rstrip()


def _cell(figure: Mapping[str, float | None], decimals: int, signed: bool) -> str:
    value, error = figure["value"], figure["error"]
    if value is None:
        return "inf"
    sign = "+" if signed else ""
    scatter = f" ±{error:.{decimals}f}" if error is not None else ""
    return f"{value:{sign}.{decimals}f}{scatter}"
