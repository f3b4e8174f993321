"""The whole way, over really running processes: what a newcomer does by hand."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import tifffile
from PIL import Image

from models.lab import lightness, linear
from photochrom import Client
from photochrom.errors import ProblemError

pytestmark = pytest.mark.slow


def submit(url: str, scans: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a person does."""
    command = [sys.executable, "-m", "photochrom", "submit", str(scans), "--out", str(out), "--server", url, "--json"]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=120)


def lines(text: str) -> list[dict[str, Any]]:
    """Parses JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def objects(data: Path, kind: str) -> list[Path]:
    """Returns the stored objects of one kind."""
    return sorted(path for path in (data / "objects" / "t" / "default" / kind).rglob("*") if path.is_file())


def luminance(picture: np.ndarray) -> np.ndarray:
    """L* of RGB samples, float64."""
    return lightness(linear(picture / 255) @ np.array([0.2126390, 0.7151687, 0.0721923]))


def test_one_photo_by_hand(service_url: str, photos: Path) -> None:
    """A photo that is posted comes back in color, at its size, with its lightness and the mark of what it is."""
    photo = photos / "nipomo.jpg"
    with photo.open("rb") as file:
        answer = requests.post(f"{service_url}/v1/jobs", files={"image": ("old.jpg", file)}, timeout=30)
    assert answer.status_code == 202
    location = answer.headers["Location"]
    assert Client(service_url).wait(location.rsplit("/", 1)[-1]).state == "completed"
    result = requests.get(f"{service_url}{location}/items/0/result", timeout=30)
    assert "old_colorized.jpg" in result.headers["Content-Disposition"]
    with Image.open(io.BytesIO(result.content)) as color, Image.open(photo) as gray:
        assert color.mode == "RGB"
        assert color.size == gray.size
        assert b"compositeWithTrainedAlgorithmicMedia" in color.info["xmp"]
        before, after = luminance(np.asarray(gray.convert("RGB"))), luminance(np.asarray(color))
        chroma = np.ptp(np.asarray(color).astype(int), axis=2).mean()
    assert np.abs(before - after).mean() < 0.5
    assert chroma > 10
    item = requests.get(f"{service_url}{location}/items/0", timeout=30).json()
    assert item["state"] == "succeeded"
    row = lines(requests.get(f"{service_url}{location}/report", timeout=30).text)[0]
    assert row["delta_l"]["max"] < 0.6
    for path in ("preview", "preview?of=master"):
        small = requests.get(f"{service_url}{location}/items/0/{path}", timeout=30)
        assert small.headers["Content-Type"] == "image/jpeg"


def test_candidates_to_choose_from(service_url: str, photos: Path, tmp_path: Path) -> None:
    """Three candidates of a photo differ in color alone; the job's review and a map say where to look."""
    client = Client(service_url)
    items = [{"sha256": client.upload(photos / f"{name}.jpg"), "filename": name} for name in ("detroit", "nipomo")]
    job = client.wait(client.submit(items, {"candidates": [0.38, 0.15, 0.8]}).id)
    assert job.counts["succeeded"] == 2
    review = list(client.items(job.id, sort="uncertainty"))
    assert sorted(item.number for item in review) == [0, 1]
    assert (review[0].uncertainty or {})["mean"] > (review[1].uncertainty or {})["mean"]
    pictures = []
    for number in range(3):
        path = tmp_path / f"{number}.jpg"
        client.download(job.id, 0, path, candidate=number)
        with Image.open(path) as color:
            pictures.append(np.asarray(color))
    for picture in pictures[1:]:
        assert np.abs(luminance(pictures[0]) - luminance(picture)).mean() < 0.5
        assert np.abs(pictures[0].astype(int) - picture).mean() > 1
    where = requests.get(f"{service_url}/v1/jobs/{job.id}/items/0/uncertainty", timeout=30)
    with Image.open(io.BytesIO(where.content)) as shown, Image.open(photos / "detroit.jpg") as photo:
        assert max(shown.size) <= 1024
        assert abs(shown.width / shown.height - photo.width / photo.height) < 0.01


@pytest.fixture
def scans(tmp_path: Path, photos: Path) -> Path:
    """A folder tree of JPEG, PNG and TIFF with two broken pictures and a text file."""
    tree = tmp_path / "scans"
    (tree / "box 1").mkdir(parents=True)
    with Image.open(photos / "detroit.jpg") as photo:
        photo.save(tree / "detroit.png")
        photo.crop((0, 0, 300, 200)).save(tree / "box 1" / "corner.jpg")
        tifffile.imwrite(tree / "box 1" / "detroit.tif", np.asarray(photo), resolution=(300, 300), compression="lzw")
    data = (photos / "nipomo.jpg").read_bytes()
    (tree / "broken.jpg").write_bytes(data[: len(data) // 2])
    (tree / "box 1" / "fake.jpg").write_bytes(b"this is no picture")
    (tree / "notes.txt").write_text("from the attic")
    return tree


def test_a_folder_of_scans(start_service: Callable[..., Any], scans: Path, tmp_path: Path) -> None:
    """A tree comes back mirrored, failures are named, and a second run sends and computes nothing."""
    service, out = start_service(), tmp_path / "color"
    first = submit(service.url, scans, out)
    assert first.returncode == 1, first.stderr
    *ended, last = lines(first.stdout)
    by_name = {Path(line["path"]).name: line for line in ended if line["event"] == "ended"}
    assert by_name["broken.jpg"]["code"] == "truncated"
    assert by_name["fake.jpg"]["code"] == "unsupported_media"
    assert last["summary"]["succeeded"] == 3
    assert last["summary"]["skipped"] == 1
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*_colorized.*") if path.suffix != ".json")
    assert written == ["box 1/corner_colorized.jpg", "box 1/detroit_colorized.tif", "detroit_colorized.png"]
    with tifffile.TiffFile(out / "box 1" / "detroit_colorized.tif") as file:
        assert file.pages.first.tags["XResolution"].value == (300, 1)
    before = {kind: objects(service.data, kind) for kind in ("masters", "derivatives", "jobs", "previews")}
    second = submit(service.url, scans, out)
    assert second.returncode == 1
    assert lines(second.stdout)[-1]["summary"]["uploaded"] == 0
    assert lines(second.stdout)[-1]["summary"]["jobs"] == []
    assert {kind: objects(service.data, kind) for kind in before} == before


def test_the_same_submission_twice_costs_nothing(start_service: Callable[..., Any], photos: Path) -> None:
    """A second identical submission makes no derivative and begins nothing."""
    service = start_service()
    client = Client(service.url)
    items = [{"sha256": client.upload(photos / f"{name}.jpg"), "filename": name} for name in ("nipomo", "detroit")]
    first = client.wait(client.submit(items).id)
    made = objects(service.data, "derivatives")
    second = client.wait(client.submit(items).id)
    assert first.id != second.id
    assert objects(service.data, "derivatives") == made
    rows = [json.loads(line) for line in b"".join(client.report(second.id)).splitlines()]
    assert [(row["attempts"], row["already_made"]) for row in rows] == [(0, True), (0, True)]


def test_kills_lose_nothing(start_service: Callable[..., Any], photos: Path) -> None:
    """A worker and then the whole service are killed in the middle of 200 items; all 200 are made, counts exact."""
    service = start_service()
    client = Client(service.url)
    items = []
    with Image.open(photos / "saratoga.jpg") as photo:
        for number in range(200):
            tile = io.BytesIO()
            photo.crop((number, number, number + 160, number + 120)).save(tile, "PNG")
            path = service.data.parent / "tile.png"
            path.write_bytes(tile.getvalue())
            items.append({"sha256": client.upload(path), "filename": f"{number}.png"})
    job = client.submit(items).id
    for victim in ("worker", "up"):
        half = client.job(job).counts["succeeded"] + 40
        for seen in client.follow(job):
            if seen.counts["succeeded"] >= half:
                break
        if victim == "worker":
            os.kill(service.workers()[0], signal.SIGKILL)
        else:
            service.kill()
            service.start()
    ended = client.wait(job)
    assert ended.state == "completed"
    assert ended.counts == {"queued": 0, "running": 0, "succeeded": 200, "failed": 0, "canceled": 0}
    rows = [json.loads(line) for line in b"".join(client.report(job)).splitlines()]
    assert [row["number"] for row in rows] == list(range(200))
    assert len([path for path in objects(service.data, "derivatives") if path.suffix == ".png"]) == 200


def test_a_stop_and_a_start_go_on(start_service: Callable[..., Any], photos: Path) -> None:
    """What was unfinished when the service was stopped is finished after the next start."""
    service = start_service()
    client = Client(service.url)
    digest = client.upload(photos / "detroit.jpg")
    jobs = [
        client.submit([{"sha256": digest, "filename": "a.jpg"}], {"temperature": round(0.1 + n / 100, 2)}).id
        for n in range(40)
    ]
    assert service.stop() == 0
    service.start()
    assert {client.wait(job).counts["succeeded"] for job in jobs} == {1}


def test_a_job_is_deleted_when_it_has_ended(service_url: str, photos: Path) -> None:
    """`photochrom delete` takes an ended job away for good; its master stays uploaded."""
    client = Client(service_url)
    photo = photos / "nipomo.jpg"
    master = client.upload(photo)
    job = client.wait(client.submit([{"sha256": master, "filename": photo.name}]).id)
    command = [sys.executable, "-m", "photochrom", "delete", job.id, "--server", service_url]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=False, timeout=60) for _ in range(2))
    assert (first.returncode, first.stdout) == (0, f"{job.id}  deleted\n")
    assert (second.returncode, "There is no job" in second.stderr) == (2, True)
    with pytest.raises(ProblemError, match="There is no job"):
        client.job(job.id)
    assert job.id not in [other.id for other in client.jobs()]
    assert client.missing([{"sha256": master, "size": photo.stat().st_size}]) == []
