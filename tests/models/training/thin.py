"""Runs of a few seconds: the thinnest net on small photos."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import torch

from models.training.photos import Photos
from models.training.plan import Plan
from models.training.progress import Progress
from models.training.run import Run

CPU = torch.device("cpu")

#: A run of a few steps on crops of 32 pixels.
TINY = Plan(net="eccv16", width=32, steps=6, batch=4, crop=32, every=2, warm_up=2, settle=2, held=0.4, rate=1e-3)


def run_of(plan: Plan, photos: Photos, out: Path, **options: Any) -> Run:
    """A run that says nothing."""
    return Run(plan, photos, out, Progress(plan.steps, plan.batch, StringIO()), device=CPU, **options)
