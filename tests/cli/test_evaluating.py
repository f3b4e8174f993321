"""`photochrom models eval`: figures side by side, and what was left out of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner, Result
from PIL import Image

from cli.evaluation import Evaluation
from cli.evaluation_table import table
from models.evaluation import FIGURES
from models.nets import Net
from photochrom.command import main
from shared.recipes import resolve
from tests.house import lite
from tests.worker.making import LIMITS


def run(*arguments: object) -> Result:
    """Runs the command in this process."""
    return CliRunner().invoke(main, ["models", "eval", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two color photos, one of them in a folder within; a gray one, a cut one, text, and a hidden one."""
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    color = Image.fromarray(skimage.data.astronaut()).resize((200, 200))
    color.save(photos / "astronaut.png")
    Image.fromarray(skimage.data.coffee()).resize((300, 200)).save(photos / "more" / "coffee.jpg")
    color.convert("L").save(photos / "gray.png")
    (photos / "cut.png").write_bytes((photos / "astronaut.png").read_bytes()[:-5000])
    (photos / "text.txt").write_text("text")
    color.save(photos / ".hidden.png")
    return photos


def test_a_model_stands_between_the_two_ends(folder: Path) -> None:
    """JSON has every figure with its error; gray and true colors are what they must be."""
    result = run("lite", folder, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["photos"], report["temperature"], report["longest_side"]) == (2, 0.38, 1024)
    assert [row["name"] for row in report["rows"]] == ["gray", "lite", "true colors"]
    gray, lite, true = report["rows"]
    assert all(set(row[name]) == {"value", "error"} for row in report["rows"] for name in FIGURES)
    assert true["ab_rmse"]["value"] == 0
    assert true["auc"]["value"] == true["auc_rebalanced"]["value"] == 100
    assert true["psnr"]["value"] is None
    assert gray["colorfulness"]["value"] == 0
    assert (gray["near_gray"]["value"], lite["near_gray"]["value"]) == (100, 0)
    assert 5 < lite["ab_rmse"]["value"] < 40
    assert lite["milliseconds"] > 0
    assert gray["milliseconds"] is None
    (difference,) = report["differences"]
    assert (difference["name"], difference["less"]) == ("lite", "gray")
    assert difference["auc"]["value"] == pytest.approx(lite["auc"]["value"] - gray["auc"]["value"], abs=0.002)


def test_what_was_left_out_is_named_and_counted(folder: Path) -> None:
    """Each with its reason; hidden files are not looked at."""
    result = run("lite", folder, "--json")
    report = json.loads(result.stdout)
    assert report["left_out"] == {"truncated": 1, "gray": 1, "not_a_picture": 1}
    reasons = {Path(photo["path"]).name: photo["reason"] for photo in report["left_out_photos"]}
    assert reasons == {"cut.png": "truncated", "gray.png": "gray", "text.txt": "not_a_picture"}
    for name in reasons:
        assert name in result.stderr
    assert "5 of 5 files" in result.stderr


def test_the_table_is_for_people(folder: Path) -> None:
    """A line for each way to color and each difference, the limits, and what was left out."""
    text = run("lite", folder).stdout
    for words in ("2 photos of", "1,024 pixels at most", "ab RMSE", "lite - gray", "±", "Left out: 1 ", "1 gray"):
        assert words in text
    (true,) = [line for line in text.splitlines() if line.startswith("true colors")]
    assert true.split()[2:] == ["0.0", "±0.0", "100.0", "±0.0", "100.0", "±0.0", "inf", *true.split()[9:]]


def test_temperature_changes_the_colors(folder: Path) -> None:
    """A high one is pale; one out of range is explained."""
    colorful = [
        json.loads(run("lite", folder, "--json", "--temperature", heat).stdout)["rows"][1]["colorfulness"]["value"]
        for heat in (0.1, 1)
    ]
    assert colorful[0] > colorful[1] * 1.5
    refused = run("lite", folder, "--temperature", 7)
    assert refused.exit_code == 2
    assert "0.05 to 1.0" in refused.stderr


def test_the_contact_sheet_shows_each_photo_in_each_way(folder: Path, tmp_path: Path) -> None:
    """Gray at the left, true colors at the right; a limit spreads over the folder."""
    sheet = tmp_path / "sheet.png"
    assert run("lite", folder, "--sheet", sheet, "--limit", 1).exit_code == 0
    with Image.open(sheet) as image:
        samples = np.asarray(image).astype(int)
    third = samples.shape[1] // 3
    chroma = np.ptp(samples, axis=2)
    assert chroma[:, :third].max() == 0
    assert chroma[:, third:].max() > 30
    photo = np.asarray(Image.open(folder / "astronaut.png").resize((256, 256))).astype(int)
    assert np.abs(samples[40:296, 2 * third + 3 : 2 * third + 259] - photo).mean() < 6


class Unsure:
    """A net whose logits are a tenth of another's: it hardly prefers any color."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.engine = "unsure"
        self.input_size = net.input_size

    def logits(self, lightness: np.ndarray) -> np.ndarray:
        """Answers as the other does, less surely."""
        return self.net.logits(lightness) / 10


def test_several_models_stand_side_by_side(folder: Path) -> None:
    """The first is held against gray, each other one against the first; a twin differs by nothing, for certain."""
    evaluation = Evaluation({"lite": lite(), "twin": lite(), "unsure": Unsure(lite())}, resolve({}), LIMITS)
    for name in ("astronaut.png", "more/coffee.jpg"):
        evaluation.take(folder / name, show=False)
    report = evaluation.report(folder)
    assert [row["name"] for row in report["rows"]] == ["gray", "lite", "twin", "unsure", "true colors"]
    first, twin, unsure = report["differences"]
    assert [(row["name"], row["less"]) for row in report["differences"]] == [
        ("lite", "gray"),
        ("twin", "lite"),
        ("unsure", "lite"),
    ]
    assert all(twin[name] == {"value": 0, "error": 0} for name in FIGURES)
    assert unsure["colorfulness"]["value"] < -10 < 10 < first["colorfulness"]["value"]
    lines = table(report).splitlines()
    assert [line.split("  ")[0] for line in lines[9:12]] == ["lite - gray", "twin - lite", "unsure - lite"]


def test_usage_is_explained(folder: Path, tmp_path: Path) -> None:
    """A model that is not known, and a folder without color photos, end with status 2 and words."""
    (tmp_path / "empty").mkdir()
    assert "Known: lite" in run("none", folder).stderr
    assert run("none", folder).exit_code == 2
    empty = run("lite", tmp_path / "empty")
    assert empty.exit_code == 2
    assert "no color photo" in empty.stderr
    assert run("lite", tmp_path / "missing").exit_code == 2
