"""Runs: they learn, stop, go on, and refuse what they cannot do."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.training.photos import Photos
from shared.errors import TrainingFailed

torch = pytest.importorskip("torch", reason="training needs photochrom[train]")

from tests.models.training.thin import TINY, run_of  # noqa: E402 - after torch is known to be there


def rows_of(out: Path) -> list[dict[str, str]]:
    """The rows of a run's figures."""
    with (out / "figures.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_resumed_run_ends_as_if_it_had_not_stopped(photos: Photos, tmp_path: Path) -> None:
    """Stopped after two of six steps and resumed: equal weights, equal figures, equal exported bytes."""
    run_of(TINY, photos, tmp_path / "whole").train()
    stopped = run_of(TINY, photos, tmp_path / "parts")
    saved = stopped.learner.advance

    def advance() -> Any:
        if stopped.learner.step == 3:
            raise KeyboardInterrupt
        return saved()

    stopped.learner.advance = advance  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        stopped.train()
    resumed = run_of(TINY, photos, tmp_path / "parts", resume=True)
    assert resumed.learner.step == 2
    resumed.train()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert (whole / "eccv16.onnx").read_bytes() == (parts / "eccv16.onnx").read_bytes()
    kept = [torch.load(out / "checkpoint.pt", weights_only=True)["state"]["net"] for out in (whole, parts)]
    assert kept[0].keys() == kept[1].keys()
    assert all(torch.equal(kept[0][name], kept[1][name]) for name in kept[0])
    ends = [[{**row, "seconds": ""} for row in rows_of(out)] for out in (whole, parts)]
    assert ends[0] == ends[1]
    assert [row["step"] for row in ends[0]] == ["2", "4", "6"]
    sheet = cv2.imread(str(parts / "sheets" / "0000006.png"))
    assert sheet.shape[1] > 3 * 256


def test_a_run_goes_on_only_as_it_began(photos: Photos, tmp_path: Path) -> None:
    """Other options, other photos, a damaged checkpoint, none, or a folder in use: each is refused in words."""
    plan = replace(TINY, steps=1)
    with pytest.raises(TrainingFailed, match="no checkpoint"):
        run_of(plan, photos, tmp_path, resume=True)
    run_of(plan, photos, tmp_path).train()
    with pytest.raises(TrainingFailed, match="--resume"):
        run_of(plan, photos, tmp_path)
    with pytest.raises(TrainingFailed, match="had batch 4"):
        run_of(replace(plan, batch=8), photos, tmp_path, resume=True)
    fewer = replace(photos, pixels=photos.pixels[:10], digests=photos.digests[:10])
    with pytest.raises(TrainingFailed, match="other photos"):
        run_of(plan, fewer, tmp_path, resume=True)
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(TrainingFailed, match="damaged"):
        run_of(plan, photos, tmp_path, resume=True)
    with pytest.raises(TrainingFailed, match="do not fit"):
        run_of(replace(plan, crop=64), photos, tmp_path / "new")


def test_a_loss_that_is_no_number_stops_the_run(photos: Photos, tmp_path: Path) -> None:
    """A rate far too high ends the run with words, and without a checkpoint of ruins."""
    run = run_of(replace(TINY, warm_up=0), photos, tmp_path)
    for values in run.learner.net.parameters():
        values.data.fill_(float("nan"))
    with pytest.raises(TrainingFailed, match="lower --rate"):
        run.train()
    assert not (tmp_path / "checkpoint.pt").exists()


def test_it_learns(photos: Photos, tmp_path: Path) -> None:
    """On a handful of photos the loss falls by a tenth in 60 steps."""
    run = run_of(replace(TINY, width=16, steps=60, rate=1e-2, batch=8, degraded=0.0), photos, tmp_path)
    losses = [float(run.learner.advance()) for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:3])


def test_settled_statistics_are_plain_means(photos: Photos, tmp_path: Path) -> None:
    """After settling, a norm's statistics are the mean over the batches that it saw, and nothing of before."""
    run = run_of(replace(TINY, steps=1), photos, tmp_path)
    norm = run.learner.net.norms["conv1_2norm"]
    seen = []
    norm.register_forward_hook(lambda _module, given, _out: seen.append(given[0].mean(dim=(0, 2, 3))))
    norm.running_mean.fill_(1e6)
    run.learner.settle()
    assert len(seen) == 2
    assert torch.allclose(norm.running_mean, torch.stack(seen).mean(dim=0), rtol=1e-4)
    assert norm.momentum is not None
