"""Sidecars: a JSON file beside each result, with what the server says of it."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from photochrom.papers.paper import Paper

#: What a sidecar has of the item's row, as the API names it.
_OF_ROW = ("tone", "delta_l", "encoded_delta_l", "uncertainty", "warnings", "already_made", "finished_at")


def sidecar_path(output: str, suffix: str = ".json") -> str:
    """Returns where the paper of a scan lies: beside its first result, `<stem>_colorized` and the suffix."""
    return str(PurePosixPath(output).with_suffix(suffix))


def sidecar(paper: Paper) -> str:
    """Returns the sidecar of a scan that has results; the same scan, job and recipe give the same text."""
    entry, results = paper.entry, paper.results
    first = results[0]
    text: dict[str, Any] = {
        "result": {"path": first.path, **first.facts},
        "master": {"path": entry.filename, "sha256": entry.sha256, "identifier": entry.client_ref},
        "job": {"id": paper.job.get("id"), "number": entry.number},
        "model": paper.job.get("model"),
        "recipe": paper.job.get("recipe"),
        **{name: paper.row.get(name) for name in _OF_ROW},
    }
    if len(results) > 1:
        text["candidates"] = [{"path": each.path, **each.facts, **each.measures} for each in results]
    return json.dumps(text, ensure_ascii=False, indent=2) + "\n"
