"""One training run: learn, evaluate, save, and at the end settle and export."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from models.training import checkpoints
from models.training.batches import Batches, middle
from models.training.evaluation import Judge, write_sheet
from models.training.export import export
from models.training.figures import add_row
from models.training.learner import Learner
from models.training.loss import Loss, count_bins
from models.training.photos import Photos
from models.training.plan import Plan
from models.training.progress import Progress
from shared.errors import TrainingFailed


class Run:
    """A run in its folder: `plan.json`, `checkpoint.pt`, `figures.csv`, `sheets/`, and the exported net at the end."""

    def __init__(
        self,
        plan: Plan,
        photos: Photos,
        out: Path,
        progress: Progress,
        *,
        device: torch.device,
        resume: bool = False,
        compiled: bool = False,
    ) -> None:
        """Begins a run, or goes on with the one in `out`; raises TrainingFailed."""
        (out / "sheets").mkdir(parents=True, exist_ok=True)
        self._checkpoint = out / "checkpoint.pt"
        if self._checkpoint.exists() and not resume:
            raise TrainingFailed(f"There is a run in {out}: go on with --resume, or choose another --out.")
        learned, held = photos.split(plan.held)
        if plan.crop > photos.pixels.shape[-1]:
            raise TrainingFailed(
                f"Crops of {plan.crop} pixels do not fit into photos of {photos.pixels.shape[-1]}.",
                limit=photos.pixels.shape[-1],
                seen=plan.crop,
            )
        loss = Loss(count_bins(learned, device), plan.mix, device)
        self._plan = plan
        self._photos = photos
        self._out = out
        self._progress = progress
        self._judge = Judge(middle(held, plan.crop), loss, device, batch=plan.batch, bf16=plan.bf16)
        self.learner = Learner(plan, Batches(learned, plan, device), loss, device, compiled=compiled)
        self._before = 0.0
        if resume:
            state = checkpoints.load(self._checkpoint, plan, photos.fingerprint, device)
            self.learner.restore(state)
            self._before = state["seconds"]
        self._started = time.monotonic()
        (out / "plan.json").write_text(json.dumps(asdict(plan), indent=2) + "\n")
        progress.say(f"{len(learned):,} photos to learn from, {len(held):,} held back")

    def train(self, *, half: bool = True) -> list[Path]:
        """Takes the steps that are left; returns the exported files. `half` rounds weights to half precision.

        Raises TrainingFailed where the loss is no number, or an exported file does not answer as the net does.
        """
        learner, steps = self.learner, self._plan.steps
        mean = None
        while learner.step < steps:
            mean = self._stretch()
            if learner.step < steps:
                self._evaluate(mean)
            state = learner.state() | {"seconds": self._seconds()}
            checkpoints.save(self._checkpoint, self._plan, self._photos.fingerprint, state)
        learner.settle()
        self._evaluate(mean)
        return export(learner.net, self._plan, self._out, half=half)

    def _stretch(self) -> float:
        """Takes the steps up to the next evaluation; returns their mean loss."""
        learner, first = self.learner, self.learner.step
        end = min(self._plan.steps, (first // self._plan.every + 1) * self._plan.every)
        total = learner.advance()
        self._progress.restart(learner.step)
        while learner.step < end:
            total += learner.advance()
            if self._progress.due():
                self._progress.line(learner.step, _finite(total, learner.step - first))
        return _finite(total, end - first)

    def _evaluate(self, mean: float | None) -> None:
        """Judges the net, and notes and shows what was found; `mean` is the loss since the last time."""
        learner = self.learner
        found = self._judge.judge(learner.net)
        row = {
            "step": learner.step,
            "seconds": self._seconds(),
            "pictures": learner.step * self._plan.batch,
            "rate": learner.rate,
            "trained_loss": mean,
        }
        add_row(self._out / "figures.csv", row | found.figures)
        write_sheet(self._out / "sheets" / f"{learner.step:07}.png", found)
        self._progress.say(
            f"step {learner.step:,}: held-out loss {found.loss:.3f}, ab RMSE {found.ab_rmse:.2f} "
            f"(gray {found.ab_rmse_gray:.2f}), colorfulness {found.colorfulness:.1f} "
            f"(photos {found.colorfulness_true:.1f}), near gray {found.near_gray:.1%}"
        )

    def _seconds(self) -> float:
        """Returns how long the run took so far, with what came before it was resumed."""
        return self._before + time.monotonic() - self._started


def _finite(total: Tensor, count: int) -> float:
    """Returns the mean loss, fetched from the device; raises TrainingFailed where it is no number."""
    mean = float(total) / count
    if not math.isfinite(mean):
        raise TrainingFailed("The loss is no number any more: begin anew with a lower --rate.", seen=mean)
    return mean
