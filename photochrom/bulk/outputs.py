"""Outputs: the files in OUT that hold the results of one scan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from photochrom.bulk.state import Entry


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
