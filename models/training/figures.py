"""The figures of a run as a CSV file, a row an evaluation."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

#: The columns. `pictures` are those learned from so far; `trained_loss` is the mean since the row before.
COLUMNS = (
    "step",
    "seconds",
    "pictures",
    "rate",
    "trained_loss",
    "loss",
    "ab_rmse",
    "ab_rmse_gray",
    "colorfulness",
    "colorfulness_true",
    "near_gray",
)


def add_row(path: Path, row: Mapping[str, float | None]) -> None:
    """Adds a row of COLUMNS, in place of those of its step and later: a run that goes on from before has them again.

    Numbers that are not whole get 5 digits; None is left empty.
    """
    rows: list[Mapping[str, object]] = []
    if path.is_file():
        with path.open(newline="") as file:
            rows += [before for before in csv.DictReader(file) if int(before["step"]) < (row["step"] or 0)]
    rows.append({name: f"{value:.5g}" if isinstance(value, float) else value for name, value in row.items()})
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)
