"""How good a net is on photos that it does not learn from, and what its pictures look like."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from models.bins import centers
from models.decoding import TEMPERATURE
from models.evaluation import colorfulness
from models.nets import LIGHTNESS_CENTER
from models.sheet import Sheet
from models.training.batches import CELL
from models.training.loss import Loss
from models.training.photos import GRAY
from models.training.planes import lab_of, rgb_of

#: Photos on a contact sheet, and photos a row.
_SHOWN, _ACROSS = 18, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgment:
    """Figures over all held-out photos."""

    #: the loss, on lightness as it is
    loss: float
    #: root of the mean squared error of a and b, over pixels
    ab_rmse: float
    #: that of no color at all
    ab_rmse_gray: float
    #: Hasler & Suesstrunk's M3, mean over pictures
    colorfulness: float
    #: that of the photos
    colorfulness_true: float
    #: share (0..1) of pictures whose mean chroma is below GRAY
    near_gray: float
    #: the first few as they come, to look at: gray, ours, true, each uint8[n, h, w, 3]
    shown: tuple[NDArray[np.uint8], ...] = field(repr=False, compare=False)

    @property
    def figures(self) -> dict[str, float]:
        """All but the pictures, by name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "shown"}


class Judge:
    """Evaluates nets on the same photos."""

    def __init__(self, pixels: NDArray[np.uint8], loss: Loss, device: torch.device, *, batch: int, bf16: bool) -> None:
        """Takes uint8[n, 3, side, side]; they stay in main memory and go to the device a batch at a time."""
        self._pixels = pixels
        self._loss = loss
        self._device = device
        self._batch = batch
        self._bf16 = bf16

    @torch.inference_mode()
    def judge(self, net: nn.Module) -> Judgment:
        """Returns the net's figures; the net stays in evaluation mode."""
        net.eval()
        sums = np.zeros(6)
        shown: list[tuple[NDArray[np.uint8], ...]] = []
        for start in range(0, len(self._pixels), self._batch):
            rgb = torch.from_numpy(self._pixels[start : start + self._batch]).to(self._device)
            lightness, ab = lab_of(rgb)
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
                logits = net(lightness - LIGHTNESS_CENTER)
            loss = self._loss(logits, functional.avg_pool2d(ab, CELL))
            ours = functional.interpolate(annealed_mean(logits), scale_factor=CELL, mode="bicubic")
            # Gray, ours, true.
            pictures = [_samples(rgb_of(lightness, chroma)) for chroma in (torch.zeros_like(ab), ours)]
            pictures.append(_samples(rgb))
            if start < _SHOWN:
                shown.append(tuple(pictures))
            sums += (
                float(loss) * len(rgb),
                float((ours - ab).square().mean()) * len(rgb),
                float(ab.square().mean()) * len(rgb),
                sum(colorfulness(picture) for picture in pictures[1]),
                sum(colorfulness(picture) for picture in pictures[2]),
                int((ours.norm(dim=1).mean(dim=(1, 2)) < GRAY).sum()),
            )
        loss, error, error_gray, color, color_true, gray = (sums / len(self._pixels)).tolist()
        return Judgment(
            loss=loss,
            ab_rmse=error**0.5,
            ab_rmse_gray=error_gray**0.5,
            colorfulness=color,
            colorfulness_true=color_true,
            near_gray=gray,
            shown=tuple(np.concatenate(part)[:_SHOWN] for part in zip(*shown, strict=True)),
        )


def annealed_mean(logits: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Returns ab float32[n, 2, h, w] of logits float[n, 313, h, w], as models/decoding.py does for arrays."""
    shares = functional.softmax(logits.float() / temperature, dim=1)
    return torch.einsum("nkhw,kc->nchw", shares, torch.from_numpy(centers()).to(shares))


def write_sheet(path: Path, judgment: Judgment) -> None:
    """Writes the contact sheet, a PNG: each photo made gray, colored by the net, and as it is."""
    sheet = Sheet(["gray", "net", "photo"] * _ACROSS)
    rows = list(zip(*judgment.shown, strict=True))
    blank = (np.full_like(rows[0][0], 96),) * 3
    for start in range(0, len(rows), _ACROSS):
        row = rows[start : start + _ACROSS]
        row += [blank] * (_ACROSS - len(row))
        sheet.add(f"held-out photos from {start + 1}", [picture for photo in row for picture in photo])
    Image.fromarray(sheet.picture()).save(path, "PNG", compress_level=1)


def _samples(rgb: Tensor) -> NDArray[np.uint8]:
    """Returns uint8[n, 3, h, w] as an array uint8[n, h, w, 3]."""
    return np.ascontiguousarray(rgb.permute(0, 2, 3, 1).cpu().numpy())
