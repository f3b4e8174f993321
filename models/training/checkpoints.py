"""Checkpoints: all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from models.training.plan import Plan
from shared.errors import TrainingFailed


def save(path: Path, plan: Plan, fingerprint: str, state: dict[str, Any]) -> None:
    """Writes plan, the photos' fingerprint and a learner's state; the file before stays whole until this one is."""
    whole = {"plan": asdict(plan), "photos": fingerprint, "state": state}
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        torch.save(whole, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load(path: Path, plan: Plan, fingerprint: str, device: torch.device) -> dict[str, Any]:
    """Returns the state in a checkpoint of the same plan and photos; raises TrainingFailed for any other."""
    if not path.is_file():
        raise TrainingFailed(f"There is no checkpoint to go on from: {path}.", seen=str(path))
    try:
        whole = torch.load(path, map_location=device, weights_only=True)
        before, photos, state = whole["plan"], whole["photos"], whole["state"]
    except Exception as error:  # a damaged file raises whatever its bytes lead to
        raise TrainingFailed(f"{path} is no checkpoint, or is damaged: {error}", seen=str(path)) from error
    now = asdict(plan)
    other = {name: before.get(name) for name in now if before.get(name) != now[name]}
    if other:
        words = ", ".join(f"{name} {value}" for name, value in other.items())
        raise TrainingFailed(f"The run in {path} had {words}: a run goes on only as it began.", seen=other)
    if photos != fingerprint:
        raise TrainingFailed(f"The run in {path} learned from other photos.", limit=photos, seen=fingerprint)
    found: dict[str, Any] = state
    return found
