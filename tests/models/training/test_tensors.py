"""What training does with tensors: planes, prints, batches, loss, decoding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.bins import COUNT, centers
from models.decoding import annealed_mean
from models.lab import lab_of
from models.training.encoding import prior, soft_encode, weights
from models.training.photos import Photos

torch = pytest.importorskip("torch", reason="training needs photochrom[train]")

from models.training import evaluation, planes  # noqa: E402 - after torch is known to be there
from models.training.batches import Batches  # noqa: E402
from models.training.loss import Loss, count_bins  # noqa: E402
from models.training.prints import aged  # noqa: E402
from tests.models.training.thin import CPU, TINY  # noqa: E402


def test_planes_are_those_of_the_product() -> None:
    """Lightness and ab of tensors are those of models/lab.py, and go back to the same samples."""
    rgb = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8)
    lightness, ab = planes.lab_of(torch.from_numpy(rgb))
    for number in range(2):
        expected = lab_of(rgb[number].transpose(1, 2, 0))
        assert np.allclose(lightness[number, 0], expected[0], atol=1e-3)
        assert np.allclose(ab[number], expected[1], atol=5e-3)
    assert (planes.rgb_of(lightness, ab).numpy() == rgb).all()


def test_each_print_has_aged_in_its_own_way() -> None:
    """About the asked share changes, no two alike, within the range; a share of 0 changes nothing."""
    ramp = torch.linspace(0, 100, 32).expand(200, 1, 32, 32).contiguous()
    dice = torch.Generator().manual_seed(1)
    old = aged(ramp, dice, 0.5)
    changed = (old - ramp).abs().amax(dim=(1, 2, 3)) > 0
    assert 70 < int(changed.sum()) < 130
    assert len({bytes(one.numpy()) for one in old[changed]}) == int(changed.sum())
    assert float(old.min()) >= 0
    assert float(old.max()) <= 100
    assert (aged(ramp, dice, 0.0) == ramp).all()


def test_batches_follow_from_seed_and_step(photos: Photos) -> None:
    """The same step gives the same batch, whatever came before; another step and another seed give others."""
    plan = replace(TINY, crop=32)
    first = Batches(photos.pixels, plan, CPU)
    wanted = first.at(5).lightness
    first.at(0)
    assert torch.equal(first.at(5).lightness, wanted)
    assert torch.equal(Batches(photos.pixels, plan, CPU).at(5).lightness, wanted)
    assert not torch.equal(first.at(6).lightness, wanted)
    assert not torch.equal(Batches(photos.pixels, replace(plan, seed=1), CPU).at(5).lightness, wanted)


def test_an_epoch_has_each_photo_once(photos: Photos) -> None:
    """Batches that do not divide the photos still go through all of them before one comes again."""
    plan = replace(TINY, batch=5, crop=40, degraded=0.0)
    batches = Batches(photos.pixels, plan, CPU)
    seen = torch.cat([batches.at(step).ab.mean(dim=(2, 3)) for step in range(20)])
    whole = planes.lab_of(torch.from_numpy(photos.pixels))[1].mean(dim=(2, 3))
    which = torch.cdist(seen, whole).argmin(dim=1).reshape(5, 20)
    assert all(sorted(epoch.tolist()) == list(range(20)) for epoch in which)


def test_crops_are_parts_of_photos(photos: Photos) -> None:
    """Each crop, mirrored back where it was, lies in its photo; both ways come, and more than one place."""
    plan = replace(TINY, batch=20, degraded=0.0)
    made = Batches(photos.pixels, plan, CPU)._crops(torch.arange(20), torch.Generator().manual_seed(0)).numpy()
    places = set()
    for crop, photo in zip(made, photos.pixels, strict=True):
        found = [
            (x, y, way)
            for x in range(9)
            for y in range(9)
            for way in (1, -1)
            if (photo[:, y : y + 32, x : x + 32][:, :, ::way] == crop).all()
        ]
        assert found
        places.update(found)
    assert {way for _, _, way in places} == {1, -1}
    assert len(places) > 6


def test_the_loss_is_the_papers() -> None:
    """It is -v(Z) sum Z log softmax(logits), mean over cells, as written out with arrays in double precision."""
    dice = np.random.default_rng(0)
    logits = dice.normal(0, 2, (2, COUNT, 3, 4))
    # Whole colors: for others the table of neighbors may take the sixth bin for the fifth.
    ab = dice.integers(-60, 60, (2, 2, 3, 4)).astype(np.float64)
    counts = dice.integers(1, 1000, COUNT).astype(np.float64)
    bins, shares = soft_encode(ab.transpose(0, 2, 3, 1).reshape(-1, 2))
    scores = logits.transpose(0, 2, 3, 1).reshape(-1, COUNT)
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    worth = weights(prior(counts), 0.5)[bins[:, 0]]
    expected = (worth * -(shares * np.take_along_axis(logs, bins, axis=1)).sum(axis=1)).mean()
    found = Loss(counts, 0.5, CPU)(torch.from_numpy(logits), torch.from_numpy(ab).float())
    assert float(found) == pytest.approx(expected, rel=1e-3)


def test_bins_are_counted(photos: Photos) -> None:
    """Each cell of each photo falls into one bin; gray photos fall into that of no color."""
    assert count_bins(photos.pixels, CPU).sum() == 20 * 10 * 10
    gray = count_bins(np.full((3, 3, 8, 8), 77, np.uint8), CPU)
    assert gray[(centers() == 0).all(axis=1)].sum() == gray.sum() == 12


def test_tensors_decode_as_arrays_do() -> None:
    """The annealed mean of training is that of models/decoding.py."""
    logits = np.random.default_rng(1).normal(0, 3, (2, COUNT, 4, 4)).astype(np.float32)
    found = evaluation.annealed_mean(torch.from_numpy(logits), 0.38)
    assert np.allclose(found, annealed_mean(logits, 0.38), atol=1e-3)
