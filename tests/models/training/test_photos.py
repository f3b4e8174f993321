"""Reading photos: folders and packs, what is left out, and the split."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.training.photos import chroma, read_photos
from shared.errors import TrainingFailed
from tests.house import picture


def save_photos(folder: Path, count: int) -> None:
    """Writes color photos of different sizes, in two folders."""
    for number in range(count):
        path = folder / f"{'ab'[number % 2]}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(60 + number, 50, seed=number, mode="RGB"))


def save_pack(path: Path, photos: list[bytes]) -> None:
    """Writes a pack."""
    data = np.frombuffer(b"".join(photos), np.uint8)
    np.savez(path, bytes=data, offsets=np.cumsum([0, *(len(photo) for photo in photos)]).astype(np.uint32))


def test_a_folder_is_read_with_what_lies_below_it(tmp_path: Path) -> None:
    """Each photo becomes a square; a damaged one is named, a gray one and a copy are counted."""
    save_photos(tmp_path, 6)
    shutil.copy(tmp_path / "a" / "0.png", tmp_path / "copy.png")
    (tmp_path / "b" / "broken.jpg").write_bytes(picture(fmt="JPEG", mode="RGB")[:400])
    (tmp_path / "page.png").write_bytes(b"<html>")
    (tmp_path / "notes.txt").write_text("not a photo, and not looked at")
    (tmp_path / "gray.png").write_bytes(picture(mode="L"))
    photos = read_photos(tmp_path, side=32)
    assert photos.pixels.shape == (6, 3, 32, 32)
    assert [re.split(r":", fault)[0] for fault in photos.unreadable] == ["b/broken.jpg", "page.png"]
    assert (photos.gray, photos.twice) == (1, 1)


def test_a_pack_is_the_same_photos(tmp_path: Path) -> None:
    """A pack gives the photos of a folder of the same files, in the same order; its side is its first photo's."""
    files = [picture(48, 48, seed=number, mode="RGB") for number in range(5)]
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, data in enumerate(files):
        (folder / f"{number}.png").write_bytes(data)
    save_pack(tmp_path / "pack.npz", files[::-1])
    pack = read_photos(tmp_path / "pack.npz")
    loose = read_photos(folder, side=48)
    assert pack.pixels.shape == (5, 3, 48, 48)
    assert (pack.pixels == loose.pixels).all()
    assert pack.fingerprint == loose.fingerprint


def test_samples_are_those_of_the_file(tmp_path: Path) -> None:
    """Red stays the first plane, rows stay rows, and an upright flag is obeyed."""
    photo = np.zeros((40, 40, 3), np.uint8)
    photo[:20] = (200, 10, 30)
    image = Image.fromarray(photo)
    exif = image.getexif()
    exif[0x0112] = 3
    image.save(tmp_path / "upside_down.png", exif=exif)
    (pixels,) = read_photos(tmp_path, side=40).pixels
    assert pixels[:, 30, 20].tolist() == [200, 10, 30]
    assert pixels[:, 10, 20].tolist() == [0, 0, 0]


def test_the_split_stays_when_photos_come(tmp_path: Path) -> None:
    """A photo that was held back is held back in any larger collection; both sides together are all."""
    save_photos(tmp_path, 30)
    few = read_photos(tmp_path, side=16, limit=20)
    many = read_photos(tmp_path, side=16)
    held_few = {picture.tobytes() for picture in few.split(0.3)[1]}
    learned, held = many.split(0.3)
    assert len(learned) + len(held) == 30
    assert 0 < len(held_few) < 20
    assert held_few <= {picture.tobytes() for picture in held}
    assert not held_few & {picture.tobytes() for picture in learned}


@pytest.mark.parametrize("share", [1e-9, 1 - 1e-9])
def test_an_empty_side_is_refused(tmp_path: Path, share: float) -> None:
    """Without photos on both sides there is nothing to learn from or to judge by."""
    save_photos(tmp_path, 3)
    with pytest.raises(TrainingFailed, match="too few"):
        read_photos(tmp_path, side=16).split(share)


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    """No photos, only gray ones, and a file that is no pack: each has its words."""
    with pytest.raises(TrainingFailed, match="no photos"):
        read_photos(tmp_path)
    (tmp_path / "gray.png").write_bytes(picture(mode="L"))
    with pytest.raises(TrainingFailed, match="None of the 1 files"):
        read_photos(tmp_path)
    np.savez(tmp_path / "other.npz", photos=np.zeros(3))
    (tmp_path / "damaged.npz").write_bytes(b"PK\3\4 and no more")
    for name in ("other.npz", "damaged.npz", "absent.npz"):
        with pytest.raises(TrainingFailed, match="no pack of photos"):
            read_photos(tmp_path / name)
    save_pack(tmp_path / "text.npz", [b"no picture"])
    with pytest.raises(TrainingFailed, match="first photo"):
        read_photos(tmp_path / "text.npz")


def test_chroma_of_known_colors() -> None:
    """Gray has none; sRGB red has 104.6 (CIE Lab of D65)."""
    flat = np.full((3, 4, 4), 90, np.uint8)
    red = flat * 0
    red[0] = 255
    assert chroma(flat) < 0.01
    assert chroma(red) == pytest.approx(104.55, abs=0.1)
