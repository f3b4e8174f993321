"""Outputs: the files in OUT that hold the results of one scan."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from photochrom.bulk.state import Entry

#: What comes behind the stem of a scan in the name of its result.
MARK = "_colorized"


def outputs(first: str, recipe: Mapping[str, Any]) -> list[str]:
    """Returns where the results under a recipe lie, `first` being the first one's path, relative to OUT.

    Each further candidate has its temperature behind the stem, `a_colorized-t0.700.jpg`: no other result ends like it.
    """
    path = PurePosixPath(first)
    further = (recipe.get("candidates") or [])[1:]
    return [first, *(str(path.with_name(f"{path.stem}-t{each:.3f}{path.suffix}")) for each in further)]


def outputs_of(entry: Entry) -> list[str]:
    """Returns where the results of a scan lie, relative to OUT; none of one that has no result."""
    return outputs(entry.output, json.loads(entry.recipe)) if entry.output else []


def is_result(path: Path, out: Path, ours: Callable[[str], bool]) -> bool:
    """Tells whether a file is a result in OUT, which may be the folder of the scans; `ours` knows by relative path."""
    if MARK not in path.stem:
        return False
    real, top = path.resolve(), out.resolve()
    return real.is_relative_to(top) and ours(real.relative_to(top).as_posix())
